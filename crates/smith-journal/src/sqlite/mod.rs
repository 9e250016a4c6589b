//! The journal in one SQLite file: one process writes it, through one thread; any number of processes read it.

mod lock;
mod open;
mod reader;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod work;
mod writer;

pub use open::OpenError;
pub use reader::SqliteReader;
pub use store::SqliteStore;
pub use writer::{Pending, Writer};
