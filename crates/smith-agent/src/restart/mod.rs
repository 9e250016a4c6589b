//! What of the machine still runs as it was before its files were replaced.

mod maps;

pub(crate) use maps::needs;
