//! What we need to know of a source package, read from its stanza in a `Sources` index.

use crate::deb822::record::{file_size, is_package_name};
use crate::deb822::{Field, RecordError, Stanza};
use crate::hash::Sha256;
use crate::name::RelPath;
use crate::version::Version;

/// The largest source packages have a hundred parts.
const FILES_MAX: usize = 2_000;

/// A source package as an index describes it.
#[derive(Debug, Clone)]
pub struct SourceRecord<'a> {
    pub package: &'a str,
    pub version: &'a str,
    /// Where its files are, below the root of the repository; nothing for the root itself.
    pub directory: Option<RelPath>,
    pub files: Vec<SourceFile>,
    pub stanza: Stanza<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Without a folder.
    pub name: RelPath,
    pub size: u64,
    pub sha256: Sha256,
}

impl<'a> SourceRecord<'a> {
    pub fn read(stanza: &Stanza<'a>) -> Result<Self, RecordError> {
        let reader = Reader::of(stanza)?;
        let package = reader.needed("Package")?;
        if !is_package_name(package) {
            return Err(reader.bad("Package", "a package's name", package));
        }
        let version = reader.needed("Version")?;
        Version::new(version).map_err(|error| reader.bad("Version", error.expected, version))?;
        let directory = match reader.text("Directory")?.unwrap_or(".").trim_end_matches('/') {
            "" | "." => None,
            text => {
                let path = RelPath::new(text.strip_prefix("./").unwrap_or(text));
                Some(path.map_err(|error| reader.bad("Directory", error.expected, text))?)
            }
        };
        Ok(Self { package, version, directory, files: reader.files()?, stanza: *stanza })
    }

    /// Where a file of it is, below the root of the repository.
    pub fn path(&self, file: &SourceFile) -> String {
        match &self.directory {
            Some(directory) => format!("{directory}/{}", file.name),
            None => file.name.to_string(),
        }
    }
}

struct Reader<'a> {
    stanza: Stanza<'a>,
    fields: Vec<Field<'a>>,
}

impl<'a> Reader<'a> {
    fn of(stanza: &Stanza<'a>) -> Result<Self, RecordError> {
        let fields: Result<Vec<Field<'a>>, _> = stanza.fields().collect();
        let fields = fields.map_err(|flaw| RecordError::Scan { package: None, flaw })?;
        Ok(Self { stanza: *stanza, fields })
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, RecordError> {
        let field = self.fields.iter().find(|field| field.is(name)).map(Field::text).transpose();
        field.map_err(|flaw| RecordError::Scan { package: self.package(), flaw })
    }

    fn needed(&self, field: &'static str) -> Result<&'a str, RecordError> {
        let text = self.text(field)?;
        text.ok_or_else(|| RecordError::Missing { package: self.package(), line: self.stanza.line(), field })
    }

    fn package(&self) -> Option<String> {
        let field = self.fields.iter().find(|field| field.is("Package"))?;
        Some(field.text().ok()?.chars().take(80).collect())
    }

    fn bad(&self, field: &'static str, expected: &'static str, found: &str) -> RecordError {
        let line =
            self.fields.iter().find(|one| one.is(field)).map_or_else(|| self.stanza.line(), Field::line);
        let found = found.trim().chars().take(120).collect();
        RecordError::Value { package: self.package(), line, field, expected, found }
    }

    fn files(&self) -> Result<Vec<SourceFile>, RecordError> {
        const FIELD: &str = "Checksums-Sha256";
        let mut files: Vec<SourceFile> = Vec::new();
        for line in self.needed(FIELD)?.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_ascii_whitespace();
            let (Some(hash), Some(size), Some(name), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(self.bad(FIELD, "a hash, a size and a name", line));
            };
            let sha256 = Sha256::from_hex(hash.as_bytes());
            let sha256 = sha256.ok_or_else(|| self.bad(FIELD, "64 hexadecimal digits", line))?;
            let size = file_size(size).ok_or_else(|| self.bad(FIELD, "a number of bytes", line))?;
            let name = RelPath::new(name).ok().filter(|_| !name.contains('/'));
            let name = name.ok_or_else(|| self.bad(FIELD, "the name of a file", line))?;
            if files.iter().any(|other| other.name == name) {
                return Err(self.bad(FIELD, "each file once", line));
            }
            files.push(SourceFile { name, size, sha256 });
            if files.len() > FILES_MAX {
                return Err(self.bad(FIELD, "at most 2000 files", line));
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb822::Stanzas;

    const GOOD: &str = "Package: hello\nBinary: hello\nVersion: 2.10-3\nDirectory: pool/main/h/hello\nChecksums-Sha256:\n \
        ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 hello_2.10-3.dsc\n \
        ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 hello_2.10.orig.tar.gz\nSection: devel\n";

    fn read(text: &str) -> Result<SourceRecord<'_>, RecordError> {
        SourceRecord::read(&Stanzas::new(text.as_bytes()).next().expect("one").expect("a stanza"))
    }

    #[test]
    fn a_record_is_what_the_stanza_says() {
        let record = read(GOOD).expect("a record");
        assert_eq!((record.package, record.version, record.files.len()), ("hello", "2.10-3", 2));
        assert_eq!(record.path(&record.files[0]), "pool/main/h/hello/hello_2.10-3.dsc");
        assert_eq!((record.files[1].size, record.files[1].sha256), (3, Sha256::of(b"abc")));
        for root in ["Directory: .\n", "Directory: ./\n", ""] {
            let text = GOOD.replace("Directory: pool/main/h/hello\n", root);
            let record = read(&text).expect("a record");
            assert_eq!(record.path(&record.files[0]), "hello_2.10-3.dsc");
        }
    }

    #[test]
    fn errors_name_the_package_and_the_line() {
        for (from, to, expected) in [
            ("Directory: pool", "Directory: ../pool", "line 4: hello: expected a relative path"),
            ("Directory: pool", "Directory: /pool", "line 4: hello: expected a relative path"),
            ("3 hello_2.10-3.dsc", "3 ../../etc/x", "line 5: hello: expected the name of a file"),
            ("3 hello_2.10-3.dsc", "3 hello_2.10.orig.tar.gz", "line 5: hello: expected each file once"),
            ("3 hello_2.10-3.dsc", "-3 hello_2.10-3.dsc", "line 5: hello: expected a number of bytes"),
            ("3 hello_2.10-3.dsc", "hello_2.10-3.dsc", "line 5: hello: expected a hash, a size and a name"),
            (" ba78", " xa78", "line 5: hello: expected 64 hexadecimal digits"),
            ("Checksums-Sha256", "Checksums-Sha1", "line 1: hello: expected the field Checksums-Sha256"),
            ("Version: 2", "Version: x", "line 3: hello: expected a digit first"),
            ("Package: hello", "Package: a;b", "line 1: a;b: expected a package's name"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = read(&text).expect_err(to).to_string();
            assert!(error.starts_with(expected), "{error:?} does not start with {expected:?}");
        }
    }
}
