//! Whose builds lie in a place: a mirror is a copy of its site, and what somebody else has put there is not ours to purge.

use std::fmt;

use crate::mirror::held::{HeldError, INFO, INFO_MAX, SIGNATURE, read_some};
use crate::mirror::sync::Check;
use crate::name::BuildNumber;
use crate::store::{Store, StoreError};

/// A person looks at a few; of a whole site the others are counted.
const NAMED_MAX: usize = 5;

/// A build that no key of the site has signed, and what was found instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub build: BuildNumber,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    #[error(
        "{place} holds builds that no key of this site has signed, expected none of another site: {}",
        Listed(.strangers)
    )]
    Strangers { place: String, strangers: Vec<Stranger> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Listed<'a>(&'a [Stranger]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Stranger { build, why }) in self.0.iter().take(NAMED_MAX).enumerate() {
            write!(f, "{}build {build}: {why}", if at == 0 { "" } else { "; " })?;
        }
        match self.0.len().checked_sub(NAMED_MAX) {
            Some(more @ 1..) => write!(f, "; and {more} more"),
            Some(0) | None => Ok(()),
        }
    }
}

/// Refuses a place with builds, archived ones too, that `check` does not know as signed by the site.
pub fn check_own(store: &Store, check: Check<'_>) -> Result<(), OwnError> {
    if !store.marker().exists() {
        return Ok(());
    }
    let mut builds = store.builds_present()?;
    builds.extend(store.builds_archived()?);
    refuse(store.root().display().to_string(), strangers(store, &builds, check))
}

/// Of these builds those that the site has not signed.
pub(super) fn strangers(store: &Store, builds: &[BuildNumber], check: Check<'_>) -> Vec<Stranger> {
    let read = |build: BuildNumber, name: &str| {
        let live = store.build(build);
        let folder = if live.exists() { live } else { store.archived(build) };
        read_some(&folder.join(name), INFO_MAX)
    };
    let words = |build| Ok::<_, HeldError>((read(build, INFO)?, read(build, SIGNATURE)?));
    strangers_by(builds, check, |build| words(build).map_err(|error| crate::fetch::chain(&error)))
}

/// The same for a place that is read in its own way: `words` gives what is said of a build, and its signature.
pub(super) fn strangers_by(
    builds: &[BuildNumber],
    check: Check<'_>,
    words: impl Fn(BuildNumber) -> Result<(Vec<u8>, Vec<u8>), String>,
) -> Vec<Stranger> {
    let stranger = |build: &BuildNumber| {
        let signed = words(*build).and_then(|(json, signature)| check(&json, &signature));
        signed.err().map(|why| Stranger { build: *build, why })
    };
    builds.iter().filter_map(stranger).collect()
}

pub(super) fn refuse(place: String, strangers: Vec<Stranger>) -> Result<(), OwnError> {
    if strangers.is_empty() { Ok(()) } else { Err(OwnError::Strangers { place, strangers }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Recipe, check, store};

    #[test]
    fn a_place_with_builds_of_somebody_else_is_refused_by_name() {
        let (_folder, there) = store();
        check_own(&there, &check).expect("nothing is nobody's");
        for build in 1..=7 {
            Recipe::of(1, |_| build).make(&there, build, None);
        }
        check_own(&there, &check).expect("all are ours");
        let theirs = |_: &[u8], _: &[u8]| Err("found one by ABCD".to_owned());
        let error = check_own(&there, &theirs).expect_err("none is ours").to_string();
        assert!(error.contains("build 5: found one by ABCD; and 2 more"), "{error}");
        std::fs::write(there.build(BuildNumber(3)).join(SIGNATURE), "cut").expect("written");
        std::fs::rename(there.build(BuildNumber(3)), there.archived(BuildNumber(3))).expect("archived");
        let Err(OwnError::Strangers { strangers, .. }) = check_own(&there, &check) else { panic!("ours") };
        assert_eq!(strangers.iter().map(|one| one.build.0).collect::<Vec<_>>(), [3]);
    }
}
