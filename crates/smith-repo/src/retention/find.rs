//! A build where it is: live, archived, or waiting for its signatures.

use std::path::{Path, PathBuf};

use crate::mirror::{Held, HeldError};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::store::Store;

/// A build is archived or restored once while somebody looks for it; so often in a row is something else.
const LOOKS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Live,
    Archived,
    Unsigned,
}

#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) number: BuildNumber,
    pub(super) place: Place,
    pub(super) folder: PathBuf,
    pub(super) held: Held,
}

/// Clients can use it.
pub(super) fn live(store: &Store, number: BuildNumber) -> Result<Found, RetentionError> {
    let found = find(store, number)?;
    match found.place {
        Place::Live => Ok(found),
        Place::Archived => Err(RetentionError::Archived { number }),
        Place::Unsigned => Err(RetentionError::Unsigned { number }),
    }
}

pub(super) fn find(store: &Store, number: BuildNumber) -> Result<Found, RetentionError> {
    let (place, folder, held) = look(store, number, |place, folder| match place {
        Place::Live | Place::Archived => Held::read_in(folder, number),
        Place::Unsigned => Held::read_bare(folder, number),
    })?;
    Ok(Found { number, place, folder, held })
}

/// Finds a build and reads of it what is wanted.
pub(super) fn look<T>(
    store: &Store,
    number: BuildNumber,
    mut read: impl FnMut(Place, &Path) -> Result<T, HeldError>,
) -> Result<(Place, PathBuf, T), RetentionError> {
    let places = [
        (Place::Live, store.build(number)),
        (Place::Archived, store.archived(number)),
        (Place::Unsigned, store.unsigned_build(number)),
    ];
    for _ in 0..LOOKS {
        let Some((place, folder)) = places.iter().find(|(_, folder)| folder.exists()) else { break };
        match read(*place, folder) {
            Ok(read) => return Ok((*place, folder.clone(), read)),
            // Somebody has taken it away, or to another place, while it was read.
            Err(_) if !folder.exists() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut known = store.builds_present()?;
    known.extend(store.builds_archived()?);
    known.extend(store.builds_unsigned()?);
    let names: Vec<String> = known.iter().rev().take(12).map(ToString::to_string).collect();
    let known = if names.is_empty() { "none: the store is empty".to_owned() } else { names.join(", ") };
    Err(RetentionError::Unknown { number, known })
}
