//! A signed suite of the package files in a folder, laid out as plain files.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::index::{
    Blob, Compression, IndexStanza, Md5Sums, PackagesIndex, Presence, ReadyFile, SuiteIndex, SuiteTree,
    write_suite,
};
use smith_repo::ingest::{Destination, find_debs, ingest};
use smith_repo::name::{PartName, RelPath, SuiteName};
use smith_repo::pgp::{KeyFolder, Passphrase};
use smith_repo::release::NewRelease;
use smith_repo::store::Store;

use super::{Outcome, lay};

/// Whose index it is: ours leaves out what makes twin machines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    Theirs,
    Ours,
}

/// What a suite is published as.
pub(crate) struct Published<'a> {
    pub(crate) suite: &'a str,
    pub(crate) words: Words,
    pub(crate) compressions: &'a [Compression],
    pub(crate) date: Timestamp,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) md5: Md5Sums,
    /// Other indexes, by their paths below the suite.
    pub(crate) more: &'a [(&'a str, Vec<u8>)],
}

impl Published<'_> {
    /// Writes the indexes of the packages in a folder with a store's help, and lays everything out below another folder,
    /// where only the packages of before stay.
    pub(crate) fn lay(&self, store: &Store, keys: &KeyFolder, debs: &Path, to: &Path) -> Outcome<SuiteTree> {
        let intake = store.intake()?;
        let main = PartName::new("main")?;
        let ingested = ingest(&find_debs(debs)?, &main, Destination::Store(&intake));
        assert!(ingested.refused.is_empty(), "{:?}", ingested.refused);
        let mut stanzas = Vec::new();
        for deb in &ingested.debs {
            for stanza in Stanzas::new(&deb.stanza) {
                let record = PackageRecord::read(&stanza?)?;
                stanzas.push(match self.words {
                    Words::Theirs => IndexStanza::verbatim(record.stanza),
                    Words::Ours => IndexStanza::of(&record),
                });
            }
        }
        let mut ready = Vec::new();
        for (path, bytes) in self.more {
            let blob = Blob { sha256: intake.put(bytes)?, size: bytes.len() as u64 };
            ready.push(ReadyFile { path: RelPath::new(path)?, blob, presence: Presence::Stored });
        }
        let (suite, amd64) = (SuiteName::new(self.suite)?, PartName::new("amd64")?);
        let packages = match suite.is_flat() {
            true => PackagesIndex::flat(stanzas),
            false => PackagesIndex::of(&main, &amd64, stanzas)?,
        };
        let index = SuiteIndex {
            suite,
            release: self.release(&main, &amd64),
            packages: vec![packages],
            ready,
            compressions: self.compressions.iter().copied().collect(),
            md5: self.md5,
        };
        let signer = keys.signing_keys(&Passphrase::None)?;
        let tree = write_suite(store, &intake, index, Some((&signer, self.date)))?;
        intake.settle()?;
        let _ = fs::remove_dir_all(to.join("dists"));
        for file in &tree.files {
            lay(&to.join(file.path.as_str()), &fs::read(store.object(&file.sha256))?)?;
        }
        for deb in &ingested.debs {
            lay(&to.join(deb.filename.as_str()), &fs::read(store.object(&deb.sha256))?)?;
        }
        Ok(tree)
    }

    fn release(&self, main: &PartName, amd64: &PartName) -> NewRelease {
        let mut release = NewRelease::new(self.date);
        release.origin = Some("Test".to_owned());
        // apt compares it with what its line names, which for a flat repository is a folder, without the slash.
        release.suite = Some(self.suite.trim_end_matches('/').to_owned());
        release.valid_until = self.valid_until;
        release.architectures = vec![amd64.clone()];
        release.components = vec![main.clone()];
        release
    }
}
