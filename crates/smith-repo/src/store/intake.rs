//! Taking in objects.
//!
//! A file that carries the name of its content must have that content, also after the power failed: so what was written
//! waits in `incoming` until it is on the disk, many files at once, and only then gets its place. What a killed run left
//! there is hashed again and taken in by the next.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::hash::Sha256;
use crate::store::sync::{SINGLE_MAX, sync_file_system, sync_folder, unique};
use crate::store::{Store, StoreError};

/// Objects on their way in. May be shared by many threads.
#[derive(Debug)]
pub struct Intake<'a> {
    store: &'a Store,
    waiting: Mutex<BTreeSet<Sha256>>,
}

impl Store {
    /// Begins to take in objects; those that a killed run left are there, if they are good.
    pub fn intake(&self) -> Result<Intake<'_>, StoreError> {
        let intake = Intake { store: self, waiting: Mutex::default() };
        let folder = self.incoming();
        for entry in fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))? {
            let entry = entry.map_err(StoreError::io("reading", &folder))?;
            let named: Option<Sha256> = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(hash) = named else { continue };
            match Sha256::of_file(&entry.path()) {
                Ok((found, _)) if found == hash => intake.note(hash),
                Ok(_) => remove(&entry.path())?,
                // Its run is alive and has just taken it in.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("reading", &entry.path())(error)),
            }
        }
        Ok(intake)
    }
}

impl Intake<'_> {
    pub fn store(&self) -> &Store {
        self.store
    }

    /// Whether an object is there, or will be with the next [`Intake::settle`].
    pub fn has(&self, hash: &Sha256) -> bool {
        if self.store.has(hash) {
            return true;
        }
        if self.incoming(hash).exists() {
            // Whoever brought it may settle it later than we do.
            self.note(*hash);
            return true;
        }
        // It may have got its place between the two looks.
        self.store.has(hash)
    }

    /// Where its bytes are now.
    pub fn find(&self, hash: &Sha256) -> Option<PathBuf> {
        // The first again, since it may get its place between the looks.
        let places = [self.store.object(hash), self.incoming(hash), self.store.object(hash)];
        places.into_iter().find(|path| path.exists())
    }

    /// A few bytes that were made here.
    pub fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError> {
        let hash = Sha256::of(bytes);
        if self.has(&hash) {
            return Ok(hash);
        }
        let temporary = self.temporary();
        let write = || File::create(&temporary)?.write_all(bytes);
        if let Err(error) = write() {
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::io("writing", &temporary)(error));
        }
        self.adopt(&temporary, hash)?;
        Ok(hash)
    }

    /// A place to write a file to that is adopted later.
    pub fn temporary(&self) -> PathBuf {
        self.store.incoming().join(format!(".tmp-{}", unique()))
    }

    /// Takes in a whole file on the store's file system whose content the caller has hashed.
    pub fn adopt(&self, from: &Path, hash: Sha256) -> Result<(), StoreError> {
        let to = self.incoming(&hash);
        fs::rename(from, &to).map_err(StoreError::io("renaming to", &to))?;
        self.note(hash);
        Ok(())
    }

    /// Gives everything that was taken in its place. Objects that the caller relies on are relied on after this.
    pub fn settle(&self) -> Result<usize, StoreError> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let settled = self.settle_these(&waiting);
        if settled.is_err() {
            // They are still where they were; another try may have more room.
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(&waiting);
        }
        settled.map(|()| waiting.len())
    }

    fn settle_these(&self, waiting: &BTreeSet<Sha256>) -> Result<(), StoreError> {
        let mut present: Vec<(PathBuf, PathBuf)> = Vec::with_capacity(waiting.len());
        for hash in waiting {
            let from = self.incoming(hash);
            let readable = fs::Permissions::from_mode(0o444);
            match fs::set_permissions(&from, readable) {
                Ok(()) => present.push((from, self.store.object(hash))),
                // Somebody else who runs at the same time has taken it in.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.store.has(hash) => {}
                Err(error) => return Err(StoreError::io("protecting", &from)(error)),
            }
        }
        self.to_disk(&present)?;
        for (from, to) in &present {
            place(from, to)?;
        }
        if present.len() > SINGLE_MAX {
            return sync_file_system(self.store.root());
        }
        let mut folders: Vec<&Path> = present.iter().filter_map(|(_, to)| to.parent()).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.into_iter().try_for_each(sync_folder)
    }

    fn to_disk(&self, files: &[(PathBuf, PathBuf)]) -> Result<(), StoreError> {
        if files.len() > SINGLE_MAX {
            return sync_file_system(self.store.root());
        }
        for (path, _) in files {
            match File::open(path) {
                Ok(file) => file.sync_all().map_err(StoreError::io("syncing", path))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("opening", path)(error)),
            }
        }
        Ok(())
    }

    fn incoming(&self, hash: &Sha256) -> PathBuf {
        self.store.incoming().join(hash.hex())
    }

    fn note(&self, hash: Sha256) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }
}

