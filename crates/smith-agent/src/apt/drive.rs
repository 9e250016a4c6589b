//! Running apt and dpkg, and following how far they are.
//!
//! What they say goes to a file in the operation's folder: they outlive the agent without a pipe that breaks.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use smith_agent::protocol::{Cause, Conffiles, Failure};

use super::begun;
use super::home::Home;
use super::plan::Plan;
use super::status::Machine;
use super::words;
use crate::health;
use crate::op::{Context, Host};
use crate::tool::{AtLimit, Ended, Run, Stopped};

/// Lists of 50 MB over a line of 1 Mbit/s.
const UPDATE_MAX: Duration = Duration::from_secs(600);

/// An update that is over leaves the lists that it has whole.
const UPDATE_GRACE: Duration = Duration::from_secs(30);

/// A simulation takes a second.
const SIMULATE_MAX: Duration = Duration::from_secs(300);

/// A release upgrade of a slow machine takes an hour or two.
const INSTALL_MAX: Duration = Duration::from_secs(6 * 3600);

/// What is read back of what a program said.
const SAID_MAX: u64 = 512 << 10;

/// What is told of an audit: one bad package is three lines.
const AUDIT_LINES: usize = 20;

/// Between two lines of the log about packages that are worked on though the time is over: a person who looks finds one.
const TELL_LATE: Duration = Duration::from_secs(300);

/// No more than two notes a second.
const NOTE: Duration = Duration::from_millis(500);

/// The machine's tools with the private configuration.
#[derive(Debug)]
pub(crate) struct Drive<'h> {
    pub(crate) home: &'h Home,
    pub(crate) conffiles: Conffiles,
}

impl Drive<'_> {
    fn apt(&self, limit: Duration) -> Run {
        Run::new("apt-get", limit).env("APT_CONFIG", self.home.conf())
    }

    fn of_packages(&self, run: Run) -> Run {
        // Packages that keep their configuration with ucf have switches of their own; one of both may be set.
        match self.conffiles {
            Conffiles::Keep => run,
            Conffiles::Replace => run.env("UCF_FORCE_CONFFOLD", "").env("UCF_FORCE_CONFFNEW", "1"),
        }
    }

    /// Fetches the lists.
    pub(crate) fn update(&self, ctx: &mut Context<'_>) -> Result<(), Failure> {
        let run = self.apt(ctx.left(UPDATE_MAX)?);
        let (ended, said) = followed(ctx, "update", run, AtLimit::End { grace: UPDATE_GRACE }, &["update"])?;
        let is_good = ended == Ended::Code(0) && !words::is_update_incomplete(&said);
        if is_good { Ok(()) } else { Err(failed("the lists of the build", ended, &said)) }
    }

    /// What `args` would do. Neither takes a lock nor writes.
    pub(crate) fn simulate(
        &self,
        ctx: &Context<'_>,
        machine: &Machine,
        args: &[&str],
    ) -> Result<Plan, Failure> {
        let limit = ctx.left(SIMULATE_MAX)?;
        let ran = self
            .apt(limit)
            .args(["-s", "-o", "Debug::NoLocking=true"])
            .args(args)
            .run()
            .map_err(|stopped| missing(&stopped))?;
        if !ran.is_good() {
            return Err(failed("a plan of apt", ran.ended, &ran.output));
        }
        Plan::read(&ran.output, machine).map_err(|line| {
            Failure::new(Cause::Mismatch, format!("expected a step of apt's simulation, found {line:?}"))
        })
    }

    /// Changes packages by apt. When its time is over apt begins no other run of dpkg, and the one that it is at is waited for.
    pub(crate) fn change(&self, ctx: &mut Context<'_>, step: &str, args: &[&str]) -> Result<(), Failure> {
        let run = self.of_packages(self.apt(ctx.left(INSTALL_MAX)?));
        changing(ctx)?;
        finished(followed(ctx, step, run, AtLimit::Finish, args)?)
    }

    /// Lets dpkg end what was interrupted. Whatever comes of it is waited for.
    pub(crate) fn configure_all(&self, ctx: &mut Context<'_>) -> Result<(), Failure> {
        let run = Run::new("dpkg", ctx.left(INSTALL_MAX)?).args(self.home.dpkg_options(self.conffiles));
        let run = self.of_packages(run).args(["--configure", "-a"]);
        changing(ctx)?;
        ctx.phase("repair");
        finished(logged(ctx, run, AtLimit::Wait, |_| {})?)
    }
}

/// What is about to be changed is remembered first.
fn changing(ctx: &mut Context<'_>) -> Result<(), Failure> {
    health::changing(ctx)?;
    begun::begin(ctx)
}

