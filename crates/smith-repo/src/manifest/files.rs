//! The manifest: every file of a build with its hash and size, one line each, sorted by path.
//!
//! It does not know the build's number, so that two builds of the same upstream state have the same manifest.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use crate::hash::Sha256;
use crate::manifest::ManifestError;
use crate::name::{BuildNumber, RelPath, UpstreamName};
use crate::store::Layout;

/// A manifest of a million files is under 200 MB; one that unfolds to more is an attack.
pub(super) const TEXT_MAX: u64 = 1 << 30;

/// Level 9 takes four times as long and gains a few per cent: hashes do not compress.
const LEVEL: i32 = 3;

/// Where a file of a build lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// In the pool, which all builds share.
    Pool,
    /// Below the folder of the build.
    Tree,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileEntry {
    pub area: Area,
    /// Below the pool or the build's folder; the first part is the upstream.
    pub path: RelPath,
    pub hash: Sha256,
    pub size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    files: Vec<FileEntry>,
}

impl Manifest {
    /// Sorts; of files that are named twice with the same content, one stays.
    pub fn new(mut files: Vec<FileEntry>) -> Result<Self, ManifestError> {
        files.sort_unstable();
        files.dedup();
        let twice = files.windows(2).find(|pair| pair[0].place() == pair[1].place());
        if let Some(pair) = twice {
            let found = format!("{}: {} and {}", pair[0].path, pair[0].hash, pair[1].hash);
            return Err(ManifestError::Form { expected: "one content for each path", found });
        }
        Ok(Self { files })
    }

    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Every object that the build is made of.
    pub fn objects(&self) -> BTreeSet<Sha256> {
        self.files.iter().map(|file| file.hash).collect()
    }

    pub fn bytes(&self) -> u64 {
        let mut sizes: Vec<(Sha256, u64)> = self.files.iter().map(|file| (file.hash, file.size)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes.iter().map(|(_, size)| size).sum()
    }

    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.files.len() * 160);
        for file in &self.files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {} {}/{}", file.hash, file.size, file.area.word(), file.path);
        }
        text
    }

    /// Reads what [`Manifest::to_text`] wrote, and nothing else.
    pub fn from_text(text: &str) -> Result<Self, ManifestError> {
        let files: Vec<FileEntry> = (1..)
            .zip(text.lines())
            .map(|(line, text)| FileEntry::from_line(line, text))
            .collect::<Result<_, _>>()?;
        let disorder = files.windows(2).position(|pair| pair[0].place() >= pair[1].place());
        if let Some(at) = disorder {
            let found = files[at + 1].path.to_string();
            return Err(ManifestError::Line { line: at + 2, expected: "paths in order", found });
        }
        Ok(Self { files })
    }

    /// The name of the list: the hash of its text.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.to_text().as_bytes())
    }

    pub fn compress(&self) -> std::io::Result<Vec<u8>> {
        Ok(self.pack()?.1)
    }

    /// Its hash, and what it is packed to.
    pub fn pack(&self) -> std::io::Result<(Sha256, Vec<u8>)> {
        let text = self.to_text();
        Ok((Sha256::of(text.as_bytes()), zstd::bulk::compress(text.as_bytes(), LEVEL)?))
    }

    /// One whose hash nobody has said; what it names is to be verified by other means.
    pub fn unpack(bytes: &[u8]) -> Result<Self, ManifestError> {
        Self::from_text(&unfold(bytes)?)
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

pub(super) fn unfold(bytes: &[u8]) -> Result<String, ManifestError> {
    let broken = |found: String| ManifestError::Form { expected: "text compressed with zstd", found };
    let mut text = String::new();
    let decoder = zstd::Decoder::new(bytes).map_err(|error| broken(error.to_string()))?;
    let read = decoder.take(TEXT_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| broken(error.to_string()))?;
    if text.len() as u64 > TEXT_MAX {
        return Err(broken(format!("more than {TEXT_MAX} bytes")));
    }
    Ok(text)
}

impl Area {
    fn word(self) -> &'static str {
        match self {
            Area::Pool => "pool",
            Area::Tree => "tree",
        }
    }
}

impl FileEntry {
    pub(super) fn place(&self) -> (Area, &RelPath) {
        (self.area, &self.path)
    }

