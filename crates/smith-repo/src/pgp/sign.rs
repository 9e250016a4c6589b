//! Signs what we publish, with every key that is active.
//!
//! The same text signed at the same time gives the same bytes: both kinds of keys that we make sign without chance.

use std::fmt;

use jiff::Timestamp;
use pgp::armor::BlockType;
use pgp::composed::SignedSecretKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PacketTrait, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Password, SecretParams, SigningKey};

use crate::pgp::cert::{Candidate, KeyFlaw};
use crate::pgp::generate::time;
use crate::pgp::{Fingerprint, KeyError, Keyring, Passphrase, armor, cleartext};

/// Somebody who signs: keys that are here, or a service that holds them elsewhere.
pub trait Signer {
    /// The primary keys' fingerprints.
    fn fingerprints(&self) -> Vec<Fingerprint>;

    /// An `InRelease`.
    fn sign_cleartext(&self, text: &str, at: Timestamp) -> Result<String, SignError>;

    /// A `Release.gpg`.
    fn sign_armored(&self, content: &[u8], at: Timestamp) -> Result<String, SignError>;

    /// The same without armor.
    fn sign_binary(&self, content: &[u8], at: Timestamp) -> Result<Vec<u8>, SignError>;
}

#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("expected text without carriage returns and blanks at ends of lines, found line {line}")]
    Text { line: usize },
    #[error("expected a key to sign with, found none")]
    NoKey,
    #[error("expected a key that may sign at {at}, found that {key} {why}")]
    Unusable { key: Fingerprint, at: Timestamp, why: &'static str },
    #[error("signing with {key}")]
    Failed { key: Fingerprint, source: pgp::errors::Error },
}

/// Keys that are unlocked, each of another certificate. Their secrets leave the memory when this is dropped.
#[derive(Default)]
pub struct SigningKeys {
    keys: Vec<SignedSecretKey>,
}

/// The part of a key that signs.
enum Part<'a> {
    Primary(&'a pgp::packet::SecretKey),
    Sub(&'a pgp::packet::SecretSubkey),
}

/// Signature packets one behind the other.
struct Packets<'a>(&'a [Signature]);

fn is_encrypted(params: &SecretParams) -> bool {
    matches!(params, SecretParams::Encrypted(_))
}

/// Nothing of it signs without a passphrase.
pub(super) fn is_locked(key: &SignedSecretKey) -> bool {
    let subkeys = key.secret_subkeys.iter().map(|subkey| subkey.key.secret_params());
    subkeys.chain([key.primary_key.secret_params()]).all(is_encrypted)
}

impl SigningKeys {
    /// Unlocks keys as `gpg --export-secret-keys` or [`crate::pgp::KeyFolder`] writes them.
    pub fn unlock(keys: Vec<SignedSecretKey>, passphrase: &Passphrase) -> Result<Self, KeyError> {
        let mut unlocked = Vec::with_capacity(keys.len());
        for mut key in keys {
            let fingerprint = Fingerprint::of(&key.primary_key);
            let password = || passphrase.read().map(|text| Password::from(text.as_str()));
            if is_encrypted(key.primary_key.secret_params()) {
                // A primary key may have been left at home; a subkey is enough.
                let _ = key.primary_key.remove_password(&password()?);
            }
            for subkey in &mut key.secret_subkeys {
                if is_encrypted(subkey.key.secret_params()) {
                    let _ = subkey.key.remove_password(&password()?);
                }
            }
            if is_locked(&key) {
                return Err(KeyError::Locked { key: fingerprint });
            }
            unlocked.push(key);
        }
        Ok(Self { keys: unlocked })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn sign(&self, kind: SignatureType, content: &[u8], at: Timestamp) -> Result<Vec<Signature>, SignError> {
        if self.keys.is_empty() {
            return Err(SignError::NoKey);
        }
        self.keys
            .iter()
            .map(|key| {
                let fingerprint = Fingerprint::of(&key.primary_key);
                let failed = |source| SignError::Failed { key: fingerprint.clone(), source };
                match part_for(key, at)? {
                    Part::Primary(primary) => sign(primary, kind, content, at).map_err(failed),
                    Part::Sub(subkey) => sign(subkey, kind, content, at).map_err(failed),
                }
            })
            .collect()
    }
}

impl fmt::Debug for SigningKeys {
    /// Names the keys and shows nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKeys").field(&self.fingerprints()).finish()
    }
}

