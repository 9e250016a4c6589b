//! Changes (CHG) with their tasks (CTASK), and trains: sets of changes from one template, one for each region.

mod decide;
mod event;
mod state;
#[cfg(test)]
mod tests;
mod train;

pub use decide::{ChangeCommand, ChangeRejection, decide};
pub use event::{ChangeEvent, Closing, Evidence, Subject, TaskMove};
pub use state::{Approval, Change, ChangeState, Changes, Task, TaskState};
pub use train::{Train, TrainForm};