fn finished((ended, said): (Ended, String)) -> Result<(), Failure> {
    match ended {
        Ended::Code(0) => Ok(()),
        Ended::TimedOut => {
            let mut failure = failed("packages to be installed", ended, &said);
            failure.message = "expected packages to be installed within the action's time, found dpkg at work when it was over: \
                               it was let finish what it was at, and nothing more was begun"
                .to_owned();
            Err(failure)
        }
        Ended::Code(_) | Ended::Signal(_) | Ended::SaidTooMuch | Ended::NotKilled => {
            Err(failed("packages to be installed", ended, &said))
        }
    }
}

/// The machine's packages, read with as few programs as can be.
pub(crate) fn machine(host: &Host) -> Result<Machine, Failure> {
    match Machine::read_native(host)? {
        Some(machine) => Ok(machine),
        None => Machine::read(host, &ask_native()?),
    }
}

/// The machine's own architecture.
pub(crate) fn native(host: &Host) -> Result<String, Failure> {
    Ok(machine(host)?.native)
}

fn ask_native() -> Result<String, Failure> {
    let ran = Run::new("dpkg", SIMULATE_MAX)
        .arg("--print-architecture")
        .run()
        .map_err(|stopped| missing(&stopped))?;
    Ok(ran.output.trim().to_owned())
}

/// The first lines of `dpkg --audit`, which is silent where all is well.
pub(crate) fn audit(root: &Path) -> Result<Vec<String>, Failure> {
    let mut run = Run::new("dpkg", SIMULATE_MAX);
    if root != Path::new("/") {
        run = run.arg(format!("--root={}", root.display()));
    }
    let ran = run.arg("--audit").run().map_err(|stopped| missing(&stopped))?;
    let said = ran.output.lines().filter(|line| !line.trim().is_empty());
    Ok(said.take(AUDIT_LINES).map(|line| line.trim().to_owned()).collect())
}

fn missing(stopped: &Stopped) -> Failure {
    Failure::new(Cause::DpkgBroken, stopped.to_string())
}

fn failed(expected: &str, ended: Ended, said: &str) -> Failure {
    let mut failure = words::failure(expected, said, &ended.to_string());
    match ended {
        Ended::TimedOut => {
            failure.cause = Cause::TimedOut;
            failure.message = format!("expected {expected} within the action's time, found none");
        }
        Ended::NotKilled => {
            failure.cause = Cause::TimedOut;
            failure.message = format!("expected {expected} within the action's time, found {ended}");
        }
        // What it said is cut where it was stopped, and says nothing of a reason.
        Ended::SaidTooMuch => {
            failure.cause = Cause::Mismatch;
            failure.message = format!("expected {expected}, found {ended}");
        }
        // Words about a package or a full disk are the reason; without them somebody killed it, or the kernel for want of memory.
        Ended::Signal(_) if !matches!(failure.cause, Cause::PackageFailed | Cause::DiskFull) => {
            failure.cause = Cause::Interrupted;
            failure.message = format!(
                "expected {expected}, found that the program was killed by {ended}: by somebody, or by the kernel where memory ran out"
            );
        }
        Ended::Code(_) | Ended::Signal(_) => {}
    }
    failure
}

/// Runs apt into the operation's log, telling how far it is.
fn followed(
    ctx: &mut Context<'_>,
    step: &str,
    run: Run,
    at_limit: AtLimit,
    args: &[&str],
) -> Result<(Ended, String), Failure> {
    ctx.phase(step);
    let path = ctx.folder.join("apt.status");
    let unusable = |error: io::Error| {
        let cause =
            if error.kind() == io::ErrorKind::StorageFull { Cause::DiskFull } else { Cause::Mismatch };
        Failure::new(cause, format!("expected a file for the progress of apt, found {error}"))
    };
    // A file of its own that apt inherits. apt closes it for dpkg, so that it cannot be its standard output: that would be
    // closed, too, and the next file that a script opens would take its place.
    let status = File::options().create(true).append(true).open(&path).map_err(unusable)?;
    status.set_len(0).map_err(unusable)?;
    fcntl_setfd(&status, FdFlags::empty()).map_err(|error| unusable(error.into()))?;
    let run = run.args(["-o", &format!("APT::Status-Fd={}", status.as_raw_fd())]).args(args);
    let mut follow = Follow { at: 0, path, rest: Vec::new(), told: Instant::now(), last: None };
    logged(ctx, run, at_limit, |ctx| follow.look(ctx, step))
}

