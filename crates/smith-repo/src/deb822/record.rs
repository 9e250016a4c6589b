//! What we need to know of a package, read from its stanza in a `Packages` index.

use std::fmt;

use crate::deb822::{Field, ScanError, Stanza};
use crate::hash::Sha256;
use crate::name::RelPath;
use crate::version::Version;

/// Longer than any package's name (under 90), shorter than what a file name takes.
const NAME_MAX: usize = 200;

/// An `ar` archive has ten digits for the size of a member, and a package has a few members; parts of source packages are
/// smaller. Whoever signs more wants to fill the disk, and sums of such sizes must stay numbers.
const SIZE_MAX: u64 = 64 << 30;

/// A package as an index describes it. Relations are as they were written.
#[derive(Debug, Clone)]
pub struct PackageRecord<'a> {
    pub package: &'a str,
    pub version: Version<'a>,
    pub architecture: &'a str,
    /// Where its file is, below the root of the repository.
    pub filename: RelPath,
    pub size: u64,
    pub sha256: Sha256,
    /// The source package, where it is called otherwise.
    pub source: Option<&'a str>,
    /// The version of the source package, where it has another.
    pub source_version: Option<&'a str>,
    pub section: Option<&'a str>,
    pub priority: Option<&'a str>,
    pub depends: Option<&'a str>,
    pub pre_depends: Option<&'a str>,
    pub recommends: Option<&'a str>,
    pub provides: Option<&'a str>,
    pub multi_arch: Option<&'a str>,
    pub essential: bool,
    /// How many of a hundred machines are to get it in this phase.
    pub phased_percentage: Option<u8>,
    pub stanza: Stanza<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("{package}: {flaw}", package = Named(package.as_deref()))]
    Scan { package: Option<String>, flaw: ScanError },
    #[error("line {line}: {package}: expected the field {field}, found none", package = Named(package.as_deref()))]
    Missing { package: Option<String>, line: usize, field: &'static str },
    #[error("line {line}: {package}: expected {expected} in {field}, found {found:?}", package = Named(package.as_deref()))]
    Value { package: Option<String>, line: usize, field: &'static str, expected: &'static str, found: String },
}

struct Named<'a>(Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(package) => f.write_str(package),
            None => f.write_str("a package without a name"),
        }
    }
}

/// The fields that are looked at, in the order of [`Known`].
const NAMES: [&str; 16] = [
    "Package",
    "Version",
    "Architecture",
    "Filename",
    "Size",
    "SHA256",
    "Source",
    "Section",
    "Priority",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Provides",
    "Multi-Arch",
    "Essential",
    "Phased-Update-Percentage",
];

#[derive(Debug, Clone, Copy)]
enum Known {
    Package,
    Version,
    Architecture,
    Filename,
    Size,
    Sha256,
    Source,
    Section,
    Priority,
    Depends,
    PreDepends,
    Recommends,
    Provides,
    MultiArch,
    Essential,
    Phased,
}

/// The fields of one stanza by what they are.
struct Found<'a> {
    stanza: Stanza<'a>,
    fields: [Option<Field<'a>>; NAMES.len()],
}

impl<'a> PackageRecord<'a> {
    pub fn read(stanza: &Stanza<'a>) -> Result<Self, RecordError> {
        let found = Found::read(stanza)?;
        let (source, source_version) = match found.text(Known::Source)? {
            None => (None, None),
            Some(text) => found.source(text)?,
        };
        Ok(Self {
            package: found.name()?,
            version: found.version()?,
            architecture: found.architecture()?,
            filename: found.filename()?,
            size: found.size()?,
            sha256: found.sha256()?,
            source,
            source_version,
            section: found.text(Known::Section)?,
            priority: found.text(Known::Priority)?,
            depends: found.text(Known::Depends)?,
            pre_depends: found.text(Known::PreDepends)?,
            recommends: found.text(Known::Recommends)?,
            provides: found.text(Known::Provides)?,
            multi_arch: found.text(Known::MultiArch)?,
            essential: found.text(Known::Essential)?.is_some_and(|text| text.eq_ignore_ascii_case("yes")),
            phased_percentage: found.phased()?,
            stanza: *stanza,
        })
    }

    pub fn source_name(&self) -> &'a str {
        self.source.unwrap_or(self.package)
    }

    pub fn source_version(&self) -> &'a str {
        self.source_version.unwrap_or(self.version.as_str())
    }
}

