//! Running the machine's own programs: bounded in time and in what is kept of their output.

mod run;

pub(crate) use run::{Ended, Ran, Run, Stopped};
