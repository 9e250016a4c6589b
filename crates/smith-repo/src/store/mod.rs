//! Where builds lie, on the builder as on every mirror.
//!
//! [`Layout`] knows the paths; [`Store`] opens a folder and hands out the moments in which only one may act;
//! [`Intake`] takes in objects so that one that is seen is whole, also after a crash; [`Lease`] tells a purge what a
//! running operation relies on.

mod error;
mod intake;
mod layout;
mod lease;
mod links;
mod lock;
mod numbers;
mod partial;
mod pool;
mod root;
mod sync;

pub use error::StoreError;
pub(crate) use error::is_full;
pub use intake::Intake;
pub(crate) use intake::rename_new;
pub use layout::Layout;
pub use lease::Lease;
pub(crate) use lease::LeaseState;
pub(crate) use links::lead;
pub use lock::Locked;
pub use partial::Partial;
pub use pool::{PoolConflict, PoolLink};
pub use root::Store;
pub(crate) use sync::{number_space, sync_file_system, unique, write_atomically};
