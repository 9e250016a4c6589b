//! A store as plain files over HTTP, for small sites and trials. Large ones put any web server in front of the folder.

mod connection;
mod file;
mod reply;
mod request;
mod server;
#[cfg(test)]
mod tests;

pub use server::{Counts, ServeError, ServeLimits, Serving};
