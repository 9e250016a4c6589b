//! Reads an export, and believes nothing that does not follow from it.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::fault::{ExportFault, Fault, OtherHistory};
use super::line::{
    About, Attached, End, FIRST_LINE, Line, MAGIC, MAX_LINE_BYTES, Marked, Omitted, RowLine, Scope,
};
use crate::chain::{row_hash, sha256};
use crate::checkpoint::Checkpoint;
use crate::error::Cause;
use crate::row::{Content, Hash, RowRef, Seq};
use crate::tree::Tree;

/// A row of an export, and whether it was chosen or only told.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub row: RowRef<'a>,
    pub chosen: bool,
}

/// What an export proves, if its end is the journal's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub about: About,
    pub chosen: u64,
    pub others: u64,
    pub omitted: u64,
    pub attached: u64,
    /// Attachments that were not there any more when the export was made.
    pub absent: u64,
    /// Where the journal can be compared with a checkpoint; the last is its end.
    pub marks: Vec<Marked>,
    /// The same at the rows that whoever read it asked for, as far as it tells their hashes.
    pub wanted: Vec<Marked>,
}

/// What became of the checkpoints that an export was compared with: each is counted, or named among those that could not be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Those that agree.
    pub checkpoints: u64,
    /// Those of them that have a root. Only they prove the rows before theirs: a hash alone proves the row that it is of.
    pub with_root: u64,
    /// The newest row that one with a root proves, and with it all rows before.
    pub proven_to: Option<Seq>,
    /// The rows of those that stand where the export tells too little. Nothing is known about them.
    pub open: Vec<Seq>,
}

impl Proven {
    /// The journal's end, as the export has it.
    pub fn end(&self) -> Option<&Marked> {
        self.marks.last()
    }

    /// Compares with checkpoints that were kept elsewhere. One behind the end tells of rows that were there and are not any more.
    pub fn compare(&self, checkpoints: &[Checkpoint]) -> Result<Compared, OtherHistory> {
        let end = self.end().map_or(Seq::GENESIS, |end| end.seq);
        let mut compared = Compared::default();
        for noted in checkpoints {
            let seq = noted.head.seq;
            if seq > end {
                return Err(OtherHistory::Ends { end, seq });
            }
            match self.marks.iter().chain(&self.wanted).find(|mark| mark.seq == seq) {
                Some(mark) => compared.take(noted, mark)?,
                // An empty journal has nothing that could be another.
                None if seq == Seq::GENESIS => compared.checkpoints += 1,
                None => compared.open.push(seq),
            }
        }
        Ok(compared)
    }
}

impl Compared {
    fn take(&mut self, noted: &Checkpoint, mark: &Marked) -> Result<(), OtherHistory> {
        let other = |what, expected, found| OtherHistory::Row { seq: mark.seq, what, expected, found };
        if noted.head.hash != mark.hash {
            return Err(other("hash", noted.head.hash, mark.hash));
        }
        self.checkpoints += 1;
        match noted.root {
            Some(root) if root != mark.root => return Err(other("root", root, mark.root)),
            Some(_) => {
                self.with_root += 1;
                self.proven_to = self.proven_to.max(Some(mark.seq));
            }
            None => {}
        }
        Ok(())
    }
}

