//! The keys that sign, unlocked.

use std::path::PathBuf;

use clap::Args;
use smith_repo::pgp::{KeyError, KeyFolder, Passphrase, SigningKeys};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};

/// How keys are unlocked.
#[derive(Debug, Clone, Args)]
pub(crate) struct SigningArgs {
    /// The first line of this file is the passphrase of the keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl SigningArgs {
    pub(crate) fn passphrase(&self) -> Passphrase {
        self.passphrase_file.clone().map_or(Passphrase::None, Passphrase::File)
    }

    /// What the active keys of a folder sign with.
    pub(crate) fn unlocked(&self, keys: &KeyFolder) -> Result<SigningKeys, Failure> {
        keys.signing_keys(&self.passphrase()).map_err(key_failed)
    }

    /// What the store's active keys sign with; nothing where it has none.
    pub(crate) fn keys(&self, store: &Store) -> Result<Option<SigningKeys>, Failure> {
        Ok(Some(self.unlocked(&KeyFolder::new(&store.keys()))?).filter(|keys| !keys.is_empty()))
    }
}

pub(crate) fn key_failed(error: KeyError) -> Failure {
    let hint = match &error {
        KeyError::Locked { .. } => Some("`--passphrase-file FILE` names a file whose first line unlocks it"),
        KeyError::Passphrase { .. } => {
            Some("the first line of the file of `--passphrase-file` is the passphrase")
        }
        KeyError::UserId { .. }
        | KeyError::Lifetime { .. }
        | KeyError::Time { .. }
        | KeyError::Making { .. }
        | KeyError::Form { .. }
        | KeyError::Exists { .. }
        | KeyError::Missing { .. }
        | KeyError::Public(_)
        | KeyError::Mode { .. }
        | KeyError::Io { .. } => None,
    };
    Failure::new(Exit::BadInput, error).maybe_hint(hint.map(str::to_owned))
}