fn place(from: &Path, to: &Path) -> Result<(), StoreError> {
    let placed = rename_new(from, to).or_else(|error| match to.parent() {
        Some(folder) if error.kind() == io::ErrorKind::NotFound && from.exists() => {
            fs::create_dir_all(folder)?;
            rename_new(from, to)
        }
        Some(_) | None => Err(error),
    });
    match placed {
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        // Another was faster, and names may be links to its file already.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove(from),
        placed => placed.map_err(StoreError::io("renaming to", to)),
    }
}

/// A new name that must be free.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do it in one; each that holds a store can link.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("removing", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_taken_in_if_it_is_what_its_name_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let (good, bad) = (Sha256::of(b"good"), Sha256::of(b"bad"));
        fs::write(store.incoming().join(good.hex()), "good").expect("written");
        fs::write(store.incoming().join(bad.hex()), "ba").expect("written");
        let intake = store.intake().expect("an intake");
        assert!(intake.has(&good) && !store.has(&good) && !intake.has(&bad));
        assert_eq!(intake.put(b"more").expect("put"), Sha256::of(b"more"));
        assert_eq!(intake.settle().expect("settled"), 2);
        assert_eq!(fs::read(store.object(&good)).expect("there"), b"good");
        assert!(store.has(&Sha256::of(b"more")));
        assert_eq!(fs::read_dir(store.incoming()).expect("read").count(), 0);
    }

    #[test]
    fn two_may_take_in_the_same_at_the_same_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let (one, two) = (store.intake().expect("one"), store.intake().expect("two"));
        one.put(b"same").expect("put");
        two.put(b"same").expect("put");
        two.adopt(
            &{
                let path = two.temporary();
                fs::write(&path, "same").expect("written");
                path
            },
            Sha256::of(b"same"),
        )
        .expect("adopted");
        assert_eq!(one.settle().expect("settled"), 1);
        two.settle().expect("settled");
        assert!(store.has(&Sha256::of(b"same")));
    }

    #[test]
    fn what_another_brought_is_settled_by_whoever_counts_on_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let (one, two) = (store.intake().expect("one"), store.intake().expect("two"));
        let hash = one.put(b"same").expect("put");
        assert!(two.has(&hash) && two.has(&hash));
        assert_eq!(two.settle().expect("settled"), 1);
        assert!(store.has(&hash));
        one.settle().expect("settled");
    }

    #[test]
    fn an_object_that_has_its_place_keeps_it() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        let hash = intake.put(b"same").expect("put");
        intake.settle().expect("settled");
        let inode = || fs::metadata(store.object(&hash)).expect("there").ino();
        let before = inode();
        // Another who did not see it brings it again; names may be links to the first.
        let again = intake.temporary();
        fs::write(&again, "same").expect("written");
        intake.adopt(&again, hash).expect("adopted");
        intake.settle().expect("settled");
        assert_eq!(inode(), before);
        assert_eq!(fs::read_dir(store.incoming()).expect("read").count(), 0);
    }

    #[test]
    fn many_are_settled_as_well_as_few() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        for number in 0..200u32 {
            intake.put(&number.to_le_bytes()).expect("put");
        }
        assert_eq!(intake.settle().expect("settled"), 200);
        assert!((0..200u32).all(|number| store.has(&Sha256::of(&number.to_le_bytes()))));
    }
}
