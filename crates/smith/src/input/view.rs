//! Where a command looks: at a server, or into a journal without one.

use std::path::{Path, PathBuf};

use clap::Args;

use super::ServerArgs;

/// A server, or the file of a journal.
#[derive(Debug, Clone, Args)]
pub(crate) struct ViewArgs {
    /// Look into this journal file, without a server; one may be writing it
    #[arg(long, value_name = "FILE", env = "SMITH_JOURNAL", help_heading = "Server")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

impl ViewArgs {
    /// The journal, unless a server was named.
    pub(crate) fn journal(&self) -> Option<&Path> {
        self.journal.as_deref().filter(|_| !self.server.is_named())
    }
}
