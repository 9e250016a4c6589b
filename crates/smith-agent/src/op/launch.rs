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
use crate::tool::Run;

/// systemd answers in milliseconds; a machine that swaps takes longer.
const SYSTEMD: Duration = Duration::from_secs(30);

/// A worker that was started says so in milliseconds; a unit waits its turn where the machine is busy.
const STARTING: Duration = Duration::from_secs(30);

/// Where the package puts the agent, for a running one that was replaced meanwhile.
const INSTALLED: &str = "/usr/sbin/smith-agent";

/// Starts the worker and waits until the operation is its own. If it does not come the operation has ended when this returns.
pub(crate) fn launch(
    store: &Store<'_>,
    operation: &Operation,
    diary: &Diary,
    _begin: &Begin,
) -> Result<(), CannotKeep> {
    let mut started = start(store, operation, diary);
    let begun = Instant::now();
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
fn start(store: &Store<'_>, operation: &Operation, diary: &Diary) -> io::Result<Option<Child>> {
    let args = worker_args(store, operation);
    if store.host.path("/run/systemd/system").is_dir() {
        match as_unit(operation, &args) {
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
    let Ok(Some(held)) = operation.wait_lock(Duration::from_secs(1)) else { return Ok(()) };
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

/// Nothing that happens to the unit reaches the programs that the worker runs: dpkg is never killed in the middle.
const PROPERTIES: [&str; 5] = [
    "--property=KillMode=process",
    "--property=SendSIGKILL=no",
    "--property=OOMScoreAdjust=-500",
    "--property=TimeoutStopSec=3600",
    "--collect",
];

/// How many of the properties every systemd knows since 2016.
const OLD: usize = 3;

fn as_unit(operation: &Operation, args: &[OsString]) -> io::Result<()> {
    let mut why = String::new();
    for properties in [&PROPERTIES[..], &PROPERTIES[..OLD]] {
        let ran = Run::new("systemd-run", SYSTEMD)
            .arg(format!("--unit=smith-op-{}", operation.id()))
            .arg(format!("--description=smith-agent: operation {}", operation.id()))
            .args(properties)
            .arg("--")
            .arg(own_file().unwrap_or_else(|| INSTALLED.into()))
            .args(args)
            .run()
            .map_err(|stopped| stopped.error)?;
        if ran.is_good() {
            return Ok(());
        }
        why = format!("systemd-run ended with {}: {}", ran.ended, ran.output.trim());
    }
    Err(io::Error::other(why))
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
