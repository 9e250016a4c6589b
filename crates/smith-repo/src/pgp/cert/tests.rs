//! Certificates that say odd things of their keys. gpg makes none of them, so they are put together here; where gpgv has
//! an opinion, it is asked.

use jiff::Timestamp;
use pgp::composed::SignedSecretKey;
use pgp::packet::{PubKeyInner, PublicSubkey, SignatureConfig, Subpacket};
use pgp::types::{Duration, Password, RevocationKey, RevocationKeyClass, SigningKey};

use super::*;
use crate::oracle::Gpg;
use crate::pgp::{KeyKind, KeyRequest, Policy, VerifyError, verify_detached};

const MADE: i64 = 1_700_000_000;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn raw(seconds: i64) -> pgp::types::Timestamp {
    pgp::types::Timestamp::from_secs(u32::try_from(seconds).expect("a time"))
}

fn key() -> SignedSecretKey {
    let user_id = "Test <test@example>".to_owned();
    KeyRequest { kind: KeyKind::Ed25519, user_id, made_at: at(MADE), expires_at: None }
        .generate()
        .expect("a key")
}

fn parts(signer: &impl KeyDetails, made: i64, more: Vec<SubpacketData>) -> Vec<Subpacket> {
    let first = [
        SubpacketData::SignatureCreationTime(raw(made)),
        SubpacketData::IssuerFingerprint(signer.fingerprint()),
    ];
    first.into_iter().chain(more).map(|data| Subpacket::regular(data).expect("a part")).collect()
}

fn config(
    kind: SignatureType,
    signer: &impl KeyDetails,
    made: i64,
    more: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, signer.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = parts(signer, made, more);
    // gpg of this age looks for nothing else.
    let id = SubpacketData::IssuerKeyId(signer.legacy_key_id());
    config.unhashed_subpackets = vec![Subpacket::regular(id).expect("a part")];
    config
}

fn may_sign(is_so: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(is_so);
    SubpacketData::KeyFlags(flags)
}

/// A signature over `content` that asks nobody whether the key may.
fn signed(signer: &impl SigningKey, made: i64) -> Signature {
    let config = config(SignatureType::Binary, signer, made, Vec::new());
    config.sign(signer, &Password::empty(), b"content".as_slice()).expect("signed")
}

fn packet(signature: &Signature) -> Vec<u8> {
    let mut bytes = Vec::new();
    pgp::packet::PacketTrait::to_writer_with_header(signature, &mut bytes).expect("bytes");
    bytes
}

fn bytes(certs: &[&SignedPublicKey]) -> Vec<u8> {
    certs.iter().flat_map(|cert| cert.to_bytes().expect("bytes")).collect()
}

/// What we say of a signature two days after it all began.
fn verdict(certs: &[&SignedPublicKey], signature: &Signature) -> Result<(), VerifyError> {
    let keyring = Keyring::parse(&bytes(certs)).expect("a keyring");
    let policy = Policy::any(at(MADE + 2 * DAY));
    verify_detached(b"content", &packet(signature), &keyring, &policy).map(drop)
}

/// Whether gpgv calls it good and has nothing against the key.
fn gpgv_agrees(certs: &[&SignedPublicKey], signature: &Signature) -> Option<bool> {
    let gpg = Gpg::new()?;
    let (signature, content) = (gpg.file("signature", packet(signature)), gpg.file("content", "content"));
    let report = gpg.gpgv(&bytes(certs), &[&signature, &content]);
    Some(report.contains("GOODSIG"))
}

/// Puts another statement over its name in the place of the key's own.
fn recertified(key: &SignedSecretKey, made: i64, more: Vec<SubpacketData>) -> SignedPublicKey {
    let mut cert = key.to_public_key();
    let (primary, user) = (&key.primary_key, &mut cert.details.users[0]);
    let config = config(SignatureType::CertPositive, primary, made, more);
    let own =
        config.sign_certification(primary, primary.public_key(), &Password::empty(), Tag::UserId, &user.id);
    user.signatures = vec![own.expect("certified")];
    cert
}

