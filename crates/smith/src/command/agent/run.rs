//! `smith agent run`: one action on machines, for a person.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use serde::Serialize;
use smith_agent::protocol::{
    Action, Attach, Body, Change, Clean, Conffiles, DeadMan, Done, Downgrades, Follow, Health, Holds, Job,
    Kernels, Name, Outcome, Patch, Reboot, Release, Removals, Reply, Source, VERSION, Work,
};
use smith_domain::rollout::Outcome as Judged;
use smith_repo::name::BuildNumber;
use smith_repo::store::Store;
use smith_server::machine::{Ending, Patience, outcome_of, patch_of_build, perform, plain_patch, words_of};

use crate::failure::{Exit, Failure};
use crate::input::{self, ReachArgs};
use crate::output::{self, BAD, GOOD, WAITS, styled};

/// Have the agents on machines do one thing: `facts`, `check`, `patch`, `drain`, `undrain`, `reboot`, `health`, `attach`, `clean`.
///
/// What is done is done once under its name (`--id`): asked again, or after the connection broke, the agent tells what came of it.
/// A build comes from a store (`--store`, `--build`, and `--from` for where the machines find it) or from any signed apt
/// repository (`--uri`, `--suite`, `--component`, `--keyring`). Ends with 1 when a machine did not come to a good end.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// For example `prod-dal10-carrier3-worker-*`
    #[arg(value_name = "SELECTOR")]
    selector: String,
    #[arg(value_enum, value_name = "ACTION")]
    action: Word,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    may: MayArgs,
    /// The name under which it is done once; made up unless said
    #[arg(long, value_name = "NAME")]
    id: Option<Name>,
    /// How long it may take, in seconds; what is usual for the action unless said
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    limit: Option<u32>,
    /// Of `attach`: which operation
    #[arg(long, value_name = "NAME", required_if_eq("action", "attach"))]
    to: Option<Name>,
    /// Of `clean`: operations that ended so many days ago are forgotten
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=3650))]
    older_than_days: u16,
    /// Show each line that the agents write
    #[arg(long)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    Facts,
    Check,
    Patch,
    Drain,
    Undrain,
    Reboot,
    Health,
    Attach,
    Clean,
}

/// Which build, and where the machines find it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
struct BuildArgs {
    /// The number of the build
    #[arg(long, value_name = "N")]
    build: Option<BuildNumber>,
    /// The store that has it
    #[arg(long, value_name = "FOLDER", env = "SMITH_STORE", conflicts_with = "uri")]
    store: Option<PathBuf>,
    /// The address under which the machines find the store or a mirror of it
    #[arg(long, value_name = "URL", conflicts_with = "uri")]
    from: Option<String>,
    /// The address of an apt repository
    #[arg(long, value_name = "URI", requires_all = ["suite", "keyring"])]
    uri: Option<String>,
    /// Suites of the repository
    #[arg(long, value_name = "SUITE", requires = "uri")]
    suite: Vec<String>,
    /// Components of the repository
    #[arg(long, value_name = "COMPONENT", requires = "uri", default_value = "main")]
    component: Vec<String>,
    /// The only keys that the machines believe, as `gpg --export` writes them
    #[arg(long, value_name = "FILE", requires = "uri")]
    keyring: Option<PathBuf>,
}

