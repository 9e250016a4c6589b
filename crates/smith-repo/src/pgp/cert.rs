//! What a certificate says of its keys: which may sign, until when, and whether they were revoked.
//!
//! A certificate is believed because it lies in a chosen keyring, so its own signatures may be as old as SHA-1; what
//! they say is still checked, as anybody can append to a certificate that is passed around.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, PublicKey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Fingerprint as RawFingerprint, KeyDetails, PublicParams, Tag};

use crate::pgp::Keyring;

/// Clocks of signers and verifiers differ by seconds; apt's own patience is of this order.
pub(super) const SLACK_SECONDS: i64 = 300;

/// What RSA needs today; 1,024 bits can be broken.
const RSA_BITS_MIN: u16 = 2048;

/// A key of a certificate that may have signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) cert: &'a SignedPublicKey,
    pub(super) subkey: Option<&'a SignedPublicSubKey>,
}

/// Why a key's signature is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyFlaw {
    /// The certificate does not say that this key belongs to it.
    Unbound,
    NotForSigning,
    Revoked,
    /// Seconds since 1970.
    Expired(i64),
    /// The signature is older than its key.
    NotYet,
    Weak(String),
}

impl<'a> Candidate<'a> {
    pub(super) fn all(keyring: &'a Keyring) -> impl Iterator<Item = Self> {
        keyring.certs().iter().flat_map(Self::of)
    }

    pub(super) fn of(cert: &'a SignedPublicKey) -> impl Iterator<Item = Self> {
        let primary = std::iter::once(Self { cert, subkey: None });
        primary.chain(cert.public_subkeys.iter().map(move |subkey| Self { cert, subkey: Some(subkey) }))
    }

    /// Whether the signature names this key. One that names nobody is nobody's.
    pub(super) fn is_named_by(&self, signature: &Signature) -> bool {
        let (fingerprint, id) = match self.subkey {
            Some(subkey) => (subkey.fingerprint(), subkey.legacy_key_id()),
            None => (self.cert.fingerprint(), self.cert.legacy_key_id()),
        };
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            return signature.issuer_key_id().into_iter().any(|named| *named == id);
        }
        fingerprints.into_iter().any(|named| *named == fingerprint)
    }

    pub(super) fn verifies(&self, signature: &Signature, content: &[u8]) -> bool {
        let verified = match self.subkey {
            Some(subkey) => signature.verify(&subkey.key, content),
            None => signature.verify(&self.cert.primary_key, content),
        };
        verified.is_ok()
    }

    /// Whether a signature that it made at a time is worth something. Times are seconds since 1970.
    pub(super) fn judge(&self, signed_at: i64, now: i64, keyring: &Keyring) -> Result<(), KeyFlaw> {
        let (cert, primary) = (self.cert, &self.cert.primary_key);
        is_strong(primary)?;
        if is_revoked(cert, keyring) {
            return Err(KeyFlaw::Revoked);
        }
        let own = own_signature(cert, now).ok_or(KeyFlaw::Unbound)?;
        lives(seconds(primary), own, signed_at)?;
        let Some(subkey) = self.subkey else {
            return match flags(own) {
                Some(flags) if !flags.sign() => Err(KeyFlaw::NotForSigning),
                Some(_) | None => Ok(()),
            };
        };
        is_strong(&subkey.key)?;
        if subkey_is_revoked(primary, subkey) {
            return Err(KeyFlaw::Revoked);
        }
        let binding = binding(primary, subkey, now).ok_or(KeyFlaw::Unbound)?;
        if !flags(binding).is_some_and(|flags| flags.sign()) {
            return Err(KeyFlaw::NotForSigning);
        }
        // Without it anybody could take another's key for a subkey of theirs and own its signatures.
        let back = binding.embedded_signature().filter(|back| is_sound(back, now));
        if back.is_none_or(|back| back.verify_primary_key_binding(&subkey.key, primary).is_err()) {
            return Err(KeyFlaw::Unbound);
        }
        lives(seconds(&subkey.key), binding, signed_at)
    }
}

