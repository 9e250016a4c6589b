//! One program, with a limit on its time and on what it says.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::sink::Sink;
use super::wait::{AtLimit, wait};

/// After the polite signal a program has so long to end before it is killed. dpkg ends the package it is at first.
const GRACE: Duration = Duration::from_secs(30);

/// A program about to be run. Its environment is empty but for what is said here: nothing of a caller's language, proxies or
/// preloads reaches it.
#[derive(Debug)]
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    limit: Duration,
    at_limit: AtLimit,
    output: Option<PathBuf>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
    /// Its time was over, and it was stopped.
    TimedOut,
    /// It said more than anybody wants to know, and was stopped.
    SaidTooMuch,
    /// It was killed and is still there: it waits in the kernel for a device that does not answer.
    NotKilled,
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    /// Standard output and standard error as they came, within bounds; empty if they went to a file of their own.
    pub(crate) output: String,
    /// The middle of what it said is not in its file: it was too much.
    pub(crate) was_cut: bool,
}

/// The program could not be run at all.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) program: String,
    pub(crate) error: io::Error,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be run: {}", self.program, self.error)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exit code {code}"),
            Ended::Signal(signal) => match name_of(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Ended::TimedOut => f.write_str("no end in its time"),
            Ended::SaidTooMuch => f.write_str("more output than expected of it"),
            Ended::NotKilled => {
                f.write_str("no end in its time, nor by being killed: it hangs in the kernel")
            }
        }
    }
}

/// Those that end programs; their numbers are the same on every architecture that Debian runs on, but for SIGBUS on two.
fn name_of(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>, limit: Duration) -> Self {
        let env = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("HOME", "/root"),
            // What packages and needrestart would ask a person.
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("DEBIAN_PRIORITY", "critical"),
            ("NEEDRESTART_SUSPEND", "1"),
            ("APT_LISTCHANGES_FRONTEND", "none"),
            ("APT_LISTBUGS_FRONTEND", "none"),
            ("UCF_FORCE_CONFFOLD", "1"),
        ];
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            limit,
            at_limit: AtLimit::End { grace: GRACE },
            output: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(kept, _)| kept != name);
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// What the program says goes to this file. The program then outlives the agent without harm: there is no pipe that
    /// could break.
    pub(crate) fn output_to(mut self, path: &Path) -> Self {
        self.output = Some(path.to_owned());
        self
    }

    /// What is done when its time is over.
    pub(crate) fn at_limit(mut self, at_limit: AtLimit) -> Self {
        self.at_limit = at_limit;
        self
    }

    pub(crate) fn run(self) -> Result<Ran, Stopped> {
        self.run_watched(|_| {})
    }

    /// Runs it and calls `look` a few times a second meanwhile, with how long its time has been over, if it is.
    pub(crate) fn run_watched(self, look: impl FnMut(Option<Duration>)) -> Result<Ran, Stopped> {
        let program = self.program.to_string_lossy().into_owned();
        self.go(look).map_err(|error| Stopped { program, error })
    }

    fn go(self, look: impl FnMut(Option<Duration>)) -> io::Result<Ran> {
        let mut sink = match &self.output {
            Some(path) => Sink::named(path)?,
            None => Sink::unnamed()?,
        };
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(sink.handle()?).stderr(sink.handle()?);
        command.current_dir("/").process_group(0);
        let mut child = command.spawn()?;
        let ended = wait(&mut child, self.limit, self.at_limit, &mut sink, look)?;
        let was_cut = sink.was_cut();
        let output = if self.output.is_none() { sink.text()? } else { String::new() };
        Ok(Ran { ended, output, was_cut })
    }
}

impl Ran {
    pub(crate) fn is_good(&self) -> bool {
        self.ended == Ended::Code(0)
    }
}
