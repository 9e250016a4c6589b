//! Where the server listens, and how it answers there until it is told to stop.

mod door;
mod hall;
mod patient;
mod serve;

pub use door::{Door, DoorError, Origin, open_tcp, open_unix};
pub(super) use hall::Guest;
pub use serve::{Manners, serve, serve_with};
