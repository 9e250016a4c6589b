//! The HTTP face as a client meets it: a real server on a unix socket and on loopback, a real journal, the built-in desk.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and says what it leaves out"
)]

mod audit;
mod begin;
mod doors;
mod events;
mod export;
mod fuzz;
mod limits;
mod routes;
mod site;
mod who;