/// Reads an export to its end and checks all of it. `visit` sees each row that is told; what it sees is the journal's only if
/// this ends well.
pub fn read_proof(input: impl Read, visit: impl FnMut(Shown<'_>)) -> Result<Proven, ExportFault> {
    read_proof_at(input, &BTreeSet::new(), visit)
}

/// The same, and notes what the journal was at the rows `wanted`, so that it can be compared there without a mark.
pub fn read_proof_at(
    input: impl Read,
    wanted: &BTreeSet<Seq>,
    visit: impl FnMut(Shown<'_>),
) -> Result<Proven, ExportFault> {
    let mut input = input;
    let promised = first_line(&mut input).map_err(|fault| fault.at(0))?;
    let counted = Counted { input, hash: Sha256::new(), bytes: FIRST_LINE as u64 };
    let packed = BufReader::new(GzDecoder::new(BufReader::new(counted)));
    let mut lines = Lines { packed, text: Vec::new(), line: 0 };
    let mut walk = Walk::new(visit, wanted);
    let read = lines.read(&mut walk);
    let proven = read.map_err(|fault| fault.at(lines.line))?;
    let found = lines.finish().map_err(|fault| fault.at(0))?;
    if found != promised {
        return Err(Fault::Changed { expected: promised, found }.at(0));
    }
    Ok(proven)
}

fn first_line(input: &mut impl Read) -> Result<Hash, Fault> {
    let mut line = Vec::with_capacity(FIRST_LINE);
    input.by_ref().take(FIRST_LINE as u64).read_to_end(&mut line).map_err(io_fault)?;
    let text = String::from_utf8_lossy(&line);
    let promised = text.strip_prefix(MAGIC).and_then(|rest| rest.strip_suffix('\n')?.parse().ok());
    promised.ok_or_else(|| Fault::NotAnExport { found: text.chars().take(100).collect() })
}

fn io_fault(error: io::Error) -> Fault {
    Fault::Io(Cause::new(error))
}

/// Hashes and counts what is read.
struct Counted<R> {
    input: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

struct Lines<R> {
    packed: BufReader<GzDecoder<BufReader<Counted<R>>>>,
    text: Vec<u8>,
    line: u64,
}

/// What was found where a line was looked for.
enum More {
    Line,
    End,
}

impl<R: Read> Lines<R> {
    fn read(&mut self, walk: &mut Walk<'_, impl FnMut(Shown<'_>)>) -> Result<Proven, Fault> {
        while let More::Line = self.next()? {
            let line = serde_json::from_slice(&self.text)
                .map_err(|error| Fault::NotALine { found: error.to_string() })?;
            walk.step(line)?;
        }
        walk.finish()
    }

    fn next(&mut self) -> Result<More, Fault> {
        self.text.clear();
        self.line += 1;
        let read = self.packed.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.text);
        if let Err(error) = read {
            let byte = self.packed.get_ref().get_ref().get_ref().bytes;
            return Err(Fault::Damaged { byte, found: error.to_string() });
        }
        match self.text.last() {
            None => Ok(More::End),
            Some(b'\n') => Ok(More::Line),
            Some(_) if self.text.len() as u64 == MAX_LINE_BYTES => {
                Err(Fault::TooLong { limit: MAX_LINE_BYTES })
            }
            Some(_) => Err(Fault::Torn { expected: "a line break" }),
        }
    }

    /// What comes behind the packed text, which is nothing, and the SHA-256 of all that was packed.
    fn finish(self) -> Result<Hash, Fault> {
        let mut rest = self.packed.into_inner().into_inner();
        let more = rest.fill_buf().map_err(io_fault)?.len() as u64;
        let Counted { hash, bytes, .. } = rest.into_inner();
        if more > 0 {
            return Err(Fault::Trailing { byte: bytes - more });
        }
        Ok(Hash(hash.finalize().into()))
    }
}

/// The way along the lines.
struct Walk<'w, V> {
    visit: V,
    wanted: &'w BTreeSet<Seq>,
    about: Option<About>,
    tree: Tree,
    /// The hash of the row that was passed last, where it was told.
    previous: Option<Hash>,
    /// The body of that row, where it was told.
    body: Option<String>,
    end: Option<End>,
    proven: Counts,
    marks: Vec<Marked>,
    /// What was found at the rows that were wanted.
    found: Vec<Marked>,
}

#[derive(Debug, Default)]
struct Counts {
    chosen: u64,
    others: u64,
    omitted: u64,
    attached: u64,
    absent: u64,
}

