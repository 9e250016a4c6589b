//! Builds into a bucket, and whether they are all there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use crate::fetch::Progress;
use crate::manifest::FileEntry;
use crate::mirror::held::{
    INFO, INFO_MAX, LIST_MAX, MANIFEST, PACKAGES, SIGNATURE, SIGNED, is_difference, manifest_from,
    packages_from, read_some,
};
use crate::mirror::parallel::each_on;
use crate::mirror::s3::bucket::{CONNECTIONS, Put};
use crate::mirror::s3::naming::{FORMAT, MARKER, Naming};
use crate::mirror::s3::{S3, S3Error};
use crate::mirror::verify::{Damaged, Missing};
use crate::mirror::{Check, Depth, Findings, Held, Mode, State, Synced};
use crate::name::BuildNumber;
use crate::store::Store;

/// How builds go into a bucket.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    pub source: &'a Store,
    pub check: Check<'a>,
    pub mode: Mode,
    pub progress: &'a dyn Progress,
}

impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("source", &self.source).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl S3 {
    /// Puts a build of a store into the bucket. Interrupted anywhere, the next run goes on.
    pub fn push(
        &self,
        source: &Store,
        build: BuildNumber,
        check: Check<'_>,
        mode: Mode,
        progress: &dyn Progress,
    ) -> Result<Synced, S3Error> {
        self.push_after(&Push { source, check, mode, progress }, build, &mut BTreeSet::new())
    }

    /// The same, where a dry run has said of other keys that they would come: they are not counted again.
    pub(crate) fn push_after(
        &self,
        push: &Push<'_>,
        build: BuildNumber,
        coming: &mut BTreeSet<String>,
    ) -> Result<Synced, S3Error> {
        let Push { source, check, mode, progress } = *push;
        let began = Instant::now();
        let folder = source.build(build);
        let held = Held::read(source, build)?;
        let json = read_some(&folder.join(INFO), INFO_MAX)?;
        let signature = read_some(&folder.join(SIGNATURE), INFO_MAX)?;
        let signers = check(&json, &signature).map_err(|why| S3Error::Signature { build, why })?;
        // What a build has besides its files: small, and written before the words that make it a build.
        let mut synced = Synced::of(build, State::WasWhole, began);
        synced.signers = signers;
        if self.has_words(build, &json)? {
            return Ok(synced);
        }
        let naming = Naming::of(build, &held.manifest);
        let there = self.listing(&naming)?;
        let files = held.manifest.files();
        let missing: Vec<&FileEntry> =
            files.iter().filter(|file| !there.contains_key(&naming.key(file))).collect();
        let missing: Vec<&FileEntry> = match mode {
            Mode::Do => missing,
            Mode::DryRun => missing.into_iter().filter(|file| coming.insert(naming.key(file))).collect(),
        };
        synced.objects = files.len() as u64;
        synced.bytes = files.iter().map(|file| file.size).sum();
        synced.missing = missing.len() as u64;
        synced.missing_bytes = missing.iter().map(|file| file.size).sum();
        // Told before anything goes: of a build that leaves packages upstream this store may not have all.
        let absent = missing.iter().filter(|file| !source.has(&file.hash)).count();
        if absent > 0 {
            return Err(S3Error::NotHere { build, absent, wanted: missing.len() });
        }
        synced.state = State::WouldCome;
        if mode == Mode::Do {
            self.mark()?;
            self.put_files(source, &naming, build, &missing, progress)?;
            self.put_lists(source, build, &held)?;
            self.put_once(&format!("builds/{build}/{SIGNATURE}"), signature)?;
            self.put_once(&format!("builds/{build}/{INFO}"), json)?;
            self.write_index()?;
            synced.state = State::Came;
        }
        synced.took = began.elapsed();
        Ok(synced)
    }

    /// Compares what the bucket lists with what the build is; at full depth also the hash that is kept beside each file.
    pub fn verify(&self, source: &Store, build: BuildNumber, depth: Depth) -> Result<Findings, S3Error> {
        let held = Held::read(source, build)?;
        let naming = Naming::of(build, &held.manifest);
        let there = self.listing(&naming)?;
        let mut findings = Findings { builds: vec![build], ..Findings::default() };
        findings.files = held.manifest.files().len() as u64;
        if !there.contains_key(&format!("builds/{build}/{INFO}")) {
            findings
                .lists
                .push((build, format!("expected builds/{build}/{INFO} in the bucket, found nothing")));
        }
        let look = |file: &FileEntry| self.look_at(&naming, file, &there, depth).transpose();
        let mut seen = each_on(CONNECTIONS, 1, held.manifest.files(), look);
        if let Some(at) = seen.iter().position(Result::is_err)
            && let Err(error) = seen.swap_remove(at)
        {
            return Err(error);
        }
        for wrong in seen.into_iter().flatten() {
            match wrong {
                Wrong::Missing(one) => findings.missing.push(one),
                Wrong::Damaged(one) => findings.damaged.push(one),
            }
        }
        findings.foreign = foreign(&naming, build, &held, &there);
        findings.missing.sort_unstable();
        findings.damaged.sort_unstable();
        if !findings.is_good() {
            findings.touched.push(build);
        }
        Ok(findings)
    }

    fn look_at(
        &self,
        naming: &Naming,
        file: &FileEntry,
        there: &BTreeMap<String, u64>,
        depth: Depth,
    ) -> Result<Option<Wrong>, S3Error> {
        let (hash, size) = (file.hash, file.size);
        let path = naming.key(file);
        let damaged = |found: String| {
            let paths = vec![path.clone()];
            Ok(Some(Wrong::Damaged(Damaged { hash, size, found, paths })))
        };
        match there.get(&path) {
            None => return Ok(Some(Wrong::Missing(Missing { path, hash, size }))),
            Some(found) if *found != size => return damaged(format!("{found} bytes")),
            Some(_) if depth == Depth::Quick => return Ok(None),
            Some(_) => {}
        }
        match self.hash_of(&path)? {
            Some(found) if found == hash => Ok(None),
            Some(found) => damaged(format!("sha256 {found}")),
            None => damaged("no hash".to_owned()),
        }
    }

    fn has_words(&self, build: BuildNumber, json: &[u8]) -> Result<bool, S3Error> {
        let key = format!("builds/{build}/{INFO}");
        match self.get(&key)? {
            None => Ok(false),
            Some((found, _)) if found == json => Ok(true),
            Some(_) => {
                let (expected, found) = ("the words about this build".to_owned(), "others".to_owned());
                Err(S3Error::Conflict { key, expected, found })
            }
        }
    }

    fn listing(&self, naming: &Naming) -> Result<BTreeMap<String, u64>, S3Error> {
        let mut there = BTreeMap::new();
        for folder in naming.pools().into_iter().chain(naming.own()) {
            there.append(&mut self.list(&folder)?);
        }
        Ok(there)
    }

    /// Says that this is a bucket of ours, and of which form, before anything else is there.
    fn mark(&self) -> Result<(), S3Error> {
        match self.get(MARKER)? {
            Some((found, _)) if found == FORMAT.as_bytes() => Ok(()),
            Some((found, _)) => {
                let found = String::from_utf8_lossy(&found).chars().take(80).collect();
                let expected = FORMAT.trim().to_owned();
                Err(S3Error::Conflict { key: MARKER.to_owned(), expected, found })
            }
            None => self.put_once(MARKER, FORMAT.as_bytes().to_vec()).map(drop),
        }
    }

    fn put_files(
        &self,
        source: &Store,
        naming: &Naming,
        build: BuildNumber,
        missing: &[&FileEntry],
        progress: &dyn Progress,
    ) -> Result<(), S3Error> {
        progress.begin(missing.len() as u64, missing.iter().map(|file| file.size).sum());
        let put = |file: &&FileEntry| {
            if progress.is_called_off() {
                return Some(S3Error::CalledOff);
            }
            self.wait_for(file.size);
            let done = self.put_file(&naming.key(file), &source.object(&file.hash), file.size, &file.hash);
            match &done {
                Ok(Put::Made) => progress.received(file.size),
                Ok(Put::WasThere) => progress.present(file.size),
                Err(_) => progress.failed(),
            }
            done.inspect(|_| progress.finished()).err()
        };
        let mut failed = each_on(CONNECTIONS, 1, missing, put);
        let count = failed.len();
        match failed.pop() {
            None => Ok(()),
            Some(first) => {
                let (wanted, first) = (missing.len(), Box::new(first));
                Err(S3Error::Push { build, wanted, failed: count, first })
            }
        }
    }

    fn put_lists(&self, source: &Store, build: BuildNumber, held: &Held) -> Result<(), S3Error> {
        let parent = held.info.parent.into_iter();
        let deltas = parent.flat_map(|parent| [manifest_from(parent), packages_from(parent)]);
        let names = [MANIFEST, PACKAGES, SIGNED].map(str::to_owned);
        for name in names.into_iter().chain(deltas) {
            let path = source.build(build).join(&name);
            // A store that was restored may have no difference to a parent that it never had.
            if path.exists() {
                self.put_once(&format!("builds/{build}/{name}"), read_some(&path, LIST_MAX)?)?;
            }
        }
        Ok(())
    }
}

enum Wrong {
    Missing(Missing),
    Damaged(Damaged),
}

/// In the folders of the build and of nobody; other builds share the pool.
fn foreign(naming: &Naming, build: BuildNumber, held: &Held, there: &BTreeMap<String, u64>) -> Vec<String> {
    let (own, words) = (naming.own(), format!("builds/{build}/"));
    let known: BTreeSet<String> = held.manifest.files().iter().map(|file| naming.key(file)).collect();
    let is_list =
        |name: &str| matches!(name, INFO | SIGNATURE | SIGNED | MANIFEST | PACKAGES) || is_difference(name);
    let is_own = |key: &String| own.iter().any(|folder| key.starts_with(folder));
    let is_known = |key: &String| known.contains(key) || key.strip_prefix(&words).is_some_and(is_list);
    there.keys().filter(|key| is_own(key) && !is_known(key)).cloned().collect()
}
