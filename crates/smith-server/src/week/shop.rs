//! The store as links of the week use it: opened anew for each, with its keys and its mirrors.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use smith_repo::fetch::{Fetcher, Limits, chain};
use smith_repo::mirror::{Mirror, Outcome, append_log, mirrors};
use smith_repo::pgp::{KeyFolder, Keyring, Passphrase, Policy, SigningKeys, verify_detached};
use smith_repo::store::Store;

use crate::driver::wall;

/// Why a link did not do what it was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work when it is tried again.
    Failed(String),
    /// It will not, until a person has done something.
    Refused(String),
}

impl Trouble {
    pub(super) fn failed(error: &dyn std::error::Error) -> Self {
        Self::Failed(one_line(&chain(error)))
    }
}

/// What a link answers is one line wherever it is shown.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where builds are made and kept.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    store: PathBuf,
    passphrase: Option<PathBuf>,
}

impl Shop {
    pub(super) fn new(store: &Path, passphrase: Option<&Path>) -> Self {
        // Programs that run elsewhere are handed paths in it.
        let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
        Self { store, passphrase: passphrase.map(Path::to_owned) }
    }

    pub(super) fn open(&self) -> Result<Store, Trouble> {
        Store::open(&self.store).map_err(|error| Trouble::failed(&error))
    }

    /// What its active keys sign with; none where it has none.
    pub(super) fn signer(&self, store: &Store) -> Result<SigningKeys, Trouble> {
        let passphrase = self.passphrase.clone().map_or(Passphrase::None, Passphrase::File);
        let keys = KeyFolder::new(&store.keys()).signing_keys(&passphrase);
        keys.map_err(|error| Trouble::failed(&error))
    }

    pub(super) fn fetcher(&self) -> Result<Fetcher, Trouble> {
        Fetcher::new(Limits::default()).map_err(|error| Trouble::failed(&error))
    }
}

/// Every mirror of the store; a site without one has nobody who could serve machines.
pub(super) fn all_mirrors(store: &Store) -> Result<Vec<Mirror>, Trouble> {
    let all = mirrors(store).map_err(|error| Trouble::failed(&error))?;
    if all.is_empty() {
        let why = "expected a mirror that the store knows, found none; `smith mirror add` makes one known";
        return Err(Trouble::Refused(why.to_owned()));
    }
    Ok(all)
}

/// Writes down what was done, where whoever looks after mirrors looks for it.
pub(super) fn log(store: &Store, outcomes: &[Outcome]) -> Result<(), Trouble> {
    append_log(store, now(), outcomes).map_err(|error| Trouble::failed(&error))
}

/// The keys whose builds are believed: the site's own.
#[derive(Debug)]
pub(super) struct Believed {
    keyring: Keyring,
    policy: Policy,
}

impl Believed {
    pub(super) fn at(store: &Store) -> Result<Self, Trouble> {
        let own = KeyFolder::new(&store.keys()).export().map_err(|error| Trouble::failed(&error))?;
        let keyring = Keyring::parse(&own).map_err(|error| Trouble::failed(&error))?;
        Ok(Self { keyring, policy: Policy::any(now()) })
    }

    /// Who signed this, or why nobody did.
    pub(super) fn check(&self, json: &[u8], signature: &[u8]) -> Result<Vec<String>, String> {
        let signers = verify_detached(json, signature, &self.keyring, &self.policy);
        let signers = signers.map_err(|error| error.to_string())?;
        Ok(signers.iter().map(|signer| signer.fingerprint.to_string()).collect())
    }
}

/// The time on the wall, in whole seconds as stores keep it.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(wall().0.div_euclid(1000)).unwrap_or(Timestamp::MAX)
}
