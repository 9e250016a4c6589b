//! The moment at which a signed build is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::hash::Sha256;
use crate::manifest::{Area, BuildInfo, FileEntry, Manifest};
use crate::mirror::{
    FORMS, INFO, SIGNATURE, SIGNED, beside, clear_stale, raise, stale_folders, with_signed, write_index,
};
use crate::name::BuildNumber;
use crate::pgp::{KeyFolder, Keyring, Signer};
use crate::release::Release;
use crate::store::{Store, StoreError, sync_file_system};
use crate::unsigned::UnsignedError;
use crate::unsigned::export::Waiting;
use crate::unsigned::take::{Forms, Judge, Signatures, check, read};

/// A build that has appeared, and who signed its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub info: BuildInfo,
    pub signers: Vec<String>,
}

/// Takes the signatures that lie in a folder under the names that [`super::export`] gave.
pub fn take(
    store: &Store,
    number: BuildNumber,
    folder: &Path,
    now: Timestamp,
) -> Result<Published, UnsignedError> {
    clear_published(store, number)?;
    let waiting = Waiting::read(store, number)?;
    if !folder.is_dir() {
        return Err(UnsignedError::NoFolder { number, path: folder.to_owned() });
    }
    let judge = judge(store, now)?;
    let signatures = read(&waiting, folder, &judge)?;
    publish(store, number, &waiting, &signatures, &judge)
}

/// Signs with keys that are at hand. `signed_from` is when the youngest of them was made.
pub fn sign(
    store: &Store,
    number: BuildNumber,
    signer: &dyn Signer,
    signed_from: Timestamp,
    now: Timestamp,
) -> Result<Published, UnsignedError> {
    clear_published(store, number)?;
    let waiting = Waiting::read(store, number)?;
    let mut forms = BTreeMap::new();
    for (path, bytes) in &waiting.releases {
        let changed = || UnsignedError::Changed { number, what: path.to_string() };
        let text = std::str::from_utf8(bytes).map_err(|_| changed())?;
        let date = Release::parse(bytes).map_err(|_| changed())?.date;
        let at = date.max(signed_from);
        let in_release = signer.sign_cleartext(text, at)?.into_bytes();
        forms.insert(
            path.clone(),
            Forms { in_release, detached: signer.sign_armored(bytes, at)?.into_bytes() },
        );
    }
    let words = signer.sign_binary(&waiting.json, now.max(signed_from))?;
    let made = Signatures { forms, words };
    let judge = judge(store, now)?;
    check(&waiting, &made, &judge)?;
    publish(store, number, &waiting, &made, &judge)
}

/// Clients know the keys that the store exports, and no others.
fn judge(store: &Store, now: Timestamp) -> Result<Judge, UnsignedError> {
    let exported = KeyFolder::new(&store.keys()).export()?;
    let keyring = Keyring::parse(&exported).map_err(|source| UnsignedError::NoKeyring { source })?;
    Ok(Judge { keyring, now })
}

/// A run that was killed after the build appeared left the folder in which it had waited.
fn clear_published(store: &Store, number: BuildNumber) -> Result<(), UnsignedError> {
    let folder = store.unsigned_build(number);
    if !store.build(number).exists() {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(StoreError::io("removing", &folder))?;
    }
    Err(UnsignedError::Signed { number })
}

fn publish(
    store: &Store,
    number: BuildNumber,
    waiting: &Waiting,
    signatures: &Signatures,
    judge: &Judge,
) -> Result<Published, UnsignedError> {
    let signed = listed(signatures)?;
    let lease = store.lease(signed.objects())?;
    let intake = store.intake()?;
    for forms in signatures.forms.values() {
        intake.put(&forms.in_release)?;
        intake.put(&forms.detached)?;
    }
    intake.settle()?;
    let whole = with_signed(&waiting.held.info, &waiting.held.manifest, &signed)?;
    let packed = signed.compress().map_err(UnsignedError::io("packing", Path::new(SIGNED)))?;
    let mut files = lists(&store.unsigned_build(number))?;
    // The very bytes whose signature was verified: what lies there may have changed since.
    files.push((INFO.to_owned(), waiting.json.clone()));
    files.push((SIGNED.to_owned(), packed));
    files.push((SIGNATURE.to_owned(), signatures.words.clone()));
    let pools =
        whole.files().iter().filter_map(|file| file.in_pool().map(|(upstream, _)| upstream)).collect();
    clear_stale(&stale_folders(store))?;
    let rising = raise(store, number, &whole, &files, &pools)?;
    sync_file_system(store.root())?;
    {
        let _locked = store.lock_now()?;
        // Somebody else signs the same at the same time.
        if store.build(number).exists() {
            return Err(UnsignedError::Signed { number });
        }
        if !store.unsigned_build(number).join(INFO).exists() {
            return Err(UnsignedError::Unknown {
                number,
                known: "those that were not just taken away".to_owned(),
            });
        }
        store.appear(&rising.folder, &store.build(number))?;
    }
    drop(lease);
    write_index(store, &store.lock_now()?)?;
    let folder = store.unsigned_build(number);
    fs::remove_dir_all(&folder).map_err(StoreError::io("removing", &folder))?;
    let signers = judge.detached(&waiting.json, &signatures.words).unwrap_or_default();
    let signers = signers.into_iter().map(|signer| signer.fingerprint.to_string()).collect();
    Ok(Published { info: waiting.held.info.clone(), signers })
}

/// The list of the signed forms.
fn listed(signatures: &Signatures) -> Result<Manifest, UnsignedError> {
    let mut files = Vec::new();
    for (release, forms) in &signatures.forms {
        for (form, bytes) in FORMS.into_iter().zip([&forms.in_release, &forms.detached]) {
            let path = beside(release, form)?;
            files.push(FileEntry {
                area: Area::Tree,
                path,
                hash: Sha256::of(bytes),
                size: bytes.len() as u64,
            });
        }
    }
    Ok(Manifest::new(files)?)
}

/// The lists that were made with the build: every file that lies in its folder itself, but for its words.
fn lists(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, UnsignedError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(UnsignedError::io("reading", folder))? {
        let path = entry.map_err(UnsignedError::io("reading", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| *name != INFO);
        if let (true, Some(name)) = (path.is_file(), name) {
            let bytes = fs::read(&path).map_err(UnsignedError::io("reading", &path))?;
            files.push((name.to_owned(), bytes));
        }
    }
    Ok(files)
}
