//! What is to be signed, in a folder that is carried to the keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::hash::Sha256;
use crate::mirror::{Held, INFO, INFO_MAX, parse_info, read_some};
use crate::name::{BuildNumber, RelPath};
use crate::store::Store;
use crate::unsigned::UnsignedError;

/// A Release of ours lists some hundred indexes; one of this size is none.
const RELEASE_MAX: u64 = 16 << 20;

/// Names the files and their hashes, as `sha256sum -c` reads them.
const SUMS: &str = "SHA256SUMS";

const README: &str = "README";

/// How ours begins.
const README_BEGIN: &str = "Build ";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The names of the files that are to be signed.
    pub files: Vec<String>,
}

/// A build that waits, with the bytes that are to be signed.
pub(super) struct Waiting {
    pub(super) held: Held,
    pub(super) json: Vec<u8>,
    /// By their paths in the build.
    pub(super) releases: BTreeMap<RelPath, Vec<u8>>,
}

impl Waiting {
    pub(super) fn read(store: &Store, number: BuildNumber) -> Result<Self, UnsignedError> {
        let folder = store.unsigned_build(number);
        if store.build(number).exists() {
            return Err(UnsignedError::Signed { number });
        }
        if !folder.exists() {
            let names: Vec<String> = store.builds_unsigned()?.iter().map(ToString::to_string).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(UnsignedError::Unknown { number, known });
        }
        let held = Held::read_bare(&folder, number)?;
        let path = folder.join(INFO);
        let json = read_some(&path, INFO_MAX)?;
        // What is signed is what the lists were read by.
        if parse_info(&path, number, &json)? != held.info {
            return Err(UnsignedError::Changed { number, what: INFO.to_owned() });
        }
        let mut releases = BTreeMap::new();
        for (path, hash) in &held.info.signed_apart {
            let bytes = read_some(&store.object(hash), RELEASE_MAX)?;
            if Sha256::of(&bytes) != *hash {
                return Err(UnsignedError::Changed { number, what: path.to_string() });
            }
            releases.insert(path.clone(), bytes);
        }
        Ok(Self { held, json, releases })
    }
}

/// What a Release is called outside: `debian_bookworm-security`. An upstream has no underscore and a suite no per cent sign,
/// so no two have the same name.
pub(super) fn stem(release: &RelPath) -> String {
    let folder = release.parent().unwrap_or_default();
    let (upstream, folder) = folder.split_once('/').unwrap_or((folder, ""));
    let suite = folder.strip_prefix("dists/").unwrap_or(folder);
    let suite = if suite.is_empty() { "." } else { suite };
    format!("{upstream}_{}", suite.replace('/', "%"))
}

/// Writes the exact bytes that are to be signed, a list of their hashes, and how to sign them.
pub fn export(store: &Store, number: BuildNumber, folder: &Path) -> Result<Exported, UnsignedError> {
    let waiting = Waiting::read(store, number)?;
    let mut files: BTreeMap<String, &[u8]> = BTreeMap::from([(INFO.to_owned(), &*waiting.json)]);
    for (path, bytes) in &waiting.releases {
        files.insert(format!("{}.Release", stem(path)), bytes);
    }
    fs::create_dir_all(folder).map_err(UnsignedError::io("making", folder))?;
    check_folder(folder, &files)?;
    let mut sums = String::new();
    for (name, bytes) in &files {
        write(folder, name, bytes)?;
        sums.push_str(&format!("{}  {name}\n", Sha256::of(bytes)));
    }
    write(folder, README, readme(number).as_bytes())?;
    // The list comes last: where it is, all that it names is.
    write(folder, SUMS, sums.as_bytes())?;
    Ok(Exported { files: files.into_keys().collect() })
}

/// Signatures of another build that lie there would be taken for ours, and nothing of somebody else is written over.
fn check_folder(folder: &Path, ours: &BTreeMap<String, &[u8]>) -> Result<(), UnsignedError> {
    for entry in fs::read_dir(folder).map_err(UnsignedError::io("reading", folder))? {
        let path = entry.map_err(UnsignedError::io("reading", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_ours = match name.as_str() {
            README => fs::read(&path).is_ok_and(|text| text.starts_with(README_BEGIN.as_bytes())),
            name => name == SUMS || ours.contains_key(name),
        };
        if !is_ours {
            return Err(UnsignedError::NotEmpty { path: folder.to_owned(), found: name });
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), UnsignedError> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(UnsignedError::io("writing", &path))
}

fn readme(number: BuildNumber) -> String {
    format!(
        "{README_BEGIN}{number} waits for signatures. On the machine that has the key KEY, in this folder:

  sha256sum -c {SUMS}
  for f in *.Release; do
    gpg -u KEY --output \"${{f%.Release}}.InRelease\" --clearsign \"$f\"
    gpg -u KEY --output \"$f.gpg\" --armor --detach-sign \"$f\"
  done
  gpg -u KEY --output build.json.sig --detach-sign build.json

With `--textmode` a detached signature of a Release is enough for both of its forms, and no InRelease is needed.
Then, where the build waits:

  smith build sign {number} --signatures FOLDER
"
    )
}
