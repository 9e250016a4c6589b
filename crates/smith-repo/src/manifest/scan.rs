//! Manifests of many builds, read one after the other for what they name.
//!
//! Builds of a store have nearly all lines in common. What stood in the manifest before, in the same words, was looked at
//! then: only the other lines are taken apart. The text is hashed whole, and nothing of it is told before its hash and its last line are right.

use std::io::{self, Read, Write as _};

use memchr::{memchr, memchr_iter, memrchr};

use crate::hash::{Hashing, Sha256};
use crate::manifest::files::{Line, TEXT_MAX};

/// Unfolded at a time: it is hashed while it is in the processor's cache.
const CHUNK: usize = 256 * 1024;

/// Of a text that is kept to be compared with the next: 400,000 files. Larger ones are taken apart each time, so that a
/// reader needs no more than twice this beside the text at hand.
const KEPT_MAX: usize = 64 << 20;

/// Compared at a time: about half a line.
const BLOCK: usize = 64;

/// A manifest that is not what it should be, or could not be read. [`crate::mirror::Held`] says what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread;

#[derive(Debug, Default)]
pub(crate) struct Scanner {
    text: Text,
    /// The last one that was good from its first line to its last.
    before: Text,
}

/// Memory that is used again: only the first bytes are of the text.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    length: usize,
}

