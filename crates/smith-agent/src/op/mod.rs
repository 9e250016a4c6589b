//! Operations: what was asked under a name, and what became of it.

mod context;

pub(crate) use context::{Context, Host, Teller};
