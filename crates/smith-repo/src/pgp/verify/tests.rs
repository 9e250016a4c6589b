use std::fs;
use std::path::PathBuf;

use pgp::armor::BlockType;
use pgp::composed::SignedSecretKey;
use pgp::ser::Serialize as _;

use super::*;
use crate::oracle::{Gpg, is_installed, lists_of_this_machine, now};
use crate::pgp::{KeyKind, KeyRequest, Passphrase, Signer as _, SigningKeys};

const TEXT: &[u8] = b"Origin: test\n- dashed\n-----BEGIN NOTHING-----\nFrom here\nblanks \t\n\nlast\n";
const LATE: &str = "20240101T000000";

fn keyring(bytes: &[u8]) -> Keyring {
    Keyring::parse(bytes).expect("a keyring")
}

/// What we and gpgv say of a message.
fn both(gpg: &Gpg, message: &[u8], keys: &[u8]) -> (Result<Verified, VerifyError>, String) {
    let ours = verify_cleartext(message, &keyring(keys), &Policy::any(now()));
    (ours, gpg.gpgv(keys, &[&gpg.file("message", message)]))
}

fn clearsign(gpg: &Gpg, at: &str, key: &str, more: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["--local-user", key];
    arguments.extend(more);
    arguments.push("--clearsign");
    gpg.run(at, &arguments, TEXT).0
}

#[test]
fn good_signatures_give_exactly_what_was_signed() {
    let Some(gpg) = Gpg::new() else { return };
    for kind in ["ed25519", "rsa2048", "nistp256"] {
        let key = gpg.key("", &format!("{kind} <a@b>"), kind, "never");
        let message = clearsign(&gpg, "", &key, &[]);
        let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&key]));
        let verified = ours.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let expected = String::from_utf8_lossy(TEXT).replace("blanks \t", "blanks");
        assert_eq!(String::from_utf8_lossy(&verified.text), expected);
        assert_eq!(verified.signers[0].fingerprint.as_str(), key);
        assert!(theirs.contains(&format!("VALIDSIG {key}")), "{theirs}");
    }
}

#[test]
fn a_text_that_was_changed_is_refused() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("", "a <a@b>", "ed25519", "never");
    let message = String::from_utf8(clearsign(&gpg, "", &key, &[])).expect("text");
    let keys = gpg.export(&[&key]);
    for (from, to) in [("Origin: test", "Origin: tess"), ("\nlast", "\n\nlast"), ("From", "from")] {
        let (ours, theirs) = both(&gpg, message.replace(from, to).as_bytes(), &keys);
        assert_eq!(ours, Err(VerifyError::BadSignature { key: key.clone() }), "{to}");
        assert!(theirs.contains("BADSIG"), "{theirs}");
    }
    // Blanks at the ends of lines are not part of what is signed.
    let (ours, theirs) =
        both(&gpg, message.replace("\nlast", " \n\tlast").replace("\tlast", "last").as_bytes(), &keys);
    assert!(ours.is_ok() && theirs.contains("GOODSIG"), "{ours:?} {theirs}");
}

#[test]
fn only_one_frame_is_accepted_and_nothing_around_it() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("", "a <a@b>", "ed25519", "never");
    let message = String::from_utf8(clearsign(&gpg, "", &key, &[])).expect("text");
    let keys = keyring(&gpg.export(&[&key]));
    let verify = |text: &str| verify_cleartext(text.as_bytes(), &keys, &Policy::any(now()));
    assert!(verify(&message).is_ok());
    for (bad, line) in [
        (format!("evil\n{message}"), 1),
        (format!("\n{message}"), 1),
        (format!("{message}evil\n"), 18),
        (format!("{message}{message}"), 18),
        (message.replace("Hash: ", "Comment: "), 2),
        (message.replace("Hash: ", "Charset: "), 2),
        (message.replace("- - dashed", "- dashed\n-evil"), 6),
        (message.replace("From here", "From here\r"), 7),
        (message.replace("From here", "From\0here"), 7),
        (message.replace("-----END PGP SIGNATURE-----\n", ""), 16),
    ] {
        let error = verify(&bad).expect_err("refused");
        assert!(
            matches!(error, VerifyError::Frame { line: found, .. } if found == line),
            "{line}: {error} in {bad}"
        );
    }
    assert_eq!(verify("Origin: test\n"), Err(VerifyError::NoSignature));
    let start = message.find("-----BEGIN PGP SIGNATURE").expect("a signature");
    assert!(matches!(verify(&message[..start]), Err(VerifyError::Frame { .. })));
    let long = "x".repeat(9 << 20);
    assert!(matches!(verify(&long), Err(VerifyError::TooLong { .. })));
}

