//! What is said between a controller and an agent, and how much of it either believes.

mod address;
mod job;
mod name;
mod outcome;
mod read;
mod reply;
mod report;

pub use address::{has_credentials, without_credentials};
pub use job::{
    Action, Attach, Clean, Conffiles, DeadMan, Downgrades, Fence, Follow, Health, Holds, Job, Kernels, Patch,
    Reboot, Release, Removals, Source, VERSION,
};
pub use name::{Name, NameError};
pub use outcome::{Cause, Done, Failure, Outcome};
pub use read::{JOB_MAX, LINE_MAX, ReadError, read_job, read_reply};
pub use reply::{Body, Hello, Phase, Refusal, Reply};
pub use report::{
    Change, Checked, Disk, Facts, Finding, Healed, Kernel, Package, Patched, Piece, Rebooted, Restart,
    Unfinished, Unit, Work, is_in_effect,
};
