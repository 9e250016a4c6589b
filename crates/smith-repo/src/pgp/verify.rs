//! Who has signed a text, and whether we believe them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pgp::armor::BlockType;
use pgp::packet::{Packet, PacketParser, Signature, SignatureType, SignatureVersion};

use crate::pgp::cert::{Candidate, KeyFlaw, SLACK_SECONDS, digest_is_strong, has_unknown_demand};
use crate::pgp::cleartext::ClearSigned;
use crate::pgp::{Fingerprint, Keyring, armor};

/// Debian signs with three keys; a rotation doubles that. Each costs a hash of the text and a public-key operation.
const SIGNATURES_MAX: usize = 16;

/// So many signatures of the largest keys, armored, with room to spare.
const SIGNATURE_BYTES_MAX: usize = 256 * 1024;

/// Whom to believe.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Keys, primary or not, that may sign; all of the keyring if there are none.
    pub allowed: BTreeSet<Fingerprint>,
    /// Of how many different certificates there must be a good signature; at least one.
    pub threshold: usize,
    pub now: Timestamp,
}

/// A good signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The primary key of the certificate.
    pub fingerprint: Fingerprint,
    /// The key that signed, which may be a subkey.
    pub key: Fingerprint,
    pub at: Timestamp,
}

/// Exactly what was signed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub text: Vec<u8>,
    pub signers: Vec<SignedBy>,
}

/// Why a text is not believed. Ordered by how much each says: of several signatures the worst is reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum VerifyError {
    #[error("expected a signature, found none")]
    NoSignature,
    #[error("expected a signature by a key of the keyring, found one by {key}")]
    UnknownKey { key: String },
    #[error("expected a signature of version 4 or 6 over a document, found {found}")]
    Unsupported { found: String },
    #[error("expected a key of 2048 bits RSA or better, found {found} in {key}")]
    WeakKey { key: String, found: String },
    #[error("expected a digest of SHA-256 or better, found {found} in a signature by {key}")]
    WeakDigest { key: String, found: String },
    #[error("expected a key that may sign, found that {key} may not")]
    NotForSigning { key: String },
    #[error("expected a key that belongs to its certificate, found no valid statement for {key}")]
    Unbound { key: String },
    #[error("expected a signature by one of the allowed keys, found one by {key}")]
    NotAllowed { key: String },
    #[error("expected a signature that is still good, found one by {key} that ended at {ended}")]
    ExpiredSignature { key: String, ended: Timestamp },
    #[error("expected a key that lived when it signed, found that {key} ended at {ended}")]
    ExpiredKey { key: String, ended: Timestamp },
    #[error("expected a signature of the past, found one by {key} made at {at}")]
    FromTheFuture { key: String, at: Timestamp },
    #[error("expected a key older than its signature, found that {key} is younger")]
    OlderThanKey { key: String },
    #[error("expected a key that is not revoked, found {key}")]
    RevokedKey { key: String },
    #[error("expected the text that {key} has signed, found another")]
    BadSignature { key: String },
    #[error("expected good signatures by {expected} keys, found {found}")]
    TooFew { expected: usize, found: usize },
    #[error("expected at most {limit} signatures, found more")]
    TooMany { limit: usize },
    #[error("expected at most {limit} bytes, found {found}")]
    TooLong { limit: usize, found: usize },
    #[error("line {line}: expected {expected}, found {found:?}")]
    Frame { line: usize, expected: &'static str, found: String },
    #[error("expected OpenPGP signatures, found {found}")]
    Form { found: String },
}

impl Policy {
    /// One good signature of any key of the keyring.
    pub fn any(now: Timestamp) -> Self {
        Self { allowed: BTreeSet::new(), threshold: 1, now }
    }
}

/// An `InRelease`: answers what was signed.
pub fn verify_cleartext(message: &[u8], keyring: &Keyring, policy: &Policy) -> Result<Verified, VerifyError> {
    let parsed = ClearSigned::parse(message)?;
    let signatures = signatures(&parsed.signatures)?;
    // Both kinds are hashed alike here: some signers say "binary" and mean the text with its ends of lines.
    let signers = judge_all(&signatures, keyring, policy, &parsed.canonical)?;
    Ok(Verified { text: parsed.text, signers })
}

/// A `Release.gpg`, or another signature beside its file.
pub fn verify_detached(
    content: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    policy: &Policy,
) -> Result<Vec<SignedBy>, VerifyError> {
    let signatures = signatures(&packets(signature)?)?;
    judge_all(&signatures, keyring, policy, content)
}

/// A detached signature without its armor.
pub(super) fn packets(signature: &[u8]) -> Result<Vec<u8>, VerifyError> {
    if signature.len() > SIGNATURE_BYTES_MAX {
        return Err(VerifyError::TooLong { limit: SIGNATURE_BYTES_MAX, found: signature.len() });
    }
    let is_binary = signature.first().is_some_and(|byte| byte & 0x80 != 0);
    if is_binary { Ok(signature.to_vec()) } else { unarmored(signature) }
}

fn unarmored(signature: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let (blocks, around) = armor::blocks(signature, "PGP SIGNATURE");
    let form = |found: &str| VerifyError::Form { found: found.to_owned() };
    match blocks[..] {
        [] if signature.trim_ascii().is_empty() => Err(VerifyError::NoSignature),
        [] => Err(form("other text")),
        [block] if around.iter().all(|text| text.trim_ascii().is_empty()) => {
            armor::decode(block, &BlockType::Signature).ok_or_else(|| form("ASCII armor that is damaged"))
        }
        [_] => Err(form("text around the signature")),
        [..] => Err(form("several blocks")),
    }
}

