//! `smith report`: why machines failed, from what lies on them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;
use smith_agent::protocol::{Action, Body, Done, Facts, Job, Name, Outcome, VERSION};
use smith_server::machine::{Address, Ending, Likely, Links, Patience, diagnose, perform, words_of};

use crate::failure::{Exit, Failure};
use crate::input::{self, ReachArgs};
use crate::output::{self, BAD, GOOD, WAITS, styled};

/// Collect what explains a failure from machines: logs of the agent, apt and dpkg, units, disks, kernels, holds.
///
/// Each machine gets a folder under `--into` with the pieces and a `summary.json`, a new one (`NAME.2`) each time, which only its
/// owner can read. What is printed are the likely causes with what to do about them: first what is so now, then what the newest
/// failures say; what is over is told as earlier, with its time. Ends with 1 when a machine could not be asked or a cause was found.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// For example `prod-dal10-carrier3-worker-*`
    #[arg(required = true, value_name = "SELECTOR")]
    selector: Vec<String>,
    /// Where the folders go
    #[arg(long, value_name = "FOLDER", default_value = "smith-report")]
    into: PathBuf,
    #[command(flatten)]
    reach: ReachArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Collecting reads a few logs; what takes longer hangs on a disk that is not well.
const LIMIT_S: u32 = 180;

/// Said where it is interrupted.
const KEPT: &str = "the folders that have a summary.json are whole";

#[derive(Debug, Serialize)]
struct One {
    machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    #[serde(skip_serializing_if = "String::is_empty")]
    trouble: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
    causes: Vec<Likely>,
}

impl One {
    /// Something is wrong now, as far as is known.
    fn has_cause(&self) -> bool {
        self.causes.iter().any(|likely| likely.earlier.is_none())
    }
}

/// What one machine said.
#[derive(Debug, Default)]
struct Told {
    facts: Option<Facts>,
    pieces: Pieces,
    trouble: String,
    /// When it said so, in seconds since 1970: its clock is compared with ours.
    at: u64,
}

/// What is kept of one machine's report, which is 8 MiB at most: so many machines at a time fit into memory, whatever they say.
const REPORT_MAX: usize = 16 << 20;

/// Somebody who asks more often has not looked at them.
const REPORTS_MAX: u32 = 1_000;

/// An agent has two dozen.
const PIECES_MAX: usize = 200;

#[derive(Debug, Default)]
struct Pieces {
    texts: BTreeMap<String, String>,
    bytes: usize,
}

pub(super) fn run(args: &Report) -> Result<Exit, Failure> {
    let fleet = args.reach.known()?;
    let machines = args.reach.select(&fleet, &args.selector)?;
    let (addresses, absent) = args.reach.addresses(&fleet, &machines)?;
    let links = args.reach.links()?;
    let named = |word: &str| -> Result<Name, Failure> {
        format!("{word}-{}", now().as_millis()).parse().map_err(|error| Failure::new(Exit::Bug, error))
    };
    let job = |id: Name, action: Action| Job { protocol: VERSION, id, fence: None, limit_s: LIMIT_S, action };
    let jobs = [job(named("facts")?, Action::Facts), job(named("report")?, Action::Report)];
    let into: Arc<Path> = Arc::from(args.into.as_path());
    let kept = args.reach.on_each(addresses, KEPT.to_owned(), |_, address| {
        report(links.clone(), address, jobs.clone(), Arc::clone(&into))
    })?;
    let mut found: Vec<One> = kept.into_iter().collect::<Result<_, _>>()?;
    found.extend(absent.into_iter().map(|absent| One {
        machine: absent.machine,
        folder: None,
        trouble: absent.why,
        facts: None,
        causes: Vec::new(),
    }));
    if args.json {
        output::json(&found)?;
    } else {
        output::data(&found.iter().map(text).collect::<String>())?;
    }
    let is_good = found.iter().all(|one| one.trouble.is_empty() && !one.has_cause());
    Ok(if is_good { Exit::Good } else { Exit::Finding })
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Each machine's folder is written when it has said all: what has come is there, however the command ends, and of thousands of
/// machines only those that are being asked are in memory.
async fn report(links: Links, address: Address, jobs: [Job; 2], into: Arc<Path>) -> Result<One, Failure> {
    let told = collect(&links, &address, jobs).await;
    let write = move || keep(address.name, told, &into);
    tokio::task::spawn_blocking(write).await.map_err(|error| Failure::new(Exit::Bug, error))?
}

async fn collect(links: &Links, address: &Address, jobs: [Job; 2]) -> Told {
    let patience = Patience {
        reach: Duration::from_secs(45),
        whole: Duration::from_secs(u64::from(LIMIT_S)),
        silence: Duration::from_secs(45),
    };
    let mut told = Told::default();
    for job in jobs {
        let mut pieces = Pieces::default();
        let ending = perform(links, address, &job, patience, |reply| pieces.hear(&reply.body)).await;
        match &ending {
            Ending::Ended(Outcome::Done(Done::Facts(facts)) | Outcome::AlreadySo(Done::Facts(facts))) => {
                told.facts = Some((**facts).clone());
                told.at = now().as_secs();
            }
            Ending::Ended(Outcome::Done(_) | Outcome::AlreadySo(_)) => {}
            Ending::Ended(Outcome::Failed(_))
            | Ending::Refused(_)
            | Ending::Running
            | Ending::Unreachable { .. }
            | Ending::KeyRefused { .. }
            | Ending::NotAnAgent { .. }
            | Ending::Lost { .. } => told.trouble = words_of(&ending),
        }
        told.pieces = pieces;
    }
    told
}

impl Pieces {
    fn hear(&mut self, body: &Body) {
        match body {
            // Asked anew after the connection broke: what it said before is said again.
            Body::Began { .. } => *self = Self::default(),
            Body::Piece { name, text } => self.take(name, text),
            Body::Hello(_)
            | Body::Refused(_)
            | Body::Phase(_)
            | Body::Log { .. }
            | Body::Alive
            | Body::Ended(_)
            | Body::Running => {}
        }
    }

    fn take(&mut self, name: &str, text: &str) {
        let is_known = self.texts.contains_key(name);
        let has_room = self.bytes + text.len() <= REPORT_MAX && (is_known || self.texts.len() < PIECES_MAX);
        if has_room {
            self.bytes += text.len();
            self.texts.entry(name.to_owned()).or_default().push_str(text);
        } else {
            let words = format!(
                "expected at most {PIECES_MAX} pieces and {REPORT_MAX} bytes of this machine, found more\n"
            );
            self.texts.insert("left-out".to_owned(), words);
        }
    }
}

/// Writes what a machine said and works out what ails it.
fn keep(machine: String, told: Told, into: &Path) -> Result<One, Failure> {
    let pieces = &told.pieces.texts;
    let causes = diagnose(told.facts.as_ref(), pieces, told.at);
    let mut one = One { machine, folder: None, trouble: told.trouble, facts: told.facts, causes };
    if one.facts.is_none() && pieces.is_empty() {
        return Ok(one);
    }
    let failed = |path: &Path, source| Failure::new(Exit::Output, input::Unwritable::new(path, source));
    let folder = fresh(into, &one.machine).map_err(|error| failed(into, error))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_private(&path, bytes).map_err(|error| failed(&path, error))
    };
    for (name, text) in pieces {
        write(&file_name(name), text.as_bytes())?;
    }
    one.folder = Some(folder.clone());
    let summary = serde_json::to_vec_pretty(&one).map_err(|error| Failure::new(Exit::Bug, error))?;
    // The last: a folder that has it is whole.
    write("summary.json", &summary)?;
    Ok(one)
}

