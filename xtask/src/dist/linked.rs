//! Which shared libraries a program needs, and how new the C library must be: what its package depends on.

use std::collections::BTreeSet;

use crate::failure::Failure;

/// What a program takes from the computer that it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) libraries: BTreeSet<String>,
    /// The newest version of the C library whose symbols it uses.
    pub(super) libc: (u32, u32),
}

/// Segments and tags of an ELF file that are looked at.
const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;
const VERSIONS: u64 = 0x6fff_fffe;
const VERSIONS_COUNT: u64 = 0x6fff_ffff;

/// Packages of Debian that have the libraries which a program of Rust is linked with.
const PACKAGES: [(&str, &str); 6] = [
    ("libc.so.", "libc6"),
    ("libm.so.", "libc6"),
    ("libpthread.so.", "libc6"),
    ("libdl.so.", "libc6"),
    ("ld-linux-", "libc6"),
    ("libgcc_s.so.", "libgcc-s1"),
];

impl Linked {
    /// Of a whole program of 64 bits, little end first.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&[0x7f, b'E', b'L', b'F', 2, 1]) {
            return None;
        }
        let file = File(bytes);
        let dynamic = file.segments(DYNAMIC)?.into_iter().next()?;
        let mut entries = Vec::new();
        for at in (dynamic.from..dynamic.from.checked_add(dynamic.length)?).step_by(16) {
            match (file.number(at, 8)?, file.number(at + 8, 8)?) {
                (0, _) => break,
                entry => entries.push(entry),
            }
        }
        let value = |tag| entries.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value);
        let strings = file.place(value(STRINGS)?)?;
        let needed = entries.iter().filter(|(tag, _)| *tag == NEEDED);
        let libraries: Option<BTreeSet<String>> =
            needed.map(|(_, name)| file.text(strings.checked_add(usize::try_from(*name).ok()?)?)).collect();
        let mut libc = (0, 0);
        if let (Some(versions), Some(count)) = (value(VERSIONS), value(VERSIONS_COUNT)) {
            for version in file.versions(file.place(versions)?, count, strings)? {
                libc = libc.max(of_libc(&version).unwrap_or_default());
            }
        }
        Some(Self { libraries: libraries?, libc })
    }

    /// The line of a control file.
    pub(super) fn depends(&self) -> Result<String, Failure> {
        let mut packages = BTreeSet::new();
        for library in &self.libraries {
            let known = PACKAGES.iter().find(|(begin, _)| library.starts_with(begin));
            let (_, package) = known.ok_or_else(|| Failure::Dist {
                what: "the server".to_owned(),
                expected: "a program that needs libraries of libc6 and libgcc-s1".to_owned(),
                found: format!("one that needs {library}"),
            })?;
            packages.insert(match *package {
                "libc6" => format!("libc6 (>= {}.{})", self.libc.0, self.libc.1),
                other => other.to_owned(),
            });
        }
        Ok(packages.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// `GLIBC_2.34`; private versions and those of other libraries are none.
fn of_libc(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.strip_prefix("GLIBC_")?.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

struct Segment {
    from: usize,
    address: u64,
    length: usize,
}

struct File<'a>(&'a [u8]);

impl File<'_> {
    fn number(&self, at: usize, length: usize) -> Option<u64> {
        let digits = self.0.get(at..at.checked_add(length)?)?;
        Some(digits.iter().rev().fold(0, |sum, &digit| sum << 8 | u64::from(digit)))
    }

    fn offset(&self, at: usize, length: usize) -> Option<usize> {
        usize::try_from(self.number(at, length)?).ok()
    }

    fn segments(&self, kind: u64) -> Option<Vec<Segment>> {
        let (table, size, count) = (self.offset(32, 8)?, self.offset(54, 2)?, self.offset(56, 2)?);
        let mut found = Vec::new();
        for index in 0..count {
            let at = table.checked_add(index.checked_mul(size)?)?;
            if self.number(at, 4)? == kind {
                found.push(Segment {
                    from: self.offset(at + 8, 8)?,
                    address: self.number(at + 16, 8)?,
                    length: self.offset(at + 32, 8)?,
                });
            }
        }
        Some(found)
    }

    /// Where an address of the running program lies in the file.
    fn place(&self, address: u64) -> Option<usize> {
        self.segments(LOAD)?.into_iter().find_map(|segment| {
            let inside = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            (inside < segment.length).then_some(segment.from + inside)
        })
    }

    fn text(&self, at: usize) -> Option<String> {
        let end = self.0.get(at..)?.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(self.0.get(at..at + end)?).into_owned())
    }

    /// The names of all versions of symbols that are needed.
    fn versions(&self, table: usize, count: u64, strings: usize) -> Option<Vec<String>> {
        let (mut names, mut at) = (Vec::new(), table);
        for _ in 0..count {
            let mut part = at.checked_add(self.offset(at + 8, 4)?)?;
            for _ in 0..self.number(at + 2, 2)? {
                names.push(self.text(strings.checked_add(self.offset(part + 8, 4)?)?)?);
                part = part.checked_add(self.offset(part + 12, 4)?)?;
            }
            at = at.checked_add(self.offset(at + 12, 4)?)?;
        }
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_this_machine_says_what_it_needs() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let linked = Linked::of(&own).unwrap();
        assert!(linked.libraries.contains("libc.so.6"), "{linked:?}");
        // What Rust itself asks for, and nothing that there is not yet.
        assert!(linked.libc >= (2, 17) && linked.libc < (3, 0), "{linked:?}");
        let depends = linked.depends().unwrap();
        assert!(depends.starts_with("libc6 (>= 2."), "{depends}");
        assert_eq!(Linked::of(&own[..200]), None);
        assert_eq!(Linked::of(b"#!/bin/sh"), None);
    }

    #[test]
    fn a_library_that_no_package_is_known_for_is_refused() {
        let linked = Linked { libraries: BTreeSet::from(["libssl.so.3".to_owned()]), libc: (2, 36) };
        assert!(linked.depends().unwrap_err().to_string().contains("libssl.so.3"));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(of_libc("GLIBC_2.9"), Some((2, 9)));
        assert!(of_libc("GLIBC_2.9") < of_libc("GLIBC_2.34"));
        assert_eq!(of_libc("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!((of_libc("GLIBC_PRIVATE"), of_libc("GCC_3.0")), (None, None));
    }
}
