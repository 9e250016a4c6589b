//! The wait for a program's end, and what is done when it does not come.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use super::run::Ended;
use super::sink::Sink;

/// How long a program has to end that does not stop to talk: a disk takes 500 MiB/s.
const GRACE_OF_TALKERS: Duration = Duration::from_secs(2);

/// What is killed is gone at once, but for what waits in the kernel for a device; that is given up after so long.
pub(crate) const KILLED: Duration = Duration::from_secs(10);

/// Between two requests to apt to stop. One is enough, unless it came in the moment before apt listens.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Between two looks at a running program for those who want to tell how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// What is done with a program whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtLimit {
    /// It is asked to end, and killed with all that it started if it has not ended after this time.
    End { grace: Duration },
    /// apt: it alone is interrupted, ends the run of dpkg that it is at, and begins no other. However long that takes.
    Finish,
    /// dpkg: it is waited for.
    Wait,
}

/// What becomes of a program that was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Ending,
    Killed,
    GivenUp,
}

pub(super) fn wait(
    child: &mut Child,
    limit: Duration,
    at_limit: AtLimit,
    sink: &mut Sink,
    mut look: impl FnMut(Option<Duration>),
) -> io::Result<Ended> {
    let process = Pid::from_child(child);
    let watch = pidfd_open(process, PidfdFlags::empty());
    let begun = Instant::now();
    let mut stopped: Option<(Ended, Instant)> = None;
    let mut asked: Option<Instant> = None;
    loop {
        // Looked at before the output is: what it says of a program that has ended is all there will be.
        let status = child.try_wait()?;
        // A length that cannot be known ends nothing: the program's time has an end.
        let is_too_much = sink.is_too_much().unwrap_or_default();
        if is_too_much && !at_limit.kills() {
            // A file that cannot be shortened grows; dpkg is worth more than the disk.
            let _ = sink.shorten();
        }
        if stopped.is_none() {
            stopped = reason(is_too_much && at_limit.kills(), status.is_none() && begun.elapsed() >= limit)
                .map(|why| (why, Instant::now()));
        }
        if let Some(status) = status {
            return Ok(stopped.map_or_else(|| ended(status), |(why, _)| why));
        }
        if let Some((why, since)) = stopped {
            if asked.is_none_or(|asked| at_limit == AtLimit::Finish && asked.elapsed() >= ASK_AGAIN) {
                at_limit.ask(process);
                asked = Some(Instant::now());
            }
            match at_limit.fate(why, since.elapsed()) {
                Fate::Ending => {}
                Fate::Killed => drop(kill_process_group(process, Signal::KILL)),
                Fate::GivenUp => return Ok(Ended::NotKilled),
            }
        }
        look(stopped.map(|(_, since)| since.elapsed()));
        match &watch {
            Ok(watch) => {
                let mut fds = [PollFd::new(watch, PollFlags::IN)];
                let _ = poll(&mut fds, Some(&short()));
            }
            // Kernels before 5.3 have no such thing.
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn reason(is_too_much: bool, is_late: bool) -> Option<Ended> {
    if is_too_much {
        Some(Ended::SaidTooMuch)
    } else if is_late {
        Some(Ended::TimedOut)
    } else {
        None
    }
}

fn ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Code(code),
        None => Ended::Signal(status.signal().unwrap_or_default()),
    }
}

impl AtLimit {
    fn kills(self) -> bool {
        match self {
            AtLimit::End { .. } => true,
            AtLimit::Finish | AtLimit::Wait => false,
        }
    }

    /// It may have ended this moment; then the next look finds it.
    fn ask(self, process: Pid) {
        match self {
            AtLimit::End { .. } => drop(kill_process_group(process, Signal::TERM)),
            AtLimit::Finish => drop(kill_process(process, Signal::INT)),
            AtLimit::Wait => {}
        }
    }

    fn fate(self, why: Ended, waited: Duration) -> Fate {
        let AtLimit::End { grace } = self else { return Fate::Ending };
        let grace = if why == Ended::SaidTooMuch { GRACE_OF_TALKERS } else { grace };
        if waited >= grace + KILLED {
            Fate::GivenUp
        } else if waited >= grace {
            Fate::Killed
        } else {
            Fate::Ending
        }
    }
}

fn short() -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() }
}