/// A folder that was not there before: pieces of two reports beside each other are of no machine that ever was. Lists of processes
/// and logs are nobody else's business.
fn fresh(into: &Path, machine: &str) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(into)?;
    for number in 1..=REPORTS_MAX {
        let name = if number == 1 { machine.to_owned() } else { format!("{machine}.{number}") };
        let folder = into.join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let found = format!("expected at most {REPORTS_MAX} reports of {machine}, found them all there");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, found))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// The name of a piece as the name of a file: what a machine says never leaves its folder.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().take(100).map(plain).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "piece.txt".to_owned() } else { format!("{name}.txt") }
}

fn text(one: &One) -> String {
    let mut text = String::new();
    let folder = one.folder.as_ref().map_or_else(String::new, |folder| format!(" ({})", folder.display()));
    if !one.trouble.is_empty() {
        let _ = writeln!(text, "{} {}: {}{folder}", styled(BAD, "not asked:"), one.machine, one.trouble);
    } else if !one.has_cause() {
        let _ = writeln!(text, "{} {}: no likely cause found{folder}", styled(GOOD, "good:"), one.machine);
    } else {
        let _ = writeln!(text, "{}{folder}", one.machine);
    }
    for likely in &one.causes {
        if let Some(at) = &likely.earlier {
            let _ = writeln!(text, "  earlier, and over: {} ({at})", likely.cause);
            continue;
        }
        let _ = writeln!(text, "  {} {}", styled(WAITS, "likely:"), likely.cause);
        let _ = writeln!(text, "    because {}", likely.because);
        let _ = writeln!(text, "    do: {}", likely.remedy);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_says_more_than_a_report_is_not_kept() {
        let mut pieces = Pieces::default();
        let (text, name) = ("x".repeat(128 << 10), |number: usize| format!("piece-{number}"));
        let piece = |name: String| Body::Piece { name, text: text.clone() };
        for number in 0..1_000 {
            pieces.hear(&piece(name(number % 3)));
        }
        let kept: usize = pieces.texts.values().map(String::len).sum();
        assert!((REPORT_MAX..REPORT_MAX + 200).contains(&kept), "{kept}");
        assert!(pieces.texts["left-out"].ends_with("found more\n"));
        // Asked anew, it tells all of it anew.
        pieces.hear(&Body::Began { id: "a-1".parse().unwrap(), action: "report".to_owned() });
        for number in 0..1_000 {
            pieces.hear(&Body::Piece { name: name(number), text: "x".to_owned() });
        }
        assert_eq!(pieces.texts.len(), PIECES_MAX + 1);
    }

    #[test]
    fn each_report_has_a_folder_of_its_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("reports");
        let told = |name: &str| {
            let mut told = Told::default();
            told.pieces.take(name, "text");
            told
        };
        let first = keep("m".to_owned(), told("holds"), &into).unwrap().folder.unwrap();
        let second = keep("m".to_owned(), told("units"), &into).unwrap().folder.unwrap();
        assert_eq!((&first, &second), (&into.join("m"), &into.join("m.2")));
        assert!(!second.join("holds.txt").exists() && second.join("summary.json").exists());
        for (path, expected) in [(&into, 0o700), (&second, 0o700), (&second.join("units.txt"), 0o600)] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{}", path.display());
        }
    }

    #[test]
    fn a_piece_stays_in_its_folder() {
        for (name, file) in [
            ("apt/term.log", "apt-term.log.txt"),
            ("../../etc/passwd", "etc-passwd.txt"),
            ("/", "piece.txt"),
            ("summary.json", "summary.json.txt"),
            ("a\u{0}b\n", "a-b-.txt"),
        ] {
            assert_eq!(file_name(name), file);
        }
    }
}