impl<'a> Found<'a> {
    fn read(stanza: &Stanza<'a>) -> Result<Self, RecordError> {
        let mut found = Self { stanza: *stanza, fields: [None; NAMES.len()] };
        for field in stanza.fields() {
            let field = match field {
                Ok(field) => field,
                Err(flaw) => return Err(RecordError::Scan { package: found.shown_name(), flaw }),
            };
            if let Some(known) = known(field.name_bytes()) {
                found.fields[known as usize] = Some(field);
            }
        }
        Ok(found)
    }

    fn text(&self, known: Known) -> Result<Option<&'a str>, RecordError> {
        let text = self.fields[known as usize].map(|field| field.text()).transpose();
        text.map_err(|flaw| RecordError::Scan { package: self.shown_name(), flaw })
    }

    fn needed(&self, known: Known) -> Result<&'a str, RecordError> {
        self.text(known)?.ok_or_else(|| RecordError::Missing {
            package: self.shown_name(),
            line: self.stanza.line(),
            field: NAMES[known as usize],
        })
    }

    fn name(&self) -> Result<&'a str, RecordError> {
        let text = self.needed(Known::Package)?;
        if is_package_name(text) { Ok(text) } else { Err(self.bad(Known::Package, "a package's name")) }
    }

    fn version(&self) -> Result<Version<'a>, RecordError> {
        let text = self.needed(Known::Version)?;
        Version::new(text).map_err(|error| self.bad(Known::Version, error.expected))
    }

    fn architecture(&self) -> Result<&'a str, RecordError> {
        let text = self.needed(Known::Architecture)?;
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        match !text.is_empty() && text.len() <= NAME_MAX && text.bytes().all(is_good) {
            true => Ok(text),
            false => Err(self.bad(Known::Architecture, "an architecture")),
        }
    }

    /// Flat repositories write `./` before the name.
    fn filename(&self) -> Result<RelPath, RecordError> {
        let text = self.needed(Known::Filename)?;
        let path = RelPath::new(text.strip_prefix("./").unwrap_or(text));
        path.map_err(|error| self.bad(Known::Filename, error.expected))
    }

    fn size(&self) -> Result<u64, RecordError> {
        file_size(self.needed(Known::Size)?).ok_or_else(|| self.bad(Known::Size, "a number of bytes"))
    }

    fn sha256(&self) -> Result<Sha256, RecordError> {
        let text = self.needed(Known::Sha256)?;
        Sha256::from_hex(text.as_bytes()).ok_or_else(|| self.bad(Known::Sha256, "64 hexadecimal digits"))
    }

    fn phased(&self) -> Result<Option<u8>, RecordError> {
        let Some(text) = self.text(Known::Phased)? else { return Ok(None) };
        let percentage =
            number(text).and_then(|number| u8::try_from(number).ok()).filter(|part| *part <= 100);
        percentage.map(Some).ok_or_else(|| self.bad(Known::Phased, "a number from 0 to 100"))
    }

    /// `name` or `name (version)`.
    fn source(&self, text: &'a str) -> Result<(Option<&'a str>, Option<&'a str>), RecordError> {
        let (name, version) = match text.split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest.strip_suffix(')').unwrap_or("").trim())),
            None => (text, None),
        };
        match is_package_name(name) && version.is_none_or(|version| Version::new(version).is_ok()) {
            true => Ok((Some(name), version)),
            false => Err(self.bad(Known::Source, "a name, or a name and a version in parentheses")),
        }
    }

    fn bad(&self, known: Known, expected: &'static str) -> RecordError {
        let field = self.fields[known as usize];
        let found =
            field.map(|field| String::from_utf8_lossy(field.raw()).trim().chars().take(120).collect());
        RecordError::Value {
            package: self.shown_name(),
            line: field.map_or_else(|| self.stanza.line(), |field| field.line()),
            field: NAMES[known as usize],
            expected,
            found: found.unwrap_or_default(),
        }
    }

    fn shown_name(&self) -> Option<String> {
        let name = self.fields[Known::Package as usize]?.text().ok()?;
        Some(name.chars().take(80).collect())
    }
}

/// Of a file that an index lists.
pub(crate) fn file_size(text: &str) -> Option<u64> {
    number(text).filter(|size| *size <= SIZE_MAX)
}

fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// What dpkg takes for a name. It becomes part of reports and of command lines.
pub(crate) fn is_package_name(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    text.len() <= NAME_MAX
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(is_good)
}

