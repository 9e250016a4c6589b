//! Real Debian machines on one computer, for tests, demonstrations and rehearsals.
//!
//! A lab is a few machines on a bridge of its own. Each has its own address, host key, disk, sshd, apt and boot id, and reboots
//! for real. All are made from one base that is fetched once and kept. What a lab consists of is written down before it is made,
//! and carries a mark of the lab, so that [`Lab::down`] removes all of it and nothing else, whatever was interrupted.

mod base;
mod cgroup;
mod disk;
mod down;
mod dress;
mod error;
mod fault;
mod fleet;
mod inventory;
mod keeper;
mod keys;
mod lab;
mod layer;
mod machine;
mod name;
mod net;
mod place;
mod preflight;
mod reload;
mod state;
mod tool;
mod up;
mod upstream;

pub use error::LabError;
pub use fault::Fault;
pub use fleet::{Planned, Shape, ShapeError, Wish};
pub use lab::{Lab, Seen, labs};
pub use machine::Condition;
pub use name::{BadName, LabName, MachineName, Suite};
pub use net::Subnet;
pub use place::Place;
pub use preflight::preflight;
pub use up::{Made, Wanted};
