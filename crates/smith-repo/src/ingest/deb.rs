//! One package file: read once, for its hash and for what it says of itself.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::deb822::{Field, PackageRecord, ScanError, Stanza, Stanzas};
use crate::hash::{Hashing, Sha256};
use crate::ingest::DebError;
use crate::ingest::ar::walk;
use crate::ingest::control::control_file;
use crate::name::{PartName, RelPath};
use crate::store::{Intake, StoreError};

/// What an index says and a control file may not: each would be believed instead of what we found.
const OURS: [&str; 8] =
    ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Status", "Phased-Update-Percentage"];

/// What becomes of the file.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// It stays where it is.
    ReadOnly,
    /// It is copied while it is read.
    Store(&'a Intake<'a>),
}

/// A package file that is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDeb {
    pub path: PathBuf,
    pub sha256: Sha256,
    pub size: u64,
    /// Where it is to lie, below the root of the repository.
    pub filename: RelPath,
    /// Its stanza as an index has it, with `Filename`, `Size` and `SHA256`.
    pub stanza: Vec<u8>,
}

impl LocalDeb {
    pub fn read(path: &Path, component: &PartName, destination: Destination<'_>) -> Result<Self, DebError> {
        // Asked before it is opened: a pipe would be waited for.
        if !fs::metadata(path)?.is_file() {
            return Err(DebError::NotAFile);
        }
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(DebError::NotAFile);
        }
        match destination {
            Destination::ReadOnly => Self::read_through(path, component, file, io::sink()),
            Destination::Store(intake) => {
                let temporary = intake.temporary();
                let made = File::create(&temporary).map_err(StoreError::io("writing", &temporary))?;
                let deb = Self::read_through(path, component, file, made);
                // Only what was found good is taken in.
                let taken = deb.and_then(|deb| match intake.has(&deb.sha256) {
                    true => Ok(deb),
                    false => Ok(intake.adopt(&temporary, deb.sha256).map(|()| deb)?),
                });
                // After it was adopted there is nothing of this name.
                let _ = fs::remove_file(&temporary);
                taken
            }
        }
    }

    fn read_through(
        path: &Path,
        component: &PartName,
        file: File,
        out: impl io::Write,
    ) -> Result<Self, DebError> {
        let mut hashed = Hashed { file, out: Hashing::new(out) };
        let control = walk(&mut hashed)?;
        let (sha256, size) = hashed.out.finish();
        let (filename, stanza) = describe(&control_file(&control)?, component, &sha256, size)?;
        Ok(Self { path: path.to_owned(), sha256, size, filename, stanza })
    }

    /// Its typed view.
    pub fn record(&self) -> Result<PackageRecord<'_>, DebError> {
        record(&self.stanza)
    }
}

/// Hashes what is read through it, and passes it on.
struct Hashed<W> {
    file: File,
    out: Hashing<W>,
}

impl<W: io::Write> Read for Hashed<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.out.write_all(&buffer[..read])?;
        Ok(read)
    }
}

/// The stanza of an index: the control file's fields in their order, then what was found.
fn describe(
    control: &[u8],
    component: &PartName,
    sha256: &Sha256,
    size: u64,
) -> Result<(RelPath, Vec<u8>), DebError> {
    let stanzas: Vec<Stanza<'_>> = Stanzas::new(control).collect::<Result<_, _>>().map_err(DebError::Scan)?;
    let [stanza] = stanzas[..] else { return Err(DebError::Stanzas { found: stanzas.len() }) };
    let fields: Vec<Field<'_>> = stanza.fields().collect::<Result<_, ScanError>>().map_err(DebError::Scan)?;
    let mut text = Vec::with_capacity(control.len() + 300);
    for field in fields.iter().filter(|field| !OURS.iter().any(|ours| field.is(ours))) {
        text.extend_from_slice(field.whole());
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    // Read once with a name that is good in any case, to learn the true one from checked fields.
    let with = |filename: &str| {
        let mut whole = text.clone();
        whole.extend_from_slice(format!("Filename: {filename}\nSize: {size}\nSHA256: {sha256}\n").as_bytes());
        whole
    };
    let draft = with("draft.deb");
    let filename = filename(&record(&draft)?, component)?;
    let stanza = with(filename.as_str());
    Ok((filename, stanza))
}

fn record(stanza: &[u8]) -> Result<PackageRecord<'_>, DebError> {
    match Stanzas::new(stanza).next() {
        Some(stanza) => Ok(PackageRecord::read(&stanza.map_err(DebError::Scan)?)?),
        None => Err(DebError::Stanzas { found: 0 }),
    }
}

/// Where Debian would put it. What the file was called does not matter; vendors call them `…_latest.deb`.
fn filename(record: &PackageRecord<'_>, component: &PartName) -> Result<RelPath, DebError> {
    let source = record.source_name();
    let length = if source.starts_with("lib") { 4 } else { 1 };
    let folder = source.get(..length).unwrap_or(source);
    let parts = record.version.parts();
    let version = match parts.revision {
        "" => parts.upstream.to_owned(),
        revision => format!("{}-{revision}", parts.upstream),
    };
    let name = format!("{}_{version}_{}.deb", record.package, record.architecture);
    Ok(RelPath::new(&format!("pool/{component}/{folder}/{source}/{name}"))?)
}