impl<'w, V: FnMut(Shown<'_>)> Walk<'w, V> {
    fn new(visit: V, wanted: &'w BTreeSet<Seq>) -> Self {
        Self {
            visit,
            wanted,
            about: None,
            tree: Tree::default(),
            previous: Some(Hash::GENESIS),
            body: None,
            end: None,
            proven: Counts::default(),
            marks: Vec::new(),
            found: Vec::new(),
        }
    }

    fn step(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if self.end.is_some() {
            return Err(Fault::WrongLine { expected: "nothing behind the end", found: line.name() });
        }
        if let Line::Export(about) = line {
            if self.about.is_some() {
                return Err(Fault::WrongLine { expected: "rows", found: "a second beginning" });
            }
            self.about = Some(about);
            return Ok(());
        }
        let Some(about) = &self.about else {
            return Err(Fault::WrongLine { expected: "what the export is of", found: line.name() });
        };
        let (scope, journal) = (about.scope, about.journal);
        match line {
            Line::Export(_) => return Ok(()),
            Line::Row(row) => {
                self.row(&row, scope)?;
                self.note();
            }
            Line::Omitted(omitted) => {
                self.omitted(&omitted, scope)?;
                self.note();
            }
            Line::Checkpoint(mark) => {
                self.check(&mark)?;
                self.marks.push(mark);
            }
            Line::Attached(attached) => self.attached(&attached)?,
            Line::End(end) => self.end_with(end)?,
        }
        match self.previous {
            Some(found) if self.tree.size() == 1 && found != journal => {
                Err(Fault::WrongJournal { expected: journal, found })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn row(&mut self, line: &RowLine<'_>, scope: Scope) -> Result<(), Fault> {
        let seq = Seq(self.tree.size() + 1);
        if line.seq != seq {
            return Err(Fault::WrongSeq { expected: seq, found: line.seq });
        }
        if scope == Scope::Chosen && !line.chosen {
            return Err(Fault::NotChosen { seq });
        }
        let Some(previous) = self.previous else {
            return Err(Fault::WrongLine { expected: "the hash of the row before a row", found: "a row" });
        };
        let content = Content {
            at: line.at,
            actor: &line.actor,
            stream: &line.stream,
            kind: &line.kind,
            version: line.version,
            body: line.body.as_bytes(),
        };
        let expected = row_hash(previous, seq, &content);
        if expected != line.hash {
            return Err(Fault::WrongHash { seq, expected, found: line.hash });
        }
        self.tree.push(line.hash);
        self.previous = Some(line.hash);
        self.body = Some(line.body.clone().into_owned());
        if line.chosen {
            self.proven.chosen += 1;
        } else {
            self.proven.others += 1;
        }
        (self.visit)(Shown { row: RowRef { seq, content, hash: line.hash }, chosen: line.chosen });
        Ok(())
    }

    fn omitted(&mut self, line: &Omitted, scope: Scope) -> Result<(), Fault> {
        let (rows, before) = (line.rows, self.tree.size());
        if scope == Scope::Everything {
            return Err(Fault::NotEverything { rows });
        }
        let wrong = |expected| Err(Fault::WrongOmission { rows, expected });
        match (line.node, line.hash) {
            (None, Some(hash)) if rows == 1 => self.tree.push(hash),
            (Some(_), None) if before == 0 => return wrong("the hash of the first row"),
            (Some(node), None) => {
                let misplaced = Fault::Misplaced { before, found: rows };
                if !rows.is_power_of_two() {
                    return Err(misplaced);
                }
                self.tree.push_whole(rows.trailing_zeros(), node).map_err(|_| misplaced)?;
            }
            (None, Some(_)) => return wrong("a node"),
            (None, None) | (Some(_), Some(_)) => return wrong("either a node or a hash"),
        }
        self.previous = line.hash;
        self.body = None;
        self.proven.omitted += rows;
        Ok(())
    }

    /// Notes what the journal was here, where somebody wants to compare it and its hash is told.
    fn note(&mut self) {
        let seq = Seq(self.tree.size());
        if let Some(hash) = self.previous.filter(|_| self.wanted.contains(&seq)) {
            self.found.push(Marked { seq, hash, root: self.tree.root() });
        }
    }

    /// Whether the rows up to here are those that a mark was taken of.
    fn check(&self, mark: &Marked) -> Result<(), Fault> {
        let seq = Seq(self.tree.size());
        if mark.seq != seq {
            return Err(Fault::WrongSeq { expected: seq, found: mark.seq });
        }
        match self.previous {
            Some(expected) if expected == mark.hash => {}
            Some(expected) => return Err(Fault::WrongHash { seq, expected, found: mark.hash }),
            None => return Err(Fault::WrongOmission { rows: 1, expected: "the hash of the last row" }),
        }
        let found = self.tree.root();
        if mark.root == found { Ok(()) } else { Err(Fault::WrongRoot { seq, expected: mark.root, found }) }
    }

    fn attached(&mut self, line: &Attached<'_>) -> Result<(), Fault> {
        let named = line.sha256.to_string();
        if !self.body.as_ref().is_some_and(|body| body.contains(&named)) {
            return Err(Fault::NotNamed { sha256: line.sha256 });
        }
        self.proven.attached += 1;
        let Some(text) = &line.text else {
            self.proven.absent += 1;
            return Ok(());
        };
        let found = sha256(text.as_bytes());
        if found == line.sha256 { Ok(()) } else { Err(Fault::WrongAttached { expected: line.sha256, found }) }
    }

    fn end_with(&mut self, end: End) -> Result<(), Fault> {
        let mark = Marked { seq: end.seq, hash: end.hash, root: end.root };
        self.check(&mark)?;
        let Counts { chosen, others, omitted, attached, .. } = self.proven;
        let counts = [
            ("chosen rows", end.chosen, chosen),
            ("other rows", end.others, others),
            ("omitted rows", end.omitted, omitted),
            ("attachments", end.attached, attached),
        ];
        if let Some((what, expected, found)) = counts.into_iter().find(|(_, said, found)| said != found) {
            return Err(Fault::WrongEnd { what, expected, found });
        }
        if self.marks.last() != Some(&mark) {
            self.marks.push(mark);
        }
        self.end = Some(end);
        Ok(())
    }

    fn finish(&mut self) -> Result<Proven, Fault> {
        let about = self.about.clone().ok_or(Fault::Torn { expected: "what the export is of" })?;
        if self.end.is_none() {
            return Err(Fault::Torn { expected: "the line with the end" });
        }
        let Counts { chosen, others, omitted, attached, absent } = self.proven;
        Ok(Proven {
            about,
            chosen,
            others,
            omitted,
            attached,
            absent,
            marks: std::mem::take(&mut self.marks),
            wanted: std::mem::take(&mut self.found),
        })
    }
}

impl Line<'_> {
    fn name(&self) -> &'static str {
        match self {
            Line::Export(_) => "the beginning of an export",
            Line::Row(_) => "a row",
            Line::Omitted(_) => "omitted rows",
            Line::Checkpoint(_) => "a checkpoint",
            Line::Attached(_) => "an attachment",
            Line::End(_) => "the end of an export",
        }
    }
}