pub(super) fn signatures(packets: &[u8]) -> Result<Vec<Signature>, VerifyError> {
    let mut signatures = Vec::new();
    for packet in PacketParser::new(packets) {
        match packet {
            Ok(Packet::Signature(signature)) => signatures.push(signature),
            Ok(Packet::Marker(_) | Packet::Padding(_)) => {}
            Ok(_) => return Err(VerifyError::Form { found: "a packet of another kind".to_owned() }),
            Err(error) => return Err(VerifyError::Form { found: error.to_string() }),
        }
        if signatures.len() > SIGNATURES_MAX {
            return Err(VerifyError::TooMany { limit: SIGNATURES_MAX });
        }
    }
    if signatures.is_empty() { Err(VerifyError::NoSignature) } else { Ok(signatures) }
}

/// Signatures that are worth nothing are passed over while others suffice, as a rotation brings new keys; a known key's
/// signature over another text is never passed over.
fn judge_all(
    signatures: &[Signature],
    keyring: &Keyring,
    policy: &Policy,
    content: &[u8],
) -> Result<Vec<SignedBy>, VerifyError> {
    let (mut good, mut worst) = (BTreeMap::new(), None);
    for signature in signatures {
        match judge(signature, keyring, policy, content) {
            Ok(signer) => {
                good.entry(signer.fingerprint.clone()).or_insert(signer);
            }
            Err(error @ VerifyError::BadSignature { .. }) => return Err(error),
            Err(error) => worst = worst.max(Some(error)),
        }
    }
    let expected = policy.threshold.max(1);
    match (good.len(), worst) {
        (found, _) if found >= expected => Ok(good.into_values().collect()),
        (0, Some(worst)) => Err(worst),
        (found, _) => Err(VerifyError::TooFew { expected, found }),
    }
}

fn judge(
    signature: &Signature,
    keyring: &Keyring,
    policy: &Policy,
    content: &[u8],
) -> Result<SignedBy, VerifyError> {
    let is_known = matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6)
        && matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text));
    if !is_known {
        let found = format!("{:?} of kind {:?}", signature.version(), signature.typ());
        return Err(VerifyError::Unsupported { found });
    }
    let named: Vec<Candidate<'_>> =
        Candidate::all(keyring).filter(|candidate| candidate.is_named_by(signature)).collect();
    let key =
        named.first().map_or_else(|| issuer(signature), |candidate| candidate.fingerprint().to_string());
    if named.is_empty() {
        return Err(VerifyError::UnknownKey { key });
    }
    let digest = signature.hash_alg().filter(|digest| digest_is_strong(*digest));
    if digest.is_none() {
        let found = signature.hash_alg().map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        return Err(VerifyError::WeakDigest { key, found });
    }
    // A certificate may be in the keyring twice, older and newer.
    let signers: Vec<Candidate<'_>> =
        named.into_iter().filter(|candidate| candidate.verifies(signature, content)).collect();
    if signers.is_empty() || has_unknown_demand(signature) {
        return Err(VerifyError::BadSignature { key });
    }
    let at = in_time(signature, policy.now, &key)?;
    for signer in &signers {
        // If one copy knows of a revocation, the other's ignorance does not help.
        signer
            .judge(at.as_second(), policy.now.as_second(), keyring)
            .map_err(|flaw| flawed(flaw, signer.fingerprint().to_string()))?;
    }
    let signer = signers[0];
    let (fingerprint, signing) = (Fingerprint::of(signer.cert), signer.fingerprint());
    if !policy.allowed.is_empty()
        && !policy.allowed.contains(&fingerprint)
        && !policy.allowed.contains(&signing)
    {
        return Err(VerifyError::NotAllowed { key: fingerprint.to_string() });
    }
    Ok(SignedBy { fingerprint, key: signing, at })
}

/// When it was made, if that is neither too early nor too late.
fn in_time(signature: &Signature, now: Timestamp, key: &str) -> Result<Timestamp, VerifyError> {
    let key = key.to_owned();
    let Some(at) = signature.created() else { return Err(VerifyError::BadSignature { key }) };
    let at = time(i64::from(at.as_secs()));
    if at.as_second() > now.as_second() + SLACK_SECONDS {
        return Err(VerifyError::FromTheFuture { key, at });
    }
    let after = signature.signature_expiration_time().map_or(0, |after| i64::from(after.as_secs()));
    let ended = time(at.as_second() + after);
    if after > 0 && ended < now {
        return Err(VerifyError::ExpiredSignature { key, ended });
    }
    Ok(at)
}

fn flawed(flaw: KeyFlaw, key: String) -> VerifyError {
    match flaw {
        KeyFlaw::Unbound => VerifyError::Unbound { key },
        KeyFlaw::NotForSigning => VerifyError::NotForSigning { key },
        KeyFlaw::Revoked => VerifyError::RevokedKey { key },
        KeyFlaw::Expired(ended) => VerifyError::ExpiredKey { key, ended: time(ended) },
        KeyFlaw::NotYet => VerifyError::OlderThanKey { key },
        KeyFlaw::Weak(found) => VerifyError::WeakKey { key, found },
    }
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(id).unwrap_or_else(|| "nobody who is named".to_owned())
}

/// OpenPGP counts in 32 bits, all of which are times.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

impl Candidate<'_> {
    fn fingerprint(&self) -> Fingerprint {
        match self.subkey {
            Some(subkey) => Fingerprint::of(subkey),
            None => Fingerprint::of(self.cert),
        }
    }
}

#[cfg(test)]
mod tests;
