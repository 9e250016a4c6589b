//! What happened, for whoever must answer for it.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;

use smith_api::{AuditLine, AuditQuery, ExportQuery, Page};
use smith_domain::id::{BuildNumber, RolloutId};
use smith_journal::{BlobFolder, ProofError, Scope, Seq};
use smith_repo::fetch::chain;

use super::access::now;
use super::denied::{Denied, Kind};
use super::page::{Part, part};
use super::projects::find;
use super::site::Site;
use crate::answers::{AuditExportError, AuditFilter, Edge, ExportOrder, audit, export, moment};
use crate::core::History;

impl Site {
    /// Rows of the journal, in order.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Page<AuditLine>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        let filter = self.filter(query)?;
        let (journal, turn) = (self.core.journal(), self.keeper.audit().await);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            page(&journal, &filter, part)
        })
        .await;
        read.map_err(|_| broken("the reading of the journal ended early"))?
    }

    /// The newest rows, so many of them, in order.
    pub async fn audit_last(&self, query: &AuditQuery, last: u32) -> Result<Vec<AuditLine>, Denied> {
        let filter = self.filter(query)?;
        let (journal, turn) = (self.core.journal(), self.keeper.audit().await);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            newest(&journal, &filter, last as usize)
        })
        .await;
        read.map_err(|_| broken("the reading of the journal ended early"))?
    }

    /// An export for an auditor, whole.
    pub async fn export(&self, query: &ExportQuery) -> Result<Vec<u8>, Denied> {
        let filter = self.filter(&AuditQuery {
            machine: query.machine.clone(),
            project: query.project,
            build: query.build,
            change: query.change.clone(),
            actor: query.actor.clone(),
            since: query.since.clone(),
            until: query.until.clone(),
            ..AuditQuery::default()
        })?;
        let marks = marks(query.checkpoints.as_deref())?;
        let scope = if query.everything { Scope::Everything } else { Scope::Chosen };
        let packages = query.packages.then(|| BlobFolder::beside(&self.data()));
        let (journal, turn) = (self.core.journal(), self.keeper.audit().await);
        let made = now();
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let packages = packages.as_ref();
            exported(&journal, ExportOrder { filter, scope, marks, packages, made })
        });
        written.await.map_err(|_| broken("the reading of the journal ended early"))?
    }

    pub(super) fn filter(&self, query: &AuditQuery) -> Result<AuditFilter, Denied> {
        if let Some(project) = query.project {
            self.core.read(|state| find(state, project).map(drop))?;
        }
        // Rows are chosen by the name; a machine may have been asked for by its address.
        let machine = query.machine.as_ref().map(|machine| {
            self.core.read(|state| {
                let id = super::fleet::machine_of(state, machine)?;
                Ok::<_, Denied>(state.fleet.machine(id).name().to_owned())
            })
        });
        if let Some(change) = &query.change {
            self.core.read(|state| super::changes::find(state, change).map(drop))?;
        }
        // What people mean by seven days ago is by the clock on the wall.
        let now = now();
        let at = |text: &Option<String>, edge| {
            let at = text.as_deref().map(|text| moment(text, edge, now)).transpose();
            at.map_err(|error| Denied::new(Kind::Invalid, "S0417", error.to_string()))
        };
        Ok(AuditFilter {
            machine: machine.transpose()?,
            project: query.project.map(RolloutId),
            build: query.build.map(BuildNumber),
            change: query.change.clone(),
            actor: query.actor.clone(),
            since: at(&query.since, Edge::Since)?,
            until: at(&query.until, Edge::Until)?,
        })
    }
}

/// Rows of checkpoints that an export is compared with: one a week for twenty years.
const MARKS_MAX: usize = 1_000;

fn marks(text: Option<&str>) -> Result<BTreeSet<Seq>, Denied> {
    let Some(text) = text else { return Ok(BTreeSet::new()) };
    let row = |one: &str| one.trim().parse().ok().filter(|row| *row > 0).map(Seq);
    let marks: Option<BTreeSet<Seq>> = text.split(',').map(row).collect();
    marks.filter(|marks| marks.len() <= MARKS_MAX).ok_or_else(|| {
        let found: String = text.chars().take(80).collect();
        let text = format!("expected at most {MARKS_MAX} rows such as 1200,7003, found {found:?}");
        Denied::new(Kind::Invalid, "S0417", text)
    })
}

/// An answer is made in memory. Some ten million chosen rows fit; more is for `smith audit export --journal`.
const EXPORT_MAX: usize = 512 << 20;

/// Memory that does not grow for ever.
#[derive(Debug, Default)]
struct Bounded(Cursor<Vec<u8>>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.get_ref().len() + bytes.len() > EXPORT_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the export is too large"));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn exported(journal: &Path, order: ExportOrder<'_>) -> Result<Vec<u8>, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let written = export(history.reader(), order, Bounded::default());
    written.map(|(_, out)| out.0.into_inner()).map_err(|error| match error {
        AuditExportError::Proof(ProofError::NoSuchRow { .. }) => {
            Denied::new(Kind::Invalid, "S0417", error.to_string())
        }
        AuditExportError::Proof(ProofError::Write(_)) => {
            let text = format!("expected an export of at most {} MiB, found a larger one", EXPORT_MAX >> 20);
            Denied::new(Kind::Invalid, "S0451", text).with_hint(
                "on the server's computer `smith audit export --journal FILE --out FILE` has no limit",
            )
        }
        AuditExportError::Proof(_) | AuditExportError::Decode(_) | AuditExportError::Packages(_) => {
            broken(&chain(&error))
        }
    })
}

fn page(journal: &Path, filter: &AuditFilter, part: Part) -> Result<Page<AuditLine>, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let (mut items, mut next) = (Vec::new(), None);
    audit(history.reader(), filter, part.after.unwrap_or(0), |line| {
        if items.len() == part.limit {
            next = items.last().map(|last: &AuditLine| last.row.to_string());
            return ControlFlow::Break(());
        }
        items.push(line);
        ControlFlow::Continue(())
    })
    .map_err(|error| broken(&error.to_string()))?;
    Ok(Page { items, next })
}

fn newest(journal: &Path, filter: &AuditFilter, last: usize) -> Result<Vec<AuditLine>, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let mut kept = VecDeque::with_capacity(last);
    audit(history.reader(), filter, 0, |line| {
        if kept.len() == last {
            kept.pop_front();
        }
        kept.push_back(line);
        ControlFlow::Continue(())
    })
    .map_err(|error| broken(&error.to_string()))?;
    kept.truncate(last);
    Ok(kept.into())
}

fn broken(text: &str) -> Denied {
    Denied::new(Kind::Broken, "S0416", format!("the journal could not be read: {text}"))
}
