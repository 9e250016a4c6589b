//! Writing a file so that whoever reads it finds the old or the new, whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use smith_agent::protocol::Cause;

/// Whether the file must outlive a fall of the machine that comes the next moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    Now,
    /// It is on the disk soon; to lose it does no harm.
    Soon,
}

/// Writes it beside and moves it there. Folders that lack are made, for root alone.
pub(crate) fn keep(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let no_place = || io::Error::new(io::ErrorKind::InvalidInput, "expected a file in a folder");
    let folder = path.parent().ok_or_else(no_place)?;
    let name = path.file_name().ok_or_else(no_place)?;
    if !folder.is_dir() {
        make_folder(folder)?;
    }
    replace(folder, &name.to_string_lossy(), bytes, sync)
}

/// The same in a folder that must be there.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8], sync: Sync) -> io::Result<()> {
    // The process is part of the name: two that write the same file do not write into each other's.
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&beside, bytes, sync).and_then(|()| fs::rename(&beside, folder.join(name)));
    if written.is_err() {
        // It may not have come to be.
        let _ = fs::remove_file(&beside);
    }
    written?;
    match sync {
        Sync::Now => File::open(folder)?.sync_all(),
        Sync::Soon => Ok(()),
    }
}

/// Why something could not be kept, in the words of the protocol.
pub(crate) fn cause(error: &io::Error) -> Cause {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if is_full { Cause::DiskFull } else { Cause::Mismatch }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write(path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    match sync {
        Sync::Now => file.sync_all(),
        Sync::Soon => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/lib/state.json");
        keep(&path, b"one", Sync::Now).unwrap();
        keep(&path, b"two", Sync::Soon).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(keep(&folder.path().join("var/lib/state.json/x"), b"", Sync::Soon).is_err());
    }
}
