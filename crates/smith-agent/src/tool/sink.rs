//! Where a program's output goes, and how much of it is kept.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a program may say that is kept in memory: apt says a third of it about a patch of four thousand packages, and the
/// agent is to stay below 15 MiB.
pub(super) const KEEP: u64 = 4 << 20;

/// What a program may say that goes to a file: dpkg says a tenth of it about a patch of four thousand packages.
pub(super) const KEEP_IN_FILE: u64 = 64 << 20;

/// The kernel fills memory by pages of up to 2 MiB and refuses one that does not fit, so that much more is let through before
/// output is found to be too long.
const PAGE: u64 = 2 << 20;

/// What stays of the beginning and of the end of output that is cut: each is more than a person reads.
const ENDS: u64 = 1 << 20;

/// How often more output is looked for before the middle is cut: who still talks then will talk on.
const LOOKS_AGAIN: usize = 16;

const CUT: &[u8] = b"\n[smith-agent: more was said here than is kept]\n";

/// Where a program's output goes.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// The length of the output at which it is too much.
    most: u64,
    /// What stood there before.
    before: u64,
    was_cut: bool,
}

impl Sink {
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        let before = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, most: KEEP_IN_FILE, before, was_cut: false })
    }

    /// Memory without a name, so that a program that says more than a pipe holds need not be read meanwhile. It cannot grow:
    /// between two looks at it a program could fill the machine's.
    pub(super) fn unnamed() -> io::Result<Self> {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("smith-output", flags)?);
        file.set_len(KEEP + 2 * PAGE)?;
        fcntl_add_seals(&file, SealFlags::GROW)?;
        Ok(Self { file, most: KEEP, before: 0, was_cut: false })
    }

    /// For the program.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(super) fn is_too_much(&mut self) -> io::Result<bool> {
        Ok(self.length()? > self.most)
    }

    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// How much was said. The program and this have one position in the file, which is where the program wrote last.
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.file.stream_position()?.saturating_sub(self.before))
    }

    /// Leaves out the middle of a file. The program appends, so that it goes on behind; what it says between the last look
    /// here and the cut is left out as well, so that is looked for again as long as there is any.
    pub(super) fn shorten(&mut self) -> io::Result<()> {
        let mut length = self.file.metadata()?.len();
        let mut end = vec![0; usize::try_from(ENDS).unwrap_or_default()];
        self.file.read_exact_at(&mut end, length.saturating_sub(ENDS))?;
        for _ in 0..LOOKS_AGAIN {
            let now = self.file.metadata()?.len();
            if now == length {
                break;
            }
            // A program that says more than is kept between two looks is cut here or there.
            let said = now.saturating_sub(length).min(ENDS);
            let mut late = vec![0; usize::try_from(said).unwrap_or_default()];
            self.file.read_exact_at(&mut late, now - said)?;
            end.drain(..late.len());
            end.append(&mut late);
            length = now;
        }
        self.file.set_len(self.before + ENDS)?;
        self.was_cut = true;
        self.file.write_all(&[CUT, &end].concat())
    }

    pub(super) fn text(mut self) -> io::Result<String> {
        let length = self.length()?.min(KEEP);
        self.file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        self.file.take(length).read_to_end(&mut bytes)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}
