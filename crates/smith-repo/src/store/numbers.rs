//! Which numbers builds have had: one is given once in the life of a store, whatever becomes of its build. Machines and
//! changes name builds by their numbers alone, so a number must never come to mean another build.

use std::fs;
use std::io;

use crate::name::BuildNumber;
use crate::store::sync::write_atomically;
use crate::store::{Locked, Store, StoreError};

impl Store {
    /// The highest number that a build here has or had.
    pub fn highest_number(&self) -> Result<Option<BuildNumber>, StoreError> {
        // Also what is no build is in the way of one.
        let present = self.numbers_taken()?;
        let archived = self.builds_archived()?;
        let unsigned = self.builds_unsigned()?;
        let here = [present.last(), archived.last(), unsigned.last()];
        let had = self.noted_number()?;
        Ok(here.into_iter().flatten().copied().chain(had).max())
    }

    /// Writes down the highest number, so that it is known when its build is gone. Whoever gives a number and whoever
    /// takes a build away does this.
    pub(crate) fn note_numbers(&self, _locked: &Locked) -> Result<(), StoreError> {
        match self.highest_number()? {
            Some(highest) if self.noted_number()? != Some(highest) => {
                write_atomically(&self.numbers(), format!("{highest}\n").as_bytes())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The same before builds go, if the highest is among them. It is written down already but in stores that were made
    /// before that was done: a full disk keeps nobody from purging.
    pub(crate) fn note_going(&self, locked: &Locked, going: &[BuildNumber]) -> Result<(), StoreError> {
        match self.highest_number()? {
            Some(highest) if going.contains(&highest) => self.note_numbers(locked),
            Some(_) | None => Ok(()),
        }
    }

    /// Nothing in stores that were made before it was written down.
    fn noted_number(&self) -> Result<Option<BuildNumber>, StoreError> {
        let path = self.numbers();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("reading", &path)(error)),
        };
        match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(error) => Err(StoreError::io("reading", &path)(io::Error::other(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Recipe, store};

    #[test]
    fn the_highest_number_is_known_when_its_build_is_gone() {
        let (_folder, store) = store();
        assert_eq!(store.highest_number().expect("read"), None);
        for build in [3, 7] {
            Recipe::of(1, |_| build).make(&store, build, None);
        }
        let locked = store.lock_now().expect("locked");
        store.note_numbers(&locked).expect("noted");
        fs::remove_dir_all(store.build(BuildNumber(7))).expect("removed");
        assert_eq!(store.highest_number().expect("read"), Some(BuildNumber(7)));
        // A lower one that is written down later changes nothing.
        store.note_numbers(&locked).expect("noted");
        assert_eq!(store.highest_number().expect("read"), Some(BuildNumber(7)));
        fs::write(store.numbers(), "many").expect("written");
        let error = store.highest_number().expect_err("no number");
        assert!(error.to_string().contains("numbers"), "{error}");
    }
}
