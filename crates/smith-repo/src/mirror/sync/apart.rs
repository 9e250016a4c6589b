//! Releases that were signed after the words about their build: nothing that is signed names their signed forms, so each
//! is believed by its own signature, over the very Release that the build names.

use std::path::Path;

use crate::hash::Sha256;
use crate::manifest::{Area, BuildInfo, Manifest};
use crate::mirror::held::{FORMS, beside, read_some};
use crate::mirror::sync::{Check, SyncError};
use crate::name::{BuildNumber, RelPath};
use crate::pgp::ClearSigned;
use crate::store::Store;

/// A Release of ours and its signatures.
const FORM_MAX: u64 = 16 << 20;

/// Verifies the signed forms, which are objects of the store by now.
pub(super) fn check_signed(
    store: &Store,
    info: &BuildInfo,
    manifest: &Manifest,
    check: Check<'_>,
) -> Result<(), SyncError> {
    let build = info.number;
    for (path, hash) in &info.signed_apart {
        let release = read_some(&store.object(hash), FORM_MAX)?;
        let [in_release, detached] = FORMS.map(|form| form_of(store, build, manifest, path, form));
        let bad = |why: String| SyncError::Signature { build, why: format!("{path}: {why}") };
        let message = ClearSigned::parse(&in_release?).map_err(|error| bad(error.to_string()))?;
        if message.text != release && message.text.strip_suffix(b"\n") != Some(&release) {
            return Err(bad("an InRelease of another text".to_owned()));
        }
        check(&message.canonical, &message.signatures).map_err(bad)?;
        check(&release, &detached?).map_err(bad)?;
    }
    Ok(())
}

fn form_of(
    store: &Store,
    build: BuildNumber,
    manifest: &Manifest,
    release: &RelPath,
    form: &str,
) -> Result<Vec<u8>, SyncError> {
    let path = beside(release, form).map_err(|_| SyncError::Path { build, path: release.to_string() })?;
    let listed = manifest.files().iter().find(|file| file.area == Area::Tree && file.path == path);
    let file = listed.ok_or_else(|| SyncError::Path { build, path: path.to_string() })?;
    let bytes = read_some(&store.object(&file.hash), FORM_MAX)?;
    // It came under this hash; what was here before is looked at for the first time.
    match Sha256::of(&bytes) == file.hash {
        true => Ok(bytes),
        false => Err(SyncError::Signature {
            build,
            why: format!("{} is damaged", Path::new(path.as_str()).display()),
        }),
    }
}
