//! The packages of a build, one record each: what a difference, a check and a machine's patch compare with.

use std::io::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::hash::{Hashing, Sha256};
use crate::manifest::ManifestError;
use crate::manifest::files::unfold;
use crate::manifest::list_delta::{Before, Differing};
use crate::name::{BuildNumber, RelPath, UpstreamName};

/// Level 9 takes five times as long and gains a sixth.
const LEVEL: i32 = 3;

/// Where a package comes from within a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin<Text = String> {
    pub upstream: UpstreamName,
    pub suite: Text,
    pub component: Text,
}

/// The lines of an index that describe a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listed<Text = String> {
    /// Below the suite, as it was packed.
    pub index: Text,
    /// Where its stanza begins in the unpacked text, from 1.
    pub line: u64,
    /// The build whose index it is, for a package that a rule has kept; else it is the upstream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildNumber>,
}

/// One package file. Sorted by name, architecture, version, origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageEntry<Text = String, Path = RelPath> {
    pub name: Text,
    pub arch: Text,
    pub version: Text,
    #[serde(flatten)]
    pub origin: Origin<Text>,
    pub sha256: Sha256,
    pub size: u64,
    /// Below the upstream's pool.
    pub path: Path,
    /// The source package, where it is called otherwise or has another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<Text>,
    /// None for our own packages. One that stands in several indexes is known by the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Listed<Text>>,
}

/// One that is written: of a hundred thousand at once, the texts are borrowed from the indexes that they stand in.
pub type PackageLine<'a> = PackageEntry<&'a str, &'a str>;

/// Every package of a build: JSON, one line each, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageList {
    packages: Vec<PackageEntry>,
}

impl PackageEntry {
    pub fn source_name(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }

    pub fn source_version(&self) -> &str {
        self.source_version.as_deref().unwrap_or(&self.version)
    }
}

impl<Text: PartialEq, Path: PartialEq> PackageEntry<Text, Path> {
    /// Whether it is the same package file, wherever it is described.
    pub fn is_same(&self, other: &Self) -> bool {
        let package = |one: &Self| (one.sha256, one.size);
        package(self) == package(other)
            && (&self.name, &self.arch, &self.version) == (&other.name, &other.arch, &other.version)
            && (&self.origin, &self.path) == (&other.origin, &other.path)
    }
}

/// A list as it lies in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedList {
    /// Of its text.
    pub hash: Sha256,
    pub bytes: Vec<u8>,
    pub count: u64,
    /// What it differs by from the list that it was compared with, packed; none where it says little less than the list.
    pub delta: Option<Vec<u8>>,
}

impl PackedList {
    /// Sorts, packs and compares. The text is never there as a whole.
    pub(crate) fn of(mut lines: Vec<PackageLine<'_>>, before: Option<&Before>) -> io::Result<Self> {
        lines.sort_unstable();
        lines.dedup_by(|next, first| next.is_same(first));
        let mut text = Hashing::new(zstd::Encoder::new(Vec::new(), LEVEL)?);
        let mut differing = before.map(Differing::from);
        for line in &lines {
            let json = serde_json::to_string(line)?;
            if let Some(differing) = &mut differing {
                differing.line(&json);
            }
            text.write_all(json.as_bytes())?;
            text.write_all(b"\n")?;
        }
        let (encoder, hash) = text.into_parts();
        let delta = differing.map(Differing::finish).transpose()?.flatten();
        Ok(Self { hash, bytes: encoder.finish()?, count: lines.len() as u64, delta })
    }
}

/// The same bytes that a builder packs.
pub(super) fn pack(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

impl PackageList {
    pub fn new(mut packages: Vec<PackageEntry>) -> Self {
        packages.sort_unstable();
        packages.dedup_by(|next, first| next.is_same(first));
        Self { packages }
    }

    pub fn packages(&self) -> &[PackageEntry] {
        &self.packages
    }

    pub fn from_text(text: &str) -> Result<Self, ManifestError> {
        let packages = (1..)
            .zip(text.lines())
            .map(|(line, text)| {
                serde_json::from_str(text).map_err(|error| ManifestError::Line {
                    line,
                    expected: "a package of a build",
                    found: error.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::new(packages))
    }

    pub fn decompress(bytes: &[u8], expected: &Sha256) -> Result<Self, ManifestError> {
        let text = unfold(bytes)?;
        let found = Sha256::of(text.as_bytes());
        if found != *expected {
            return Err(ManifestError::Hash { expected: *expected, found });
        }
        Self::from_text(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_wrote() {
        let line = |name: &'static str, line: u64, index: &'static str| PackageLine {
            name,
            arch: "amd64",
            version: "2",
            origin: Origin {
                upstream: UpstreamName::new("debian").expect("a name"),
                suite: "bookworm",
                component: "main",
            },
            sha256: Sha256::of(name.as_bytes()),
            size: 5,
            path: "main/a/a.deb",
            source: Some("src"),
            source_version: None,
            section: None,
            listed: Some(Listed { index, line, build: None }),
        };
        // A package for all architectures stands in the index of each.
        let lines = vec![
            line("b", 1, "main/binary-amd64/Packages.xz"),
            line("a", 3, "main/binary-arm64/Packages.xz"),
            line("a", 7, "main/binary-amd64/Packages.xz"),
            line("a", 7, "main/binary-amd64/Packages.xz"),
        ];
        let packed = PackedList::of(lines, None).expect("packed");
        assert_eq!(packed.count, 2);
        let list = PackageList::decompress(&packed.bytes, &packed.hash).expect("read");
        let expected = PackageEntry {
            name: "a".to_owned(),
            arch: "amd64".to_owned(),
            version: "2".to_owned(),
            origin: Origin {
                upstream: UpstreamName::new("debian").expect("a name"),
                suite: "bookworm".to_owned(),
                component: "main".to_owned(),
            },
            sha256: Sha256::of(b"a"),
            size: 5,
            path: RelPath::new("main/a/a.deb").expect("a path"),
            source: Some("src".to_owned()),
            source_version: None,
            section: None,
            listed: Some(Listed { index: "main/binary-amd64/Packages.xz".to_owned(), line: 7, build: None }),
        };
        assert_eq!(list.packages()[0], expected);
        assert_eq!((list.packages()[0].source_name(), list.packages()[0].source_version()), ("src", "2"));
        assert_eq!(list.packages().len(), 2);
        assert!(PackageList::decompress(&packed.bytes, &Sha256::of(b"")).is_err());
        let text = unfold(&packed.bytes).expect("text");
        // What is written of an entry that was read is what was read.
        let again: Vec<String> =
            list.packages().iter().map(|one| serde_json::to_string(one).expect("json")).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), again);
        let error = PackageList::from_text(&format!("{text}nonsense\n")).expect_err("nonsense");
        assert!(error.to_string().starts_with("line 3"), "{error}");
    }
}
