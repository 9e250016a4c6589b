//! The HTTP face as a client meets it: a real server on a unix socket and on loopback, a real journal, the built-in desk.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails by its panic")]

mod doors;
mod events;
mod fuzz;
mod limits;
mod routes;
mod site;
mod who;
