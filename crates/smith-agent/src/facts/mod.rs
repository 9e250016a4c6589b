//! What the machine is, read from its own files.

mod disks;
mod gather;

pub(crate) use gather::{BUILD, boot, gather};
