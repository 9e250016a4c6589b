//! The difference between two manifests: what a mirror that holds the one needs to know of the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::hash::Sha256;
use crate::manifest::files::unfold;
use crate::manifest::{Area, FileEntry, Manifest, ManifestError};
use crate::name::RelPath;

const HEAD: &str = "smith-delta 1 ";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The hash of the manifest that it applies to.
    pub from: Sha256,
    gone: Vec<(Area, RelPath)>,
    /// New paths, and paths with other content.
    come: Vec<FileEntry>,
}

impl Delta {
    pub fn between(from: &Manifest, to: &Manifest) -> Self {
        Self::between_named(&from.hash(), from, to)
    }

    /// The same, where the hash of the first is known.
    pub(crate) fn between_named(name: &Sha256, from: &Manifest, to: &Manifest) -> Self {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let mut old = from.files().iter().peekable();
        for file in to.files() {
            while let Some(lost) = old.next_if(|old| old.place() < file.place()) {
                gone.push((lost.area, lost.path.clone()));
            }
            let before = old.next_if(|old| old.place() == file.place());
            if before != Some(file) {
                come.push(file.clone());
            }
        }
        gone.extend(old.map(|lost| (lost.area, lost.path.clone())));
        Self { from: *name, gone, come }
    }

    pub fn apply(&self, from: &Manifest, expected: &Sha256) -> Result<Manifest, ManifestError> {
        let base = from.hash();
        if base != self.from {
            let what = format!("it applies to {}, not to {base}", self.from);
            return Err(ManifestError::Misfit { what });
        }
        let mut files: BTreeMap<_, &FileEntry> =
            from.files().iter().map(|file| (file.place(), file)).collect();
        for (area, path) in &self.gone {
            files.remove(&(*area, path));
        }
        files.extend(self.come.iter().map(|file| (file.place(), file)));
        let manifest = Manifest::new(files.into_values().cloned().collect())?;
        let found = manifest.hash();
        if found != *expected {
            return Err(ManifestError::Hash { expected: *expected, found });
        }
        Ok(manifest)
    }

    pub fn compress(&self) -> std::io::Result<Vec<u8>> {
        let mut text = format!("{HEAD}{}\n", self.from);
        for (area, path) in &self.gone {
            let word = match area {
                Area::Pool => "pool",
                Area::Tree => "tree",
            };
            let _ = writeln!(text, "- {word}/{path}");
        }
        for file in &self.come {
            let _ = writeln!(text, "+ {}", file.to_line());
        }
        zstd::bulk::compress(text.as_bytes(), 19)
    }

    pub fn decompress(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = unfold(bytes)?;
        let mut lines = (1..).zip(text.lines());
        let bad = |line, expected, found: &str| ManifestError::Line {
            line,
            expected,
            found: found.chars().take(200).collect(),
        };
        let head = lines.next().map_or("", |(_, head)| head);
        let from = head.strip_prefix(HEAD).and_then(|hash| hash.parse().ok());
        let from = from.ok_or_else(|| bad(1, "the head of a difference", head))?;
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for (line, text) in lines {
            match text.split_at_checked(2) {
                Some(("+ ", entry)) => come.push(FileEntry::from_line(line, entry)?),
                Some(("- ", path)) => {
                    let (area, path) = path.split_once('/').ok_or_else(|| bad(line, "a path", text))?;
                    let area = match area {
                        "pool" => Area::Pool,
                        "tree" => Area::Tree,
                        _ => return Err(bad(line, "a path below pool or tree", text)),
                    };
                    let path = RelPath::new(path).map_err(|_| bad(line, "a path", text))?;
                    gone.push((area, path));
                }
                Some(_) | None => return Err(bad(line, "a line that begins with `+ ` or `- `", text)),
            }
        }
        Ok(Self { from, gone, come })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest(files: &BTreeMap<u8, u8>) -> Manifest {
        let entry = |(path, content): (&u8, &u8)| FileEntry {
            area: if path % 2 == 0 { Area::Pool } else { Area::Tree },
            path: RelPath::new(&format!("u/{path}")).expect("a path"),
            hash: Sha256::of(&[*content]),
            size: u64::from(*content),
        };
        Manifest::new(files.iter().map(entry).collect()).expect("good")
    }

    proptest! {
        #[test]
        fn the_difference_leads_from_one_to_the_other(
            a in prop::collection::btree_map(0u8..20, 0u8..4, 0..20),
            b in prop::collection::btree_map(0u8..20, 0u8..4, 0..20),
        ) {
            let (a, b) = (manifest(&a), manifest(&b));
            let delta = Delta::between(&a, &b);
            let read = Delta::decompress(&delta.compress().expect("packed")).expect("good");
            prop_assert_eq!(&read, &delta);
            prop_assert_eq!(read.apply(&a, &b.hash()), Ok(b.clone()));
            if a != b {
                prop_assert!(read.apply(&b, &b.hash()).is_err());
            }
        }
    }
}
