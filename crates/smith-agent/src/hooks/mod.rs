//! The site's own programs: `/etc/smith/{drain.d,undrain.d,health.d}`.
//!
//! They run as root, so that who can write one is root: a file or folder that another can write is not run, and that is
//! said. What is in a folder, in which order, and by which name, is as with run-parts.

mod folder;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use folder::{Folder, Listed, Owner, distrust, list};
pub(crate) use run::{drain, hook, undrain};
