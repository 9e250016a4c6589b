//! Other programs, each with a limit on its time. Arguments are handed over as they are; no shell reads them.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// What is kept of a program's complaint: its last lines say what failed.
const SAID_MAX: usize = 2 << 10;

/// Programs that only change a link or make a key: seconds on the slowest computer.
pub(crate) const SHORT: Duration = Duration::from_secs(60);

/// mmdebstrap over a slow line.
pub(crate) const LONG: Duration = Duration::from_secs(30 * 60);

/// What ends a program whose time is over.
const KILL: i32 = 9;

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("expected to run {program}, which cannot be done")]
    Start { program: String, source: io::Error },
    #[error("expected {program} to end within {seconds} s, found it running and killed it")]
    Time { program: String, seconds: u64 },
    #[error("expected {program} to succeed, found {how}: {said}")]
    Failed { program: String, how: String, said: String },
}

/// A program about to be run.
#[derive(Debug)]
pub(crate) struct Tool {
    name: String,
    limit: Duration,
    command: Command,
}

impl Tool {
    pub(crate) fn new(program: &str, limit: Duration) -> Self {
        // Programs end with whoever started them: nothing may still be made after a lab whose maker was killed is removed.
        let ends_with_us = ["--pdeathsig", "KILL"];
        let mut command = Command::new("setpriv");
        command.args(ends_with_us).arg("timeout").arg("--signal=KILL").arg(limit.as_secs().to_string());
        command.arg("setpriv").args(ends_with_us).arg(program);
        // Programs must say the same in every language.
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).current_dir("/");
        Self { name: program.to_owned(), limit, command }
    }

    /// A program that mounts and starts others: its mounts are seen by nobody else, and all that it starts ends with it.
    pub(crate) fn apart(program: &str, limit: Duration) -> Self {
        let apart = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", program];
        Self::new("unshare", limit).called(program).args(apart)
    }

    /// What it is called in complaints, where the program itself says little.
    pub(crate) fn called(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Runs it and gives what it said on standard output.
    pub(crate) fn run(self) -> Result<String, ToolError> {
        let (name, seconds) = (self.name.clone(), self.limit.as_secs());
        let output = self.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
        let said = last(said);
        // `timeout` does not outlive the signal that it sends.
        let is_killed = output.status.signal() == Some(KILL) || output.status.code() == Some(128 + KILL);
        Err(match is_killed {
            true => ToolError::Time { program: name, seconds },
            false => ToolError::Failed { program: name, how: output.status.to_string(), said },
        })
    }

    fn output(mut self) -> Result<Output, ToolError> {
        self.command.output().map_err(|source| ToolError::Start { program: self.name, source })
    }
}

fn last(said: &[u8]) -> String {
    let from = said.len().saturating_sub(SAID_MAX);
    String::from_utf8_lossy(&said[from..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_how_it_failed() {
        assert_eq!(Tool::new("echo", SHORT).arg("a b").run().unwrap(), "a b\n");
        let error = Tool::new("ls", SHORT).arg("/nonexistent").run().unwrap_err().to_string();
        assert!(error.starts_with("expected ls to succeed, found exit status: 2: "), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let error = Tool::new("sleep", Duration::from_secs(1)).arg("600").run().unwrap_err();
        assert!(matches!(error, ToolError::Time { seconds: 1, .. }), "{error}");
    }
}
