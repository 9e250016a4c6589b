//! The machine that a build implies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::check::profile::read;
use crate::check::{CheckError, Profile};
use crate::deb822::{PackageRecord, Stanzas};
use crate::diff::distribution_of;
use crate::index::unpack;
use crate::manifest::PackageList;
use crate::select::basic;
use crate::version;

/// The largest packed index has 12 MB, unpacked 60.
const INDEX_MAX: u64 = 1 << 30;

/// What describes a package file and not an installed package.
const OF_FILES: [&str; 8] =
    ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Phased-Update-Percentage"];

/// A profile for each distribution of a build and this architecture: a minimal system, as it is installed. It has all
/// packages of priority required and important and what they need, in their highest versions.
///
/// It is not a system in use: what a machine has beyond that is not there.
pub fn like(build: &Path, packages: &PackageList, architecture: &str) -> Result<Vec<Profile>, CheckError> {
    let mut indexes: BTreeMap<&str, BTreeSet<(&str, &str, &str)>> = BTreeMap::new();
    for entry in packages.packages() {
        let origin = &entry.origin;
        let place = (origin.upstream.as_str(), origin.suite.as_str(), origin.component.as_str());
        indexes.entry(distribution_of(&origin.suite)).or_default().insert(place);
    }
    let mut profiles = Vec::new();
    for (distribution, places) in indexes {
        let mut texts = Vec::new();
        for (upstream, suite, component) in &places {
            let below = match suite.ends_with('/') {
                true => suite.to_string(),
                false => format!("dists/{suite}/{component}/binary-{architecture}"),
            };
            let folder = build.join(upstream).join(below);
            texts.extend(index(&folder)?.map(|text| (folder, text)));
        }
        let text = minimal(&texts)?;
        if text.is_empty() {
            continue;
        }
        // Also those that the other build has and this one has not: such a machine gets all of its distribution.
        let suites = BTreeSet::from([distribution.to_owned()]);
        let name = format!("like-{distribution}-{architecture}").replace('/', "-");
        profiles.push(Profile::implied(build, name, text, suites)?);
    }
    if profiles.is_empty() {
        return Err(CheckError::NoProfile { path: build.to_owned() });
    }
    Ok(profiles)
}

/// The status file of a machine with a minimal system and nothing else.
fn minimal(texts: &[(PathBuf, Vec<u8>)]) -> Result<String, CheckError> {
    let mut records: BTreeMap<&str, PackageRecord<'_>> = BTreeMap::new();
    let wrong = |folder: &Path, found: String| {
        let path = folder.to_owned();
        CheckError::Form { path, expected: "an index of packages", found }
    };
    for (folder, text) in texts {
        for stanza in Stanzas::new(text) {
            let stanza = stanza.map_err(|error| wrong(folder, error.to_string()))?;
            let record = PackageRecord::read(&stanza).map_err(|error| wrong(folder, error.to_string()))?;
            let newest = records.entry(record.package).or_insert_with(|| record.clone());
            if version::compare(newest.version.as_str(), record.version.as_str()).is_lt() {
                *newest = record;
            }
        }
    }
    let names = basic(records.values());
    let mut status = String::new();
    for (_, record) in records.iter().filter(|(name, _)| names.contains(**name)) {
        for field in record.stanza.fields() {
            let field = field.map_err(|error| wrong(Path::new(record.package), error.to_string()))?;
            if !OF_FILES.iter().any(|name| field.is(name)) {
                let _ = writeln!(status, "{}", String::from_utf8_lossy(field.whole()).trim_end_matches('\n'));
            }
        }
        status.push_str("Status: install ok installed\n\n");
    }
    Ok(status)
}

/// An index in whichever form the build has it.
fn index(folder: &Path) -> Result<Option<Vec<u8>>, CheckError> {
    for extension in [".zst", ".gz", ".xz", ""] {
        let path = folder.join(format!("Packages{extension}"));
        if !path.exists() {
            continue;
        }
        let packed = read(&path, INDEX_MAX)?;
        let failed = |source| CheckError::Read { path: path.clone(), source };
        return unpack(extension, &packed, INDEX_MAX).map(Some).map_err(failed);
    }
    Ok(None)
}