/// When the primary key ends, in seconds since 1970.
pub(super) fn expires(cert: &SignedPublicKey, now: i64) -> Option<i64> {
    own_signature(cert, now).and_then(|own| end(seconds(&cert.primary_key), own))
}

pub(super) fn digest_is_strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// A part of the signature that must be understood and is not.
pub(super) fn has_unknown_demand(signature: &Signature) -> bool {
    let Some(config) = signature.config() else { return true };
    config.hashed_subpackets().any(|part| {
        part.is_critical
            && matches!(
                part.data,
                SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
            )
    })
}

/// The newest of its own signatures that says something of the key itself.
fn own_signature(cert: &SignedPublicKey, now: i64) -> Option<&Signature> {
    let primary = &cert.primary_key;
    let is_own = |signature: &&Signature| is_sound(signature, now) && names(signature, primary);
    let direct = cert.details.direct_signatures.iter().filter(is_own);
    let mut found: Vec<(&Signature, Option<&pgp::packet::UserId>)> = direct
        .filter(|signature| signature.typ() == Some(SignatureType::Key))
        .map(|signature| (signature, None))
        .collect();
    for user in &cert.details.users {
        let own = user.signatures.iter().filter(is_own);
        found.extend(
            own.filter(|signature| is_certification(signature)).map(|signature| (signature, Some(&user.id))),
        );
    }
    // What speaks of the key before what does not, then the newest; only that one needs to be verified.
    found.sort_by_key(|(signature, _)| std::cmp::Reverse((speaks_of_key(signature), created(signature))));
    let verified = found.into_iter().find(|(signature, user)| match user {
        None => signature.verify_key(primary).is_ok(),
        Some(user) => {
            signature.verify_certification(primary, Tag::UserId, *user).is_ok()
                && !is_withdrawn(cert, user, created(signature), now)
        }
    });
    verified.map(|(signature, _)| signature)
}

/// Whether the name was revoked after it was certified.
fn is_withdrawn(cert: &SignedPublicKey, id: &pgp::packet::UserId, certified: i64, now: i64) -> bool {
    let users = cert.details.users.iter().filter(|user| user.id == *id);
    users.flat_map(|user| &user.signatures).any(|signature| {
        signature.typ() == Some(SignatureType::CertRevocation)
            && names(signature, &cert.primary_key)
            && created(signature) >= certified
            && created(signature) <= now + SLACK_SECONDS
            && signature.verify_certification(&cert.primary_key, Tag::UserId, id).is_ok()
    })
}

/// Any revocation counts, whatever its reason and time: whoever holds a stolen key chooses the time of what he signs.
fn is_revoked(cert: &SignedPublicKey, keyring: &Keyring) -> bool {
    let primary = &cert.primary_key;
    let details = &cert.details;
    let everywhere = details
        .revocation_signatures
        .iter()
        .chain(&details.direct_signatures)
        .chain(details.users.iter().flat_map(|user| &user.signatures));
    let mut revocations =
        everywhere.filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation)).peekable();
    if revocations.peek().is_none() {
        return false;
    }
    let revokers = revokers(cert);
    revocations.any(|revocation| {
        revocation.verify_key(primary).is_ok()
            || keyring
                .certs()
                .iter()
                .filter(|other| revokers.contains(&other.fingerprint()))
                .any(|other| revocation.verify_key_third_party(primary, &other.primary_key).is_ok())
    })
}

/// Others whom the key's owner allowed to revoke it.
fn revokers(cert: &SignedPublicKey) -> Vec<RawFingerprint> {
    let direct = cert.details.direct_signatures.iter();
    let verified = direct.filter(|signature| signature.verify_key(&cert.primary_key).is_ok());
    verified
        .filter_map(|signature| signature.revocation_key())
        .filter_map(|revoker| RawFingerprint::new(cert.version(), &revoker.fingerprint).ok())
        .collect()
}

fn subkey_is_revoked(primary: &PublicKey, subkey: &SignedPublicSubKey) -> bool {
    subkey.signatures.iter().any(|signature| {
        signature.typ() == Some(SignatureType::SubkeyRevocation)
            && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    })
}

