//! What there is to choose from: the indexes of all suites, what the build before had, and what machines have installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::create::CreateError;
use crate::deb822::{PackageRecord, Stanzas};
use crate::hash::Sha256;
use crate::index::unpack;
use crate::manifest::Area;
use crate::mirror::Held;
use crate::name::PartName;
use crate::select::{Candidate, Choice};
use crate::store::Store;
use crate::upstream::{Believed, Fault, IndexText, Suite};

/// A status file of a machine with ten thousand packages is 15 MB.
const STATUS_MAX: u64 = 256 << 20;

/// An index of the build before is ours, and yet it is unpacked with a bound.
const BEFORE_MAX: u64 = 2 << 30;

/// One index that is read and will be written: of one suite, component and architecture.
pub(super) struct Source {
    pub(super) upstream: usize,
    /// Which of the suites that were looked at.
    pub(super) suite: usize,
    /// Neither, for the only index of a flat suite.
    pub(super) part: Option<(PartName, PartName)>,
    /// Below the suite, as it was packed.
    pub(super) path: String,
    pub(super) text: Vec<u8>,
    /// The same index of the build before, where a rule may want something of it.
    pub(super) before: Vec<u8>,
}

/// A suite as it is now.
pub(super) struct Frozen {
    pub(super) upstream: usize,
    pub(super) suite: crate::name::SuiteName,
    pub(super) believed: Believed,
    pub(super) indexes: Vec<(String, Sha256)>,
    /// What the recipe asks for and it does not have.
    pub(super) absent: Vec<String>,
}

pub(super) fn stem(part: Option<&(PartName, PartName)>) -> String {
    match part {
        Some((component, architecture)) => format!("{component}/binary-{architecture}/Packages"),
        None => "Packages".to_owned(),
    }
}

/// Reads the stanzas of an index; the first that is wrong refuses the suite.
pub(super) fn records<'a>(
    suite: &Suite<'_>,
    index: &str,
    text: &'a [u8],
) -> Result<Vec<PackageRecord<'a>>, CreateError> {
    let mut records = Vec::new();
    for stanza in Stanzas::new(text) {
        let stanza = stanza
            .map_err(|source| suite.refused(Fault::Scan { path: index.into(), source: Box::new(source) }))?;
        let record = PackageRecord::read(&stanza);
        records.push(record.map_err(|source| {
            suite.refused(Fault::Record { path: index.into(), source: Box::new(source) })
        })?);
    }
    Ok(records)
}

pub(super) fn candidate<'a>(
    record: &PackageRecord<'a>,
    source: &Source,
    index: usize,
    distribution: &'a str,
    from: Choice,
) -> Candidate<'a> {
    Candidate {
        name: record.package,
        version: record.version.as_str(),
        arch: record.architecture,
        sha256: record.sha256,
        section: record.section.unwrap_or_default(),
        priority: record.priority.unwrap_or_default(),
        source: record.source_name(),
        pre_depends: record.pre_depends.unwrap_or_default(),
        depends: record.depends.unwrap_or_default(),
        recommends: record.recommends.unwrap_or_default(),
        provides: record.provides.unwrap_or_default(),
        upstream: source.upstream,
        distribution,
        index,
        from,
    }
}

/// The index with this stem in the build before, unpacked; nothing where it had none.
pub(super) fn before(
    store: &Store,
    held: &Held,
    upstream: &str,
    suite: &str,
    stem: &str,
) -> Result<Vec<u8>, CreateError> {
    let folder = if suite.ends_with('/') {
        suite.trim_start_matches("./").to_owned()
    } else {
        format!("dists/{suite}/")
    };
    for extension in [".zst", ".gz", ".xz"] {
        let path = format!("{upstream}/{folder}{stem}{extension}");
        let found =
            held.manifest.files().iter().find(|file| file.area == Area::Tree && file.path.as_str() == path);
        let Some(file) = found else { continue };
        let object = store.object(&file.hash);
        let number = held.info.number;
        let wrong = |what: String| CreateError::Before { number, what: format!("{path}: {what}") };
        let packed = fs::read(&object).map_err(|error| wrong(error.to_string()))?;
        return unpack(extension, &packed, BEFORE_MAX).map_err(|error| wrong(error.to_string()));
    }
    Ok(Vec::new())
}

/// The names that are installed on any machine whose status file lies in these folders.
pub(super) fn installed(folders: &[PathBuf]) -> Result<BTreeSet<String>, CreateError> {
    let mut names = BTreeSet::new();
    for folder in folders {
        let failed = |source| CreateError::Folder { path: folder.clone(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_file() {
                add_status(&path, &mut names)?;
            }
        }
    }
    Ok(names)
}

fn add_status(path: &Path, names: &mut BTreeSet<String>) -> Result<(), CreateError> {
    let failed = |source| CreateError::Folder { path: path.to_owned(), source };
    let wrong = |what: String| CreateError::Status { path: path.to_owned(), what };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > STATUS_MAX {
        return Err(wrong(format!("expected at most {STATUS_MAX} bytes, found {length}")));
    }
    let text = fs::read(path).map_err(failed)?;
    for stanza in Stanzas::new(&text) {
        let stanza = stanza.map_err(|error| wrong(error.to_string()))?;
        let field = |name| stanza.field(name).map_err(|error| wrong(error.to_string()));
        let (package, status) = (field("Package")?, field("Status")?);
        let is_installed = match status {
            Some(status) => status.text().is_ok_and(|text| text.trim().ends_with(" installed")),
            None => false,
        };
        if let (Some(package), true) = (package, is_installed) {
            names.insert(package.text().map_err(|error| wrong(error.to_string()))?.trim().to_owned());
        }
    }
    Ok(())
}

impl Frozen {
    pub(super) fn note(&mut self, index: &IndexText) {
        self.indexes.push((index.path.clone(), index.sum.sha256));
    }
}
