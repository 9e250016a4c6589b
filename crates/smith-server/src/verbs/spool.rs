//! An export on its way to whoever asked for it. Its first line promises what all the rest hashes to, so nothing of it can be sent
//! before all of it is made: it is made into a file without a name, which goes with whoever has it open.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::denied::{Denied, Kind};
use super::keeper::ExportTurn;

/// An export of everything has some 64 bytes a row: this is one of a quarter of a billion rows.
const EXPORT_MAX: u64 = 16 << 30;

/// What is left of the disk that the journal grows on. Recording is worth more than any export.
const ROOM: u64 = 1 << 30;

/// The room is looked at after so many bytes.
const LOOKED_AFTER: u64 = 32 << 20;

/// An export that sees no further row for so long is given up on: its disk hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// A whole export. Its place is free for another when it is dropped.
#[derive(Debug)]
pub struct Exported {
    file: File,
    bytes: u64,
    _turn: ExportTurn,
}

impl Exported {
    pub fn length(&self) -> u64 {
        self.bytes
    }
}

impl Read for Exported {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

/// What was written, whoever it is for.
#[derive(Debug)]
pub(super) struct Spooled {
    file: File,
    bytes: u64,
}

/// A file that may grow as long as the journal's disk has room.
#[derive(Debug)]
pub(super) struct Spool {
    out: BufWriter<File>,
    written: u64,
    look_at: u64,
    max: u64,
    room: u64,
}

/// Why a spool takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Full {
    #[error("expected an export of at most {} MiB, found a larger one", max >> 20)]
    Max { max: u64 },
    #[error("expected {} MiB to be left on the disk of the journal beside the export, found {} MiB", room >> 20, found >> 20)]
    Room { room: u64, found: u64 },
}

impl Spool {
    pub(super) fn new_in(folder: &Path) -> io::Result<Self> {
        Self::with_limits(folder, EXPORT_MAX, ROOM)
    }

    fn with_limits(folder: &Path, max: u64, room: u64) -> io::Result<Self> {
        let out = BufWriter::new(tempfile::tempfile_in(folder)?);
        Ok(Self { out, written: 0, look_at: 0, max, room })
    }

    /// Whether a write failed because of a limit.
    pub(super) fn is_full(error: &io::Error) -> bool {
        let of_limit = error.get_ref().is_some_and(|inner| inner.is::<Full>());
        of_limit || error.kind() == io::ErrorKind::StorageFull
    }

    pub(super) fn finish(self) -> io::Result<Spooled> {
        let mut file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spooled { file, bytes })
    }

    fn check(&mut self, more: u64) -> io::Result<()> {
        if self.written + more > self.max {
            return Err(io::Error::other(Full::Max { max: self.max }));
        }
        if self.written >= self.look_at {
            self.look_at = self.written + LOOKED_AFTER;
            let disk = rustix::fs::fstatvfs(self.out.get_ref())?;
            let found = disk.f_bavail.saturating_mul(disk.f_frsize);
            if found < self.room {
                return Err(io::Error::other(Full::Room { room: self.room, found }));
            }
        }
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check(bytes.len() as u64)?;
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.out.seek(to)
    }
}

/// How far an export is, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub(super) struct Making {
    row: AtomicU64,
    unwanted: AtomicBool,
}

impl Making {
    /// This row is being written.
    pub(super) fn passed(&self, row: u64) -> ControlFlow<()> {
        self.row.store(row, Ordering::Relaxed);
        if self.unwanted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whoever asked; when they leave, nobody wants it any more.
struct Asker(Arc<Making>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.unwanted.store(true, Ordering::Relaxed);
    }
}

/// Has an export made, however long that takes, as long as it goes on. The place stays taken until the work has ended.
pub(super) async fn make(
    turn: ExportTurn,
    work: impl FnOnce(&Making) -> Result<Spooled, Denied> + Send + 'static,
) -> Result<Exported, Denied> {
    make_within(SILENCE, turn, work).await
}

async fn make_within(
    silence: Duration,
    turn: ExportTurn,
    work: impl FnOnce(&Making) -> Result<Spooled, Denied> + Send + 'static,
) -> Result<Exported, Denied> {
    let making = Arc::new(Making::default());
    let asker = Asker(Arc::clone(&making));
    let mut working = tokio::task::spawn_blocking(move || {
        let Spooled { file, bytes } = work(&making)?;
        Ok::<_, Denied>(Exported { file, bytes, _turn: turn })
    });
    let mut seen = None;
    loop {
        if let Ok(done) = timeout(silence, &mut working).await {
            let text = "the journal could not be read: the reading ended early";
            return done.unwrap_or_else(|_| Err(Denied::new(Kind::Broken, "S0416", text)));
        }
        let row = asker.0.row.load(Ordering::Relaxed);
        if seen == Some(row) {
            let text =
                format!("expected the export to go on within {silence:?}, found it still at row {row}");
            return Err(Denied::new(Kind::Unavailable, "S0427", text));
        }
        seen = Some(row);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::keeper::Keeper;
    use super::*;

    #[test]
    fn a_spool_takes_so_much_and_leaves_room_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::with_limits(folder.path(), 10, 0).unwrap();
        spool.write_all(b"0123456789").unwrap();
        let error = spool.write_all(b"x").unwrap_err();
        assert!(Spool::is_full(&error) && error.to_string().contains("at most 0 MiB"), "{error}");
        spool.seek(SeekFrom::Start(1)).unwrap();
        let mut spooled = spool.finish().unwrap();
        let mut text = String::new();
        spooled.file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), spooled.bytes), ("0123456789", 10));
        let mut crowded = Spool::with_limits(folder.path(), 10, u64::MAX).unwrap();
        let error = crowded.write_all(b"0").unwrap_err();
        assert!(Spool::is_full(&error) && error.to_string().contains("to be left on the disk"), "{error}");
        assert!(!Spool::is_full(&io::Error::other("a broken disk")));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    }

    #[tokio::test]
    async fn an_export_may_take_long_and_must_go_on() {
        let keeper = Keeper::default();
        let silence = Duration::from_millis(30);
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new_in(folder.path()).unwrap();
        let slow = make_within(silence, keeper.export().unwrap(), move |making| {
            for row in 1..=20 {
                assert!(making.passed(row).is_continue());
                std::thread::sleep(silence / 3);
            }
            Ok(spool.finish().unwrap())
        });
        assert_eq!(slow.await.unwrap().length(), 0);
        let (end, ended) = channel::<()>();
        let hangs = make_within(silence, keeper.export().unwrap(), move |making| {
            let _ = making.passed(7);
            let _ = ended.recv();
            assert!(making.passed(8).is_break(), "nobody waits any more");
            Err(Denied::new(Kind::Broken, "S0416", "unwanted"))
        });
        let denied = hangs.await.unwrap_err();
        assert!(denied.code == "S0427" && denied.text.contains("row 7"), "{denied}");
        // Its place is taken until the work has seen that, and free then.
        assert!(keeper.export().is_some(), "one of two");
        let other = keeper.export();
        assert!(keeper.export().is_none());
        end.send(()).unwrap();
        drop(other);
    }
}