#[test]
fn keys_that_are_unknown_expired_or_revoked_are_refused() {
    let Some(gpg) = Gpg::new() else { return };
    let (key, other) = (
        gpg.key("20200101T000000", "a <a@b>", "ed25519", "never"),
        gpg.key("", "c <c@d>", "ed25519", "never"),
    );
    let message = clearsign(&gpg, LATE, &key, &[]);
    let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&other]));
    assert_eq!(ours, Err(VerifyError::UnknownKey { key: key.clone() }));
    assert!(theirs.contains("NO_PUBKEY"), "{theirs}");

    // The key ends after it has signed: that was good then and is so now, as a build of old must stay usable.
    gpg.run("20240201T000000", &["--quick-set-expire", &key, "5y"], b"");
    gpg.run("20240202T000000", &["--quick-set-expire", &key, "10d"], b"");
    let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&key]));
    assert!(ours.is_ok() && theirs.contains("EXPKEYSIG"), "{ours:?} {theirs}");

    // It ended before.
    let (ours, theirs) = both(&gpg, &clearsign_of_ended(&gpg), &gpg.export(&[]));
    assert!(matches!(ours, Err(VerifyError::ExpiredKey { .. })), "{ours:?}");
    assert!(theirs.contains("EXPKEYSIG"), "{theirs}");

    let revocation = gpg.folder().join(format!("openpgp-revocs.d/{other}.rev"));
    let revocation = fs::read_to_string(revocation).expect("a revocation").replace(":-----", "-----");
    let message = clearsign(&gpg, "", &other, &[]);
    gpg.run("", &["--import"], revocation.as_bytes());
    let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&other]));
    assert_eq!(ours, Err(VerifyError::RevokedKey { key: other }));
    assert!(theirs.contains("REVKEYSIG"), "{theirs}");
}

/// gpg signs with no key that has ended; so the key is given its end later, by a statement from before.
fn clearsign_of_ended(gpg: &Gpg) -> Vec<u8> {
    let key = gpg.key("20200101T000000", "ended <e@f>", "ed25519", "never");
    let message = clearsign(gpg, LATE, &key, &[]);
    gpg.run("20200601T000000", &["--quick-set-expire", &key, "30d"], b"");
    message
}

#[test]
fn signatures_out_of_their_time_are_refused() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("20200101T000000", "a <a@b>", "ed25519", "never");
    let keys = gpg.export(&[&key]);
    let message = clearsign(&gpg, LATE, &key, &["--default-sig-expire", "10d"]);
    let (ours, theirs) = both(&gpg, &message, &keys);
    assert!(matches!(ours, Err(VerifyError::ExpiredSignature { .. })), "{ours:?}");
    assert!(theirs.contains("EXPSIG"), "{theirs}");
    let signed = time(1_704_067_200);
    let at = |seconds: i64| {
        let policy = Policy::any(time(signed.as_second() + seconds));
        verify_cleartext(&message, &keyring(&keys), &policy).map(|verified| verified.signers[0].at)
    };
    assert_eq!(at(0), Ok(signed));
    assert_eq!(at(10 * 86_400), Ok(signed));
    assert!(matches!(at(10 * 86_400 + 1), Err(VerifyError::ExpiredSignature { .. })));
    assert_eq!(at(-SLACK_SECONDS), Ok(signed));
    assert!(matches!(at(-SLACK_SECONDS - 1), Err(VerifyError::FromTheFuture { .. })));
}

