//! A machine that lost its network by a change saves itself, once.
//!
//! Before the change: which paths lead out, and what the network's configuration is. After it: a process of its own waits
//! for a sign of the controller. If none comes and every path that led out is gone, the network is started again as it was;
//! if that does not help and the kernel is another one, the kernel from before is booted.

mod arm;
mod grub;
mod heard;
mod note;
mod path;
mod record;
mod rescue;
mod saved;
#[cfg(test)]
mod tests;
mod watch;
mod work;

pub(crate) use arm::{ARM_MAX, arm, arm_after_reboot};
pub(crate) use heard::heard;
pub(crate) use note::note_paths;
pub(crate) use record::{is_watched, last};
pub(crate) use watch::watch;
