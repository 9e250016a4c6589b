//! What must be on the disk before anything is done, and what is said when it cannot be.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The machine's disk does not keep what an operation needs.
#[derive(Debug)]
pub(crate) struct CannotKeep {
    /// What was to be done with the path.
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for CannotKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be {}: {}", self.path.display(), self.doing, self.error)
    }
}

/// Says which file it was.
pub(crate) trait Keep<T> {
    fn keep(self, doing: &'static str, path: &Path) -> Result<T, CannotKeep>;
}

impl<T> Keep<T> for io::Result<T> {
    fn keep(self, doing: &'static str, path: &Path) -> Result<T, CannotKeep> {
        self.map_err(|error| CannotKeep { doing, path: path.to_owned(), error })
    }
}

/// A folder that root alone can read, with those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), CannotKeep> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).keep("made", path)
}

/// A new file with this content, on the disk when this returns. Its name is on the disk when its folder is.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), CannotKeep> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().keep("written", path)
}

/// The file has this content or the one before, whatever happens meanwhile.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), CannotKeep> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).keep("removed", &beside);
        }
        _ => {}
    }
    write_new(&beside, content)?;
    fs::rename(&beside, path).keep("replaced", path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Names in the folder are on the disk when this returns.
pub(crate) fn sync_folder(path: &Path) -> Result<(), CannotKeep> {
    File::open(path).and_then(|folder| folder.sync_all()).keep("kept on the disk", path)
}

/// A file's content, which is an error when it is longer than expected; nothing if there is no such file.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<Option<Vec<u8>>, CannotKeep> {
    let read = || {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        file.take(most + 1).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            let why = format!("expected at most {most} bytes, found more");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Some(content))
    };
    read().keep("read", path)
}