#[test]
fn weak_keys_and_digests_are_refused() {
    let Some(gpg) = Gpg::new() else { return };
    let (weak, good) =
        (gpg.key("", "a <a@b>", "rsa1024", "never"), gpg.key("", "c <c@d>", "rsa2048", "never"));
    let (ours, theirs) = both(&gpg, &clearsign(&gpg, "", &weak, &[]), &gpg.export(&[&weak]));
    let found = "RSA of 1024 bits".to_owned();
    assert_eq!(ours, Err(VerifyError::WeakKey { key: weak, found }));
    assert!(theirs.contains("GOODSIG"), "gpgv does not mind: {theirs}");
    for digest in ["SHA1", "SHA224"] {
        let message = clearsign(&gpg, "", &good, &["--digest-algo", digest]);
        let (ours, _) = both(&gpg, &message, &gpg.export(&[&good]));
        assert_eq!(ours, Err(VerifyError::WeakDigest { key: good.clone(), found: digest.to_owned() }));
    }
    for digest in ["SHA256", "SHA384", "SHA512"] {
        let message = clearsign(&gpg, "", &good, &["--digest-algo", digest]);
        let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&good]));
        assert!(ours.is_ok() && theirs.contains("GOODSIG"), "{ours:?} {theirs}");
    }
}

#[test]
fn subkeys_sign_for_their_certificate_until_they_are_revoked() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("", "a <a@b>", "ed25519", "never");
    gpg.run("", &["--quick-add-key", &key, "ed25519", "sign", "never"], b"");
    let message = clearsign(&gpg, "", &key, &[]);
    let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&key]));
    let signer = ours.expect("verified").signers.remove(0);
    assert!(signer.fingerprint.as_str() == key && signer.key != signer.fingerprint);
    assert!(
        theirs.contains(&format!("VALIDSIG {}", signer.key)) && theirs.contains(&format!("{key}\n")),
        "{theirs}"
    );
    let allowing = |fingerprint: &Fingerprint| {
        let policy = Policy { allowed: BTreeSet::from([fingerprint.clone()]), ..Policy::any(now()) };
        verify_cleartext(&message, &keyring(&gpg.export(&[&key])), &policy)
    };
    assert!(allowing(&signer.key).is_ok() && allowing(&signer.fingerprint).is_ok());
    let stranger = "0".repeat(40).parse().expect("a fingerprint");
    assert_eq!(allowing(&stranger), Err(VerifyError::NotAllowed { key: key.clone() }));

    let answers = b"key 1\nrevkey\ny\n0\n\ny\nsave\n";
    gpg.run("", &["--no-batch", "--command-fd", "0", "--edit-key", &key], answers);
    let (ours, theirs) = both(&gpg, &message, &gpg.export(&[&key]));
    assert_eq!(ours, Err(VerifyError::RevokedKey { key: signer.key.to_string() }));
    assert!(theirs.contains("REVKEYSIG"), "{theirs}");
}

fn own_key() -> SignedSecretKey {
    let request = KeyRequest {
        kind: KeyKind::Ed25519,
        user_id: "Test <test@example>".to_owned(),
        made_at: time(1_700_000_000),
        expires_at: None,
    };
    request.generate().expect("a key")
}

