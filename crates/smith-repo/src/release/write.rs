//! Writes a `Release` of ours: the same bytes for the same content.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::hash::Sha256;
use crate::name::{PartName, RelPath};
use crate::release::date::write_date;
use crate::release::{Release, ReleaseError};

/// What a Release of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
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
    pub no_support_for_all: Option<String>,
    pub not_automatic: bool,
    pub but_automatic_upgrades: bool,
    pub changelogs: Option<String>,
    pub snapshots: Option<String>,
    pub files: BTreeMap<RelPath, WrittenFile>,
}

/// An index with its hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenFile {
    pub size: u64,
    pub sha256: Sha256,
    /// For clients that know no other hash; the list is written when every file has it.
    pub md5: Option<[u8; 16]>,
}

impl NewRelease {
    /// What it calls itself and how it is to be used is the upstream's; dates and files are ours.
    pub fn like(upstream: &Release, date: Timestamp) -> Self {
        let upstream = upstream.clone();
        Self {
            origin: upstream.origin,
            label: upstream.label,
            suite: upstream.suite,
            codename: upstream.codename,
            version: upstream.version,
            description: upstream.description,
            date,
            valid_until: None,
            architectures: upstream.architectures,
            components: upstream.components,
            no_support_for_all: upstream.no_support_for_all,
            not_automatic: upstream.not_automatic,
            but_automatic_upgrades: upstream.but_automatic_upgrades,
            changelogs: upstream.changelogs,
            snapshots: None,
            files: BTreeMap::new(),
        }
    }

    /// One that says nothing yet.
    pub fn new(date: Timestamp) -> Self {
        Self {
            origin: None,
            label: None,
            suite: None,
            codename: None,
            version: None,
            description: None,
            date,
            valid_until: None,
            architectures: Vec::new(),
            components: Vec::new(),
            no_support_for_all: None,
            not_automatic: false,
            but_automatic_upgrades: false,
            changelogs: None,
            snapshots: None,
            files: BTreeMap::new(),
        }
    }

    pub fn to_text(&self) -> Result<String, ReleaseError> {
        let mut text = String::with_capacity(1024 + self.files.len() * 120);
        let valid_until = self.valid_until.map(write_date);
        for (name, value) in [
            ("Origin", self.origin.as_deref()),
            ("Label", self.label.as_deref()),
            ("Suite", self.suite.as_deref()),
            ("Version", self.version.as_deref()),
            ("Codename", self.codename.as_deref()),
            ("Changelogs", self.changelogs.as_deref()),
            ("Date", Some(&*write_date(self.date))),
            ("Valid-Until", valid_until.as_deref()),
            ("NotAutomatic", yes(self.not_automatic)),
            ("ButAutomaticUpgrades", yes(self.but_automatic_upgrades)),
            ("No-Support-for-Architecture-all", self.no_support_for_all.as_deref()),
            ("Architectures", Some(&*words(&self.architectures))),
            ("Components", Some(&*words(&self.components))),
            ("Description", self.description.as_deref()),
        ] {
            field(&mut text, name, value)?;
        }
        self.lists(&mut text);
        // debootstrap loses the last line of what it takes from an InRelease: no hash may stand there.
        field(&mut text, "Snapshots", self.snapshots.as_deref())?;
        field(&mut text, "Acquire-By-Hash", Some("yes"))?;
        Ok(text)
    }

    /// Writing to a string cannot fail.
    fn lists(&self, text: &mut String) {
        let md5: Option<Vec<[u8; 16]>> = self.files.values().map(|file| file.md5).collect();
        if let Some(md5) = md5.filter(|list| !list.is_empty()) {
            text.push_str("MD5Sum:\n");
            for ((path, file), md5) in self.files.iter().zip(md5) {
                text.push(' ');
                md5.iter().for_each(|byte| {
                    let _ = write!(text, "{byte:02x}");
                });
                let _ = writeln!(text, " {:>8} {path}", file.size);
            }
        }
        text.push_str("SHA256:\n");
        for (path, file) in &self.files {
            let _ = writeln!(text, " {} {:>8} {path}", file.sha256, file.size);
        }
    }
}

fn yes(is_so: bool) -> Option<&'static str> {
    is_so.then_some("yes")
}

fn words(parts: &[PartName]) -> String {
    let words: Vec<&str> = parts.iter().map(PartName::as_str).collect();
    words.join(" ")
}

/// A value of several lines would become fields that nobody meant.
fn field(text: &mut String, name: &'static str, value: Option<&str>) -> Result<(), ReleaseError> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { return Ok(()) };
    if value.chars().any(char::is_control) {
        let found = value.chars().take(80).collect();
        return Err(ReleaseError::Value { field: name, expected: "a single line of text", found });
    }
    let _ = writeln!(text, "{name}: {value}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> NewRelease {
        let date = Timestamp::from_second(1_778_927_625).expect("a time");
        let mut release = NewRelease::new(date);
        release.origin = Some("Debian".to_owned());
        release.suite = Some("stable".to_owned());
        release.description = Some("Debian 12 – ünstable".to_owned());
        release.architectures = vec![PartName::new("amd64").expect("a name")];
        release.components = vec![PartName::new("main").expect("a name")];
        let file = WrittenFile { size: 3, sha256: Sha256::of(b"abc"), md5: None };
        release.files.insert(RelPath::new("main/binary-amd64/Packages").expect("a path"), file);
        release
    }

    #[test]
    fn we_read_what_we_write() {
        let mut release = release();
        release.valid_until = Some(release.date + jiff::SignedDuration::from_hours(24));
        release.snapshots = Some("http://mirror/builds/@SNAPSHOTID@/".to_owned());
        release.not_automatic = true;
        release.no_support_for_all = Some("Packages".to_owned());
        let text = release.to_text().expect("text");
        assert_eq!(text, release.to_text().expect("text"));
        let read = Release::parse(text.as_bytes()).expect("a release");
        let mut again = NewRelease::like(&read, read.date);
        again.valid_until = read.valid_until;
        again.snapshots.clone_from(&read.snapshots);
        again.files.clone_from(&release.files);
        assert_eq!(again, release);
        assert_eq!(read.files.len(), 1);
        assert!(read.acquire_by_hash);
    }

    #[test]
    fn the_last_line_is_one_that_can_be_lost() {
        let text = release().to_text().expect("text");
        let last = text.lines().last().expect("a line");
        assert_eq!(last, "Acquire-By-Hash: yes");
        assert!(!text.contains("MD5Sum") && !text.contains("Valid-Until") && !text.contains("Label"));
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }

    #[test]
    fn old_hashes_are_listed_when_every_file_has_one() {
        let mut release = release();
        let file = release.files.values_mut().next().expect("a file");
        file.md5 = Some([0xab; 16]);
        let text = release.to_text().expect("text");
        assert!(
            text.contains(&format!("MD5Sum:\n {}        3 main/binary-amd64/Packages\n", "ab".repeat(16))),
            "{text}"
        );
        let file = WrittenFile { size: 0, sha256: Sha256::of(b""), md5: None };
        release.files.insert(RelPath::new("x").expect("a path"), file);
        assert!(!release.to_text().expect("text").contains("MD5Sum"));
    }

    #[test]
    fn a_value_cannot_bring_fields_with_it() {
        let mut release = release();
        release.label = Some("x\nValid-Until: never".to_owned());
        assert!(matches!(release.to_text(), Err(ReleaseError::Value { field: "Label", .. })));
    }
}