    /// Where the file lies in a store.
    pub fn below(&self, layout: &Layout, build: BuildNumber) -> PathBuf {
        match self.area {
            Area::Pool => self.path.below(&layout.root().join("pool")),
            Area::Tree => self.path.below(&layout.build(build)),
        }
    }

    /// The upstream and the path below its pool, of a file of the pool.
    pub fn in_pool(&self) -> Option<(UpstreamName, RelPath)> {
        let (upstream, path) = self.path.as_str().split_once('/')?;
        let names = UpstreamName::new(upstream).ok().zip(RelPath::new(path).ok());
        names.filter(|_| self.area == Area::Pool)
    }

    /// The line of the manifest, without its end.
    pub(super) fn to_line(&self) -> String {
        format!("{} {} {}/{}", self.hash, self.size, self.area.word(), self.path)
    }

    pub(super) fn from_line(line: usize, text: &str) -> Result<Self, ManifestError> {
        let bad = |expected| ManifestError::Line { line, expected, found: text.chars().take(200).collect() };
        let Line { area, path, hash, size } = Line::split(text).map_err(bad)?;
        let path = RelPath::new(path).map_err(|_| bad("a path that stays below its folder"))?;
        Ok(Self { area, path, hash, size })
    }
}

/// A line where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) area: Area,
    pub(crate) path: &'a str,
    pub(crate) hash: Sha256,
    pub(crate) size: u64,
}

impl<'a> Line<'a> {
    /// Nothing where it is no line of a manifest.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        Self::split(text).ok().filter(|line| RelPath::is_one(line.path))
    }

    pub(crate) fn of(file: &'a FileEntry) -> Self {
        Self { area: file.area, path: file.path.as_str(), hash: file.hash, size: file.size }
    }

    /// Its path is not looked at. Says what was expected where it is no such line.
    fn split(text: &'a str) -> Result<Self, &'static str> {
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().ok_or("a hash, a size and a path");
        let hash = Sha256::from_hex(next()?.as_bytes()).ok_or("a sha256")?;
        let size = next()?;
        let is_plain = size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size.parse().ok().filter(|_| is_plain).ok_or("a size")?;
        let (area, path) = next()?.split_once('/').ok_or("a path")?;
        let area = [Area::Pool, Area::Tree].into_iter().find(|one| one.word() == area);
        Ok(Self { area: area.ok_or("a path below pool or tree")?, path, hash, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(area: Area, path: &str, content: &str) -> FileEntry {
        let path = RelPath::new(path).expect("a path");
        FileEntry { area, path, hash: Sha256::of(content.as_bytes()), size: content.len() as u64 }
    }

    #[test]
    fn it_reads_what_it_wrote() {
        let files = vec![
            entry(Area::Tree, "debian/dists/bookworm/InRelease", "x"),
            entry(Area::Pool, "debian/main/a/a b_1.deb", "deb"),
            entry(Area::Pool, "debian/main/a/a b_1.deb", "deb"),
        ];
        let manifest = Manifest::new(files).expect("good");
        assert_eq!(manifest.files().len(), 2);
        let packed = manifest.compress().expect("packed");
        assert_eq!(Manifest::decompress(&packed, &manifest.hash()), Ok(manifest.clone()));
        assert!(Manifest::decompress(&packed, &Sha256::of(b"")).is_err());
        assert_eq!(manifest.bytes(), 4);
    }

    #[test]
    fn two_contents_for_one_path_are_refused() {
        let files = vec![entry(Area::Pool, "a/b", "1"), entry(Area::Pool, "a/b", "2")];
        assert!(Manifest::new(files).is_err());
    }

    #[test]
    fn other_text_is_refused_with_its_line() {
        let good = entry(Area::Pool, "a/b", "1").to_line();
        for bad in [
            "",
            "x",
            &good.replace("pool/", "etc/"),
            &good.replace("a/b", "../b"),
            &good.replace(" 1 ", " +1 "),
        ] {
            let text = format!("{good}\n{bad}\n");
            let error = Manifest::from_text(&text).expect_err(bad);
            assert!(error.to_string().starts_with("line 2"), "{bad}: {error}");
        }
        assert!(Manifest::from_text(&format!("{good}\n{good}\n")).is_err());
    }

    #[test]
    fn a_bomb_is_not_unfolded() {
        assert!(unfold(b"no zstd at all").is_err());
    }
}
