//! The keys of a store, unlocked.

use std::path::PathBuf;

use clap::Args;
use smith_repo::pgp::{KeyFolder, Passphrase, SigningKeys};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};

/// How keys are unlocked.
#[derive(Debug, Clone, Args)]
pub(crate) struct SigningArgs {
    /// The first line of this file unlocks the keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl SigningArgs {
    /// What the store's active keys sign with; nothing where it has none.
    pub(crate) fn keys(&self, store: &Store) -> Result<Option<SigningKeys>, Failure> {
        let passphrase = self.passphrase_file.clone().map_or(Passphrase::None, Passphrase::File);
        let keys = KeyFolder::new(&store.keys()).signing_keys(&passphrase);
        let keys = keys.map_err(|error| Failure::new(Exit::BadInput, error))?;
        Ok(Some(keys).filter(|keys| !keys.is_empty()))
    }
}