#[test]
fn several_signatures_count_by_certificate() {
    let (one, two, three) = (own_key(), own_key(), own_key());
    let public = |keys: &[&SignedSecretKey]| {
        keyring(
            &keys.iter().flat_map(|key| key.to_public_key().to_bytes().expect("bytes")).collect::<Vec<u8>>(),
        )
    };
    let signer = SigningKeys::unlock(vec![one.clone(), two.clone()], &Passphrase::None).expect("unlocked");
    let at = now();
    let message = signer.sign_cleartext("text\n", at).expect("signed");
    let verify = |keys: &[&SignedSecretKey], threshold: usize| {
        let policy = Policy { threshold, ..Policy::any(at) };
        verify_cleartext(message.as_bytes(), &public(keys), &policy)
    };
    assert_eq!(verify(&[&one, &two, &three], 2).expect("verified").signers.len(), 2);
    assert_eq!(verify(&[&two], 1).expect("verified").signers.len(), 1);
    assert_eq!(verify(&[&two], 0).expect("verified").signers.len(), 1);
    assert_eq!(verify(&[&two], 2), Err(VerifyError::TooFew { expected: 2, found: 1 }));
    assert!(matches!(verify(&[&three], 1), Err(VerifyError::UnknownKey { .. })));
    let signature = signer.sign_binary(b"content", at).expect("signed");
    let verify = |signature: &[u8], content: &[u8]| {
        verify_detached(
            content,
            signature,
            &public(&[&one, &two]),
            &Policy { threshold: 2, ..Policy::any(at) },
        )
    };
    assert_eq!(verify(&signature, b"content").expect("verified").len(), 2);
    // The same signature many times is one.
    let single = SigningKeys::unlock(vec![one.clone()], &Passphrase::None).expect("unlocked");
    let signature = single.sign_binary(b"content", at).expect("signed");
    assert_eq!(verify(&signature.repeat(16), b"content"), Err(VerifyError::TooFew { expected: 2, found: 1 }));
    assert_eq!(verify(&signature.repeat(17), b"content"), Err(VerifyError::TooMany { limit: 16 }));
    // One bad signature of a known key is enough to refuse.
    let other = SigningKeys::unlock(vec![two.clone()], &Passphrase::None).expect("unlocked");
    let bad = [signature, other.sign_binary(b"else", at).expect("signed")].concat();
    let policy = Policy::any(at);
    let refused = verify_detached(b"content", &bad, &public(&[&one, &two]), &policy);
    assert!(matches!(refused, Err(VerifyError::BadSignature { .. })), "{refused:?}");
}

#[test]
fn detached_signatures_come_in_every_form() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("", "a <a@b>", "ed25519", "never");
    let keys = gpg.export(&[&key]);
    let policy = Policy::any(now());
    for form in [&["--armor"][..], &[], &["--textmode"], &["--armor", "--textmode", "--comment", "x"]] {
        let mut arguments = vec!["--local-user", key.as_str(), "--detach-sign"];
        arguments.extend(form);
        let signature = gpg.run("", &arguments, TEXT).0;
        let ours = verify_detached(TEXT, &signature, &keyring(&keys), &policy);
        assert_eq!(ours.map(|signers| signers[0].fingerprint.to_string()), Ok(key.clone()), "{form:?}");
        let bad = verify_detached(b"else", &signature, &keyring(&keys), &policy);
        assert_eq!(bad, Err(VerifyError::BadSignature { key: key.clone() }));
    }
    let armored = gpg.run("", &["--armor", "--detach-sign"], TEXT).0;
    for bad in [
        [b"evil\n".as_slice(), &armored].concat(),
        [&armored, b"evil\n".as_slice()].concat(),
        [armored.as_slice(), &armored].concat(),
        b"text".to_vec(),
        vec![0x88, 0x01, 0x04],
        keys.clone(),
        armored.iter().map(|byte| if *byte == b'A' { b'!' } else { *byte }).collect(),
    ] {
        let error = verify_detached(TEXT, &bad, &keyring(&keys), &policy).expect_err("refused");
        assert!(matches!(error, VerifyError::Form { .. } | VerifyError::NoSignature), "{error}");
    }
    for empty in [b"".as_slice(), b"\n"] {
        assert_eq!(verify_detached(TEXT, empty, &keyring(&keys), &policy), Err(VerifyError::NoSignature));
    }
    let long = vec![0x88; 300_000];
    assert!(matches!(
        verify_detached(TEXT, &long, &keyring(&keys), &policy),
        Err(VerifyError::TooLong { .. })
    ));
}

