//! Signatures as they come back, each verified before any of them is used.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;

use crate::mirror::INFO;
use crate::name::RelPath;
use crate::pgp::{Detached, DetachedKind, Keyring, Policy, SignedBy, verify_cleartext, verify_detached};
use crate::unsigned::export::{Waiting, stem};
use crate::unsigned::{Flaw, UnsignedError};

/// A Release and a handful of signatures.
const FILE_MAX: u64 = 16 << 20;

/// How detached signatures end, as gpg and people name them.
const ENDINGS: [&str; 3] = ["gpg", "sig", "asc"];

/// Both signed forms of a Release.
pub(super) struct Forms {
    pub(super) in_release: Vec<u8>,
    pub(super) detached: Vec<u8>,
}

/// Everything that a build lacked.
pub(super) struct Signatures {
    /// By the paths of the Releases.
    pub(super) forms: BTreeMap<RelPath, Forms>,
    /// Of `build.json`, without armor.
    pub(super) words: Vec<u8>,
}

/// Whom to believe.
pub(super) struct Judge {
    pub(super) keyring: Keyring,
    pub(super) now: Timestamp,
}

/// Finds the signatures of a build in a folder.
pub(super) fn read(waiting: &Waiting, folder: &Path, judge: &Judge) -> Result<Signatures, UnsignedError> {
    let mut flaws = Vec::new();
    let mut keep = |file: String, why: String| flaws.push(Flaw { file, why });
    let mut forms = BTreeMap::new();
    for (path, release) in &waiting.releases {
        match forms_of(&stem(path), release, folder, judge) {
            Ok(found) => drop(forms.insert(path.clone(), found)),
            Err((file, why)) => keep(file, why),
        }
    }
    let words = detached(INFO, folder).and_then(|(file, bytes)| {
        let parsed = Detached::parse(&bytes).map_err(|error| (file.clone(), error.to_string()))?;
        judge.detached(&waiting.json, parsed.binary()).map_err(|why| (file, why))?;
        Ok(parsed.binary().to_vec())
    });
    let words = words.map_err(|(file, why)| keep(file, why)).unwrap_or_default();
    if flaws.is_empty() { Ok(Signatures { forms, words }) } else { Err(UnsignedError::Signatures { flaws }) }
}

/// The same for signatures that were made here, by keys that the store may not know.
pub(super) fn check(waiting: &Waiting, made: &Signatures, judge: &Judge) -> Result<(), UnsignedError> {
    let mut flaws = Vec::new();
    for (path, release) in &waiting.releases {
        let file = stem(path);
        match made.forms.get(path) {
            Some(forms) => {
                let both =
                    judge.message(release, &forms.in_release).and(judge.detached(release, &forms.detached));
                flaws.extend(both.err().map(|why| Flaw { file, why }));
            }
            None => flaws.push(Flaw { file, why: "expected a signature, found none".to_owned() }),
        }
    }
    let words = judge.detached(&waiting.json, &made.words);
    flaws.extend(words.err().map(|why| Flaw { file: INFO.to_owned(), why }));
    if flaws.is_empty() { Ok(()) } else { Err(UnsignedError::Signatures { flaws }) }
}

fn forms_of(stem: &str, release: &[u8], folder: &Path, judge: &Judge) -> Result<Forms, (String, String)> {
    let (file, bytes) = detached(&format!("{stem}.Release"), folder)?;
    let bad = |why: String| (file.clone(), why);
    let parsed = Detached::parse(&bytes).map_err(|error| bad(error.to_string()))?;
    judge.detached(release, parsed.binary()).map_err(bad)?;
    let armored = parsed.armored().map_err(|error| bad(error.to_string()))?.into_bytes();
    let name = format!("{stem}.InRelease");
    let in_release = match (read_file(&folder.join(&name)), parsed.kind()) {
        (Ok(Some(message)), _) => message,
        (Err(error), _) => return Err((name, error.to_string())),
        (Ok(None), DetachedKind::Text) => {
            let text = std::str::from_utf8(release).map_err(|error| bad(error.to_string()))?;
            parsed.framed(text).map_err(|error| bad(error.to_string()))?.into_bytes()
        }
        (Ok(None), DetachedKind::Binary) => {
            let why =
                format!("expected it, or {file} made with --textmode, found a signature over bytes alone");
            return Err((name, why));
        }
    };
    judge.message(release, &in_release).map_err(|why| (name, why))?;
    Ok(Forms { in_release, detached: armored })
}

impl Judge {
    fn policy(&self) -> Policy {
        Policy::any(self.now)
    }

    pub(super) fn detached(&self, content: &[u8], signature: &[u8]) -> Result<Vec<SignedBy>, String> {
        verify_detached(content, signature, &self.keyring, &self.policy()).map_err(|error| error.to_string())
    }

    /// That the message is signed, and that what is signed is the Release.
    fn message(&self, release: &[u8], message: &[u8]) -> Result<Vec<SignedBy>, String> {
        let verified = verify_cleartext(message, &self.keyring, &self.policy());
        let verified = verified.map_err(|error| error.to_string())?;
        // A composed one has an empty line more, which ends a stanza that ends there anyhow.
        match verified.text == release || verified.text.strip_suffix(b"\n") == Some(release) {
            true => Ok(verified.signers),
            false => Err("expected the Release that was exported, found another text signed".to_owned()),
        }
    }
}

/// The detached signature of a file, and what it is called.
fn detached(of: &str, folder: &Path) -> Result<(String, Vec<u8>), (String, String)> {
    for ending in ENDINGS {
        let name = format!("{of}.{ending}");
        match read_file(&folder.join(&name)) {
            Ok(Some(bytes)) => return Ok((name, bytes)),
            Ok(None) => {}
            Err(error) => return Err((name, error.to_string())),
        }
    }
    Err((of.to_owned(), format!("expected a signature in {of}.gpg, .sig or .asc, found none")))
}

fn read_file(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) => {
            file.take(FILE_MAX).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
    }
}
