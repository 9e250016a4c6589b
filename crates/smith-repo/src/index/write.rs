//! Writes the indexes of one suite and the Release that names them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write};

use jiff::Timestamp;
use md5::{Digest as _, Md5};

use crate::hash::{Hashing, Sha256};
use crate::index::cache::packed;
use crate::index::compress::{Blob, Compression, Text};
use crate::index::{IndexError, IndexStanza};
use crate::name::{PartName, RelPath, SuiteName};
use crate::pgp::Signer;
use crate::release::{NewRelease, WrittenFile};
use crate::store::{Intake, Store};

const PACKAGES: &str = "Packages";
const SOURCES: &str = "Sources";

/// Whether the Release lists MD5, which only clients from before 2010 need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Md5Sums {
    #[default]
    LeftOut,
    Listed,
}

/// The packages of one component and architecture, or the source packages of a component, in the order in which they are
/// written.
#[derive(Debug, Clone)]
pub struct PackagesIndex<'a> {
    /// Below the suite; a flat repository has none.
    folder: Option<RelPath>,
    name: &'static str,
    stanzas: Vec<IndexStanza<'a>>,
}

/// Whether a file that a Release lists is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// An object of the store.
    Stored,
    /// It is listed for what is unpacked to be checked.
    ListedOnly,
}

/// A file that is passed on as the upstream made it: translations, sources, contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyFile {
    /// Below the suite.
    pub path: RelPath,
    pub blob: Blob,
    pub presence: Presence,
}

/// Everything that a suite of ours is made of.
#[derive(Debug)]
pub struct SuiteIndex<'a> {
    pub suite: SuiteName,
    /// What its Release says; the files are filled in.
    pub release: NewRelease,
    pub packages: Vec<PackagesIndex<'a>>,
    pub ready: Vec<ReadyFile>,
    pub compressions: BTreeSet<Compression>,
    pub md5: Md5Sums,
}

/// A file of the tree, below the folder of the upstream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeFile {
    pub path: RelPath,
    pub sha256: Sha256,
    pub size: u64,
}

/// The files of a suite, sorted by path. All are objects of the store after the next [`Intake::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteTree {
    pub files: Vec<TreeFile>,
    /// The text of the Release, to be signed elsewhere if it was not here.
    pub release: String,
}

impl<'a> PackagesIndex<'a> {
    pub fn of(
        component: &PartName,
        architecture: &PartName,
        stanzas: Vec<IndexStanza<'a>>,
    ) -> Result<Self, IndexError> {
        let folder = RelPath::new(&format!("{component}/binary-{architecture}"))?;
        Ok(Self { folder: Some(folder), name: PACKAGES, stanzas })
    }

    /// The source packages of a component; of a flat repository where there is none.
    pub fn sources(component: Option<&PartName>, stanzas: Vec<IndexStanza<'a>>) -> Result<Self, IndexError> {
        let folder = component.map(|component| RelPath::new(&format!("{component}/source"))).transpose()?;
        Ok(Self { folder, name: SOURCES, stanzas })
    }

    /// The only index of a flat repository.
    pub fn flat(stanzas: Vec<IndexStanza<'a>>) -> Self {
        Self { folder: None, name: PACKAGES, stanzas }
    }

    fn path(&self) -> Result<RelPath, IndexError> {
        match &self.folder {
            Some(folder) => Ok(folder.join(self.name)?),
            None => Ok(RelPath::new(self.name)?),
        }
    }
}

impl Text for PackagesIndex<'_> {
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        self.stanzas.iter().try_for_each(|stanza| stanza.write_to(out))
    }
}

/// Writes, packs and hashes the indexes, then the Release, and signs it if there is somebody who does.
pub fn write_suite(
    store: &Store,
    intake: &Intake<'_>,
    index: SuiteIndex<'_>,
    signer: Option<(&dyn Signer, Timestamp)>,
) -> Result<SuiteTree, IndexError> {
    let mut suite = Suite {
        store,
        intake,
        suite: index.suite,
        md5: index.md5,
        release: index.release,
        files: Vec::new(),
    };
    suite.release.files.clear();
    for packages in &index.packages {
        suite.packages(packages, &index.compressions)?;
    }
    for ready in index.ready {
        suite.ready(ready)?;
    }
    let release = suite.release.to_text()?;
    let mut files = suite.files;
    files.push(put(intake, &suite.suite, "Release", release.as_bytes())?);
    if let Some((signer, at)) = signer {
        files.extend(sign_release(intake, &suite.suite, &release, signer, at)?);
    }
    files.sort_unstable();
    files.dedup();
    Ok(SuiteTree { files, release })
}

