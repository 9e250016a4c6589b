//! Machines and the agents on them, reached by ssh.
//!
//! [`Links`] holds the connections; [`Hearing`] makes replies of what comes in and believes little of it;
//! [`perform`] sees one operation through however often the connection breaks; [`MachineExecutor`] does what a driver asks.

mod access;
mod address;
mod backoff;
mod diagnosis;
mod executor;
mod hearing;
mod identity;
mod install;
mod job;
mod link;
mod operation;
mod packages;
mod shelf;
mod source;
mod text;
mod upkeep;
mod verdict;

pub use access::{NoStore, StoreAccess};
pub use address::{Address, AddressError, address_of};
pub use backoff::Backoff;
pub use diagnosis::{Likely, diagnose};
pub use executor::{Answers, MachineExecutor, Settings};
pub use hearing::{Heard, Hearing};
pub use identity::{Identity, IdentityError};
pub use install::{Change, Installed, NotInstalled, Payload, install};
pub use job::{Asked, BuildAccess, NoBuild, Wanted, job_for, name_of};
pub use link::{Link, LinkLimits, Links, NoLink, fingerprint, host_key_of};
pub use operation::{Ending, Patience, perform};
pub use russh::keys::PublicKey;
pub use source::{BadUri, SourceError, check_uri, patch_of_build, plain_patch};
pub use verdict::{found_of, outcome_of, words_of};
