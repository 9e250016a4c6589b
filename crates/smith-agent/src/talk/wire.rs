//! The way to the controller.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use smith_agent::protocol::{Body, Refusal};

use crate::op::line;

/// A controller that hears nothing for longer may think that the connection is dead; those between cut idle ones after a
/// minute.
const SILENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Wire<W> {
    output: W,
    last: Instant,
}

impl<W: Write> Wire<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, last: Instant::now() }
    }

    /// A whole line with its newline.
    pub(crate) fn pass(&mut self, line: &[u8]) -> io::Result<()> {
        self.last = Instant::now();
        self.output.write_all(line)?;
        self.output.flush()
    }

    /// A reply that belongs to the talk and not to an operation.
    pub(crate) fn say(&mut self, body: Body) -> io::Result<()> {
        self.pass(&line(0, body)?)
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        self.say(Body::Refused(refusal))
    }

    /// Says that somebody is there, if nothing was said for long.
    pub(crate) fn alive(&mut self) -> io::Result<()> {
        if self.last.elapsed() < SILENCE {
            return Ok(());
        }
        self.say(Body::Alive)
    }
}