/// Runs a program into the operation's log, and gives what it added there.
fn logged(
    ctx: &mut Context<'_>,
    run: Run,
    at_limit: AtLimit,
    mut look: impl FnMut(&mut Context<'_>),
) -> Result<(Ended, String), Failure> {
    let log = ctx.folder.join("apt.log");
    let begun = fs::metadata(&log).map_or(0, |found| found.len());
    let mut next = Duration::ZERO;
    let watched = run.at_limit(at_limit).output_to(&log).run_watched(|late| {
        if let Some((late, words)) = late.zip(waited_for(at_limit))
            && late >= next
        {
            ctx.log(format!("the action's time has been over for {} s: {words}", late.as_secs()));
            next = late + TELL_LATE;
        }
        look(ctx);
    });
    let ran = watched.map_err(|stopped| missing(&stopped))?;
    if ran.was_cut {
        ctx.log("more was said than is kept: the middle of it is not in apt.log");
    }
    let said = said_since(&log, begun).map_err(|error| {
        Failure::new(Cause::Mismatch, format!("what the program said could not be read: {error}"))
    })?;
    Ok((ran.ended, said))
}

/// Why an operation is still running when its time is over.
fn waited_for(at_limit: AtLimit) -> Option<&'static str> {
    match at_limit {
        AtLimit::End { .. } => None,
        AtLimit::Finish => Some("apt was asked to stop, and what dpkg is at is waited for"),
        AtLimit::Wait => Some("dpkg is waited for"),
    }
}

fn said_since(log: &Path, begun: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(begun.max(length.saturating_sub(SAID_MAX))))?;
    let mut bytes = Vec::new();
    file.take(SAID_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the growing file of status.
struct Follow {
    path: PathBuf,
    at: u64,
    /// A line that is not whole yet.
    rest: Vec<u8>,
    told: Instant,
    last: Option<(u8, String)>,
}

impl Follow {
    /// What one look reads; the next one goes on there.
    const LOOK: u64 = 128 << 10;

    fn look(&mut self, ctx: &mut Context<'_>, step: &str) {
        // Not being able to say how far it is, is no reason to end.
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.at))?;
            file.take(Self::LOOK).read_to_end(&mut self.rest)
        });
        self.at += read.unwrap_or(0) as u64;
        let mut newest = None;
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            newest = String::from_utf8_lossy(&self.rest[..end]).lines().rev().find_map(status_line);
            self.rest.drain(..=end);
        }
        if newest.is_some() {
            self.last = newest;
        }
        if self.told.elapsed() >= NOTE
            && let Some((percent, text)) = self.last.take()
        {
            ctx.progress(step, Some(percent), &text);
            self.told = Instant::now();
        }
    }
}

/// `pmstatus:package:percent:words` and `dlstatus:number:percent:words`. The name of a package may have a colon of its own.
pub(crate) fn status_line(line: &str) -> Option<(u8, String)> {
    let (kind, rest) = line.split_once(':')?;
    if !matches!(kind, "pmstatus" | "dlstatus") {
        return None;
    }
    let parts: Vec<&str> = rest.splitn(4, ':').collect();
    let at = parts.iter().skip(1).position(|part| part.parse::<f64>().is_ok())? + 1;
    let percent = parts[at].split('.').next()?.parse::<u8>().ok()?.min(100);
    Some((percent, parts.get(at + 1..)?.join(":").trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_program_is_named_with_its_signal() {
        let killed = failed("packages to be installed", Ended::Signal(9), "Setting up a (1) ...");
        assert_eq!(killed.cause, Cause::Interrupted);
        assert!(killed.message.contains("killed by signal 9 (SIGKILL)"), "{}", killed.message);
        let said = "E: Sub-process /usr/bin/dpkg received signal 9.";
        let of_dpkg = failed("packages to be installed", Ended::Code(100), said);
        assert_eq!(of_dpkg.cause, Cause::Interrupted);
        assert!(of_dpkg.message.contains("/usr/bin/dpkg received signal 9"), "{}", of_dpkg.message);
        let full = failed("packages to be installed", Ended::Signal(9), "x: No space left on device");
        assert_eq!(full.cause, Cause::DiskFull);
    }

    #[test]
    fn lines_of_status() {
        let told = |line: &str| status_line(line);
        assert_eq!(
            told("pmstatus:a:i386:40.0000:Preparing a:i386"),
            Some((40, "Preparing a:i386".to_owned()))
        );
        assert_eq!(told("pmstatus:a:40:Unpacking a"), Some((40, "Unpacking a".to_owned())));
        assert_eq!(
            told("dlstatus:1:33.3333:Retrieving file 1 of 3 (2s remaining)"),
            Some((33, "Retrieving file 1 of 3 (2s remaining)".to_owned()))
        );
        for bad in
            ["", "pmstatus:", "pmstatus:a", "pmerror:a:1:x", "pmstatus:a:b:c:d", "Setting up a (1:2) ..."]
        {
            assert_eq!(told(bad), None, "{bad}");
        }
    }
}
