//! The date of what a channel serves never goes back.
//!
//! apt keeps the newer of two Releases of the same address, and says nothing: a channel that goes back to a build whose
//! Releases are older would be left by nobody who has seen the newer ones. So such a Release gets a later date, which only
//! who has the key can give it. Its content stays as the build has it.

use std::collections::BTreeMap;
use std::fs;

use jiff::{SignedDuration, Timestamp};

use crate::channel::ChannelError;
use crate::manifest::{Area, FileEntry};
use crate::mirror::Held;
use crate::name::BuildNumber;
use crate::pgp::Signer;
use crate::release::{Release, write_date};
use crate::store::{Store, StoreError};

/// What a client fetches first.
const NAMES: [&str; 3] = ["InRelease", "Release", "Release.gpg"];

/// apt takes nothing that is dated ten seconds ahead of its clock; clocks of machines are within the hour.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// When a Release gets a date of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Where the build's own would not be taken: it is older than what was served, or has expired.
    Needed,
    Always,
}

/// How the Releases of a suite came to their date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    AsBuilt,
    Anew,
    /// It should have had a later one, and there is no key here. Clients that have seen a newer one keep that.
    Stuck,
}

/// The Releases of one suite, as a channel serves them.
#[derive(Debug, Clone)]
pub(crate) struct Dated {
    /// Below the folder of the build: `debian/dists/stable`.
    pub(crate) folder: String,
    pub(crate) date: Timestamp,
    pub(crate) how: How,
    /// Content by name.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Who dates, and what clients have seen.
pub(crate) struct Dating<'a> {
    pub(crate) at: Timestamp,
    pub(crate) when: When,
    pub(crate) signer: Option<&'a dyn Signer>,
    /// The newest date of each suite's folder that was ever served.
    pub(crate) served: &'a BTreeMap<String, Timestamp>,
}

/// Whether this is one of the files that say what a suite has, and of which suite.
pub(crate) fn suite_of(file: &FileEntry) -> Option<(&str, &str)> {
    let (folder, name) = file.path.as_str().rsplit_once('/')?;
    // What the upstreams said is kept as it came.
    let is_theirs = folder.split('/').nth(1) == Some("provenance");
    (file.area == Area::Tree && NAMES.contains(&name) && !is_theirs).then_some((folder, name))
}

impl Dating<'_> {
    /// The Releases of all suites of a build.
    pub(crate) fn of(&self, store: &Store, held: &Held) -> Result<Vec<Dated>, ChannelError> {
        let mut suites: BTreeMap<&str, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for file in held.manifest.files() {
            let Some((folder, name)) = suite_of(file) else { continue };
            let object = store.object(&file.hash);
            let bytes = fs::read(&object).map_err(StoreError::io("reading", &object))?;
            suites.entry(folder).or_default().insert(name.to_owned(), bytes);
        }
        suites.into_iter().map(|(folder, files)| self.suite(held.info.number, folder, files)).collect()
    }

    fn suite(
        &self,
        number: BuildNumber,
        folder: &str,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Dated, ChannelError> {
        let bad = |found: String| ChannelError::Release { number, folder: folder.to_owned(), found };
        let text = files.get("Release").ok_or_else(|| bad("none".to_owned()))?;
        let release = Release::parse(text).map_err(|error| bad(crate::fetch::chain(&error)))?;
        // No client has taken what was dated later than this: a clock was wrong, and it is not followed for ever.
        let last = self.served.get(folder).copied().filter(|last| *last <= self.at + AHEAD);
        let is_late = last.is_some_and(|last| release.date < last) || release.is_expired(self.at);
        let folder = folder.to_owned();
        if !is_late && self.when == When::Needed {
            return Ok(Dated { folder, date: release.date, how: How::AsBuilt, files });
        }
        let Some(signer) = self.signer else {
            return Ok(Dated { folder, date: release.date, how: How::Stuck, files });
        };
        let date = last.map_or(self.at, |last| last.max(self.at)).max(release.date);
        let until = release.valid_until.map(|until| date + until.duration_since(release.date));
        let text = std::str::from_utf8(text).map_err(|error| bad(error.to_string()))?;
        let text = redated(text, date, until);
        let in_release = signer.sign_cleartext(&text, self.at)?;
        let detached = signer.sign_armored(text.as_bytes(), self.at)?;
        let contents = [in_release, text, detached].map(String::into_bytes);
        let files = NAMES.map(str::to_owned).into_iter().zip(contents).collect();
        Ok(Dated { folder, date, how: How::Anew, files })
    }
}

/// The text with other dates in the same places.
fn redated(text: &str, date: Timestamp, until: Option<Timestamp>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match (line.split_once(':').map(|(name, _)| name), until) {
            (Some("Date"), _) => out.push_str(&format!("Date: {}\n", write_date(date))),
            (Some("Valid-Until"), Some(until)) => {
                out.push_str(&format!("Valid-Until: {}\n", write_date(until)));
            }
            _ => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dates_change() {
        let text = "Origin: Date: x\nDate: Thu, 01 Jan 1970 00:00:00 UTC\nValid-Until: Fri, 02 Jan 1970 00:00:00 UTC\nSHA256:\n aa 1 Date\nAcquire-By-Hash: yes\n";
        let at = |seconds| Timestamp::from_second(seconds).expect("a time");
        let found = redated(text, at(86_400), Some(at(172_800)));
        assert_eq!(
            found,
            "Origin: Date: x\nDate: Fri, 02 Jan 1970 00:00:00 UTC\nValid-Until: Sat, 03 Jan 1970 00:00:00 UTC\nSHA256:\n aa 1 Date\nAcquire-By-Hash: yes\n"
        );
    }
}
