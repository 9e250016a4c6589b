//! Upstreams, servers and package files that are other than they should be: each is refused with its own code, the store is
//! byte for byte what it was, and the next run against a good upstream succeeds.

mod deb;
mod disk;
mod gpg;
mod index;
mod local;
mod package;
mod release;
mod server;
mod stanza;
mod store;
mod upstream;
mod world;
