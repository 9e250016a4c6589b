//! Reads a `Release` whose signature was verified. It is still another's text: paths are checked and numbers limited.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::deb822::{Field, ScanError, Stanza, Stanzas};
use crate::hash::Sha256;
use crate::name::{PartName, RelPath};
use crate::release::ReleaseError;
use crate::release::date::{EXPECTED, parse_date};

/// The largest of Debian, with all architectures, is 220 KiB.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Debian's unstable has 2,400; each costs a few hundred bytes of memory.
const ENTRIES_MAX: usize = 10_000;

/// Debian has some 15 of each, its ports 30.
const PARTS_MAX: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub origin: Option<String>,
    pub label: Option<String>,
    pub suite: Option<String>,
    pub codename: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub date: Timestamp,
    pub valid_until: Option<Timestamp>,
    pub architectures: Vec<PartName>,
    pub components: Vec<PartName>,
    pub acquire_by_hash: bool,
    /// `Packages` when packages for all architectures are in each architecture's index.
    pub no_support_for_all: Option<String>,
    /// Clients take nothing from such a suite by themselves, as with backports.
    pub not_automatic: bool,
    pub but_automatic_upgrades: bool,
    /// Where packages' changes can be read.
    pub changelogs: Option<String>,
    /// The address of earlier states; `@SNAPSHOTID@` stands for the number.
    pub snapshots: Option<String>,
    pub files: BTreeMap<RelPath, FileSum>,
}

/// An index as its Release names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSum {
    pub size: u64,
    pub sha256: Sha256,
}

impl Release {
    pub fn parse(text: &[u8]) -> Result<Self, ReleaseError> {
        if text.len() > BYTES_MAX {
            return Err(ReleaseError::TooLong { limit: BYTES_MAX, found: text.len() });
        }
        let stanzas: Vec<Stanza<'_>> = Stanzas::new(text).collect::<Result<_, ScanError>>()?;
        let [stanza] = stanzas[..] else { return Err(ReleaseError::Stanzas { found: stanzas.len() }) };
        let fields = Named::read(&stanza)?;
        Ok(Self {
            origin: fields.text("Origin")?,
            label: fields.text("Label")?,
            suite: fields.text("Suite")?,
            codename: fields.text("Codename")?,
            version: fields.text("Version")?,
            description: fields.text("Description")?,
            date: fields.date("Date")?.ok_or(ReleaseError::Missing { field: "Date" })?,
            valid_until: fields.date("Valid-Until")?,
            architectures: fields.parts("Architectures")?,
            components: fields.parts("Components")?,
            acquire_by_hash: fields.is_yes("Acquire-By-Hash")?,
            no_support_for_all: fields.text("No-Support-for-Architecture-all")?,
            not_automatic: fields.is_yes("NotAutomatic")?,
            but_automatic_upgrades: fields.is_yes("ButAutomaticUpgrades")?,
            changelogs: fields.text("Changelogs")?,
            snapshots: fields.text("Snapshots")?,
            files: fields.files()?,
        })
    }

    /// Whether it had ended at this time.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until < now)
    }
}

struct Named<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Named<'a> {
    fn read(stanza: &Stanza<'a>) -> Result<Self, ScanError> {
        Ok(Self { fields: stanza.fields().collect::<Result<_, _>>()? })
    }

    fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// A field without content is as good as none.
    fn text(&self, name: &str) -> Result<Option<String>, ScanError> {
        let text = self.field(name).map(Field::text).transpose()?;
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn is_yes(&self, name: &str) -> Result<bool, ScanError> {
        Ok(self.text(name)?.is_some_and(|text| text.eq_ignore_ascii_case("yes")))
    }

    fn date(&self, name: &'static str) -> Result<Option<Timestamp>, ReleaseError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let date = parse_date(&text);
        date.map(Some).ok_or(ReleaseError::Value { field: name, expected: EXPECTED, found: short(&text) })
    }

    fn parts(&self, name: &'static str) -> Result<Vec<PartName>, ReleaseError> {
        let text = self.text(name)?.unwrap_or_default();
        let mut parts = Vec::new();
        for word in text.split_ascii_whitespace() {
            let part = PartName::new(word).map_err(|error| ReleaseError::Value {
                field: name,
                expected: error.expected,
                found: error.found,
            })?;
            if !parts.contains(&part) {
                parts.push(part);
            }
            if parts.len() > PARTS_MAX {
                return Err(ReleaseError::Value {
                    field: name,
                    expected: "at most 500 names",
                    found: short(&text),
                });
            }
        }
        Ok(parts)
    }

    fn files(&self) -> Result<BTreeMap<RelPath, FileSum>, ReleaseError> {
        let Some(field) = self.field("SHA256") else { return Err(self.no_strong_hash()) };
        let (mut files, text) = (BTreeMap::new(), field.text()?);
        let first_line = field.line();
        for (line, text) in std::str::from_utf8(field.raw()).unwrap_or(text).lines().enumerate() {
            if text.trim().is_empty() {
                continue;
            }
            let line = first_line + line;
            let (path, sum) =
                entry(text).map_err(|expected| ReleaseError::Entry { line, expected, found: short(text) })?;
            let path = RelPath::new(path.strip_prefix("./").unwrap_or(path));
            let path = path.map_err(|error| ReleaseError::Path {
                line,
                expected: error.expected,
                found: error.found,
            })?;
            if files.insert(path.clone(), sum).is_some_and(|other| other != sum) {
                return Err(ReleaseError::Conflict { line, path: path.to_string() });
            }
            if files.len() > ENTRIES_MAX {
                return Err(ReleaseError::TooMany { limit: ENTRIES_MAX });
            }
        }
        Ok(files)
    }

    fn no_strong_hash(&self) -> ReleaseError {
        let weak: Vec<&str> =
            ["MD5Sum", "SHA1", "SHA512"].into_iter().filter(|name| self.field(name).is_some()).collect();
        let found = if weak.is_empty() { "no hashes".to_owned() } else { weak.join(", ") };
        ReleaseError::NoStrongHash { found }
    }
}

