use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::oracle::{Gpg, now};
use crate::pgp::{KeyKind, Keyring, Policy, SignError, Signer as _, verify_cleartext, verify_detached};

const TEXT: &str = "Origin: test\n- dashed\n\n-x\nlast\n";

fn folder() -> (tempfile::TempDir, KeyFolder) {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = KeyFolder::new(folder.path());
    (folder, keys)
}

fn request(kind: KeyKind) -> KeyRequest {
    KeyRequest { kind, user_id: "Site <admin@site>".to_owned(), made_at: now(), expires_at: None }
}

#[test]
fn gpgv_believes_what_our_keys_sign() {
    let Some(gpg) = Gpg::new() else { return };
    for kind in [KeyKind::Ed25519, KeyKind::Rsa4096] {
        let (_folder, keys) = folder();
        let key = keys.generate(&request(kind), &Passphrase::None).expect("a key");
        let signer = keys.signing_keys(&Passphrase::None).expect("unlocked");
        let exported = keys.export().expect("exported");
        let message = gpg.file("InRelease", signer.sign_cleartext(TEXT, now()).expect("signed"));
        let report = gpg.gpgv(&exported, &[&message]);
        assert!(report.contains("GOODSIG") && report.contains(&format!("VALIDSIG {key}")), "{report}");
        let content = gpg.file("Release", TEXT);
        for signature in [
            signer.sign_armored(TEXT.as_bytes(), now()).expect("signed").into_bytes(),
            signer.sign_binary(TEXT.as_bytes(), now()).expect("signed"),
        ] {
            let report = gpg.gpgv(&exported, &[&gpg.file("Release.gpg", signature), &content]);
            assert!(report.contains(&format!("VALIDSIG {key}")), "{report}");
        }
        // gpg reads the armored form, too, and finds nothing to complain about.
        let armored = keys.export_armored().expect("exported");
        let (_, report) = gpg.run("", &["--import"], armored.as_bytes());
        assert!(report.contains(&format!("IMPORT_OK 1 {key}")), "{report}");
        let (shown, _) = gpg.run("", &["--list-keys", "--with-colons", key.as_str()], b"");
        assert!(String::from_utf8_lossy(&shown).contains("scSC"), "{}", String::from_utf8_lossy(&shown));
    }
}

#[test]
fn the_same_text_at_the_same_time_gives_the_same_bytes() {
    let (_folder, keys) = folder();
    keys.generate(&request(KeyKind::Ed25519), &Passphrase::None).expect("a key");
    keys.generate(&request(KeyKind::Ed25519), &Passphrase::None).expect("a key");
    let at = now();
    let one =
        keys.signing_keys(&Passphrase::None).expect("unlocked").sign_cleartext(TEXT, at).expect("signed");
    let two =
        keys.signing_keys(&Passphrase::None).expect("unlocked").sign_cleartext(TEXT, at).expect("signed");
    assert_eq!(one, two);
    let later = at + jiff::SignedDuration::from_secs(1);
    assert_ne!(
        one,
        keys.signing_keys(&Passphrase::None).expect("unlocked").sign_cleartext(TEXT, later).expect("signed")
    );
}

#[test]
fn a_rotation_overlaps() {
    let (_folder, keys) = folder();
    let old = keys.generate(&request(KeyKind::Ed25519), &Passphrase::None).expect("a key");
    let keyring = |keys: &KeyFolder| Keyring::parse(&keys.export().expect("exported")).expect("a keyring");
    let sign = |keys: &KeyFolder| {
        keys.signing_keys(&Passphrase::None).expect("unlocked").sign_cleartext(TEXT, now()).expect("signed")
    };
    let (before, old_keyring) = (sign(&keys), keyring(&keys));
    let new = keys.generate(&request(KeyKind::Ed25519), &Passphrase::None).expect("a key");
    let (during, both) = (sign(&keys), keyring(&keys));
    let good = |message: &str, keyring: &Keyring| {
        verify_cleartext(message.as_bytes(), keyring, &Policy::any(now()))
            .map(|verified| verified.signers.len())
    };
    assert_eq!(
        (good(&before, &both), good(&during, &old_keyring), good(&during, &both)),
        (Ok(1), Ok(1), Ok(2))
    );
    keys.retire(&old).expect("retired");
    let after = sign(&keys);
    assert_eq!((good(&after, &keyring(&keys)), good(&before, &keyring(&keys))), (Ok(1), Ok(1)));
    assert!(good(&after, &old_keyring).is_err());
    let states: Vec<(Fingerprint, KeyState)> =
        keys.list(now()).expect("listed").into_iter().map(|info| (info.fingerprint, info.state)).collect();
    assert_eq!(states, [(new.clone(), KeyState::Active), (old.clone(), KeyState::Retired)]);
    assert!(matches!(keys.retire(&old), Err(KeyError::Missing { .. })));
    assert!(matches!(keys.forget(&new), Err(KeyError::Missing { .. })));
    keys.forget(&old).expect("forgotten");
    assert!(good(&before, &keyring(&keys)).is_err());
}

