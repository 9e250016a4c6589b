//! Upstreams, servers and package files that are other than they should be: each is refused with its own code, the store is
//! byte for byte what it was, and the next run against a good upstream succeeds.

mod deb;
mod disk;
mod gpg;
#[path = "../../src/fixture/server.rs"]
#[expect(dead_code, reason = "tests within the crate use it too, and another part of it")]
mod http;
mod index;
mod local;
mod package;
mod release;
mod server;
#[path = "../world/mod.rs"]
mod site;
mod stanza;
mod store;
mod upstream;
mod world;