#[test]
fn damaged_bytes_never_verify_and_never_panic() {
    let key = own_key();
    let keys = keyring(&key.to_public_key().to_bytes().expect("bytes"));
    let signer = SigningKeys::unlock(vec![key], &Passphrase::None).expect("unlocked");
    let message = signer.sign_cleartext("Origin: a\nDate: b\n", now()).expect("signed").into_bytes();
    let good = verify_cleartext(&message, &keys, &Policy::any(now())).expect("verified").text;
    for at in 0..message.len() {
        let mut damaged = message.clone();
        damaged[at] ^= 0x04;
        if let Ok(verified) = verify_cleartext(&damaged, &keys, &Policy::any(now())) {
            // Headers, the checksum of the armor and unsigned hints may change; the text may not.
            assert_eq!(verified.text, good, "byte {at}");
        }
        let _ = verify_cleartext(&message[..at], &keys, &Policy::any(now()));
    }
}

fn keyrings_of_this_machine() -> Vec<PathBuf> {
    ["/usr/share/keyrings", "/etc/apt/trusted.gpg.d", "/etc/apt/keyrings"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|folder| folder.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "gpg" || extension == "asc"))
        .collect()
}

#[test]
fn real_releases_are_believed_as_gpgv_believes_them() {
    let Some(gpg) = Gpg::new() else { return };
    let paths = keyrings_of_this_machine();
    for path in &paths {
        Keyring::load(&[path]).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    }
    if paths.is_empty() || !is_installed("gpgv") {
        println!("skipped: there are no keyrings on this machine");
        return;
    }
    let keys = Keyring::load(&paths).expect("keyrings");
    let all: Vec<u8> = keys.certs().iter().flat_map(|cert| cert.to_bytes().expect("bytes")).collect();
    for path in lists_of_this_machine("_InRelease") {
        let message = fs::read(&path).expect("read");
        let theirs = gpg.gpgv(&all, &[&path]);
        let mut expected: Vec<&str> = theirs
            .lines()
            .filter_map(|line| line.strip_prefix("[GNUPG:] VALIDSIG "))
            .filter_map(|line| line.split(' ').nth(9))
            .collect();
        expected.sort_unstable();
        match verify_cleartext(&message, &keys, &Policy::any(now())) {
            Ok(verified) => {
                let found: Vec<&str> =
                    verified.signers.iter().map(|signer| signer.fingerprint.as_str()).collect();
                assert_eq!(found, expected, "{}", path.display());
                crate::release::Release::parse(&verified.text).unwrap_or_else(|error| panic!("{error}"));
            }
            Err(error) => assert!(expected.is_empty(), "{}: {error}: {theirs}", path.display()),
        }
        let mut tampered = message;
        tampered[200] ^= 1;
        assert!(verify_cleartext(&tampered, &keys, &Policy::any(now())).is_err());
    }
}

#[test]
fn keyrings_are_read_in_every_form_and_nothing_else_is() {
    let (one, two) = (own_key().to_public_key(), own_key().to_public_key());
    let armored = |key| armor::encode(key, BlockType::PublicKey).expect("text");
    let text = format!("one:\n{}\ntwo:\n{}", armored(&one), armored(&two));
    assert_eq!(keyring(text.as_bytes()).fingerprints(), [Fingerprint::of(&one), Fingerprint::of(&two)]);
    for bad in [b"".as_slice(), b"text", b"\x00\x00\x00\x20\x01\x01\x00\x02KBXf", b"\xff\xff"] {
        assert!(Keyring::parse(bad).is_err(), "{bad:?}");
    }
}
