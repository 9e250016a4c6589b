//! Standard input that is waited for only so long: a connection that brings no job is given up.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A job is sent at once; slow lines take a few seconds for the largest.
const WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Patient<R> {
    input: R,
    until: Instant,
}

impl<R: Read + AsFd> Patient<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, until: Instant::now() + WAIT }
    }
}

impl<R: Read + AsFd> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let ready = poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&left))?;
        if ready == 0 {
            let why = format!("nothing came for {} s", WAIT.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        self.input.read(buffer)
    }
}
