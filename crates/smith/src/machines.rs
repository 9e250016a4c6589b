//! What people are told of machines that are asked: while they work, and how it ended.

mod ended;
mod watch;

pub(crate) use ended::{One, Times, shown};
pub(crate) use watch::{Detail, Watch};
