//! What a shell asks for while somebody types: words of the command line, and names that lie in files of this computer. Whoever
//! presses a key waits for it, so no server and no network is asked, and what takes long is left out.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use smith_repo::store::Store;
use smith_server::config::settings::{Settings, load_settings};

use crate::command::{Program, USUAL_SETTINGS};

/// The variable in which a shell says that it asks.
pub(crate) const VARIABLE: &str = "SMITH_COMPLETE";

/// Nobody reads through more names than this.
const NAMES_MAX: usize = 500;

/// An inventory that is larger takes longer to read than somebody waits for a key.
const INVENTORY_MAX: u64 = 4 << 20;

/// Answers a shell, if it is one that asks.
pub(crate) fn answer() -> bool {
    let asked = CompleteEnv::with_factory(command).var(VARIABLE).try_complete(std::env::args_os(), None);
    match asked {
        Ok(was_asked) => was_asked,
        Err(error) => {
            // A shell shows nothing of it; a person who tries it by hand sees why.
            let _ = error.print();
            true
        }
    }
}

/// The command line with the names that its words may have.
fn command() -> Command {
    named(Program::command())
}

fn named(command: Command) -> Command {
    let is_lab = command.get_name() == "lab";
    command.mut_args(with_names).mut_subcommands(|one| if is_lab { one } else { named(one) })
}

fn with_names(arg: Arg) -> Arg {
    let names: fn(&OsStr) -> Vec<CompletionCandidate> = match arg.get_id().as_str() {
        "machine" | "machines" => |typed| all(typed, machines()),
        "build" | "builds" | "from" | "to" => |typed| all(typed, builds()),
        "channel" => |typed| all(typed, channels()),
        "mirror" | "mirrors" => |typed| all(typed, mirrors()),
        "config" | "pipeline" => |typed| all(typed, pipelines()),
        "week" => |typed| all(typed, weeks()),
        "link" => |typed| all(typed, LINKS.map(str::to_owned).to_vec()),
        "code" => |typed| all(typed, codes()),
        _ => return arg,
    };
    // What is a path or one of a few words is completed as that.
    if arg.get_value_parser().possible_values().is_some() || is_path(&arg) {
        return arg;
    }
    arg.add(ArgValueCompleter::new(names))
}

fn is_path(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.contains("FILE") || name.contains("FOLDER") || name.contains("URL"))
}

const LINKS: [&str; 12] = [
    "build", "diff", "check", "sync", "verify", "epic", "test", "gates", "trains", "channel", "canary",
    "region-1",
];

fn all(typed: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fitting = names.into_iter().filter(|name| name.starts_with(&*typed));
    fitting.take(NAMES_MAX).map(CompletionCandidate::new).collect()
}

/// What the server of this computer is told; nothing of it where it has mistakes or may not be read.
fn settings() -> Option<Settings> {
    let named = std::env::var_os("SMITH_CONFIG").map(PathBuf::from);
    let path = named.unwrap_or_else(|| PathBuf::from(USUAL_SETTINGS));
    path.is_file().then(|| load_settings(Some(&path)).ok()).flatten()
}

/// A place that the environment names, or else the settings do.
fn place(variable: &str, of_settings: fn(Settings) -> Option<PathBuf>) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).or_else(|| settings().and_then(of_settings))
}

fn machines() -> Vec<String> {
    let Some(config) = place("SMITH_INVENTORY", |settings| settings.inventory) else { return Vec::new() };
    let folder = config.parent().unwrap_or(Path::new(".")).to_owned();
    let read = || {
        let loaded = smith_server::inventory::load_config(&config).ok()?;
        let length = |file: &str| std::fs::metadata(folder.join(file)).map_or(0, |metadata| metadata.len());
        let bytes: u64 = loaded.sources.iter().map(|source| length(&source.file)).sum();
        if bytes > INVENTORY_MAX {
            return None;
        }
        Some(smith_server::inventory::load(&loaded, &folder).ok()?.into_machines())
    };
    read().unwrap_or_default().into_iter().map(|machine| machine.name.to_string()).collect()
}

fn store() -> Option<Store> {
    Store::open(&place("SMITH_STORE", |settings| settings.store)?).ok()
}

fn builds() -> Vec<String> {
    let found = store().and_then(|store| store.builds_present().ok()).unwrap_or_default();
    // The newest is meant most often.
    found.iter().rev().map(ToString::to_string).collect()
}

fn channels() -> Vec<String> {
    let found = store().and_then(|store| smith_repo::channel::names(&store).ok()).unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

fn mirrors() -> Vec<String> {
    let found = store().and_then(|store| smith_repo::mirror::mirrors(&store).ok()).unwrap_or_default();
    found.iter().map(|mirror| mirror.name.to_string()).collect()
}

fn pipelines() -> Vec<String> {
    let Some(folder) = place("SMITH_PIPELINES", |settings| Some(settings.pipelines)) else {
        return Vec::new();
    };
    let loaded = crate::input::load(&[folder]).map(|loaded| loaded.all).unwrap_or_default();
    loaded.iter().map(|pipeline| pipeline.name.to_string()).collect()
}

fn weeks() -> Vec<String> {
    let weeks = settings().map(|settings| settings.weeks).unwrap_or_default();
    weeks.into_iter().map(|week| week.plan.name).collect()
}

fn codes() -> Vec<String> {
    smith_server::http::error_pages().iter().map(|(code, _)| (*code).to_owned()).collect()
}
