//! The hash chain. `hash = SHA-256(previous hash ‖ row)`, where the previous hash of row 1 is 32 zero bytes and `row` is
//! the following bytes, nothing between them. All numbers are big-endian; all lengths count bytes.
//!
//! | field | bytes |
//! |---|---|
//! | seq | 8, unsigned |
//! | at | 8, signed (two's complement), milliseconds since 1970-01-01 UTC |
//! | actor | 4 (unsigned length), then that many bytes of UTF-8 |
//! | stream | 4 (unsigned length), then that many bytes of UTF-8 |
//! | kind | 4 (unsigned length), then that many bytes of UTF-8 |
//! | version | 2, unsigned |
//! | body | 4 (unsigned length), then the bytes of the body exactly as they are stored |
//!
//! Every field has a fixed width or stands behind its length, so two different rows never give the same bytes. An
//! auditor needs nothing but this table, SHA-256 and the rows. The encoding never changes; a journal that needs
//! another one is another file format.

use sha2::{Digest, Sha256};

use crate::row::{Content, Hash, Head, NewRow};

/// Walks along the chain, one row at a time; the buffer is kept so that hashing a row allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    head: Head,
    buffer: Vec<u8>,
}

impl Chain {
    #[must_use]
    pub fn from_head(head: Head) -> Self {
        Self { head, buffer: Vec::new() }
    }

    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Puts one more row on the chain and returns the head it makes.
    pub fn push(&mut self, content: &Content<'_>) -> Head {
        let seq = self.head.seq.next();
        encode(&mut self.buffer, &self.head.hash, seq.0, content);
        self.head = Head { seq, hash: sha256(&self.buffer) };
        self.head
    }
}

impl Head {
    /// The head after these rows. With it the next append can be queued before the answer to this one has come.
    #[must_use]
    pub fn after(self, rows: &[NewRow]) -> Self {
        let mut chain = Chain::from_head(self);
        for row in rows {
            chain.push(&row.content());
        }
        chain.head()
    }
}

/// The hash that a row has when it stands at `seq` behind a row with the hash `previous`.
pub(crate) fn row_hash(previous: Hash, seq: crate::row::Seq, content: &Content<'_>) -> Hash {
    let mut buffer = Vec::new();
    encode(&mut buffer, &previous, seq.0, content);
    sha256(&buffer)
}

/// What rows, blobs and documents are named by.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn encode(buffer: &mut Vec<u8>, previous: &Hash, seq: u64, content: &Content<'_>) {
    buffer.clear();
    buffer.extend_from_slice(&previous.0);
    buffer.extend_from_slice(&seq.to_be_bytes());
    buffer.extend_from_slice(&content.at.to_be_bytes());
    put(buffer, content.actor.as_bytes());
    put(buffer, content.stream.as_bytes());
    put(buffer, content.kind.as_bytes());
    buffer.extend_from_slice(&content.version.to_be_bytes());
    put(buffer, content.body);
}

fn put(buffer: &mut Vec<u8>, field: &[u8]) {
    // A field over 4 GiB cannot come from a store, whose limits are far lower; were one made up by hand, the saturated
    // length would still be followed by all of its bytes.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> NewRow {
        NewRow {
            at: -2,
            actor: "ann".into(),
            stream: "machine/7".into(),
            kind: "seen".into(),
            version: 258,
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn encoding_is_the_documented_one_byte_for_byte() {
        let mut buffer = Vec::new();
        encode(&mut buffer, &Hash([9; 32]), 1, &row().content());
        let mut expected = vec![9; 32];
        expected.extend_from_slice(b"\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xfe");
        expected.extend_from_slice(b"\0\0\0\x03ann\0\0\0\x09machine/7\0\0\0\x04seen\x01\x02\0\0\0\x02{}");
        assert_eq!(buffer, expected);
    }

    #[test]
    fn first_hash_is_what_sha256sum_says() {
        let head = Head::GENESIS.after(&[row()]);
        assert_eq!(head.seq.0, 1);
        assert_eq!(head.hash.to_string(), FIRST);
    }

    /// From `printf` of the documented bytes through coreutils' `sha256sum`.
    const FIRST: &str = "8c9057af2467e220f084ee52a12e309a74f907be56284d22275651a3b1c53bff";

    #[test]
    fn a_letter_moved_between_fields_changes_the_hash() {
        let mut moved = row();
        moved.actor = "an".into();
        moved.stream = "nmachine/7".into();
        assert_ne!(Head::GENESIS.after(&[row()]), Head::GENESIS.after(&[moved]));
    }
}
