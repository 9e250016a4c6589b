//! Where everything of the demo lies: one folder with what is kept between runs and what belongs to one run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf, absolute};

use smith_lab::LabName;

use super::Options;
use crate::failure::{Exit, Failure};
use crate::input::{Unwritable, unreadable};

/// The folder, held for as long as this lives: two demos would end each other's machines.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    base: PathBuf,
    lab: LabName,
    _held: File,
}

impl Place {
    pub(super) fn open(options: &Options) -> Result<Self, Failure> {
        let dir = absolute(&options.dir)?;
        make(&dir)?;
        let lock = dir.join("lock");
        let held = File::create(&lock).map_err(|error| unwritable(&lock, error))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let error = format!("expected no other demo in {}, found one that runs", dir.display());
                return Err(Failure::new(Exit::NotThere, error).with_hint("--dir names another folder"));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&lock, error)),
        }
        let base = match &options.base {
            Some(base) => absolute(base)?,
            None => dir.join("cache/base"),
        };
        Ok(Self { dir, base, lab: options.lab.clone(), _held: held })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn lab(&self) -> &LabName {
        &self.lab
    }

    /// The base of the machines, which is fetched once.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Builds stay: whatever they hold is not fetched again.
    pub(super) fn store(&self) -> PathBuf {
        self.dir.join("cache/store")
    }

    pub(super) fn times(&self) -> PathBuf {
        self.dir.join("cache/times.json")
    }

    /// What belongs to one run; the next one begins with an empty one.
    pub(super) fn run(&self, name: &str) -> PathBuf {
        self.dir.join("run").join(name)
    }

    pub(super) fn labs(&self) -> PathBuf {
        self.run("labs")
    }

    /// The folder of the lab's own files.
    pub(super) fn lab_file(&self, name: &str) -> PathBuf {
        self.labs().join(self.lab.as_str()).join(name)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.run("server/smith.sock")
    }

    pub(super) fn evidence(&self) -> PathBuf {
        self.run("server/data/evidence")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.run("server/data/journal.db")
    }
}

pub(super) fn make(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, error))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    fs::write(path, text).map_err(|error| unwritable(path, error))
}

pub(super) fn read(what: &'static str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| unreadable(what, path, error))
}

pub(super) fn clear(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(path, error)),
    }
}

/// The bytes of the files below a folder, each counted once however many names it has.
pub(super) fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut seen = std::collections::BTreeSet::new();
    let mut folders = vec![path.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.is_file() && seen.insert(about.ino()) {
                bytes += about.len();
            }
        }
    }
    bytes
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::Output, Unwritable::new(path, error))
}