/// What may be done for it.
#[derive(Debug, Args)]
#[command(next_help_heading = "What may be done")]
struct MayArgs {
    /// These packages may be removed
    #[arg(long, value_name = "PACKAGE", conflicts_with = "remove_any")]
    remove: Vec<String>,
    /// Any package may be removed
    #[arg(long)]
    remove_any: bool,
    /// What becomes of packages that are newer than in the build
    #[arg(long, value_enum, default_value_t = Newer::Refuse)]
    newer: Newer,
    /// Held packages stay as they are, and the rest is patched
    #[arg(long)]
    leave_holds: bool,
    /// Configuration files that the machine's owner changed are replaced
    #[arg(long)]
    replace_conffiles: bool,
    /// Old kernels stay
    #[arg(long)]
    leave_kernels: bool,
    /// The machine saves itself if it loses the network and hears nothing of us for so long after the change
    #[arg(long, value_name = "SECONDS")]
    dead_man: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Newer {
    Refuse,
    Leave,
    Downgrade,
}

#[derive(Debug, Serialize)]
struct One {
    machine: String,
    /// The name under which the machine knows it.
    id: String,
    /// `done`, `already so`, or why not.
    end: String,
    good: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

pub(super) fn run(args: &Run) -> Result<Exit, Failure> {
    let fleet = args.reach.known()?;
    let machines = args.reach.select(&fleet, std::slice::from_ref(&args.selector))?;
    let addresses = args.reach.addresses(&fleet, &machines)?;
    let job = args.job()?;
    let links = args.reach.links()?;
    let limit = Duration::from_secs(u64::from(job.limit_s));
    let patience = Patience {
        reach: Duration::from_secs(45).min(limit),
        whole: limit + Duration::from_secs(30),
        silence: Duration::from_secs(45),
    };
    let (verbose, alone) = (args.verbose, addresses.len() == 1);
    let found = args.reach.on_each(addresses, |_, address| {
        let (links, job) = (links.clone(), job.clone());
        async move {
            let tell = |reply: &Reply| told(&address.name, reply, verbose, alone);
            let ending = perform(&links, &address, &job, patience, tell).await;
            one(address.name.clone(), &job.id, ending)
        }
    })?;
    output::progress("");
    let is_good = found.iter().all(|one| one.good);
    if args.json {
        output::json(&found)?;
    } else {
        output::data(&found.iter().map(text).collect::<String>())?;
    }
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}

impl Run {
    fn job(&self) -> Result<Job, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = match (&self.id, self.action) {
            (Some(id), _) => id.clone(),
            (None, _) => made_up(self.action, now)?,
        };
        let usual = match self.action {
            Word::Facts | Word::Attach | Word::Clean => 60,
            Word::Check | Word::Health => 300,
            Word::Drain | Word::Undrain | Word::Reboot => 900,
            Word::Patch => 3_600,
        };
        let limit_s = self.limit.unwrap_or(usual);
        let dead_man = self.may.dead_man.map(|within_s| DeadMan { within_s });
        let action = match self.action {
            Word::Facts => Action::Facts,
            Word::Check => Action::Check(self.patch()?),
            Word::Patch => Action::Patch(self.patch()?),
            Word::Drain => Action::Drain,
            Word::Undrain => Action::Undrain,
            Word::Reboot => {
                Action::Reboot(Reboot { back_within_s: limit_s, dead_man, now: Some(now.as_secs()) })
            }
            Word::Health => Action::Health(Health { now: Some(now.as_secs()), skew_max_s: 30, settle_s: 60 }),
            Word::Attach => {
                let to = self
                    .to
                    .clone()
                    .ok_or_else(|| Failure::new(Exit::Usage, "expected --to NAME, found none"))?;
                Action::Attach(Attach { to, from: 0, follow: Follow::ToEnd })
            }
            Word::Clean => Action::Clean(Clean { older_than_s: u64::from(self.older_than_days) * 86_400 }),
        };
        Ok(Job { protocol: VERSION, id, fence: None, limit_s, action })
    }

