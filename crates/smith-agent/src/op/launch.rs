//! Starts the worker of an operation so that it outlives the talk: as a unit of systemd where that runs, else in a session of
//! its own.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::diary::Diary;
use super::keep::CannotKeep;
use super::operation::Operation;
use super::recorder::Recorder;
use super::settle::interrupted;
use super::store::{Begin, Store};
use crate::tool::{AtLimit, KILLED, Run};

/// From the first word to systemd to the worker's own. Both answer in milliseconds; a machine that swaps takes longer.
const STARTING: Duration = Duration::from_secs(40);

/// systemd gets so much of it, that there is time to do without.
const SYSTEMD: Duration = Duration::from_secs(20);

/// `systemd-run` only asks; nothing is lost with it.
const GRACE: Duration = Duration::from_secs(1);

/// A worker that comes at the last moment lets go of the operation's lock at once.
const GIVE_UP: Duration = Duration::from_secs(1);

/// The longest that a launch takes, whatever hangs: others wait for it behind the right to begin.
pub(super) const LAUNCH_MAX: Duration =
    STARTING.saturating_add(GRACE).saturating_add(KILLED).saturating_add(GIVE_UP);

/// Where the package puts the agent, for a running one that was replaced meanwhile.
const INSTALLED: &str = "/usr/sbin/smith-agent";

/// Starts the worker and waits until the operation is its own. If it does not come the operation has ended when this returns.
pub(crate) fn launch(
    store: &Store<'_>,
    operation: &Operation,
    diary: &Diary,
    _begin: &Begin,
) -> Result<(), CannotKeep> {
    let begun = Instant::now();
    let mut started = start(store, operation, diary, begun);
    while let Ok(worker) = &mut started
        && begun.elapsed() < STARTING
    {
        // Looked at first: a worker may begin, do all there is to be done, and be gone.
        let is_gone =
            worker.as_mut().is_some_and(|worker| worker.try_wait().is_ok_and(|gone| gone.is_some()));
        if operation.is_started() || operation.ended_at().is_ok_and(|ended| ended.is_some()) {
            return Ok(());
        }
        if is_gone {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    let why = started.map_or_else(
        |error| format!("its worker could not be started: {error}"),
        |_| "its worker was gone before it began, or did not begin in time".to_owned(),
    );
    give_up(operation, diary, &why)
}

/// The worker, where it is a child of this process.
fn start(
    store: &Store<'_>,
    operation: &Operation,
    diary: &Diary,
    begun: Instant,
) -> io::Result<Option<Child>> {
    let args = worker_args(store, operation);
    if store.host.path("/run/systemd/system").is_dir() {
        match as_unit(operation, &args, begun) {
            Ok(()) => return Ok(None),
            Err(why) => {
                diary.about(operation.id()).line(&format!("no unit could be made, so a session is: {why}"))
            }
        }
    }
    in_session(operation.folder(), &args).map(Some)
}

/// A worker that comes after this finds the operation ended.
fn give_up(operation: &Operation, diary: &Diary, why: &str) -> Result<(), CannotKeep> {
    let Ok(Some(held)) = operation.wait_lock(GIVE_UP) else { return Ok(()) };
    let mut recorder = Recorder::open(operation, diary, &held)?;
    if recorder.is_ended() || operation.is_started() {
        return Ok(());
    }
    recorder.end(interrupted(why))
}

fn worker_args(store: &Store<'_>, operation: &Operation) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    if store.host.root() != Path::new("/") {
        args.extend(["--root".into(), store.host.root().into()]);
    }
    args.extend(["worker".into(), operation.id().as_str().into()]);
    args
}

/// What happens to the unit does not reach the programs that the worker runs, nor the worker: a shutdown that somebody else ordered
/// stops the unit, by a signal that does nothing, and then waits for the worker to end by itself. So dpkg finishes first, with the
/// file systems still there. The wait is shorter than the 30 minutes after which systemd reboots by force.
const PROPERTIES: [&str; 6] = [
    "--property=KillMode=process",
    "--property=SendSIGKILL=no",
    "--property=OOMScoreAdjust=-500",
    "--property=KillSignal=SIGCONT",
    "--property=TimeoutStopSec=1740",
    "--collect",
];

/// How many of the properties a systemd takes: a newer one all of them, those of 2016 no time and no forgetting of units.
const TAKEN: [usize; 3] = [PROPERTIES.len(), 4, 3];

fn as_unit(operation: &Operation, args: &[OsString], begun: Instant) -> io::Result<()> {
    let mut why = String::new();
    for taken in TAKEN {
        let left = SYSTEMD.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        let ran = Run::new("systemd-run", left)
            .args(unit_args(operation, args, taken))
            .at_limit(AtLimit::End { grace: GRACE })
            .run()
            .map_err(|stopped| stopped.error)?;
        if ran.is_good() {
            return Ok(());
        }
        why = format!("systemd-run ended with {}: {}", ran.ended, ran.output.trim());
    }
    Err(io::Error::other(why))
}

fn unit_args(operation: &Operation, args: &[OsString], taken: usize) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec![
        format!("--unit=smith-op-{}", operation.id()).into(),
        format!("--description=smith-agent: operation {}", operation.id()).into(),
    ];
    all.extend(PROPERTIES.iter().take(taken).map(OsString::from));
    all.push("--".into());
    all.push(own_file().map_or_else(|| INSTALLED.into(), PathBuf::into_os_string));
    all.extend_from_slice(args);
    all
}

/// This program's own file, unless another has taken its place meanwhile.
fn own_file() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|path| path.exists())
}

/// It outlives this process, and then has init for a parent.
fn in_session(folder: &Path, args: &[OsString]) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    // The link leads to this program also where its file was replaced, but people would read `exe` in lists of processes.
    Command::new(own_file().unwrap_or_else(|| "/proc/self/exe".into()))
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_waits_for_the_worker() {
        let operation = Operation::at("a-1".parse().unwrap(), "/nowhere".into());
        let words = |taken: usize| {
            let args = unit_args(&operation, &["worker".into(), "a-1".into()], taken);
            args.into_iter().map(|arg| arg.into_string().unwrap()).collect::<Vec<String>>()
        };
        let (new, old) = (words(TAKEN[0]), words(TAKEN[1]));
        for words in [&new, &old] {
            assert_eq!(words[0], "--unit=smith-op-a-1");
            assert_eq!(words[words.len() - 2..], ["worker", "a-1"]);
            // The signal of a stop ends nothing, no other follows, and nobody but the worker gets it.
            for property in ["KillSignal=SIGCONT", "SendSIGKILL=no", "KillMode=process"] {
                assert!(words.contains(&format!("--property={property}")), "{property} in {words:?}");
            }
        }
        let stop = new.iter().find_map(|word| word.strip_prefix("--property=TimeoutStopSec=")).unwrap();
        assert!((1500..1800).contains(&stop.parse::<u32>().unwrap()), "{stop}");
    }
}
