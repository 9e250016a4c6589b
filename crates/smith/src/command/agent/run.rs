//! `smith agent run`: one action on machines, for a person.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use smith_agent::protocol::{
    Action, Attach, Clean, Conffiles, DeadMan, Downgrades, Follow, Health, Holds, Job, Kernels, Name, Patch,
    Reboot, Release, Removals, Reply, Source, VERSION,
};
use smith_repo::name::BuildNumber;
use smith_repo::store::Store;
use smith_server::machine::{Patience, check_uri, patch_of_build, perform, plain_patch};

use crate::failure::{Exit, Failure};
use crate::input::{self, Absent, ReachArgs};
use crate::machines::{Detail, One, Times, Watch, shown};
use crate::output;

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
    /// How long it may take, in seconds [default: 60 for facts, attach and clean, 300 for check and health, 900 for drain, undrain
    /// and reboot, 3600 for patch]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    limit: Option<u32>,
    /// Of `attach`: which operation
    #[arg(long, value_name = "NAME")]
    to: Option<Name>,
    /// Of `clean`: operations that ended so many days ago are forgotten
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=3650))]
    older_than_days: u16,
    /// Show each line that the agents write, and each of their steps
    #[arg(long)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a keyring for people begins with; apt takes those for machines.
const ARMOR: &[u8] = b"-----BEGIN PGP";

const CREDENTIALS: &str = "machines fetch without a password; give them an address that needs none";

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
    /// The store that has it; SMITH_STORE may name it, too
    #[arg(long, value_name = "FOLDER", conflicts_with = "uri")]
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

pub(super) fn run(args: &Run) -> Result<Exit, Failure> {
    let fleet = args.reach.known()?;
    let machines = args.reach.select(&fleet, std::slice::from_ref(&args.selector))?;
    let job = args.job()?;
    let (addresses, absent) = args.reach.addresses(&fleet, &machines)?;
    let links = args.reach.links()?;
    let limit = Duration::from_secs(u64::from(job.limit_s));
    let patience = Patience {
        reach: Duration::from_secs(45).min(limit),
        whole: limit + Duration::from_secs(30),
        silence: Duration::from_secs(45),
    };
    let detail = match (args.verbose, addresses.len()) {
        (true, _) => Detail::Lines,
        (false, 1) => Detail::Steps,
        (false, _) => Detail::Waits,
    };
    let watch = Watch::new(detail, patience);
    if args.action.begins() {
        output::note(&format!("operation {}", job.id));
    }
    let mut found = args.reach.on_each(addresses, args.interrupted(&job.id), |_, address| {
        let (links, job, watch) = (links.clone(), job.clone(), watch.clone());
        async move {
            let name = address.name.clone();
            let mut times = Times::default();
            let tell = |reply: &Reply| {
                times.hear(reply);
                watch.hear(&name, reply);
            };
            let ending = watch.over(&name, perform(&links, &address, &job, patience, tell)).await;
            One::new(address.name.clone(), &job.id, ending).at(&times)
        }
    })?;
    found.extend(absent.into_iter().map(|Absent { machine, why }| One::absent(machine, &job.id, why)));
    output::progress("");
    let is_good = found.iter().all(|one| one.good);
    if args.json {
        output::json(&found)?;
    } else {
        output::data(&shown(&found))?;
    }
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}

impl Word {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether the machine goes on with it when nobody listens.
    fn begins(self) -> bool {
        match self {
            Word::Check | Word::Patch | Word::Drain | Word::Undrain | Word::Reboot | Word::Health => true,
            Word::Facts | Word::Attach | Word::Clean => false,
        }
    }
}

impl Run {
    /// What is said when somebody ends this while machines are asked.
    fn interrupted(&self, id: &Name) -> String {
        let selector = &self.selector;
        match self.action {
            Word::Attach => "no longer followed; the machines go on".to_owned(),
            Word::Facts | Word::Clean => "not all machines have answered".to_owned(),
            Word::Check | Word::Patch | Word::Drain | Word::Undrain | Word::Reboot | Word::Health => format!(
                "no longer followed; machines that have begun go on with operation {id}: \
                 `smith agent run '{selector}' attach --to {id}` tells what came of it"
            ),
        }
    }

