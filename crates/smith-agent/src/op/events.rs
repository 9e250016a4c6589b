//! The replies of an operation as they are kept: one line of JSON each, numbered from 1 without gaps.
//!
//! Only whole lines count. What a crash left after them is cut off before anything is appended, under the operation's lock;
//! a reader comes back to the end of the last whole line and so never tells half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use smith_agent::protocol::{Body, LINE_MAX, Outcome, Reply};

use super::clock;
use super::lock::Held;

pub(crate) const EVENTS: &str = "events";

/// Space that is kept free for the last line, so that a full disk cannot keep an operation from ending.
pub(crate) const RESERVE: &str = "reserve";

/// The events of one operation, whatever it says: a patch of four thousand packages says less than 4 MiB.
const EVENTS_MAX: u64 = 64 << 20;

/// What is looked at of a line: its number, its time, and whether it is the last. The rest is only checked to be JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) is_end: bool,
}

/// Reads events one after the other while they grow. Holds one line at a time.
#[derive(Debug)]
pub(crate) struct Events {
    file: BufReader<File>,
    line: Vec<u8>,
    /// Where the first line begins that was not read.
    at: u64,
    seq: u64,
}

impl Events {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder.join(EVENTS))?;
        Ok(Self { file: BufReader::with_capacity(64 << 10, file), line: Vec::new(), at: 0, seq: 0 })
    }

    /// The next whole line, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Head>> {
        self.line.clear();
        let limit = LINE_MAX as u64 + 1;
        (&mut self.file).take(limit).read_until(b'\n', &mut self.line)?;
        let head = match self.line.last() {
            Some(b'\n') => head(&self.line).filter(|head| head.seq == self.seq + 1),
            _ => None,
        };
        match head {
            Some(head) => {
                self.at += self.line.len() as u64;
                self.seq = head.seq;
            }
            // It may be whole the next time, or gone.
            None => {
                self.file.seek(SeekFrom::Start(self.at))?;
            }
        }
        Ok(head)
    }

    /// The line that `next` found, with its newline.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }
}

fn head(line: &[u8]) -> Option<Head> {
    #[derive(Deserialize)]
    struct Line<'a> {
        seq: u64,
        at_ms: u64,
        kind: &'a str,
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(Head { seq: line.seq, at_ms: line.at_ms, is_end: line.kind == "ended" })
}

/// Appends events. There is one of these for an operation at a time, because its lock is held.
#[derive(Debug)]
pub(crate) struct Append<'a> {
    file: File,
    folder: PathBuf,
    at: u64,
    seq: u64,
    is_ended: bool,
    _held: &'a Held,
}

impl<'a> Append<'a> {
    /// Looks at all that is there and cuts off what is not whole.
    pub(crate) fn open(folder: &Path, held: &'a Held) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(EVENTS))?;
        let mut events = Events::open(folder)?;
        let mut is_ended = false;
        while let Some(head) = events.next()? {
            is_ended = head.is_end;
            if is_ended {
                break;
            }
        }
        if file.metadata()?.len() > events.at {
            file.set_len(events.at)?;
        }
        Ok(Self { file, folder: folder.to_owned(), at: events.at, seq: events.seq, is_ended, _held: held })
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether more may be said than how the operation ended.
    pub(crate) fn has_room(&self) -> bool {
        self.at < EVENTS_MAX
    }

    /// The line is there, or nothing of it is.
    pub(crate) fn say(&mut self, body: Body) -> io::Result<()> {
        let line = line(self.seq + 1, body)?;
        if let Err(error) = self.file.write_all_at(&line, self.at) {
            self.file.set_len(self.at)?;
            return Err(error);
        }
        self.at += line.len() as u64;
        self.seq += 1;
        Ok(())
    }

    /// The last line. It is on the disk when this returns.
    pub(crate) fn end(&mut self, outcome: Outcome) -> io::Result<()> {
        let line = line(self.seq + 1, Body::Ended(outcome))?;
        let reserve = self.folder.join(RESERVE);
        let write = |at| self.file.write_all_at(&line, at).and_then(|()| self.file.sync_all());
        if write(self.at).is_err() {
            // Where the disk is full this makes the space that was kept for the line. The same bytes go to the same place.
            let freed = fs::remove_file(&reserve);
            write(self.at).inspect_err(|_| drop((freed, self.file.set_len(self.at))))?;
        }
        self.at += line.len() as u64;
        self.seq += 1;
        self.is_ended = true;
        // Left behind it costs space and nothing else.
        let _ = fs::remove_file(&reserve);
        Ok(())
    }
}

/// A reply as a line, with its newline.
pub(crate) fn line(seq: u64, body: Body) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Reply { seq, at_ms: clock::now_ms(), body })?;
    line.push(b'\n');
    Ok(line)
}

/// Makes space that `Append::end` can give back, as much as the longest last line.
pub(crate) fn reserve(folder: &Path) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(folder.join(RESERVE))?;
    match fallocate(&file, FallocateFlags::empty(), 0, LINE_MAX as u64) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            io::copy(&mut io::repeat(0).take(LINE_MAX as u64), &mut file)?;
            file.flush()
        }
        Err(error) => Err(error.into()),
    }
}
