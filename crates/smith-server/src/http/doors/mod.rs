//! Where the server listens, and how it answers there until it is told to stop.

mod door;
mod serve;

pub use door::{Door, DoorError, Origin, open_tcp, open_unix};
pub use serve::serve;
