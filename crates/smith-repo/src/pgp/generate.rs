//! Makes a key that clients of every age accept.

use jiff::Timestamp;
use pgp::composed::{KeyType, SignedKeyDetails, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{Duration, KeyDetails as _, KeyVersion, Password, SignedUser, Tag};

use crate::pgp::KeyError;

/// Longer than any name with an address, shorter than what makes listings unreadable.
const USER_ID_MAX: usize = 200;

/// What a key is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// Small and quick. In the older form of the two, which every gpg since 2.1 knows.
    #[default]
    Ed25519,
    /// For clients as old as Ubuntu 16.04, whose gpg is 1.4.
    Rsa4096,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    pub kind: KeyKind,
    /// `Name <address>`
    pub user_id: String,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl KeyRequest {
    pub(super) fn generate(&self) -> Result<SignedSecretKey, KeyError> {
        let id = self.user_id.trim();
        if id.is_empty() || id.len() > USER_ID_MAX || id.chars().any(char::is_control) {
            return Err(KeyError::UserId { found: id.chars().take(80).collect() });
        }
        let made_at = time(self.made_at)?;
        let lifetime = self.expires_at.map(|end| lifetime(self.made_at, end)).transpose()?;
        let failed = |source| KeyError::Making { source };
        let (kind, rng) = match self.kind {
            KeyKind::Ed25519 => (KeyType::Ed25519Legacy, rand_core::OsRng),
            KeyKind::Rsa4096 => (KeyType::Rsa(4096), rand_core::OsRng),
        };
        let (public, secret) = kind.generate(rng).map_err(failed)?;
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), made_at, None, public).map_err(failed)?;
        let public = PublicKey::from_inner(inner).map_err(failed)?;
        let secret = SecretKey::new(public, secret).map_err(failed)?;
        let user = certify(&secret, id, made_at, lifetime).map_err(failed)?;
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user], Vec::new());
        Ok(SignedSecretKey::new(secret, details, Vec::new(), Vec::new()))
    }
}

/// The key's own word for what it is called and may do.
fn certify(
    secret: &SecretKey,
    id: &str,
    made_at: pgp::types::Timestamp,
    lifetime: Option<Duration>,
) -> pgp::errors::Result<SignedUser> {
    let id = UserId::from_str(Default::default(), id)?;
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut config =
        SignatureConfig::v4(SignatureType::CertPositive, secret.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(made_at))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(secret.fingerprint()))?,
        Subpacket::critical(SubpacketData::KeyFlags(flags))?,
        Subpacket::regular(SubpacketData::PreferredHashAlgorithms(
            [HashAlgorithm::Sha512, HashAlgorithm::Sha256].into_iter().collect(),
        ))?,
        Subpacket::regular(SubpacketData::IsPrimary(true))?,
    ];
    if let Some(lifetime) = lifetime {
        config.hashed_subpackets.push(Subpacket::critical(SubpacketData::KeyExpirationTime(lifetime))?);
    }
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(secret.legacy_key_id()))?];
    let signature =
        config.sign_certification(secret, secret.public_key(), &Password::empty(), Tag::UserId, &id)?;
    Ok(SignedUser::new(id, vec![signature]))
}

fn lifetime(made_at: Timestamp, end: Timestamp) -> Result<Duration, KeyError> {
    let seconds = u32::try_from(end.as_second() - made_at.as_second()).ok().filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or(KeyError::Lifetime { made_at, end })
}

/// OpenPGP has 32 bits for a time, which end in 2106.
pub(super) fn time(at: Timestamp) -> Result<pgp::types::Timestamp, KeyError> {
    let seconds = u32::try_from(at.as_second()).map_err(|_| KeyError::Time { at })?;
    Ok(pgp::types::Timestamp::from_secs(seconds))
}
