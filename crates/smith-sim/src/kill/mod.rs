//! A driver that is really killed: the world lives in this process, the driver in a child on a journal file.
//!
//! [`kill`] sends SIGKILL at drawn moments, starts the next child on the same file, and compares the end with a run that
//! nobody killed. [`crash`] does the same inside one process, at one append or effect that is told.

mod crash;
mod drive;
mod end;
mod outside;
mod process;
mod project;
mod run;
mod trouble;
mod wire;

pub use crash::{Point, Side, crash, undisturbed};
pub use drive::drive;
pub use end::{Check, End, compare};
pub use project::Project;
pub use run::{Options, Report, kill};
pub use trouble::Trouble;
