//! One program, with a limit on its time and on what it says.

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

/// What a program may say that is kept in memory: apt says a third of it about a patch of four thousand packages, and the
/// agent is to stay below 15 MiB.
const KEEP: u64 = 4 << 20;

/// What a program may say that goes to a file: dpkg says a tenth of it about a patch of four thousand packages.
const KEEP_IN_FILE: u64 = 64 << 20;

/// The kernel fills memory by pages of up to 2 MiB and refuses one that does not fit, so that much more is let through before
/// output is found to be too long.
const PAGE: u64 = 2 << 20;

/// After the polite signal a program has so long to end before it is killed. dpkg ends the package it is at first.
const GRACE: Duration = Duration::from_secs(30);

/// The same for one that does not stop to talk: a disk takes 500 MiB/s.
const GRACE_OF_TALKERS: Duration = Duration::from_secs(2);

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
    /// It said more than anybody wants to know, and was stopped.
    SaidTooMuch,
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
            Ended::SaidTooMuch => f.write_str("more output than expected of it"),
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
        let mut sink = match &self.output {
            Some(path) => Sink::named(path)?,
            None => Sink::unnamed()?,
        };
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(sink.file.try_clone()?).stderr(sink.file.try_clone()?);
        command.current_dir("/").process_group(0);
        let mut child = command.spawn()?;
        let ended = wait(&mut child, self.limit, &mut sink, look)?;
        let output = if self.output.is_none() { sink.text()? } else { String::new() };
        Ok(Ran { ended, output })
    }
}

/// Where a program's output goes.
struct Sink {
    file: File,
    /// The length of the output at which its program is stopped.
    most: u64,
    /// What stood there before.
    before: u64,
}

impl Sink {
    fn named(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).append(true).open(path)?;
        let before = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, most: KEEP_IN_FILE, before })
    }

    /// Memory without a name, so that a program that says more than a pipe holds need not be read meanwhile. It cannot grow:
    /// between two looks at it a program could fill the machine's.
    fn unnamed() -> io::Result<Self> {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("smith-output", flags)?);
        file.set_len(KEEP + 2 * PAGE)?;
        fcntl_add_seals(&file, SealFlags::GROW)?;
        Ok(Self { file, most: KEEP, before: 0 })
    }

    /// How much was said. The program and this have one position in the file.
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.file.stream_position()?.saturating_sub(self.before))
    }

    fn text(mut self) -> io::Result<String> {
        let length = self.length()?.min(KEEP);
        self.file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        self.file.take(length).read_to_end(&mut bytes)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

impl Ran {
    pub(crate) fn is_good(&self) -> bool {
        self.ended == Ended::Code(0)
    }
}

fn wait(child: &mut Child, limit: Duration, sink: &mut Sink, mut look: impl FnMut()) -> io::Result<Ended> {
    let group = Pid::from_child(child);
    let watch = pidfd_open(group, PidfdFlags::empty());
    let begun = Instant::now();
    let mut stopped: Option<(Ended, Instant)> = None;
    loop {
        // Looked at before the output is: what it says of a program that has ended is all there will be.
        let status = child.try_wait()?;
        if stopped.is_none() {
            let why = if sink.length()? > sink.most {
                Some(Ended::SaidTooMuch)
            } else if status.is_none() && begun.elapsed() >= limit {
                Some(Ended::TimedOut)
            } else {
                None
            };
            if let Some(why) = why {
                // It may have ended this moment; then the next look finds it.
                let _ = kill_process_group(group, Signal::TERM);
                stopped = Some((why, Instant::now()));
            }
        }
        if let Some(status) = status {
            return Ok(match (stopped, status.code(), status.signal()) {
                (Some((why, _)), _, _) => why,
                (None, Some(code), _) => Ended::Code(code),
                (None, None, signal) => Ended::Signal(signal.unwrap_or_default()),
            });
        }
        if let Some((why, since)) = stopped
            && since.elapsed() >= why.grace()
        {
            let _ = kill_process_group(group, Signal::KILL);
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

impl Ended {
    /// How long a program has that was asked to end for this.
    fn grace(self) -> Duration {
        match self {
            Ended::SaidTooMuch => GRACE_OF_TALKERS,
            Ended::TimedOut | Ended::Code(_) | Ended::Signal(_) => GRACE,
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
    fn a_program_that_does_not_stop_to_talk_is_stopped() {
        let begun = Instant::now();
        for script in ["yes", "yes >&2", "head -c 5000000 /dev/zero", "trap '' TERM; while :; do yes; done"] {
            let ran = sh(script, Duration::from_secs(300));
            assert_eq!(ran.ended, Ended::SaidTooMuch, "{script}");
            assert_eq!(ran.output.len() as u64, KEEP);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let ran = Run::new("yes", Duration::from_secs(300)).output_to(&path).run().unwrap();
        assert_eq!(ran.ended, Ended::SaidTooMuch);
        assert!(std::fs::metadata(&path).unwrap().len() > KEEP_IN_FILE);
        assert!(begun.elapsed() < Duration::from_secs(120));
    }

    #[test]
    fn long_output_comes_whole() {
        let ran = sh("head -c 4000000 /dev/zero | tr '\\0' x; echo end", Duration::from_secs(60));
        assert_eq!((ran.ended, ran.output.len()), (Ended::Code(0), 4_000_004));
    }

    #[test]
    fn nothing_of_the_environment_gets_through() {
        let ran = sh("env", Duration::from_secs(20));
        assert!(!ran.output.contains("CARGO"), "{}", ran.output);
        assert!(ran.output.contains("LC_ALL=C.UTF-8\n"));
    }
}
