//! What the machine is, read from its own files.

mod build;
mod disks;
mod gather;
mod virt;

pub(crate) use build::Installed;
pub(crate) use gather::{boot, gather};
