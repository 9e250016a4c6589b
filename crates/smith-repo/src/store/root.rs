//! A store that is open.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use crate::hash::Sha256;
use crate::name::BuildNumber;
use crate::store::lock::PATIENCE;
use crate::store::sync::{sync_folder, write_atomically};
use crate::store::{Layout, StoreError};

const FORMAT: &str = "smith store 1\n";

/// The files of a build that say what it is.
const NAMED_BY: [&str; 2] = ["build.json", "manifest.zst"];

#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    /// For how long somebody else may have its lock.
    pub(super) patience: Duration,
}

impl Deref for Store {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

impl Store {
    /// Makes an empty folder, or one that does not exist, a store; opens one that is.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let layout = Layout::new(root);
        if layout.marker().exists() {
            return Self::open(root);
        }
        fs::create_dir_all(root).map_err(StoreError::io("making", root))?;
        check_empty(root)?;
        for folder in Layout::FOLDERS {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io("making", &path))?;
        }
        make_private(&layout.keys())?;
        probe_links(&layout)?;
        write_atomically(&layout.marker(), FORMAT.as_bytes())?;
        Ok(Self { layout, patience: PATIENCE })
    }

    /// A store that is there, or what would be made: for those who only say what they would do. Refuses what
    /// [`Store::create`] refuses, and makes nothing.
    pub fn planned(root: &Path) -> Result<Self, StoreError> {
        let layout = Layout::new(root);
        if layout.marker().exists() {
            return Self::open(root);
        }
        if root.exists() {
            check_empty(root)?;
        }
        Ok(Self { layout, patience: PATIENCE })
    }

    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let layout = Layout::new(root);
        let found = match fs::read_to_string(layout.marker()) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(StoreError::NotAStore { path: root.to_owned() });
            }
            Err(error) => return Err(StoreError::io("reading", &layout.marker())(error)),
        };
        if found != FORMAT {
            let found = found.trim().chars().take(80).collect();
            return Err(StoreError::Format { path: root.to_owned(), expected: FORMAT.trim(), found });
        }
        Ok(Self { layout, patience: PATIENCE })
    }

    /// The same store, for whoever waits less or more for its lock than is usual.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub fn has(&self, hash: &Sha256) -> bool {
        self.object(hash).exists()
    }

    /// The numbers of all whole builds, in order.
    pub fn builds_present(&self) -> Result<Vec<BuildNumber>, StoreError> {
        let mut numbers = self.numbers_taken()?;
        numbers.retain(|number| self.is_build(*number));
        Ok(numbers)
    }

    /// Every number under which something lies where builds are, in order.
    pub(super) fn numbers_taken(&self) -> Result<Vec<BuildNumber>, StoreError> {
        self.numbers_in(&self.builds())
    }

    /// Whether a build lies under this number. It may be damaged; what has nothing that says what it is, is none. Where
    /// that cannot be found out it is taken for one, since nothing of a build may be lost.
    pub(crate) fn is_build(&self, number: BuildNumber) -> bool {
        let folder = self.build(number);
        let is_there = |name: &str| folder.join(name).try_exists().unwrap_or(true);
        let may_be = |error: io::Error| error.kind() != io::ErrorKind::NotFound;
        fs::metadata(&folder).map_or_else(may_be, |metadata| metadata.is_dir())
            && NAMED_BY.into_iter().any(is_there)
    }

    /// The numbers of all archived builds, in order.
    pub fn builds_archived(&self) -> Result<Vec<BuildNumber>, StoreError> {
        self.numbers_in(&self.archive())
    }

    /// The numbers of all builds that wait for their signatures, in order. One that was published since is none.
    pub fn builds_unsigned(&self) -> Result<Vec<BuildNumber>, StoreError> {
        let mut numbers = match self.numbers_in(&self.unsigned()) {
            // Stores that were made before there were such builds.
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
            numbers => numbers?,
        };
        numbers.retain(|number| !self.build(*number).exists() && !self.archived(*number).exists());
        Ok(numbers)
    }

    fn numbers_in(&self, folder: &Path) -> Result<Vec<BuildNumber>, StoreError> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder).map_err(StoreError::io("reading", folder))? {
            let entry = entry.map_err(StoreError::io("reading", folder))?;
            if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// A new name in one folder for what lies, whole and synced, under another: it appears at once or not at all.
    pub fn appear(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        fs::rename(from, to).map_err(StoreError::io("renaming to", to))?;
        to.parent().map_or(Ok(()), sync_folder)
    }
}

/// Nothing of anybody else may be there.
fn check_empty(root: &Path) -> Result<(), StoreError> {
    // One that was killed while it made a store left folders of a store and nothing else.
    let known = |name: &str| Layout::FOLDERS.iter().any(|folder| folder.split('/').next() == Some(name));
    for entry in fs::read_dir(root).map_err(StoreError::io("reading", root))? {
        let name = entry.map_err(StoreError::io("reading", root))?.file_name();
        let name = name.to_string_lossy();
        if !known(&name) && !name.starts_with(".tmp-") {
            return Err(StoreError::NotEmpty { path: root.to_owned(), found: name.into_owned() });
        }
    }
    Ok(())
}

fn make_private(folder: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(StoreError::io("protecting", folder))
}

fn probe_links(layout: &Layout) -> Result<(), StoreError> {
    let (from, to) = (layout.root().join(".tmp-link-a"), layout.root().join(".tmp-link-b"));
    fs::write(&from, "").map_err(StoreError::io("writing", &from))?;
    let _ = fs::remove_file(&to);
    let linked = fs::hard_link(&from, &to);
    let _ = fs::remove_file(&to);
    fs::remove_file(&from).map_err(StoreError::io("removing", &from))?;
    linked.map_err(|_| StoreError::NoLinks { path: layout.root().to_owned() })
}