/// Length and first letter leave at most two candidates; clients know the name in any case.
fn known(name: &[u8]) -> Option<Known> {
    let first = name.first()?.to_ascii_lowercase();
    let candidates: &[Known] = match (name.len(), first) {
        (4, b's') => &[Known::Size],
        (6, b's') => &[Known::Sha256, Known::Source],
        (7, b'p') => &[Known::Package],
        (7, b'v') => &[Known::Version],
        (7, b's') => &[Known::Section],
        (7, b'd') => &[Known::Depends],
        (8, b'f') => &[Known::Filename],
        (8, b'p') => &[Known::Priority, Known::Provides],
        (9, b'e') => &[Known::Essential],
        (10, b'm') => &[Known::MultiArch],
        (10, b'r') => &[Known::Recommends],
        (11, b'p') => &[Known::PreDepends],
        (12, b'a') => &[Known::Architecture],
        (24, b'p') => &[Known::Phased],
        _ => return None,
    };
    candidates.iter().copied().find(|known| name.eq_ignore_ascii_case(NAMES[*known as usize].as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb822::Stanzas;

    const GOOD: &str = "Package: libc6\nVersion: 2.36-9+deb12u10\nArchitecture: amd64\nsource: glibc (2.36-9)\n\
        Filename: pool/main/g/glibc/libc6_2.36-9_amd64.deb\nSize: 2755000\n\
        SHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nDepends: libgcc-s1,\n libcrypt1 (>= 1)\n\
        Essential: yes\nPhased-Update-Percentage: 30\nMulti-Arch: same\nSection: libs\nPriority: optional\n";

    fn read(text: &str) -> Result<PackageRecord<'_>, RecordError> {
        PackageRecord::read(&Stanzas::new(text.as_bytes()).next().expect("one").expect("a stanza"))
    }

    #[test]
    fn a_record_is_what_the_stanza_says() {
        let record = read(GOOD).expect("a record");
        assert_eq!((record.package, record.version.as_str()), ("libc6", "2.36-9+deb12u10"));
        assert_eq!((record.source_name(), record.source_version()), ("glibc", "2.36-9"));
        assert_eq!((record.size, record.sha256), (2_755_000, Sha256::of(b"abc")));
        assert_eq!(record.depends, Some("libgcc-s1,\n libcrypt1 (>= 1)"));
        assert!(record.essential && record.phased_percentage == Some(30));
        assert_eq!((record.multi_arch, record.section), (Some("same"), Some("libs")));
        assert_eq!(record.filename.as_str(), "pool/main/g/glibc/libc6_2.36-9_amd64.deb");
        assert_eq!((record.provides, record.recommends), (None, None));
        let flat = GOOD.replace("pool/main/g/glibc/", "./");
        assert_eq!(read(&flat).expect("a record").filename.as_str(), "libc6_2.36-9_amd64.deb");
    }

    #[test]
    fn errors_name_the_package_and_the_line() {
        for (from, to, expected) in [
            ("Filename: pool/main", "Filename: ../../etc", "line 5: libc6: expected a relative path"),
            ("Filename: pool/main", "Filename: /etc", "line 5: libc6: expected a relative path"),
            ("Size: 2755000", "Size: -1", "line 6: libc6: expected a number of bytes"),
            ("Size: 2755000", "Size: 68719476737", "line 6: libc6: expected a number of bytes"),
            ("SHA256: ba", "SHA256: ", "line 7: libc6: expected 64 hexadecimal digits"),
            ("SHA256: ba", "SHA512: ", "line 1: libc6: expected the field SHA256, found none"),
            ("Version: 2", "Version: x2", "line 2: libc6: expected a digit first in Version, found \"x2.36"),
            ("Architecture: amd64", "Architecture: a b", "line 3: libc6: expected an architecture"),
            ("glibc (2.36-9)", "glibc (2.36-9", "line 4: libc6: expected a name, or"),
            ("Percentage: 30", "Percentage: 101", "line 11: libc6: expected a number from 0 to 100"),
            ("Package: libc6", "Package: a;b", "line 1: a;b: expected a package's name"),
            ("Package: libc6\n", "", "line 1: a package without a name: expected the field Package"),
            ("Essential", "Size", "libc6: line 10: expected each field once"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = read(&text).expect_err(to).to_string();
            assert!(error.starts_with(expected), "{error:?} does not start with {expected:?}");
        }
    }

    #[test]
    fn every_package_of_real_indexes_is_read() {
        for index in crate::oracle::indexes_of_this_machine() {
            for stanza in Stanzas::new(index.as_bytes()) {
                let record = PackageRecord::read(&stanza.expect("a stanza"));
                record.unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
}
