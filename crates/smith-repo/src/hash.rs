//! SHA-256: the name by which every file of a build is known.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// Read at a time: large enough that reading costs nothing beside hashing, small enough to stay in the cache.
const CHUNK: usize = 256 * 1024;

/// What each byte is as a hexadecimal digit; more than fifteen where it is none.
const DIGIT: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a sha256 of 64 hexadecimal digits, found {found:?}")]
pub struct NotASha256 {
    pub found: String,
}

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The hash and the size of a file.
    pub fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        let mut file = File::open(path)?;
        let mut hashing = Hashing::new(io::sink());
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => return Ok(hashing.finish()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hashing.write_all(&buffer[..read])?;
        }
    }

    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Lists of builds have a hash in each line; this is a tenth of the time of formatting each byte.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&hex).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| NotASha256 { found: text.chars().take(100).collect() })
    }
}

impl Sha256 {
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 {
            return None;
        }
        let mut all = 0;
        for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (DIGIT[usize::from(pair[0])], DIGIT[usize::from(pair[1])]);
            all |= high | low;
            *byte = high << 4 | low & 15;
        }
        (all < 16).then_some(Self(hash))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes and counts what is written through it.
#[derive(Debug)]
pub struct Hashing<W> {
    inner: W,
    hasher: sha2::Sha256,
    written: u64,
}

impl<W> Hashing<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: sha2::Sha256::new(), written: 0 }
    }

    pub fn finish(self) -> (Sha256, u64) {
        (Sha256(self.hasher.finalize().into()), self.written)
    }

    /// The writer, and the hash of what went through.
    pub fn into_parts(self) -> (W, Sha256) {
        (self.inner, Sha256(self.hasher.finalize().into()))
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    /// Goes on with another writer behind the same hash.
    pub fn map<V>(self, to: impl FnOnce(W) -> V) -> Hashing<V> {
        Hashing { inner: to(self.inner), hasher: self.hasher, written: self.written }
    }

    pub fn inner_mut(&mut self) -> &mut W {
        &mut self.inner
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_the_hash_that_everybody_else_computes() {
        assert_eq!(Sha256::of(b"abc").hex(), ABC);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("written");
        assert_eq!(Sha256::of_file(&path).expect("read"), (Sha256::of(b"abc"), 3));
    }

    #[test]
    fn text_that_is_no_hash_is_refused() {
        assert_eq!(ABC.parse(), Ok(Sha256::of(b"abc")));
        assert_eq!(ABC.to_uppercase().parse(), Ok(Sha256::of(b"abc")));
        for bad in
            ["", "ab", &ABC[1..], &format!("{ABC}0"), &ABC.replace('b', "g"), &format!("+{}", &ABC[1..])]
        {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }
}
