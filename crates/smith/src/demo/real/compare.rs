//! Whether a machine has what the build has, as dpkg on the machine itself tells it.

use std::collections::BTreeMap;

use smith_repo::create::packages_of;
use smith_repo::name::BuildNumber;
use smith_repo::store::Store;
use smith_repo::version;

use crate::failure::{Exit, Failure};

/// The newest version of each package of a build: what a machine that follows it comes to.
#[derive(Debug)]
pub(super) struct Newest(BTreeMap<String, String>);

/// A machine beside the build.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Packages at the build's version.
    pub(super) same: usize,
    /// Packages that are not, with what is there and what should be.
    pub(super) differ: Vec<String>,
    /// Packages that are not of the build.
    pub(super) others: Vec<String>,
}

impl Newest {
    pub(super) fn of(store: &Store, build: u32) -> Result<Self, Failure> {
        let list =
            packages_of(store, BuildNumber(build)).map_err(|error| Failure::new(Exit::BadInput, error))?;
        let mut newest: BTreeMap<String, String> = BTreeMap::new();
        for entry in list.packages() {
            let known = newest.entry(entry.name.clone()).or_default();
            if known.is_empty() || version::compare(known, &entry.version).is_lt() {
                known.clone_from(&entry.version);
            }
        }
        Ok(Self(newest))
    }

    /// What `dpkg -l` said, beside the build.
    pub(super) fn compare(&self, listed: &str) -> Compared {
        let mut compared = Compared::default();
        for line in listed.lines() {
            let mut words = line.split_whitespace();
            let (Some(state), Some(name), Some(found)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let is_row =
                matches!(state.len(), 2 | 3) && state.chars().all(|letter| letter.is_ascii_alphabetic());
            // A package that was removed and has left its settings is not there.
            if !is_row || state.ends_with('c') || state.ends_with('n') {
                continue;
            }
            let name = name.split(':').next().unwrap_or(name);
            match self.0.get(name) {
                None => compared.others.push(format!("{name} {found}")),
                Some(version) if version == found && matches!(state, "ii" | "hi") => compared.same += 1,
                Some(version) => {
                    compared.differ.push(format!("{name} is {state} {found}, expected {version}"))
                }
            }
        }
        compared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_dpkg_is_counted() {
        let newest: BTreeMap<String, String> =
            [("libc6", "2.36-9"), ("openssl", "3.0.2"), ("perl", "5.36"), ("sed", "1"), ("old", "1")]
                .map(|(name, version)| (name.to_owned(), version.to_owned()))
                .into();
        let listed = "\
Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
||/ Name        Version      Architecture Description
+++-===========-============-============-===========
ii  libc6:amd64 2.36-9       amd64        GNU C Library
hi  sed         1            amd64        on hold, and right
ii  openssl     3.0.1        amd64        too old
iU  perl        5.36         amd64        not configured
rc  old         0            amd64        removed
ii  smith-agent 0.1          amd64        not of the build
";
        let compared = Newest(newest).compare(listed);
        assert_eq!(compared.same, 2);
        assert_eq!(
            compared.differ,
            ["openssl is ii 3.0.1, expected 3.0.2", "perl is iU 5.36, expected 5.36"]
        );
        assert_eq!(compared.others, ["smith-agent 0.1"]);
    }
}
