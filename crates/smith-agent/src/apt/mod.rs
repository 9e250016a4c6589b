//! Checking and patching by the machine's own apt, with a configuration that sees nothing but the build.

mod act;
mod base64;
mod begun;
mod conffiles;
mod disk;
mod drive;
mod facts;
mod fresh;
mod home;
mod judge;
mod kernels;
mod keys;
mod lists;
mod lock;
#[cfg(test)]
pub(crate) mod parsers;
mod plan;
mod repair;
mod sane;
mod stanza;
mod status;
#[cfg(test)]
mod tests;
mod trust;
mod version;
mod wish;
mod words;

pub(crate) use act::{check, patch};
pub(crate) use begun::{so_far, told};
pub(crate) use facts::{Summary, facts};
pub(crate) use status::Machine;
pub(crate) use version::compare;