/// The newest statement that the subkey belongs to the primary key.
fn binding<'a>(primary: &PublicKey, subkey: &'a SignedPublicSubKey, now: i64) -> Option<&'a Signature> {
    let bindings = subkey.signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding) && is_sound(signature, now)
    });
    let mut bindings: Vec<&Signature> = bindings.collect();
    bindings.sort_by_key(|signature| std::cmp::Reverse(created(signature)));
    bindings.into_iter().find(|signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok())
}

fn is_sound(signature: &Signature, now: i64) -> bool {
    let is_old = matches!(
        signature.hash_alg(),
        None | Some(HashAlgorithm::None | HashAlgorithm::Md5 | HashAlgorithm::Ripemd160)
    );
    let ended = signature.signature_expiration_time().map_or(0, |after| i64::from(after.as_secs()));
    let is_over = ended > 0 && created(signature) + ended < now;
    !is_old && !is_over && created(signature) <= now + SLACK_SECONDS && !has_unknown_demand(signature)
}

fn is_certification(signature: &Signature) -> bool {
    matches!(
        signature.typ(),
        Some(
            SignatureType::CertGeneric
                | SignatureType::CertPersona
                | SignatureType::CertCasual
                | SignatureType::CertPositive
        )
    )
}

fn names(signature: &Signature, key: &PublicKey) -> bool {
    let id = key.legacy_key_id();
    signature.issuer_key_id().into_iter().any(|named| *named == id)
        || signature.issuer_fingerprint().into_iter().any(|named| *named == key.fingerprint())
}

fn speaks_of_key(signature: &Signature) -> bool {
    flags(signature).is_some() || signature.key_expiration_time().is_some()
}

fn flags(signature: &Signature) -> Option<KeyFlags> {
    let mut parts = signature.config()?.hashed_subpackets();
    parts.find_map(
        |part| {
            if let SubpacketData::KeyFlags(flags) = &part.data { Some(flags.clone()) } else { None }
        },
    )
}

/// Whether a key that was made at a time lived when it signed.
fn lives(made: i64, own: &Signature, signed_at: i64) -> Result<(), KeyFlaw> {
    if made > signed_at + SLACK_SECONDS {
        return Err(KeyFlaw::NotYet);
    }
    match end(made, own) {
        Some(end) if end <= signed_at => Err(KeyFlaw::Expired(end)),
        Some(_) | None => Ok(()),
    }
}

fn end(made: i64, own: &Signature) -> Option<i64> {
    let after = own.key_expiration_time().map_or(0, |after| i64::from(after.as_secs()));
    (after > 0).then_some(made + after)
}

fn seconds(key: &impl KeyDetails) -> i64 {
    i64::from(key.created_at().as_secs())
}

/// In seconds since 1970. One without a time is of the beginning of time, so that nothing follows from it.
fn created(signature: &Signature) -> i64 {
    signature.created().map_or(0, |at| i64::from(at.as_secs()))
}

fn is_strong(key: &impl KeyDetails) -> Result<(), KeyFlaw> {
    let weak = |found: &str| Err(KeyFlaw::Weak(found.to_owned()));
    match key.public_params() {
        PublicParams::RSA(params) => {
            // The modulus comes first, as a number of bits and the bits.
            let bytes = params.to_bytes().unwrap_or_default();
            let bits = bytes.first_chunk::<2>().map_or(0, |bits| u16::from_be_bytes(*bits));
            if bits < RSA_BITS_MIN { Err(KeyFlaw::Weak(format!("RSA of {bits} bits"))) } else { Ok(()) }
        }
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => Ok(()),
        PublicParams::DSA(_) => weak("DSA"),
        PublicParams::Elgamal(_) => weak("Elgamal"),
        PublicParams::ECDH(_) | PublicParams::X25519(_) | PublicParams::X448(_) => {
            weak("a key for encryption")
        }
        PublicParams::Unknown { .. } => weak("an unknown algorithm"),
    }
}

#[cfg(test)]
mod tests;
