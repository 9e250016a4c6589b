//! Unpacks indexes, ours and theirs, and never more than is expected.

use std::io::{self, Cursor, Read as _};

use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// What unpacking may take: the largest preset needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// Lists of files pack to a thirtieth at most. An index whose Release does not say how long it is gets no more room.
const RATIO_MAX: u64 = 100;

/// Short texts of much repetition pack better.
const ROOM_MIN: u64 = 16 << 20;

/// What so many bytes may unpack to when nobody says.
pub(crate) fn room(packed: usize) -> u64 {
    (packed as u64).saturating_mul(RATIO_MAX).max(ROOM_MIN)
}

/// The text of an index whose name ends like this; an error if it has more bytes than `limit`.
pub(crate) fn unpack(extension: &str, bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let source = Cursor::new(bytes);
    let mut text = Vec::new();
    match extension {
        "" => return Ok(bytes.to_vec()),
        ".xz" => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            XzDecoder::new_stream(source, stream).take(limit + 1).read_to_end(&mut text)?
        }
        ".gz" => flate2::read::MultiGzDecoder::new(source).take(limit + 1).read_to_end(&mut text)?,
        _ => zstd::Decoder::new(source)?.take(limit + 1).read_to_end(&mut text)?,
    };
    if text.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(text)
}