    /// What is said for another action would be passed over, and whoever said it would think that it was done.
    fn check_options(&self) -> Result<(), Failure> {
        let misplaced = |option: &str, actions: &str| {
            let found = self.action.name();
            let error = format!("expected {option} with {actions} alone, found it with {found}");
            Err(Failure::new(Exit::Usage, error))
        };
        if self.to.is_some() && self.action != Word::Attach {
            return misplaced("--to", "attach");
        }
        if matches!(self.action, Word::Check | Word::Patch) {
            return Ok(());
        }
        if let Some(option) = self.build.given() {
            return misplaced(option, "check and patch");
        }
        match self.may.given() {
            Some("--dead-man") if self.action == Word::Reboot => Ok(()),
            Some("--dead-man") => misplaced("--dead-man", "patch and reboot"),
            Some(option) => misplaced(option, "check and patch"),
            None => Ok(()),
        }
    }

    fn job(&self) -> Result<Job, Failure> {
        self.check_options()?;
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
                    .ok_or_else(|| Failure::new(Exit::Usage, "expected --to NAME with attach, found none"))?;
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

impl MayArgs {
    /// The first of them that somebody said.
    fn given(&self) -> Option<&'static str> {
        let all = [
            ("--remove", !self.remove.is_empty()),
            ("--remove-any", self.remove_any),
            ("--newer", self.newer != Newer::Refuse),
            ("--leave-holds", self.leave_holds),
            ("--replace-conffiles", self.replace_conffiles),
            ("--leave-kernels", self.leave_kernels),
            ("--dead-man", self.dead_man.is_some()),
        ];
        all.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }
}

impl BuildArgs {
    /// The first of them that somebody said.
    fn given(&self) -> Option<&'static str> {
        let all = [
            ("--build", self.build.is_some()),
            ("--store", self.store.is_some()),
            ("--from", self.from.is_some()),
            ("--uri", self.uri.is_some()),
        ];
        all.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }

    fn patch(&self) -> Result<Patch, Failure> {
        let number = self.build.map_or(0, |build| build.0);
        if let (Some(uri), Some(keyring)) = (&self.uri, &self.keyring) {
            check_uri(uri).map_err(|error| Failure::new(Exit::Usage, error).with_hint(CREDENTIALS))?;
            let keys =
                std::fs::read(keyring).map_err(|error| input::unreadable("a keyring", keyring, error))?;
            if keys.starts_with(ARMOR) {
                let found = keyring.display();
                let error = format!("expected a binary keyring in {found}, found an armored one");
                let hint = format!("`gpg --dearmor < {found} > {found}.gpg` makes it binary");
                return Err(Failure::new(Exit::BadInput, error).with_hint(hint));
            }
            let release = |suite: &String| Release { suite: suite.clone(), in_release_sha256: None };
            let releases = self.suite.iter().map(release).collect();
            let source = Source { uri: uri.clone(), components: self.component.clone(), releases };
            return Ok(plain_patch(number, vec![source], &keys));
        }
        // Not by clap: what somebody exported is no contradiction to a repository.
        let store = self.store.clone().or_else(|| std::env::var_os("SMITH_STORE").map(PathBuf::from));
        let (Some(build), Some(store), Some(from)) = (self.build, &store, &self.from) else {
            let error = "expected a build as --build N --store FOLDER --from URL, or a repository as --uri URI --suite SUITE \
                         --keyring FILE, found neither whole";
            return Err(Failure::new(Exit::Usage, error));
        };
        check_uri(from).map_err(|error| Failure::new(Exit::Usage, error).with_hint(CREDENTIALS))?;
        let store = Store::open(store).map_err(|error| Failure::new(Exit::BadInput, error))?;
        patch_of_build(&store, build, from).map_err(|error| Failure::new(Exit::NotThere, error))
    }
}

/// A name that nobody had before: who, what and when.
fn made_up(action: Word, now: Duration) -> Result<Name, Failure> {
    let who: String =
        input::who().to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let name = format!("by-{who}-{}-{}", action.name(), now.as_millis());
    name.parse().map_err(|error| Failure::new(Exit::Bug, error))
}
