//! `smith init`: a site to begin with.

use std::fs;
use std::io::{IsTerminal as _, stdin};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use smith_repo::upstream::{Closure, Filter};
use smith_server::config::settings::{SettingsError, load_settings};

use crate::failure::{Exit, Failure};
use crate::input::Unwritable;
use crate::output::{self, GOOD, WAITS, styled};
use crate::site::{Answers, File, Given, Host, OF_PACKAGE, PROFILES, Sources, ask, files};

/// Write a configuration to begin with: settings, an inventory, the pipelines of a weekly process, a recipe.
///
/// It asks a few questions, each with an answer that will do; `--yes` takes those and asks nothing. Nothing that is there is
/// replaced unless `--replace` is said, and a key never is. It ends with the commands to run next.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where the configuration goes [default: /etc/smith for root, ./smith for others]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// Write no recipe of this machine's apt sources, and no week
    #[arg(long)]
    no_recipe: bool,
    /// Replace files of an earlier configuration
    #[arg(long)]
    replace: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Where the package's server looks for its settings.
const PACKAGED: &str = "/etc/smith";

pub(super) fn run(args: &Init) -> Result<Exit, Failure> {
    let host = Host::read();
    let folder = args.folder.clone().unwrap_or_else(|| match host.is_root {
        true => PathBuf::from(PACKAGED),
        false => PathBuf::from("smith"),
    });
    let folder = std::path::absolute(&folder).map_err(|error| unwritten(&folder, error))?;
    let usual = Answers::usual(&args.given, &folder, &host, PACKAGED);
    let answers = match args.yes {
        true => usual,
        false if stdin().is_terminal() => {
            ask(usual, &args.given, &mut stdin().lock(), &|text| output::note(text))?
        }
        false => {
            let error = "expected somebody to answer a few questions, found no terminal to ask at";
            return Err(Failure::new(Exit::Usage, error)
                .with_hint("`--yes` takes the usual answers; `--help` shows the options for others"));
        }
    };
    let (sources, left_out) = sources(args)?;
    let has_recipe = sources.is_some();
    let files = files(&answers, sources);
    refuse_replacing(args, &folder, &files)?;
    write(&folder, &files)?;
    make_key(&answers, &host)?;
    let settings = folder.join("smith.yaml");
    checked(&settings)?;
    for path in files.iter().map(|file| folder.join(file.path)) {
        output::note(&format!("{} {}", styled(GOOD, "wrote"), path.display()));
    }
    for why in left_out {
        output::note(&format!("{} {why}", styled(WAITS, "left out of the recipe:")));
    }
    output::data(&next(&answers, &folder, has_recipe, &host))?;
    Ok(Exit::Good)
}

/// What this machine's apt sources come to, and which of them cannot be an upstream.
fn sources(args: &Init) -> Result<(Option<Sources>, Vec<String>), Failure> {
    if args.no_recipe {
        return Ok((None, Vec::new()));
    }
    let (mut upstreams, unread) = super::build::apt_sources()?;
    let unread = unread.iter().map(|one| format!("{}:{}: {}", one.file, one.line, one.why)).collect();
    if upstreams.is_empty() {
        return Ok((None, unread));
    }
    // A status that cannot be read leaves a recipe of what every machine has.
    let status = fs::read(STATUS).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let priorities = ["required", "important"].map(str::to_owned).to_vec();
    let installed = status.iter().map(|_| PathBuf::from(PROFILES)).collect();
    let take = Filter { priorities, installed, closure: Closure::Depends, ..Filter::default() };
    for upstream in &mut upstreams {
        upstream.filter = take.clone();
    }
    let recipe = smith_server::config::recipe::written(&upstreams);
    Ok((Some(Sources { recipe, status }), unread))
}

/// What dpkg knows of the packages of this computer.
const STATUS: &str = "/var/lib/dpkg/status";

fn refuse_replacing(args: &Init, folder: &Path, files: &[File]) -> Result<(), Failure> {
    if args.replace {
        return Ok(());
    }
    let there: Vec<String> = files
        .iter()
        .map(|file| folder.join(file.path))
        .filter(|path| is_somebodys(path))
        .map(|path| path.display().to_string())
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let error = format!("expected none of these files, found {}; nothing was written", there.join(", "));
    Err(Failure::new(Exit::NotThere, error)
        .with_hint("`--replace` writes them anew; another FOLDER leaves them alone"))
}

/// Whether a file is there that somebody has written; that of the package says nothing but where more stands.
fn is_somebodys(path: &Path) -> bool {
    path.exists() && fs::read_to_string(path).map_or(true, |text| text != OF_PACKAGE)
}

fn write(folder: &Path, files: &[File]) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| unwritten(parent, error))?;
        fs::write(&path, &file.text).map_err(|error| unwritten(&path, error))?;
    }
    Ok(())
}

fn unwritten(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::Output, Unwritable::new(path, error))
}

/// A key that machines let in, unless there is one. It is read by the server's own user and by nobody else.
fn make_key(answers: &Answers, host: &Host) -> Result<(), Failure> {
    let key = &answers.key;
    if key.exists() {
        return Ok(());
    }
    let server = host.server.as_ref().filter(|_| host.is_root);
    if let Some(folder) = key.parent().filter(|folder| !folder.exists()) {
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
        if let Some(server) = server {
            chown(folder, Some(server.uid), None).map_err(|error| unwritten(folder, error))?;
        }
        let shut = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder, shut).map_err(|error| unwritten(folder, error))?;
    }
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", &answers.site, "-f"]).arg(key);
    let why = match keygen.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            if let Some(server) = server {
                chown(key, Some(server.uid), None).map_err(|error| unwritten(key, error))?;
            }
            return Ok(());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let error = format!("expected ssh-keygen to make the key {}, found that {why}", key.display());
    Err(Failure::new(Exit::NotThere, error)
        .with_hint("install openssh-client, or name a key with `--ssh-key`"))
}

/// Whoever wrote settings that cannot be read has made a mistake here, and not there.
fn checked(settings: &Path) -> Result<(), Failure> {
    match load_settings(Some(settings)) {
        Ok(_) => Ok(()),
        Err(SettingsError::Mistakes { problems, texts }) => Err(Failure::mistakes(problems, texts)),
        Err(error @ SettingsError::Read { .. }) => Err(Failure::new(Exit::BadInput, error)),
    }
}

/// The three commands that lead to a server with a build; as the server's own user where the package has made one.
fn next(answers: &Answers, folder: &Path, has_recipe: bool, host: &Host) -> String {
    let is_packaged = folder == Path::new(PACKAGED) && host.server.is_some();
    let user = if is_packaged { "runuser -u smith -- " } else { "" };
    let quoted = |path: &Path| quoted(&path.display().to_string());
    let (store, folder_shown) = (quoted(&answers.store), quoted(folder));
    let build = match has_recipe {
        true => format!("{user}smith build create {folder_shown}/recipes/site.yaml --lazy --store {store}"),
        false => format!("smith fleet check --inventory {}", quoted(&answers.inventory)),
    };
    let serve = match is_packaged {
        true => "systemctl restart smith".to_owned(),
        false => format!("smith serve --config {folder_shown}/smith.yaml"),
    };
    format!(
        "Name your machines in {}, then:\n  \
         {user}smith build key new --store {store} --user-id 'Patching <patching@{}>'\n  {build}\n  {serve}\n",
        answers.machines().display(),
        answers.host,
    )
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
