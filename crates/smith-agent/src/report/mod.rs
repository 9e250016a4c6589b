//! What a person needs to see why a machine failed: the ends of its logs and what it is, in pieces.

mod collect;
mod pieces;
mod sources;
mod state;

pub(crate) use collect::collect;