/// Binds a key to another as its subkey, with or without its own word for that.
fn bound(
    primary: &SignedSecretKey,
    sub: &SignedSecretKey,
    agrees: bool,
    more: Vec<SubpacketData>,
) -> SignedPublicKey {
    let params = sub.primary_key.public_params().clone();
    let inner = PubKeyInner::new(sub.version(), sub.algorithm(), sub.primary_key.created_at(), None, params);
    let subkey = PublicSubkey::from_inner(inner.expect("a key")).expect("a subkey");
    let (primary, mut more) = (&primary.primary_key, more);
    if agrees {
        let back = config(SignatureType::KeyBinding, &sub.primary_key, MADE + 1, Vec::new());
        let back = back.sign_primary_key_binding(
            &sub.primary_key,
            &subkey,
            &Password::empty(),
            primary.public_key(),
        );
        more.push(SubpacketData::EmbeddedSignature(Box::new(back.expect("agreed"))));
    }
    let binding = config(SignatureType::SubkeyBinding, primary, MADE + 1, more);
    let binding = binding.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), &subkey);
    let mut cert = recertified_as_made(primary);
    cert.public_subkeys.push(SignedPublicSubKey::new(subkey, vec![binding.expect("bound")]));
    cert
}

fn recertified_as_made(primary: &pgp::packet::SecretKey) -> SignedPublicKey {
    let id = pgp::packet::UserId::from_str(Default::default(), "Test <test@example>").expect("a name");
    let own = config(SignatureType::CertPositive, primary, MADE, vec![may_sign(true)]);
    let own = own.sign_certification(primary, primary.public_key(), &Password::empty(), Tag::UserId, &id);
    let user = pgp::types::SignedUser::new(id, vec![own.expect("certified")]);
    let details = pgp::composed::SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user], Vec::new());
    SignedPublicKey::new(primary.public_key().clone(), details, Vec::new())
}

#[test]
fn a_subkey_that_does_not_agree_is_nobodys() {
    // Whoever binds another's key as a subkey of theirs would own what it has signed.
    let (thief, victim) = (key(), key());
    let signature = signed(&victim.primary_key, MADE + DAY);
    let stolen = bound(&thief, &victim, false, vec![may_sign(true)]);
    assert!(matches!(verdict(&[&stolen], &signature), Err(VerifyError::Unbound { .. })));
    assert_ne!(gpgv_agrees(&[&stolen], &signature), Some(true));
    let own = bound(&thief, &victim, true, vec![may_sign(true)]);
    assert_eq!(verdict(&[&own], &signature), Ok(()));
    assert_ne!(gpgv_agrees(&[&own], &signature), Some(false));
}

#[test]
fn subkeys_have_flags_and_an_end_of_their_own() {
    let (primary, sub) = (key(), key());
    let signature = signed(&sub.primary_key, MADE + DAY);
    let other = bound(&primary, &sub, true, vec![may_sign(false)]);
    assert!(matches!(verdict(&[&other], &signature), Err(VerifyError::NotForSigning { .. })));
    let silent = bound(&primary, &sub, true, Vec::new());
    assert!(matches!(verdict(&[&silent], &signature), Err(VerifyError::NotForSigning { .. })));
    let ends = |seconds: i64| {
        let end =
            SubpacketData::KeyExpirationTime(Duration::from_secs(u32::try_from(seconds).expect("a time")));
        verdict(&[&bound(&primary, &sub, true, vec![may_sign(true), end])], &signature)
    };
    assert!(matches!(ends(DAY), Err(VerifyError::ExpiredKey { ended, .. }) if ended == at(MADE + DAY)));
    assert_eq!((ends(DAY + 1), ends(0)), (Ok(()), Ok(())));
}

#[test]
fn what_the_newest_statement_says_counts() {
    let key = key();
    let signature = signed(&key.primary_key, MADE + DAY);
    let certify_only = recertified(&key, MADE, vec![may_sign(false)]);
    assert!(matches!(verdict(&[&certify_only], &signature), Err(VerifyError::NotForSigning { .. })));
    let older = recertified(&key, MADE, vec![may_sign(true)]);
    let mut both = certify_only;
    both.details.users[0].signatures[0] =
        recertified(&key, MADE + 5, vec![may_sign(false)]).details.users[0].signatures[0].clone();
    both.details.users[0].signatures.extend(older.details.users[0].signatures.clone());
    assert!(matches!(verdict(&[&both], &signature), Err(VerifyError::NotForSigning { .. })));
    // A statement of the future is none yet, and one that has ended is none any more.
    let future = recertified(&key, MADE + 9 * DAY, vec![may_sign(true)]);
    assert!(matches!(verdict(&[&future], &signature), Err(VerifyError::Unbound { .. })));
    let over = SubpacketData::SignatureExpirationTime(Duration::from_secs(60));
    let over = recertified(&key, MADE, vec![may_sign(true), over]);
    assert!(matches!(verdict(&[&over], &signature), Err(VerifyError::Unbound { .. })));
    // Keys of old say nothing of what they may do.
    assert_eq!(verdict(&[&recertified(&key, MADE, Vec::new())], &signature), Ok(()));
    assert_eq!(verdict(&[&older], &signature), Ok(()));
}