    fn patch(&self) -> Result<Patch, Failure> {
        let patch = self.build.patch()?;
        let may = &self.may;
        Ok(Patch {
            removals: match (may.remove_any, may.remove.is_empty()) {
                (true, _) => Removals::Any,
                (false, false) => Removals::Named(may.remove.clone()),
                (false, true) => Removals::None,
            },
            downgrades: match may.newer {
                Newer::Refuse => Downgrades::Refuse,
                Newer::Leave => Downgrades::Leave,
                Newer::Downgrade => Downgrades::Take,
            },
            holds: if may.leave_holds { Holds::Leave } else { Holds::Refuse },
            conffiles: if may.replace_conffiles { Conffiles::Replace } else { Conffiles::Keep },
            kernels: if may.leave_kernels { Kernels::Leave } else { Kernels::Purge },
            dead_man: may.dead_man.map(|within_s| DeadMan { within_s }),
            ..patch
        })
    }
}

impl BuildArgs {
    fn patch(&self) -> Result<Patch, Failure> {
        let number = self.build.map_or(0, |build| build.0);
        if let (Some(uri), Some(keyring)) = (&self.uri, &self.keyring) {
            let keys =
                std::fs::read(keyring).map_err(|error| input::unreadable("a keyring", keyring, error))?;
            let release = |suite: &String| Release { suite: suite.clone(), in_release_sha256: None };
            let releases = self.suite.iter().map(release).collect();
            let source = Source { uri: uri.clone(), components: self.component.clone(), releases };
            return Ok(plain_patch(number, vec![source], &keys));
        }
        let (Some(build), Some(store), Some(from)) = (self.build, &self.store, &self.from) else {
            let error = "expected a build as --build N --store FOLDER --from URL, or a repository as --uri URI --suite SUITE \
                         --keyring FILE, found neither whole";
            return Err(Failure::new(Exit::Usage, error));
        };
        let store = Store::open(store).map_err(|error| Failure::new(Exit::BadInput, error))?;
        patch_of_build(&store, build, from).map_err(|error| Failure::new(Exit::NotThere, error))
    }
}

/// A name that nobody had before: who, what and when.
fn made_up(action: Word, now: Duration) -> Result<Name, Failure> {
    let who: String =
        input::who().to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let word = action.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let name = format!("by-{who}-{word}-{}", now.as_millis());
    name.parse().map_err(|error| Failure::new(Exit::Bug, error))
}

/// How far it is: for one machine as it goes, for many what their agents write if that is wanted.
fn told(machine: &str, reply: &Reply, verbose: bool, alone: bool) {
    match &reply.body {
        Body::Phase(phase) if alone => {
            let percent = phase.percent.map_or_else(String::new, |percent| format!(" {percent} %"));
            output::progress(&format!("{machine}: {}{percent} {}", phase.step, phase.text));
        }
        Body::Log { text } if verbose => output::note(&format!("{machine}: {text}")),
        Body::Hello(_)
        | Body::Refused(_)
        | Body::Began { .. }
        | Body::Phase(_)
        | Body::Log { .. }
        | Body::Piece { .. }
        | Body::Alive
        | Body::Ended(_)
        | Body::Running => {}
    }
}

fn one(machine: String, id: &Name, ending: Ending) -> One {
    let words = words_of(&ending);
    let (end, good) = match &ending {
        Ending::Ended(Outcome::AlreadySo(_)) => ("already so".to_owned(), true),
        Ending::Ended(Outcome::Done(_)) => ("done".to_owned(), true),
        Ending::Ended(Outcome::Failed(failure)) => (failure.cause.to_string(), false),
        Ending::Refused(_) => (refused(&ending), false),
        Ending::Running => ("running".to_owned(), false),
        Ending::Unreachable { .. } => ("unreachable".to_owned(), false),
        Ending::KeyRefused { .. } => ("key-refused".to_owned(), false),
        Ending::NotAnAgent { .. } => ("no agent".to_owned(), false),
        Ending::Lost { .. } => ("lost".to_owned(), false),
    };
    let outcome = if let Ending::Ended(outcome) = ending { Some(outcome) } else { None };
    One { machine, id: id.to_string(), end, good, words, outcome }
}

/// The cause that the rules of rollouts take it for: a machine that cannot keep an operation has a full disk.
fn refused(ending: &Ending) -> String {
    match outcome_of(ending) {
        Judged::Failed(cause) => cause.word().to_owned(),
        Judged::Found(_) | Judged::Patched(_) | Judged::Done | Judged::NotBegun | Judged::Lost => {
            "refused".to_owned()
        }
    }
}

fn text(one: &One) -> String {
    let style = if one.good { GOOD } else { BAD };
    let mut text = format!("{} {}", styled(style, &format!("{}:", one.end)), one.machine);
    match &one.outcome {
        Some(Outcome::AlreadySo(done) | Outcome::Done(done)) => details(done, &mut text),
        Some(Outcome::Failed(failure)) => {
            let _ = writeln!(text, " {}", failure.message);
            for line in &failure.tail {
                let _ = writeln!(text, "    {line}");
            }
            for finding in failure.health.iter().flat_map(|health| &health.findings).filter(|one| !one.good) {
                let _ = writeln!(text, "  {} {}", styled(WAITS, &format!("{}:", finding.what)), finding.text);
            }
        }
        None => {
            let _ = writeln!(text, " {} (operation {})", one.words, one.id);
        }
    }
    text
}

fn details(done: &Done, text: &mut String) {
    match done {
        Done::Facts(facts) => {
            let _ = writeln!(
                text,
                " {} {} {}, kernel {}, {} packages, up {} s, agent {}, boot {}",
                facts.os,
                facts.os_version,
                facts.architecture,
                facts.kernel.running,
                facts.packages,
                facts.uptime_s,
                facts.agent,
                facts.boot
            );
            for disk in &facts.disks {
                let _ = writeln!(
                    text,
                    "  {} {} MiB of {} MiB free",
                    disk.path,
                    disk.free_kib >> 10,
                    disk.size_kib >> 10
                );
            }
        }
        Done::Checked(checked) => {
            let work = match checked.work {
                Work::Nothing => "nothing to do",
                Work::RebootOnly => "only a reboot",
                Work::Install => "packages to install",
            };
            let _ = writeln!(text, " {work}, {} bytes to download", checked.download_bytes);
            changes(&checked.changes, text);
            for held in &checked.held {
                let _ = writeln!(text, "  held: {} {} (build: {})", held.name, held.installed, held.build);
            }
            reasons("reboot:", &checked.reboot, text);
        }
        Done::Patched(patched) => {
            let _ = writeln!(text, " build {}, {} packages verified", patched.build, patched.verified);
            changes(&patched.changes, text);
            for kernel in &patched.kernels_purged {
                let _ = writeln!(text, "  purged: {kernel}");
            }
            reasons("reboot:", &patched.reboot, text);
            for restart in &patched.restarts {
                let _ = writeln!(text, "  restart: {} still maps {}", restart.unit, restart.library);
            }
        }
        Done::Rebooted(rebooted) => {
            let _ = writeln!(
                text,
                " boot {} (before {}), kernel {}, back after {} s",
                rebooted.boot, rebooted.boot_before, rebooted.kernel, rebooted.took_s
            );
        }
        Done::Healthy(healed) => {
            let _ = writeln!(text, " {} things looked at", healed.findings.len());
            for finding in &healed.findings {
                let _ = writeln!(text, "  {}: {}", finding.what, finding.text);
            }
        }
        Done::Cleaned { operations } => {
            let _ = writeln!(text, " {operations} operations forgotten");
        }
        Done::Drained | Done::Undrained | Done::Reported(_) => text.push('\n'),
    }
}

fn changes(changes: &[Change], text: &mut String) {
    for change in changes {
        let from = change.from.as_deref().unwrap_or("new");
        let to = change.to.as_deref().unwrap_or("gone");
        let _ = writeln!(text, "  {} {from} -> {to}", change.name);
    }
}

fn reasons(word: &str, reasons: &[String], text: &mut String) {
    for reason in reasons {
        let _ = writeln!(text, "  {} {reason}", styled(WAITS, word));
    }
}
