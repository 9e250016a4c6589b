//! Running the machine's own programs: bounded in time and in what is kept of their output.

mod run;
mod sink;
#[cfg(test)]
mod tests;
mod wait;

pub(crate) use run::{Ended, Ran, Run, Stopped};
pub(crate) use wait::{AtLimit, KILLED};