impl Scanner {
    /// Calls for each line that did not stand in the manifest that was read before. It takes exactly the texts that
    /// [`crate::manifest::Manifest::decompress`] takes.
    pub(crate) fn read(
        &mut self,
        packed: impl Read,
        expected: &Sha256,
        each: impl FnMut(&Line<'_>),
    ) -> Result<(), Unread> {
        let found = self.text.fill(packed).map_err(|_| Unread)?;
        let (text, before) = (self.text.get(), self.before.get());
        // Looked at before it is told: of a text that is no manifest nothing may come to be known.
        let is_good = found == *expected && changed(text, before, |_| ()).is_some();
        if !is_good || changed(text, before, each).is_none() {
            self.forget();
            return Err(Unread);
        }
        std::mem::swap(&mut self.text, &mut self.before);
        if self.before.length > KEPT_MAX {
            self.before = Text::default();
        }
        Ok(())
    }

    /// The next manifest is told whole: its lines are for another use than those before.
    pub(crate) fn forget(&mut self) {
        self.before.length = 0;
    }
}

impl Text {
    fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Unfolds into this, and says the hash of it.
    fn fill(&mut self, packed: impl Read) -> io::Result<Sha256> {
        self.length = 0;
        let mut decoder = zstd::Decoder::new(packed)?;
        let mut hashing = Hashing::new(io::sink());
        loop {
            let end = self.length + CHUNK;
            if self.bytes.len() < end {
                self.bytes.resize(end, 0);
            }
            let read = match decoder.read(&mut self.bytes[self.length..end]) {
                Ok(0) => return Ok(hashing.finish().0),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hashing.write_all(&self.bytes[self.length..self.length + read])?;
            self.length += read;
            if self.length as u64 > TEXT_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }
}

/// Calls for each line that is not in the text before; nothing where the text is no manifest. The text before is one.
fn changed(text: &[u8], before: &[u8], mut each: impl FnMut(&Line<'_>)) -> Option<()> {
    let (mut at, mut was) = (0, 0);
    let mut last: &[u8] = b"";
    while at < text.len() {
        let same = same_lines(&text[at..], &before[was..]);
        if let Some(first) = (same > 0).then(|| place(line_at(text, at).0)) {
            if first <= last {
                return None;
            }
            let begin = memrchr(b'\n', &text[at..at + same - 1]).map_or(at, |end| at + end + 1);
            last = place(line_at(text, begin).0);
            (at, was) = (at + same, was + same);
            continue;
        }
        let (line, next) = line_at(text, at);
        let here = place(line);
        if here <= last {
            return None;
        }
        each(&Line::read(std::str::from_utf8(line).ok()?)?);
        (last, at) = (here, next);
        // Where both go on with the same place again they may be the same again.
        while was < before.len() {
            let (old, next) = line_at(before, was);
            if place(old) > here {
                break;
            }
            was = next;
        }
    }
    Some(())
}

/// How many bytes both begin with, in whole lines.
fn same_lines(one: &[u8], other: &[u8]) -> usize {
    let blocks = one.chunks_exact(BLOCK).zip(other.chunks_exact(BLOCK));
    let whole = BLOCK * blocks.take_while(|(one, other)| one == other).count();
    let rest = one[whole..].iter().zip(&other[whole..]);
    let common = whole + rest.take_while(|(one, other)| one == other).count();
    memrchr(b'\n', &one[..common]).map_or(0, |end| end + 1)
}

/// The line there, as [`str::lines`] has it, and where the next begins.
fn line_at(text: &[u8], at: usize) -> (&[u8], usize) {
    match memchr(b'\n', &text[at..]) {
        Some(length) => {
            let line = &text[at..at + length];
            (line.strip_suffix(b"\r").unwrap_or(line), at + length + 1)
        }
        None => (&text[at..], text.len()),
    }
}

/// What lines are sorted by: the area and the path. Where there is none the line is no good.
fn place(line: &[u8]) -> &[u8] {
    memchr_iter(b' ', line).nth(1).map_or(b"", |space| &line[space + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{Area, FileEntry, Manifest};
    use crate::name::RelPath;

    type Told = (Area, String, Sha256, u64);

    fn pack(text: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(text, 1).expect("packed")
    }

    /// What a scanner tells of a text whose hash is right.
    fn told(scanner: &mut Scanner, text: &[u8]) -> Result<Vec<Told>, Unread> {
        let mut told = Vec::new();
        let tell = |line: &Line<'_>| told.push((line.area, line.path.to_owned(), line.hash, line.size));
        scanner.read(&*pack(text), &Sha256::of(text), tell)?;
        Ok(told)
    }

    fn of(files: &[FileEntry]) -> Vec<Told> {
        files.iter().map(|file| (file.area, file.path.to_string(), file.hash, file.size)).collect()
    }

    fn manifest() -> impl Strategy<Value = Manifest> {
        let content = prop_oneof![9 => Just(0), 1 => 1..4u64];
        prop::collection::btree_map((any::<bool>(), 0..60u32), content, 0..60).prop_map(|files| {
            let entry = |((is_pool, number), size): ((bool, u32), u64)| FileEntry {
                area: if is_pool { Area::Pool } else { Area::Tree },
                path: RelPath::new(&format!("debian/a{}/p {number}", "x".repeat(number as usize % 5)))
                    .expect("good"),
                hash: Sha256::of(format!("{number} {size}").as_bytes()),
                size,
            };
            Manifest::new(files.into_iter().map(entry).collect()).expect("good")
        })
    }

    proptest! {
        /// Every file of every manifest is told, by then; nothing is told that is not in the manifest at hand; and what
        /// is the same as before is not told again.
        #[test]
        fn it_tells_what_was_not_told(manifests in prop::collection::vec(manifest(), 1..6)) {
            let (mut scanner, mut before) = (Scanner::default(), Vec::new());
            for manifest in &manifests {
                let all = of(manifest.files());
                let told = told(&mut scanner, manifest.to_text().as_bytes()).expect("good");
                prop_assert!(told.iter().all(|line| all.contains(line)));
                prop_assert!(all.iter().all(|line| told.contains(line) || before.contains(line)));
                before = all;
            }
            let again = manifests.last().map(Manifest::to_text).unwrap_or_default();
            prop_assert_eq!(told(&mut scanner, again.as_bytes()), Ok(Vec::new()));
        }

        /// It takes what a manifest's own reader takes, whatever was read before, and refuses what that refuses.
        #[test]
        fn it_refuses_what_is_no_manifest(
            (one, other) in (manifest(), manifest()),
            (at, byte) in (any::<prop::sample::Index>(), prop::sample::select(&b"\n\r 0a/.\\\xff\0"[..])),
            swap in any::<prop::sample::Index>(),
        ) {
            let mut text = other.to_text().into_bytes();
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] = byte;
            }
            let mut lines: Vec<&str> = std::str::from_utf8(&text).unwrap_or_default().lines().collect();
            if lines.len() > 1 {
                let at = swap.index(lines.len() - 1);
                lines.swap(at, at + 1);
            }
            for text in [text.clone(), lines.join("\n").into_bytes(), lines.join("\r\n").into_bytes()] {
                let reference = Manifest::decompress(&pack(&text), &Sha256::of(&text)).map(|good| of(good.files()));
                prop_assert_eq!(told(&mut Scanner::default(), &text).ok(), reference.clone().ok());
                let mut scanner = Scanner::default();
                told(&mut scanner, one.to_text().as_bytes()).expect("good");
                prop_assert_eq!(told(&mut scanner, &text).is_ok(), reference.is_ok());
            }
        }
    }

    #[test]
    fn a_text_of_another_hash_tells_nothing_and_is_forgotten() {
        let text = format!("{} 1 pool/a/b\n", Sha256::of(b"x"));
        let mut scanner = Scanner::default();
        let other = Sha256::of(b"other");
        let refused = scanner.read(&*pack(text.as_bytes()), &other, |line| panic!("{}", line.path));
        assert_eq!(refused, Err(Unread));
        assert_eq!(scanner.read(&b"no zstd at all"[..], &other, |_| ()), Err(Unread));
        assert_eq!(scanner.read(&pack(text.as_bytes())[..20], &other, |_| ()), Err(Unread));
        assert_eq!(told(&mut scanner, text.as_bytes()).expect("good").len(), 1);
        scanner.forget();
        assert_eq!(told(&mut scanner, text.as_bytes()).expect("good").len(), 1);
    }
}
