//! What the lists of builds name, line by line, on more than one thread.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::hash::Sha256;
use crate::manifest::{BuildInfo, Line, Scanner};
use crate::mirror::{Held, HeldError, INFO_MAX, LIST_MAX, MANIFEST, SIGNED, read_some};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::find::Place;

/// Each holds the texts of two manifests, of ten megabytes for a mirror of Debian. More would not be fed by one disk.
const READERS: usize = 2;

/// What a build's lists are known by: where this is the same, they name the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    number: BuildNumber,
    manifest: Sha256,
    /// Of the list of what is signed apart, which the words about the build do not name.
    signed: Option<Sha256>,
}

/// Which lists of a build count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    All,
    /// Without the list of what is signed apart.
    Bare,
}

impl Lists {
    pub(super) fn of(place: Place) -> Self {
        match place {
            Place::Live | Place::Archived => Self::All,
            Place::Unsigned => Self::Bare,
        }
    }
}

impl Key {
    pub(super) fn number(&self) -> BuildNumber {
        self.number
    }

    /// Without reading the manifest.
    pub(super) fn read(
        folder: &Path,
        number: BuildNumber,
        lists: Lists,
    ) -> Result<(Self, BuildInfo), HeldError> {
        let info = Held::info_in(folder, number)?;
        let signed = match lists {
            Lists::All if !info.signed_apart.is_empty() => {
                Some(Sha256::of(&read_some(&folder.join(SIGNED), INFO_MAX)?))
            }
            Lists::All | Lists::Bare => None,
        };
        Ok((Self { number, manifest: info.manifest, signed }, info))
    }
}

/// Calls for every line of a build's lists, but for those that this scanner has told before.
///
/// Where anything is wrong the lists are read as everybody else reads them, who says what it is.
pub(super) fn each_line(
    scanner: &mut Scanner,
    folder: &Path,
    number: BuildNumber,
    lists: Lists,
    mut each: impl FnMut(&Line<'_>),
) -> Result<(Key, BuildInfo), HeldError> {
    // First, so that lists that come in its place while they are read are known by another key.
    let (key, info) = Key::read(folder, number, lists)?;
    if key.signed.is_none()
        && let Ok(packed) = File::open(folder.join(MANIFEST))
        && scanner.read(packed.take(LIST_MAX), &key.manifest, &mut each).is_ok()
    {
        return Ok((key, info));
    }
    scanner.forget();
    let held = match lists {
        Lists::All => Held::read_in(folder, number),
        Lists::Bare => Held::read_bare(folder, number),
    }?;
    held.manifest.files().iter().for_each(|file| each(&Line::of(file)));
    Ok((Key { manifest: held.info.manifest, ..key }, held.info))
}

/// Does something with each, and says what each thread has gathered. Of errors it is the first thing's that is told.
pub(super) fn gather<T: Sync, G: Default + Send>(
    things: &[T],
    act: impl Fn(&mut G, &T) -> Result<(), RetentionError> + Sync,
) -> Result<Vec<G>, RetentionError> {
    let next = AtomicUsize::new(0);
    let first_error: Mutex<Option<(usize, RetentionError)>> = Mutex::new(None);
    let work = || {
        let mut gathered = G::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else { return gathered };
            if let Err(error) = act(&mut gathered, thing) {
                // Those before it are at work already, the others need not begin.
                next.fetch_max(things.len(), Ordering::Relaxed);
                let mut first = first_error.lock().unwrap_or_else(PoisonError::into_inner);
                if first.as_ref().is_none_or(|(other, _)| at < *other) {
                    *first = Some((at, error));
                }
                return gathered;
            }
        }
    };
    let gathered = std::thread::scope(|scope| {
        let others: Vec<_> = (1..READERS.min(things.len())).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let joined = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(mine).chain(joined).collect()
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(gathered),
    }
}
