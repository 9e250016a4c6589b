//! Builds, channels and mirrors in the hands of programs that we did not write: apt of several releases in roots that
//! trust only our key, mmdebstrap, aptly, debmirror, gpgv, dpkg.
//!
//! What needs the world takes it from the machine's own apt sources. A tool that is not here is named, and its part left
//! out; `make setup` installs all of them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it leaves out"
)]

mod begin;
mod channel;
mod peers;
mod releases;
mod site;
mod versions;
mod world;