impl Signer for SigningKeys {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keys.iter().map(|key| Fingerprint::of(&key.primary_key)).collect()
    }

    fn sign_cleartext(&self, text: &str, at: Timestamp) -> Result<String, SignError> {
        check_text(text)?;
        let signatures = self.sign(SignatureType::Text, &cleartext::canonical(text.as_bytes()), at)?;
        Ok(cleartext::write(text, "SHA512", &self.armored(&signatures)?))
    }

    fn sign_armored(&self, content: &[u8], at: Timestamp) -> Result<String, SignError> {
        self.armored(&self.sign(SignatureType::Binary, content, at)?)
    }

    fn sign_binary(&self, content: &[u8], at: Timestamp) -> Result<Vec<u8>, SignError> {
        let signatures = self.sign(SignatureType::Binary, content, at)?;
        Packets(&signatures).to_bytes().map_err(|source| self.unwritable(source))
    }
}

/// Whether a text is the same with and without the frame of a signed message, in which blanks at ends of lines are lost.
pub fn check_text(text: &str) -> Result<(), SignError> {
    let bad = text.lines().position(|line| line.contains('\r') || line.trim_ascii_end() != line);
    bad.map_or(Ok(()), |line| Err(SignError::Text { line: line + 1 }))
}

impl SigningKeys {
    fn armored(&self, signatures: &[Signature]) -> Result<String, SignError> {
        armor::encode(&Packets(signatures), BlockType::Signature).map_err(|source| self.unwritable(source))
    }

    fn unwritable(&self, source: pgp::errors::Error) -> SignError {
        match self.keys.first() {
            Some(key) => SignError::Failed { key: Fingerprint::of(&key.primary_key), source },
            None => SignError::NoKey,
        }
    }
}

/// The newest subkey that may sign, or the primary key: what our own verification would believe.
fn part_for(key: &SignedSecretKey, at: Timestamp) -> Result<Part<'_>, SignError> {
    let public = key.to_public_key();
    let keyring = Keyring::of(public.clone());
    let judged = |candidate: Candidate<'_>| candidate.judge(at.as_second(), at.as_second(), &keyring);
    let mut subkeys: Vec<_> = key
        .secret_subkeys
        .iter()
        .filter(|subkey| matches!(subkey.key.secret_params(), SecretParams::Plain(_)))
        .collect();
    subkeys.sort_by_key(|subkey| std::cmp::Reverse(pgp::types::KeyDetails::created_at(&subkey.key)));
    for subkey in subkeys {
        let signed = subkey.signed_public_key();
        if judged(Candidate { cert: &public, subkey: Some(&signed) }).is_ok() {
            return Ok(Part::Sub(&subkey.key));
        }
    }
    let flaw = match judged(Candidate { cert: &public, subkey: None }) {
        Ok(()) if matches!(key.primary_key.secret_params(), SecretParams::Plain(_)) => {
            return Ok(Part::Primary(&key.primary_key));
        }
        Ok(()) => "has no secret part here that may sign",
        Err(KeyFlaw::Expired(_)) => "has expired",
        Err(KeyFlaw::Revoked) => "is revoked",
        Err(KeyFlaw::NotYet) => "is younger",
        Err(KeyFlaw::Weak(_)) => "is too weak",
        Err(KeyFlaw::Unbound | KeyFlaw::NotForSigning) => "may not sign",
    };
    Err(SignError::Unusable { key: Fingerprint::of(&key.primary_key), at, why: flaw })
}

fn sign(
    key: &impl SigningKey,
    kind: SignatureType,
    content: &[u8],
    at: Timestamp,
) -> pgp::errors::Result<Signature> {
    let at = time(at).map_err(|error| std::io::Error::other(error.to_string()))?;
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(at))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    config.sign(key, &Password::empty(), content)
}

impl Serialize for Packets<'_> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        self.0.iter().try_for_each(|signature| signature.to_writer_with_header(writer))
    }

    fn write_len(&self) -> usize {
        self.0.iter().map(PacketTrait::write_len_with_header).sum()
    }
}
