//! The control file within the control archive, whatever it is packed with. A few bytes may unfold to very many, so
//! everything is limited.

use std::io::{self, Read};

use crate::ingest::DebError;
use crate::ingest::ar::{ControlMember, Packing};

/// Unpacked. The largest of Debian lists the checksums of 30,000 files in 3 MiB.
const TAR_MAX: u64 = 32 * 1024 * 1024;

/// The kernel's is 60 KiB.
const CONTROL_MAX: u64 = 1024 * 1024;

/// `control`, scripts, triggers, checksums: a dozen. Debconf's templates are files of their own, but not many.
const ENTRIES_MAX: usize = 1024;

/// dpkg packs with a dictionary of 8 MiB, at most 64.
const XZ_MEMORY_MAX: u64 = 96 * 1024 * 1024;

/// 64 MiB, in powers of two.
const ZST_WINDOW_MAX: u32 = 26;

pub(super) fn control_file(member: &ControlMember) -> Result<Vec<u8>, DebError> {
    let bytes = member.bytes.as_slice();
    let unreadable = |error: io::Error| DebError::Unreadable { found: error.to_string() };
    match member.packing {
        Packing::None => find(bytes),
        Packing::Gz => find(flate2::read::MultiGzDecoder::new(bytes)),
        Packing::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, liblzma::stream::CONCATENATED);
            let stream = stream.map_err(|error| unreadable(io::Error::other(error)))?;
            find(liblzma::read::XzDecoder::new_stream(bytes, stream))
        }
        Packing::Zst => {
            let mut decoder = zstd::Decoder::with_buffer(bytes).map_err(unreadable)?;
            decoder.window_log_max(ZST_WINDOW_MAX).map_err(unreadable)?;
            find(decoder)
        }
    }
}

/// Reads the whole archive: a second control file would win when it is unpacked.
fn find(reader: impl Read) -> Result<Vec<u8>, DebError> {
    let mut limited = Limited { reader, left: TAR_MAX };
    let mut found = Vec::new();
    let walked = walk(&mut limited, &mut found);
    if limited.left == 0 {
        return Err(DebError::TooLong { limit: TAR_MAX });
    }
    walked?;
    match <[Vec<u8>; 1]>::try_from(found) {
        Ok([control]) => Ok(control),
        Err(found) => Err(DebError::Control { found: found.len() }),
    }
}

fn walk(reader: impl Read, found: &mut Vec<Vec<u8>>) -> Result<(), DebError> {
    let unreadable = |error: io::Error| DebError::Unreadable { found: error.to_string() };
    let mut archive = tar::Archive::new(reader);
    for (number, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        if number >= ENTRIES_MAX {
            return Err(DebError::Unreadable { found: format!("more than {ENTRIES_MAX} files") });
        }
        if !is_control(&entry.path_bytes())? {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(DebError::Unreadable { found: "a control file that is no file".to_owned() });
        }
        if entry.size() > CONTROL_MAX {
            return Err(DebError::TooLong { limit: CONTROL_MAX });
        }
        let mut control = Vec::new();
        entry.read_to_end(&mut control).map_err(unreadable)?;
        found.push(control);
    }
    Ok(())
}

/// Whether a file of this name would be `control` once it is unpacked, whatever stands before that.
fn is_control(path: &[u8]) -> Result<bool, DebError> {
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    if parts.clone().any(|part| part == b"..") {
        return Err(DebError::Unreadable { found: "a path that leads out of it".to_owned() });
    }
    Ok(parts.next() == Some(b"control") && parts.next().is_none())
}

struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 && !buffer.is_empty() {
            return Err(io::Error::other("more than it may be"));
        }
        let read = self.reader.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}
