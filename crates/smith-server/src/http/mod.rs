//! The HTTP face: `/v1` over the verbs, events as they happen, probes, metrics, and the description of all of it.
//!
//! [`App`] is everything that requests need; [`open_unix`] and [`open_tcp`] open doors, and [`serve`] answers behind them until it
//! is told to stop. Each route is written down once, in `routes`, together with its description, so that the OpenAPI document
//! cannot differ from what is served. `docs/reference/api.md` describes it for users.

mod answer;
mod app;
mod auth;
mod chat;
mod describe;
mod doors;
mod download;
mod errors;
mod etag;
mod events;
mod fault;
mod guard;
mod metrics;
mod page;
mod peers;
mod probes;
mod routes;
mod take;
#[cfg(test)]
mod tests;

pub use app::{App, Parts};
pub use chat::{Chat, Said};
pub use doors::{Door, DoorError, Manners, Origin, open_tcp, open_unix, serve, serve_with};
pub use errors::error_pages;
pub use fault::Fault;
pub use peers::{Peer, Peers, master_names};
pub use routes::document;
