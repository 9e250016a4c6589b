//! Bulky facts, stored once under the hash of their bytes and compressed. Events carry the hash.

use crate::chain::sha256;
use crate::error::{BlobError, Cause};
use crate::limits::MAX_BLOB_BYTES;
use crate::row::Hash;

/// Package lists shrink about sixfold at level 3; higher levels gain a few percent for several times the work.
const LEVEL: i32 = 3;

/// A blob as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) hash: Hash,
    pub(crate) raw_len: u64,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn pack(bytes: &[u8]) -> Result<Packed, BlobError> {
    let found = bytes.len();
    if found > MAX_BLOB_BYTES {
        return Err(BlobError::TooLarge { limit: MAX_BLOB_BYTES, found });
    }
    let packed =
        zstd::bulk::compress(bytes, LEVEL).map_err(|error| BlobError::Compress(Cause::new(error)))?;
    Ok(Packed { hash: sha256(bytes), raw_len: found as u64, bytes: packed })
}

/// The bytes, once they were found to have the hash they are stored under.
pub(crate) fn unpack(packed: &Packed) -> Result<Vec<u8>, BlobError> {
    let corrupt = |found: String| BlobError::Corrupt { hash: packed.hash, found };
    // The stored length is not to be trusted with an allocation before it is known to be sane.
    let length = usize::try_from(packed.raw_len).ok().filter(|length| *length <= MAX_BLOB_BYTES);
    let length = length.ok_or_else(|| {
        corrupt(format!("expected at most {MAX_BLOB_BYTES} bytes, found {}", packed.raw_len))
    })?;
    let bytes = zstd::bulk::decompress(&packed.bytes, length).map_err(|error| corrupt(error.to_string()))?;
    let found = sha256(&bytes);
    if found == packed.hash {
        Ok(bytes)
    } else {
        Err(corrupt(format!("expected hash {}, found {found}", packed.hash)))
    }
}
