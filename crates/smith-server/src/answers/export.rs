//! Rows of the journal for an auditor, in a file that proves itself; and the other way round, whether such a file holds all
//! that its filter chooses.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use smith_domain::event::Event;
use smith_domain::rollout::RolloutEvent;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, DecodeError};
use smith_journal::{
    About, BlobFault, BlobFolder, ExportFault, Hash, Pick, ProofError, ProofWriter, Proven, Reader,
    ReplayError, RowRef, Scope, Seq, Written, read_proof, read_proof_at,
};
use thiserror::Error;

use super::audit::{AuditFilter, BadFilter, Chooser};

/// What somebody wants an export of.
#[derive(Debug)]
pub struct ExportOrder<'a> {
    pub filter: AuditFilter,
    pub scope: Scope,
    /// The rows of checkpoints that it is to be compared with.
    pub marks: BTreeSet<Seq>,
    /// Where the package lists are that rows name, if they are wanted.
    pub packages: Option<&'a BlobFolder>,
    pub made: Timestamp,
}

#[derive(Debug, Error)]
pub enum AuditExportError {
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the journal holds what cannot be read")]
    Decode(#[from] DecodeError),
    #[error("a package list could not be read")]
    Packages(#[from] BlobFault),
    #[error("expected somebody to wait for the export, found nobody")]
    Unwanted,
}

/// Writes an export, in one pass over the journal.
pub fn export<W: Write + Seek>(
    reader: &dyn Reader,
    order: ExportOrder<'_>,
    out: W,
) -> Result<(Written, W), AuditExportError> {
    export_watched(reader, order, out, &mut |_| ControlFlow::Continue(()))
}

/// The same while somebody looks on, row by row, who may say that nobody wants it any more.
pub fn export_watched<W: Write + Seek>(
    reader: &dyn Reader,
    order: ExportOrder<'_>,
    out: W,
    passed: &mut dyn FnMut(Seq) -> ControlFlow<()>,
) -> Result<(Written, W), AuditExportError> {
    let journal = reader.hash_at(Seq(1)).map_err(ProofError::from)?.ok_or(ProofError::Empty)?;
    let about = About {
        journal,
        made: order.made.to_string(),
        program: concat!("smith ", env!("CARGO_PKG_VERSION")).to_owned(),
        scope: order.scope,
        filter: order.filter.said(),
    };
    let mut writing = Writing {
        chooser: Chooser::new(order.filter),
        writer: ProofWriter::begin(out, &about, order.marks)?,
        others: if order.scope == Scope::Everything { Pick::Other } else { Pick::Omitted },
        packages: order.packages,
    };
    let mut failed = None;
    let read = reader.read_from(Seq::GENESIS, &mut |row| {
        let written = match passed(row.seq) {
            ControlFlow::Continue(()) => writing.row(&row),
            ControlFlow::Break(()) => Err(AuditExportError::Unwanted),
        };
        if let Err(error) = written {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    if let Some(failed) = failed {
        return Err(failed);
    }
    read.map_err(ProofError::from)?;
    Ok(writing.writer.finish()?)
}

struct Writing<'a, W: Write> {
    chooser: Chooser,
    writer: ProofWriter<W>,
    /// What becomes of rows that are not chosen.
    others: Pick,
    packages: Option<&'a BlobFolder>,
}

impl<W: Write + Seek> Writing<'_, W> {
    fn row(&mut self, row: &RowRef<'_>) -> Result<(), AuditExportError> {
        let Some(event) = self.chooser.next(row)? else { return Ok(self.writer.row(row, self.others)?) };
        self.writer.row(row, Pick::Chosen)?;
        if let Some((folder, digest)) = self.packages.zip(packages_of(&event)) {
            let text = match folder.get(digest) {
                Ok(bytes) => bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
                // What is damaged is as good as not there, and `smith audit verify` says which it is.
                Err(BlobFault::Damaged { .. }) => None,
                Err(error @ BlobFault::Io { .. }) => return Err(error.into()),
            };
            self.writer.attach(digest, text.as_deref())?;
        }
        Ok(())
    }
}

/// The package list that an event names.
pub fn packages_of(event: &Event) -> Option<Hash> {
    let Event::Rollout(RolloutEvent::Reported { packages: Some(digest), .. }) = event else { return None };
    digest.as_str().parse().ok()
}

/// What is wrong with an export of everything beyond what is wrong with any.
#[derive(Debug, Error)]
pub enum ChoiceFault {
    #[error("the export could not be read")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Export(#[from] ExportFault),
    #[error(transparent)]
    Filter(#[from] BadFilter),
    #[error("row {row} cannot have happened after the rows before it")]
    Impossible { row: Seq },
    #[error("row {row} cannot be read")]
    Decode { row: Seq, source: DecodeError },
    #[error("expected row {row} to be {expected} by the filter, found otherwise")]
    Choice { row: Seq, expected: &'static str },
}

/// Verifies an export. Where it tells everything, the filter chooses again: then nothing that it chooses is left out.
pub fn verify_export<R: Read>(open: impl Fn() -> io::Result<R>) -> Result<Proven, ChoiceFault> {
    verify_export_at(open, &BTreeSet::new())
}

/// The same, so that what it proves can be compared with checkpoints at these rows.
pub fn verify_export_at<R: Read>(
    open: impl Fn() -> io::Result<R>,
    wanted: &BTreeSet<Seq>,
) -> Result<Proven, ChoiceFault> {
    let proven = read_proof_at(open()?, wanted, |_| ())?;
    if proven.about.scope == Scope::Everything {
        choose_again(open()?, AuditFilter::of_said(&proven.about.filter)?)?;
    }
    Ok(proven)
}

fn choose_again(input: impl Read, filter: AuditFilter) -> Result<(), ChoiceFault> {
    let mut chooser = Chooser::new(filter);
    let (mut at, mut wrong) = (Seq::GENESIS, None);
    // The rules are made for what they have decided themselves, and this is what somebody sent.
    let read = catch_unwind(AssertUnwindSafe(|| {
        read_proof(input, |shown| {
            if wrong.is_some() {
                return;
            }
            at = shown.row.seq;
            wrong = match chooser.next(&shown.row) {
                Ok(event) if event.is_some() == shown.chosen => None,
                Ok(Some(_)) => Some(ChoiceFault::Choice { row: at, expected: "chosen" }),
                Ok(None) => Some(ChoiceFault::Choice { row: at, expected: "not chosen" }),
                Err(source) => Some(ChoiceFault::Decode { row: at, source }),
            };
        })
    }));
    read.map_err(|_| ChoiceFault::Impossible { row: at })??;
    wrong.map_or(Ok(()), Err)
}

/// The package lists that a journal names, and those of them that are not there as they were kept.
#[derive(Debug, Default)]
pub struct Lists {
    pub named: u64,
    pub bad: Vec<BadList>,
}

#[derive(Debug)]
pub struct BadList {
    pub row: Seq,
    pub digest: Hash,
    /// What is wrong with it.
    pub found: String,
}

/// Looks at every list that the journal names.
pub fn check_lists(reader: &dyn Reader, folder: &BlobFolder) -> Result<Lists, ReplayError> {
    let (codec, mut lists, mut broken) = (Codec::default(), Lists::default(), None);
    reader.read_from(Seq::GENESIS, &mut |row| {
        // No other kind of event has a list.
        if row.content.kind != "rollout.reported" {
            return ControlFlow::Continue(());
        }
        match codec.decode(row) {
            Ok(event) => {
                if let Some(digest) = packages_of(&event) {
                    lists.named += 1;
                    let found = match folder.get(digest) {
                        Ok(Some(_)) => return ControlFlow::Continue(()),
                        Ok(None) => "it is missing".to_owned(),
                        Err(error) => error.to_string(),
                    };
                    lists.bad.push(BadList { row: row.seq, digest, found });
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                broken = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    broken.map_or(Ok(lists), |broken| Err(broken.into()))
}
