//! Writes an export, in one pass over the journal and with a few hashes in memory.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::fault::ProofError;
use super::line::{About, Attached, End, Line, MAGIC, MAX_ATTACHED_BYTES, Marked, Omitted, RowLine};
use crate::chain::{Chain, sha256};
use crate::row::{Hash, Head, RowRef, Seq};
use crate::tree::{Subtree, Tree, put};
use crate::verify::Broken;

/// Rows are mostly alike; higher levels gain a few percent for several times the work.
const LEVEL: u32 = 6;

/// Bytes that are packed together. Each call of the packer clears a buffer of its own, which for the pieces that JSON is written
/// in costs several times the packing.
const PACKED_AT_ONCE: usize = 64 << 10;

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    Chosen,
    /// Told, so that whoever reads can choose again.
    Other,
    Omitted,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub chosen: u64,
    pub others: u64,
    pub omitted: u64,
    pub attached: u64,
    pub end: Marked,
}

/// Takes all rows of a journal, one after the other from the first. What is written is an export only once [`Self::finish`] was
/// called: until then its first line promises a content that nothing has.
#[derive(Debug)]
pub struct ProofWriter<W: Write> {
    out: GzEncoder<Hashed<W>>,
    /// Text that waits to be packed.
    text: Vec<u8>,
    chain: Chain,
    tree: Tree,
    /// Omitted rows since the last line, but for the newest.
    gap: Vec<Subtree>,
    /// The newest omitted row. A row that follows it is hashed with its hash.
    newest: Option<Hash>,
    marks: BTreeSet<Seq>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    chosen: u64,
    others: u64,
    omitted: u64,
    attached: u64,
}

impl<W: Write + Seek> ProofWriter<W> {
    /// Begins an export. `marks` are the rows at which somebody has checkpoints.
    pub fn begin(mut out: W, about: &About, marks: BTreeSet<Seq>) -> Result<Self, ProofError> {
        writeln!(out, "{MAGIC}{}", Hash::GENESIS).map_err(ProofError::Write)?;
        let out = GzEncoder::new(Hashed { out, hash: Sha256::new() }, Compression::new(LEVEL));
        let (chain, tree, counts) = (Chain::default(), Tree::default(), Counts::default());
        let text = Vec::with_capacity(2 * PACKED_AT_ONCE);
        let mut writer = Self { out, text, chain, tree, gap: Vec::new(), newest: None, marks, counts };
        writer.line(&Line::Export(about.clone()))?;
        Ok(writer)
    }

    /// Takes the next row. It is checked on the way.
    pub fn row(&mut self, row: &RowRef<'_>, pick: Pick) -> Result<(), ProofError> {
        let expected = self.chain.head().seq.next();
        if row.seq != expected {
            return Err(Broken::Missing { seq: expected, found: row.seq }.into());
        }
        let computed = self.chain.push(&row.content).hash;
        if computed != row.hash {
            return Err(Broken::HashMismatch { seq: row.seq, expected: computed, found: row.hash }.into());
        }
        self.tree.push(row.hash);
        let is_marked = self.marks.remove(&row.seq);
        if pick == Pick::Omitted {
            self.counts.omitted += 1;
            self.hide();
            self.newest = Some(row.hash);
            // The first row says which journal this is.
            if is_marked || row.seq == Seq(1) {
                self.tell_gap()?;
            }
        } else {
            self.tell_gap()?;
            self.tell(row, pick)?;
        }
        if is_marked {
            self.line(&Line::Checkpoint(self.mark()))?;
        }
        Ok(())
    }

    /// Attaches what the last row names.
    pub fn attach(&mut self, digest: Hash, text: Option<&str>) -> Result<(), ProofError> {
        if let Some(text) = text {
            let found = text.len();
            if found > MAX_ATTACHED_BYTES {
                return Err(ProofError::TooMuch { limit: MAX_ATTACHED_BYTES, found });
            }
        }
        self.counts.attached += 1;
        // What is not the content of that name any more is not there.
        let text = text.filter(|text| sha256(text.as_bytes()) == digest).map(Cow::Borrowed);
        self.line(&Line::Attached(Attached { sha256: digest, text }))
    }

    /// Ends the export and gives back what it was written to.
    pub fn finish(mut self) -> Result<(Written, W), ProofError> {
        let last = self.chain.head().seq;
        if last == Seq::GENESIS {
            return Err(ProofError::Empty);
        }
        if let Some(seq) = self.marks.first() {
            return Err(ProofError::NoSuchRow { seq: *seq, last });
        }
        self.tell_gap()?;
        let end = self.mark();
        let Counts { chosen, others, omitted, attached } = self.counts;
        let Marked { seq, hash, root } = end;
        self.line(&Line::End(End { chosen, others, omitted, attached, seq, hash, root }))?;
        self.pack()?;
        let written = Written { chosen, others, omitted, attached, end };
        Ok((written, self.out.finish().and_then(Hashed::seal).map_err(ProofError::Write)?))
    }

    fn mark(&self) -> Marked {
        let Head { seq, hash } = self.chain.head();
        Marked { seq, hash, root: self.tree.root() }
    }

    /// The newest omitted row becomes part of the gap.
    fn hide(&mut self) {
        if let Some(hash) = self.newest.take() {
            // The row that is being taken is in the tree already, and the newest omitted one stands before it.
            put(&mut self.gap, Subtree::leaf(self.tree.size() - 2, hash));
        }
    }

    fn tell_gap(&mut self) -> Result<(), ProofError> {
        for one in std::mem::take(&mut self.gap) {
            let (rows, node) = (1 << one.level, Some(one.hash));
            self.line(&Line::Omitted(Omitted { rows, node, hash: None }))?;
        }
        match self.newest.take() {
            Some(hash) => self.line(&Line::Omitted(Omitted { rows: 1, node: None, hash: Some(hash) })),
            None => Ok(()),
        }
    }

    fn tell(&mut self, row: &RowRef<'_>, pick: Pick) -> Result<(), ProofError> {
        let content = &row.content;
        let body = std::str::from_utf8(content.body).map_err(|_| ProofError::NotText { seq: row.seq })?;
        let chosen = pick == Pick::Chosen;
        if chosen {
            self.counts.chosen += 1;
        } else {
            self.counts.others += 1;
        }
        self.line(&Line::Row(RowLine {
            seq: row.seq,
            at: content.at,
            actor: Cow::Borrowed(content.actor),
            stream: Cow::Borrowed(content.stream),
            kind: Cow::Borrowed(content.kind),
            version: content.version,
            body: Cow::Borrowed(body),
            hash: row.hash,
            chosen,
        }))
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), ProofError> {
        serde_json::to_writer(&mut self.text, line).map_err(|error| ProofError::Write(error.into()))?;
        self.text.push(b'\n');
        if self.text.len() < PACKED_AT_ONCE { Ok(()) } else { self.pack() }
    }

    fn pack(&mut self) -> Result<(), ProofError> {
        self.out.write_all(&self.text).map_err(ProofError::Write)?;
        self.text.clear();
        Ok(())
    }
}

/// Hashes what is written.
#[derive(Debug)]
struct Hashed<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write + Seek> Hashed<W> {
    /// The first line gets its promise.
    fn seal(mut self) -> io::Result<W> {
        let digest = Hash(self.hash.finalize().into());
        self.out.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        write!(self.out, "{digest}")?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }
}
