//! One program, with a limit on its time and on what is kept of what it says.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// What is kept of a program's output where nothing else is said: more than any of the programs we ask says.
const KEEP: u64 = 8 << 20;

/// After the polite signal a program has so long to end before it is killed. dpkg ends the package it is at first.
const GRACE: Duration = Duration::from_secs(30);

/// Between two looks at a running program for those who want to tell how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// A program about to be run. Its environment is empty but for what is said here: nothing of a caller's language, proxies or
/// preloads reaches it.
#[derive(Debug)]
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    limit: Duration,
    output: Option<PathBuf>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
    /// Its time was over, and it was stopped.
    TimedOut,
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    /// Standard output and standard error as they came, at most [`KEEP`]; empty if they went to a file of their own.
    pub(crate) output: String,
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
            Ended::Signal(signal) => write!(f, "signal {signal}"),
            Ended::TimedOut => f.write_str("no end in its time"),
        }
    }
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

    pub(crate) fn run(self) -> Result<Ran, Stopped> {
        self.run_watched(|| {})
    }

    /// Runs it and calls `look` a few times a second meanwhile.
    pub(crate) fn run_watched(self, look: impl FnMut()) -> Result<Ran, Stopped> {
        let program = self.program.to_string_lossy().into_owned();
        self.go(look).map_err(|error| Stopped { program, error })
    }

    fn go(self, look: impl FnMut()) -> io::Result<Ran> {
        // A file without a name, so that a program that says more than a pipe holds need not be read meanwhile.
        let mut kept = match &self.output {
            Some(path) => File::options().create(true).append(true).open(path)?,
            None => unnamed()?,
        };
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(kept.try_clone()?).stderr(kept.try_clone()?);
        command.current_dir("/").process_group(0);
        let mut child = command.spawn()?;
        let ended = wait(&mut child, self.limit, look)?;
        let mut output = String::new();
        if self.output.is_none() {
            kept.seek(SeekFrom::Start(0))?;
            let mut bytes = Vec::new();
            kept.take(KEEP).read_to_end(&mut bytes)?;
            output = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(Ran { ended, output })
    }
}

impl Ran {
    pub(crate) fn is_good(&self) -> bool {
        self.ended == Ended::Code(0)
    }
}

fn unnamed() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("smith-output", MemfdFlags::CLOEXEC)?))
}

fn wait(child: &mut Child, limit: Duration, mut look: impl FnMut()) -> io::Result<Ended> {
    let group = Pid::from_child(child);
    let watch = pidfd_open(group, PidfdFlags::empty());
    let begun = Instant::now();
    let mut asked_to_end = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(match (asked_to_end, status.code(), status.signal()) {
                (Some(_), _, _) => Ended::TimedOut,
                (None, Some(code), _) => Ended::Code(code),
                (None, None, signal) => Ended::Signal(signal.unwrap_or_default()),
            });
        }
        match asked_to_end {
            None if begun.elapsed() >= limit => {
                // It may have ended this moment; then the next look finds it.
                let _ = kill_process_group(group, Signal::TERM);
                asked_to_end = Some(Instant::now());
            }
            Some(since) if since.elapsed() >= GRACE => {
                let _ = kill_process_group(group, Signal::KILL);
            }
            _ => {}
        }
        look();
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

fn short() -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Ran {
        Run::new("sh", limit).arg("-c").arg(script).run().unwrap()
    }

    #[test]
    fn what_a_program_says_and_how_it_ends() {
        let ran = sh("echo one; echo two >&2; exit 3", Duration::from_secs(20));
        assert_eq!((ran.ended, ran.output.as_str()), (Ended::Code(3), "one\ntwo\n"));
        assert_eq!(sh("kill -9 $$", Duration::from_secs(20)).ended, Ended::Signal(9));
        let stopped = Run::new("/nonexistent", Duration::from_secs(1)).run().unwrap_err();
        assert!(stopped.to_string().starts_with("/nonexistent could not be run: "), "{stopped}");
    }

    #[test]
    fn a_program_and_its_children_end_with_their_time() {
        let begun = Instant::now();
        let ran = sh("sleep 300 & sleep 300", Duration::from_millis(100));
        assert_eq!(ran.ended, Ended::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn nothing_of_the_environment_gets_through() {
        let ran = sh("env", Duration::from_secs(20));
        assert!(!ran.output.contains("CARGO"), "{}", ran.output);
        assert!(ran.output.contains("LC_ALL=C.UTF-8\n"));
    }
}
