//! The child process that drives, and the pipe to it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::outside::Outside;
use super::trouble::Trouble;
use super::wire::{Rest, Tell, Told};

/// A turn of a loaded machine takes milliseconds, an opening a second: after so long the child hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Closed when it is given up, which ends the child.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// From when on a kill's delay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// From when the turn was told.
    Turn,
    /// From the first effect that comes out, or the end of a turn that has none.
    Effect,
}

/// How far a turn had got when the child was killed, by what the parent was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Effects,
    Turned,
}

impl Process {
    pub(super) fn start(program: &Path, journal: &Path, owner: &str) -> Result<Self, Trouble> {
        let mut command = Command::new(program);
        command.arg("drive").arg(journal).arg(owner).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let (sender, lines) = channel();
        thread::spawn(move || {
            let Some(mut output) = output.map(BufReader::new) else { return };
            let mut line = String::new();
            // A line that the child did not finish was never said.
            while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, input, lines })
    }

    pub(super) fn tell(&mut self, tell: &Tell) -> Result<(), Trouble> {
        let mut line = serde_json::to_vec(tell)?;
        line.push(b'\n');
        match &mut self.input {
            Some(input) => Ok(input.write_all(&line)?),
            None => Err(Trouble::Ended { found: "its input was closed".to_owned() }),
        }
    }

    /// Waits for the end of the turn; its effects reach the world as they come.
    pub(super) fn hear(&mut self, outside: &mut Outside) -> Result<Rest, Trouble> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match serde_json::from_str(&line)? {
                    Told::Asked(asked) => outside.perform(&asked),
                    Told::Turned(rest) => return Ok(rest),
                },
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Trouble::Silent { seconds: PATIENCE.as_secs() });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Ended { found: self.child.wait()?.to_string() });
                }
            }
        }
    }

    /// Kills the child so long after what is aimed at; what it had said by then reaches the world.
    pub(super) fn kill_after(
        mut self,
        aim: Aim,
        delay: Duration,
        outside: &mut Outside,
    ) -> Result<Heard, Trouble> {
        let mut heard = Heard::Nothing;
        let mut until = Instant::now() + if aim == Aim::Turn { delay } else { PATIENCE };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if aim == Aim::Effect && heard == Heard::Nothing {
                        until = Instant::now() + delay;
                    }
                    heard = take(&line, heard, outside)?;
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Ended { found: self.child.wait()?.to_string() });
                }
            }
        }
        // SIGKILL.
        self.child.kill()?;
        self.child.wait()?;
        while let Ok(line) = self.lines.recv() {
            heard = take(&line, heard, outside)?;
        }
        Ok(heard)
    }

    /// Lets the child end by itself.
    pub(super) fn end(mut self) -> Result<(), Trouble> {
        self.input = None;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(Trouble::Ended { found: status.to_string() }) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After a failure of the run nobody is left behind; a child that has ended already is only waited for.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn take(line: &str, heard: Heard, outside: &mut Outside) -> Result<Heard, Trouble> {
    Ok(match serde_json::from_str(line)? {
        Told::Asked(asked) => {
            outside.perform(&asked);
            if heard == Heard::Turned { Heard::Turned } else { Heard::Effects }
        }
        Told::Turned(_) => Heard::Turned,
    })
}