#[test]
fn secrets_are_locked_and_private() {
    let (folder, keys) = folder();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    fs::write(&right, "correct horse\nmore\n").expect("written");
    fs::write(&wrong, "battery\n").expect("written");
    let key = keys.generate(&request(KeyKind::Ed25519), &Passphrase::File(right.clone())).expect("a key");
    let path = folder.path().join(format!("{key}.key"));
    let text = fs::read_to_string(&path).expect("read");
    assert!(text.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"), "{text}");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(keys.list(now()).expect("listed")[0].is_locked);
    let open = keys.generate(&request(KeyKind::Ed25519), &Passphrase::None).expect("a key");
    let locks: Vec<bool> = keys.list(now()).expect("listed").iter().map(|info| info.is_locked).collect();
    assert_eq!(locks.iter().filter(|is_locked| **is_locked).count(), 1, "{open}");
    fs::remove_file(folder.path().join(format!("{open}.key"))).expect("removed");
    assert!(keys.signing_keys(&Passphrase::File(right)).is_ok());
    assert!(matches!(keys.signing_keys(&Passphrase::File(wrong)), Err(KeyError::Locked { .. })));
    assert!(matches!(keys.signing_keys(&Passphrase::None), Err(KeyError::Locked { .. })));
    let unset = Passphrase::Environment("SMITH_TEST_NOT_SET".to_owned());
    assert!(matches!(keys.signing_keys(&unset), Err(KeyError::Passphrase { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    assert!(matches!(keys.list(now()), Err(KeyError::Mode { mode: 0o644, .. })));
}

#[test]
fn keys_of_gpg_are_taken_in_with_their_subkeys() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("", "Site <admin@site>", "ed25519", "never");
    gpg.run("", &["--quick-add-key", &key, "ed25519", "sign", "never"], b"");
    let public = Keyring::parse(&gpg.export(&[&key])).expect("a keyring");
    for arguments in [
        ["--export-secret-keys", &key],
        // The primary key stays at home, as careful people do it.
        ["--export-secret-subkeys", &key],
    ] {
        let (secret, _) = gpg.run("", &arguments, b"");
        let (_folder, keys) = folder();
        assert_eq!(keys.import(&secret).expect("imported")[0].as_str(), key);
        assert!(matches!(keys.import(&secret), Err(KeyError::Exists { .. })));
        let signer = keys.signing_keys(&Passphrase::None).expect("unlocked");
        let signature = signer.sign_binary(b"content", now()).expect("signed");
        let by = verify_detached(b"content", &signature, &public, &Policy::any(now()))
            .expect("verified")
            .remove(0);
        assert!(by.fingerprint.as_str() == key && by.key != by.fingerprint, "the subkey signs");
    }
    let (_folder, keys) = folder();
    for bad in [b"".as_slice(), b"text", &gpg.export(&[&key])] {
        assert!(matches!(keys.import(bad), Err(KeyError::Form { .. })));
    }
}

#[test]
fn a_key_that_has_ended_signs_nothing() {
    let (_folder, keys) = folder();
    let made_at = now();
    let after = |hours: i64| made_at + jiff::SignedDuration::from_hours(hours);
    let mut short = request(KeyKind::Ed25519);
    short.expires_at = Some(after(24));
    keys.generate(&short, &Passphrase::None).expect("a key");
    assert_eq!(keys.list(made_at).expect("listed")[0].expires_at, Some(after(24)));
    let signer = keys.signing_keys(&Passphrase::None).expect("unlocked");
    assert!(signer.sign_cleartext(TEXT, after(23)).is_ok());
    assert!(matches!(signer.sign_cleartext(TEXT, after(25)), Err(SignError::Unusable { .. })));
    assert!(matches!(signer.sign_cleartext("a \n", after(1)), Err(SignError::Text { line: 1 })));
    short.expires_at = Some(after(-1));
    assert!(matches!(keys.generate(&short, &Passphrase::None), Err(KeyError::Lifetime { .. })));
    short.expires_at = None;
    short.user_id = "a\nb".to_owned();
    assert!(matches!(keys.generate(&short, &Passphrase::None), Err(KeyError::UserId { .. })));
    let (_empty, none) = folder();
    assert!(matches!(
        none.signing_keys(&Passphrase::None).expect("none").sign_binary(b"", made_at),
        Err(SignError::NoKey)
    ));
}
