//! The keys that somebody has chosen to believe.

use std::io;
use std::path::{Path, PathBuf};

use pgp::armor::BlockType;
use pgp::composed::{Deserializable as _, SignedPublicKey};

use crate::pgp::{Fingerprint, armor};

/// All of Debian's developers fit into half of it; an archive's keyring has a few kilobytes.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a keybox of gpg has at its eighth byte.
const KEYBOX: &[u8] = b"KBXf";

/// Certificates, of which each is believed as far as a policy goes.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    certs: Vec<SignedPublicKey>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("reading the keyring {}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("expected a keyring of at most {BYTES_MAX} bytes, found {found}")]
    TooLong { found: usize },
    #[error("expected public keys as `gpg --export` writes them, found a keybox of gpg")]
    Keybox,
    #[error("expected public keys as `gpg --export` writes them, found {found}")]
    Form { found: String },
    #[error("expected public keys, found none")]
    Empty,
    #[error("the keyring {}", .path.display())]
    File { path: PathBuf, source: Box<Self> },
}

impl Keyring {
    /// Reads files of any number of keys each, armored or not.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, KeyringError> {
        let mut keyring = Self::default();
        for path in paths.iter().map(P::as_ref) {
            let bytes =
                std::fs::read(path).map_err(|source| KeyringError::Io { path: path.to_owned(), source })?;
            let certs = parse(&bytes)
                .map_err(|source| KeyringError::File { path: path.to_owned(), source: Box::new(source) })?;
            keyring.certs.extend(certs);
        }
        if keyring.certs.is_empty() { Err(KeyringError::Empty) } else { Ok(keyring) }
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        Ok(Self { certs: parse(bytes)? })
    }

    pub(super) fn of(cert: SignedPublicKey) -> Self {
        Self { certs: vec![cert] }
    }

    /// The fingerprints of the primary keys.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certs.iter().map(Fingerprint::of).collect()
    }

    pub(super) fn certs(&self) -> &[SignedPublicKey] {
        &self.certs
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, KeyringError> {
    if bytes.len() > BYTES_MAX {
        return Err(KeyringError::TooLong { found: bytes.len() });
    }
    if bytes.get(8..12) == Some(KEYBOX) {
        return Err(KeyringError::Keybox);
    }
    let form = |found: &str| KeyringError::Form { found: found.to_owned() };
    let is_binary = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let packets =
        if is_binary { bytes.to_vec() } else { unarmored(bytes).ok_or_else(|| form("other text"))? };
    let read =
        SignedPublicKey::from_bytes_many(packets.as_slice()).map_err(|error| form(&error.to_string()))?;
    let certs: Vec<SignedPublicKey> =
        read.collect::<Result<_, _>>().map_err(|error| form(&error.to_string()))?;
    if certs.is_empty() { Err(KeyringError::Empty) } else { Ok(certs) }
}

/// People put several blocks into one file, and remarks between them.
fn unarmored(text: &[u8]) -> Option<Vec<u8>> {
    let (blocks, _) = armor::blocks(text, "PGP PUBLIC KEY BLOCK");
    if blocks.is_empty() {
        return None;
    }
    let decoded: Option<Vec<Vec<u8>>> =
        blocks.into_iter().map(|block| armor::decode(block, &BlockType::PublicKey)).collect();
    decoded.map(|blocks| blocks.concat())
}
