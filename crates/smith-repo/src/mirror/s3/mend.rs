//! What is missing, wrong or foreign in a bucket, mended from a store that has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash::Sha256;
use crate::mirror::parallel::each_on;
use crate::mirror::s3::bucket::CONNECTIONS;
use crate::mirror::s3::{Push, S3, S3Error};
use crate::mirror::{Depth, Findings, Mode};
use crate::name::BuildNumber;

/// What was done, or would be done, and what is still wrong.
#[derive(Debug)]
pub struct Mended {
    pub before: Findings,
    pub after: Findings,
    /// Files that were put again, and their bytes.
    pub put: u64,
    pub put_bytes: u64,
    /// Foreign keys that were deleted.
    pub deleted: u64,
}

impl S3 {
    /// Verifies a build, puts what is missing or damaged, deletes what is foreign in its folders, and verifies again.
    pub fn mend(&self, push: &Push<'_>, build: BuildNumber, depth: Depth) -> Result<Mended, S3Error> {
        let Push { source, mode, progress, .. } = *push;
        let before = self.verify(source, build, depth)?;
        let wrong = wrong(&before);
        let (put, put_bytes) = (wrong.len() as u64, wrong.values().map(|(_, size)| size).sum());
        let deleted = before.foreign.len() as u64;
        if before.is_good() || mode == Mode::DryRun {
            return Ok(Mended { after: before.clone(), before, put, put_bytes, deleted });
        }
        progress.begin(put, put_bytes);
        let again = |(key, (hash, size)): &(String, (Sha256, u64))| {
            let done = self.put_again(key, &source.object(hash), *size, hash);
            if done.is_ok() {
                progress.received(*size);
                progress.finished();
            }
            done.err()
        };
        let wrong: Vec<_> = wrong.into_iter().collect();
        if let Some(error) = each_on(CONNECTIONS, 1, &wrong, again).pop() {
            return Err(error);
        }
        self.delete_all(&before.foreign)?;
        if !before.lists.is_empty() {
            self.push_after(push, build, &mut BTreeSet::new())?;
        }
        let after = self.verify(source, build, depth)?;
        Ok(Mended { before, after, put, put_bytes, deleted })
    }

    pub(super) fn delete_all(&self, keys: &[String]) -> Result<(), S3Error> {
        each_on(CONNECTIONS, 1, keys, |key| self.delete(key).err()).pop().map_or(Ok(()), Err)
    }
}

/// By key: what should be there.
fn wrong(findings: &Findings) -> BTreeMap<String, (Sha256, u64)> {
    let missing = findings.missing.iter().map(|one| (one.path.clone(), (one.hash, one.size)));
    let damaged = findings
        .damaged
        .iter()
        .flat_map(|one| one.paths.iter().map(|path| (path.clone(), (one.hash, one.size))));
    missing.chain(damaged).collect()
}
