//! Kernels of the machine: which runs, which are installed, which are old.

mod release;

pub(crate) use release::{belongs, facts, needs, newest, of, old, release_of};