/// ` <hash> <size> <path>`. Flat repositories may write `./` before the path.
fn entry(line: &str) -> Result<(&str, FileSum), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (Some(hash), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a hash, a size and a path");
    };
    let sha256 = Sha256::from_hex(hash.as_bytes()).ok_or("a sha256 of 64 hexadecimal digits")?;
    let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
    let size = size.parse().ok().filter(|_| is_number).ok_or("a size in bytes")?;
    Ok((path, FileSum { size, sha256 }))
}

fn short(text: &str) -> String {
    text.trim().chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn text(list: &str) -> String {
        format!(
            "Origin: Debian\nLabel:\nSuite: stable\nCodename: bookworm\nDate: Sat, 16 May 2026 10:33:45 UTC\n\
             Valid-Until: Sat, 23 May 2026 10:33:45 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\n\
             Components: main updates/main\nNo-Support-for-Architecture-all: Packages\n{list}"
        )
    }

    fn good() -> String {
        text(&format!(
            "MD5Sum:\n 0 1 a\nSHA256:\n {HASH} 3 main/binary-amd64/Packages\n {HASH} 03 ./x\n {HASH} 3 x\nNotAutomatic: yes\n"
        ))
    }

    #[test]
    fn a_release_is_read() {
        let release = Release::parse(good().as_bytes()).expect("a release");
        assert_eq!((release.origin.as_deref(), release.label), (Some("Debian"), None));
        assert!(release.acquire_by_hash && release.not_automatic && !release.but_automatic_upgrades);
        assert_eq!(release.no_support_for_all.as_deref(), Some("Packages"));
        assert_eq!(release.architectures.len() + release.components.len(), 4);
        let sum = FileSum { size: 3, sha256: Sha256::of(b"abc") };
        let paths: Vec<(&str, FileSum)> =
            release.files.iter().map(|(path, sum)| (path.as_str(), *sum)).collect();
        assert_eq!(paths, [("main/binary-amd64/Packages", sum), ("x", sum)]);
        let until = release.valid_until.expect("an end");
        assert_eq!(until.duration_since(release.date).as_secs(), 7 * 86_400);
    }

    #[test]
    fn it_ends_when_it_says() {
        let release = Release::parse(good().as_bytes()).expect("a release");
        let until = release.valid_until.expect("an end");
        assert!(!release.is_expired(until));
        assert!(release.is_expired(until + jiff::SignedDuration::from_secs(1)));
    }

    #[test]
    fn each_flaw_has_its_own_error() {
        let entry = |entry: &str| text(&format!("SHA256:\n {entry}\n"));
        let cases = [
            (text("MD5Sum:\n 0 1 a\nSHA1:\n 0 1 a\n"), "expected hashes of SHA-256, found only MD5Sum, SHA1"),
            (text(""), "expected hashes of SHA-256, found only no hashes"),
            (entry("0 3 a"), "line 12: expected a sha256"),
            (entry(&format!("{HASH} x a")), "line 12: expected a size"),
            (entry(&format!("{HASH} 3")), "line 12: expected a hash, a size and a path"),
            (entry(&format!("{HASH} 3 ../a")), "line 12: expected a relative path"),
            (entry(&format!("{HASH} 3 /a")), "line 12: expected a relative path"),
            (entry(&format!("{HASH} 3 a\n {HASH} 4 a")), "line 13: expected one hash for a, found two"),
            (good().replace("Sat, 16", "Sun, 16"), "expected a date like"),
            (good().replace("Date: ", "Dated: "), "expected the field Date"),
            (good().replace("amd64\nC", "amd64 $(x)\nC"), "expected a component or architecture"),
            (good() + "\nSecond: stanza\n", "expected one stanza, found 2"),
            (good() + "suite: again\n", "line 18: expected each field once"),
            ("x".repeat(5 << 20), "expected a Release of at most"),
            (String::new(), "expected one stanza, found 0"),
        ];
        for (text, expected) in cases {
            let error = Release::parse(text.as_bytes()).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error:?} does not start with {expected:?}");
        }
        let many: String = (0..10_001).map(|number| format!(" {HASH} 1 a{number}\n")).collect();
        let error = Release::parse(text(&format!("SHA256:\n{many}")).as_bytes()).expect_err("too many");
        assert!(matches!(error, ReleaseError::TooMany { .. }), "{error}");
    }
}
