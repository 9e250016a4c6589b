//! The heart of a server: one thread that drives, and a view of what it has recorded for everybody else.
//!
//! [`Core`] is the handle that all faces share. What they want done goes to the driving thread and is answered once it is
//! recorded; what they want to know is read from the view, which is folded from the recorded events alone and never waits for
//! the disk. When nothing can be recorded any more, the journal is opened again until it can; meanwhile everything can be
//! read and nothing is begun.

mod estimates;
mod handle;
mod journal;
mod publish;
mod pulse;
mod snapshots;
#[cfg(test)]
mod tests;
mod thread;
mod view;

pub use handle::{Accepted, Core, Refused};
pub use journal::{History, Told};
pub use thread::{Executors, Life, Opened, Standing, Start, StartError, begin, owner_here, start};
pub use view::{Batch, Recorded, View};
