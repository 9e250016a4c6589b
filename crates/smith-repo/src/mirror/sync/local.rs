//! Objects from a store on the same machine.
//!
//! On the same file system an object is linked and not copied, but hashed like any other: a store promises that what
//! carries a hash has it, whoever its neighbour is.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::fetch::{Progress, Want};
use crate::hash::Sha256;
use crate::mirror::parallel::each;
use crate::store::{Intake, Layout, Store};

/// Links what can be linked. Answers what has to come in another way.
pub(super) fn link_from(
    folder: &Path,
    wants: Vec<Want>,
    intake: &Intake<'_>,
    progress: &dyn Progress,
) -> Vec<Want> {
    let source = Layout::new(folder);
    if !is_same_disk(&source.objects(), &intake.store().objects()) {
        return wants;
    }
    let linked = each(&wants, |want| {
        if progress.is_called_off() {
            return None;
        }
        link(&source, want, intake)?;
        progress.begin(1, want.size);
        progress.present(want.size);
        progress.finished();
        Some(want.hash)
    });
    let linked: std::collections::BTreeSet<Sha256> = linked.into_iter().collect();
    wants.into_iter().filter(|want| !linked.contains(&want.hash)).collect()
}

/// Whether an object of a folder would be linked into a store.
pub(super) fn links(folder: &Path, store: &Store, (hash, size): (Sha256, u64)) -> bool {
    let source = Layout::new(folder);
    let there = store.root().ancestors().find(|folder| folder.exists()).unwrap_or(store.root());
    is_same_disk(&source.objects(), there) && is_linkable(&source.object(&hash), size)
}

fn is_linkable(object: &Path, size: u64) -> bool {
    // A file of somebody else could be changed by him, and could not be protected by us.
    let is_ours = |metadata: &fs::Metadata| metadata.uid() == rustix::process::geteuid().as_raw();
    let is_it = |metadata: fs::Metadata| metadata.is_file() && metadata.len() == size && is_ours(&metadata);
    fs::symlink_metadata(object).is_ok_and(is_it)
}

fn link(source: &Layout, want: &Want, intake: &Intake<'_>) -> Option<()> {
    let object = source.object(&want.hash);
    if !is_linkable(&object, want.size) {
        return None;
    }
    let temporary = intake.temporary();
    fs::hard_link(&object, &temporary).ok()?;
    let is_good = Sha256::of_file(&temporary).is_ok_and(|(found, _)| found == want.hash);
    if !is_good || intake.adopt(&temporary, want.hash).is_err() {
        let _ = fs::remove_file(&temporary);
        return None;
    }
    Some(())
}

fn is_same_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    device(one).is_some_and(|found| Some(found) == device(other))
}
