//! The machine that a build implies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use crate::check::profile::read;
use crate::check::{CheckError, Profile};
use crate::deb822::{PackageRecord, Stanzas};
use crate::diff::distribution_of;
use crate::manifest::PackageList;
use crate::version;

/// The largest packed index has 12 MB, unpacked 60.
const INDEX_MAX: u64 = 1 << 30;

/// What describes a package file and not an installed package.
const OF_FILES: [&str; 8] =
    ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Phased-Update-Percentage"];

/// A profile for each distribution of a build and this architecture: all packages of priority required and important, in
/// their highest versions, installed.
///
/// That is a minimal system as it is installed, not one that is in use: what such a machine has beyond it, and what the
/// priorities leave out though these packages depend on it, is not there. apt is asked all the same and reports
/// dependencies that lack.
pub fn like(build: &Path, packages: &PackageList, architecture: &str) -> Result<Vec<Profile>, CheckError> {
    let mut indexes: BTreeMap<&str, BTreeSet<(&str, &str, &str)>> = BTreeMap::new();
    for entry in packages.packages() {
        let origin = &entry.origin;
        let place = (origin.upstream.as_str(), origin.suite.as_str(), origin.component.as_str());
        indexes.entry(distribution_of(&origin.suite)).or_default().insert(place);
    }
    let mut profiles = Vec::new();
    for (distribution, places) in indexes {
        let mut chosen: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (upstream, suite, component) in &places {
            let below = match suite.ends_with('/') {
                true => suite.to_string(),
                false => format!("dists/{suite}/{component}/binary-{architecture}"),
            };
            let folder = build.join(upstream).join(below);
            if let Some(text) = index(&folder)? {
                choose(&folder, &text, &mut chosen)?;
            }
        }
        if chosen.is_empty() {
            continue;
        }
        let text: String = chosen.into_values().map(|(_, stanza)| stanza + "\n").collect();
        let suites = places.iter().map(|(_, suite, _)| (*suite).to_owned()).collect();
        let name = format!("like-{distribution}-{architecture}").replace('/', "-");
        profiles.push(Profile::implied(build, name, text, suites)?);
    }
    if profiles.is_empty() {
        return Err(CheckError::NoProfile { path: build.to_owned() });
    }
    Ok(profiles)
}

fn choose(
    folder: &Path,
    text: &[u8],
    chosen: &mut BTreeMap<String, (String, String)>,
) -> Result<(), CheckError> {
    let wrong =
        |found: String| CheckError::Form { path: folder.to_owned(), expected: "an index of packages", found };
    for stanza in Stanzas::new(text) {
        let stanza = stanza.map_err(|error| wrong(error.to_string()))?;
        let record = PackageRecord::read(&stanza).map_err(|error| wrong(error.to_string()))?;
        let is_basic = matches!(record.priority, Some("required" | "important"));
        let known = chosen.get(record.package);
        let is_newer =
            known.is_none_or(|(known, _)| version::compare(known, record.version.as_str()).is_lt());
        if !is_basic || !is_newer {
            continue;
        }
        let mut installed = String::new();
        for field in stanza.fields() {
            let field = field.map_err(|error| wrong(error.to_string()))?;
            if !OF_FILES.iter().any(|name| field.is(name)) {
                let _ =
                    writeln!(installed, "{}", String::from_utf8_lossy(field.whole()).trim_end_matches('\n'));
            }
        }
        installed.push_str("Status: install ok installed\n");
        chosen.insert(record.package.to_owned(), (record.version.as_str().to_owned(), installed));
    }
    Ok(())
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
        let unpacked = match extension {
            ".zst" => zstd::Decoder::new(packed.as_slice()).and_then(unpack),
            ".gz" => unpack(flate2::read::MultiGzDecoder::new(packed.as_slice())),
            ".xz" => unpack(liblzma::read::XzDecoder::new_multi_decoder(packed.as_slice())),
            _ => Ok(packed),
        };
        return unpacked.map(Some).map_err(failed);
    }
    Ok(None)
}

fn unpack(reader: impl io::Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.take(INDEX_MAX).read_to_end(&mut text)?;
    Ok(text)
}