#[test]
fn a_certificate_must_speak_for_itself() {
    let (key, other) = (key(), key());
    let signature = signed(&key.primary_key, MADE + DAY);
    // Another's statement in the place of its own.
    let mut foreign = key.to_public_key();
    foreign.details.users[0].signatures = other.to_public_key().details.users[0].signatures.clone();
    assert!(matches!(verdict(&[&foreign], &signature), Err(VerifyError::Unbound { .. })));
    // A name that was taken back.
    let mut withdrawn = key.to_public_key();
    let (primary, user) = (&key.primary_key, &mut withdrawn.details.users[0]);
    let taken_back = config(SignatureType::CertRevocation, primary, MADE + 10, Vec::new());
    let taken_back = taken_back.sign_certification(
        primary,
        primary.public_key(),
        &Password::empty(),
        Tag::UserId,
        &user.id,
    );
    user.signatures.push(taken_back.expect("taken back"));
    assert!(matches!(verdict(&[&withdrawn], &signature), Err(VerifyError::Unbound { .. })));
    assert!(matches!(
        verdict(&[&key.to_public_key()], &signed(&key.primary_key, MADE - DAY)),
        Err(VerifyError::OlderThanKey { .. })
    ));
}

#[test]
fn a_revocation_counts_if_it_is_the_owners_or_of_whom_he_allowed() {
    let (key, friend, stranger) = (key(), key(), key());
    let signature = signed(&key.primary_key, MADE + DAY);
    let primary = key.primary_key.public_key();
    let revoked_by = |by: &SignedSecretKey, allows: Option<&SignedSecretKey>| {
        let mut cert = key.to_public_key();
        if let Some(allowed) = allows {
            let revoker = RevocationKey::new(
                RevocationKeyClass::Default,
                allowed.algorithm(),
                allowed.fingerprint().as_bytes(),
            );
            let direct = config(
                SignatureType::Key,
                &key.primary_key,
                MADE + 1,
                vec![SubpacketData::RevocationKey(revoker)],
            );
            cert.details
                .direct_signatures
                .push(direct.sign_key(&key.primary_key, &Password::empty(), primary).expect("signed"));
        }
        let revocation = config(SignatureType::KeyRevocation, &by.primary_key, MADE + 2, Vec::new());
        cert.details
            .revocation_signatures
            .push(revocation.sign_key(&by.primary_key, &Password::empty(), primary).expect("signed"));
        cert
    };
    let refused = |certs: &[&SignedPublicKey]| {
        matches!(verdict(certs, &signature), Err(VerifyError::RevokedKey { .. }))
    };
    assert!(refused(&[&revoked_by(&key, None)]));
    let friends = friend.to_public_key();
    assert!(refused(&[&revoked_by(&friend, Some(&friend)), &friends]));
    // Nobody else can take a key away, whatever he appends to it.
    let appended = revoked_by(&stranger, Some(&friend));
    assert_eq!(verdict(&[&appended, &friends, &stranger.to_public_key()], &signature), Ok(()));
    assert_ne!(gpgv_agrees(&[&appended, &stranger.to_public_key()], &signature), Some(false));
    // Of two copies of a certificate the one that knows more counts.
    assert!(refused(&[&key.to_public_key(), &revoked_by(&key, None)]));
}

#[test]
fn demands_that_are_not_understood_make_a_signature_worthless() {
    let key = key();
    let mut config = config(SignatureType::Binary, &key.primary_key, MADE + DAY, Vec::new());
    let unknown = SubpacketData::Experimental(101, b"x".to_vec().into());
    config.hashed_subpackets.push(Subpacket::critical(unknown.clone()).expect("a part"));
    let demanding =
        config.clone().sign(&key.primary_key, &Password::empty(), b"content".as_slice()).expect("signed");
    assert!(matches!(verdict(&[&key.to_public_key()], &demanding), Err(VerifyError::BadSignature { .. })));
    assert_ne!(gpgv_agrees(&[&key.to_public_key()], &demanding), Some(true));
    config.hashed_subpackets.pop();
    config.hashed_subpackets.push(Subpacket::regular(unknown).expect("a part"));
    let remarking = config.sign(&key.primary_key, &Password::empty(), b"content".as_slice()).expect("signed");
    assert_eq!(verdict(&[&key.to_public_key()], &remarking), Ok(()));
}