/// The signed forms of a Release: `InRelease` and `Release.gpg`.
pub fn sign_release(
    intake: &Intake<'_>,
    suite: &SuiteName,
    release: &str,
    signer: &dyn Signer,
    at: Timestamp,
) -> Result<Vec<TreeFile>, IndexError> {
    let in_release = signer.sign_cleartext(release, at)?;
    let detached = signer.sign_armored(release.as_bytes(), at)?;
    Ok(vec![
        put(intake, suite, "InRelease", in_release.as_bytes())?,
        put(intake, suite, "Release.gpg", detached.as_bytes())?,
    ])
}

struct Suite<'a> {
    store: &'a Store,
    intake: &'a Intake<'a>,
    suite: SuiteName,
    md5: Md5Sums,
    release: NewRelease,
    files: Vec<TreeFile>,
}

impl Suite<'_> {
    fn packages(
        &mut self,
        index: &PackagesIndex<'_>,
        compressions: &BTreeSet<Compression>,
    ) -> Result<(), IndexError> {
        index.stanzas.iter().try_for_each(IndexStanza::check)?;
        let path = index.path()?;
        let mut sums =
            Sums { hash: Hashing::new(io::sink()), md5: (self.md5 == Md5Sums::Listed).then(Md5::new) };
        index
            .write_to(&mut sums)
            .map_err(|source| IndexError::Write { path: path.as_str().into(), source })?;
        let (sha256, size) = sums.hash.finish();
        // The text itself is only listed: every client takes a packed form and checks what comes out of it.
        let md5 = sums.md5.map(|md5| md5.finalize().into());
        self.list(path.clone(), WrittenFile { size, sha256, md5 })?;
        for (kind, blob) in packed(self.store, self.intake, &sha256, index, compressions)? {
            let path = RelPath::new(&format!("{path}.{}", kind.extension()))?;
            self.stored(path, blob)?;
        }
        Ok(())
    }

    fn ready(&mut self, ready: ReadyFile) -> Result<(), IndexError> {
        match ready.presence {
            Presence::Stored => self.stored(ready.path, ready.blob),
            // Nobody has its bytes, so there is no other hash of it.
            Presence::ListedOnly => {
                let Blob { sha256, size } = ready.blob;
                self.list(ready.path, WrittenFile { size, sha256, md5: None })
            }
        }
    }

    fn stored(&mut self, path: RelPath, blob: Blob) -> Result<(), IndexError> {
        let Blob { sha256, size } = blob;
        let Some(object) = self.intake.find(&sha256) else {
            return Err(IndexError::Missing { path: path.to_string(), hash: sha256 });
        };
        let md5 = match self.md5 {
            Md5Sums::LeftOut => None,
            Md5Sums::Listed => {
                Some(md5_of(&object).map_err(|source| IndexError::Write { path: object, source })?)
            }
        };
        let by_hash = match path.parent() {
            Some(folder) => format!("{folder}/by-hash/SHA256/{sha256}"),
            None => format!("by-hash/SHA256/{sha256}"),
        };
        for path in [path.as_str(), &by_hash] {
            self.files.push(TreeFile { path: below(&self.suite, path)?, sha256, size });
        }
        self.list(path, WrittenFile { size, sha256, md5 })
    }

    fn list(&mut self, path: RelPath, file: WrittenFile) -> Result<(), IndexError> {
        let name = path.to_string();
        match self.release.files.insert(path, file) {
            Some(other) if other.sha256 != file.sha256 => Err(IndexError::Twice { path: name }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Where a file of a suite lies below the folder of the upstream.
fn below(suite: &SuiteName, path: &str) -> Result<RelPath, IndexError> {
    let text = suite.as_str();
    let path = match suite.is_flat() {
        true if text == "./" => path.to_owned(),
        true => format!("{text}{path}"),
        false => format!("dists/{text}/{path}"),
    };
    Ok(RelPath::new(&path)?)
}

fn put(intake: &Intake<'_>, suite: &SuiteName, name: &str, bytes: &[u8]) -> Result<TreeFile, IndexError> {
    let sha256 = intake.put(bytes)?;
    Ok(TreeFile { path: below(suite, name)?, sha256, size: bytes.len() as u64 })
}

struct Sums {
    hash: Hashing<io::Sink>,
    md5: Option<Md5>,
}

impl Write for Sums {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.hash.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn md5_of(path: &std::path::Path) -> io::Result<[u8; 16]> {
    let (mut file, mut md5, mut buffer) = (File::open(path)?, Md5::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(md5.finalize().into()),
            read => md5.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests;
