//! What happened, for whoever must answer for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use smith_api::{AuditLine, AuditQuery, ExportQuery, Page};
use smith_domain::id::{BuildNumber, RolloutId};
use smith_journal::{BlobFolder, ProofError, Scope, Seq};
use smith_repo::fetch::chain;

use super::access::now;
use super::denied::{Denied, Kind};
use super::keeper::AuditTurn;
use super::page::{Part, part};
use super::projects::find;
use super::site::Site;
use super::spool::{Exported, Making, Spool, Spooled, make};
use crate::answers::{
    AuditExportError, AuditFilter, Bounds, Edge, ExportOrder, export_watched, look_after, look_back, moment,
};
use crate::core::History;

impl Site {
    /// Rows of the journal, in order. A page has fewer than are wanted where many rows had to be looked at for them.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Page<AuditLine>, Denied> {
        if query.before.is_some() {
            let text = "expected `before` where the newest rows are asked for, found it elsewhere";
            return Err(Denied::new(Kind::Invalid, "S0417", text));
        }
        let part = part(query.after.as_deref(), query.limit)?;
        let filter = self.filter(query)?;
        let (journal, turn) = (self.core.journal(), self.keeper.audit().await);
        let read = tokio::task::spawn_blocking(move || page(&journal, &filter, part, turn)).await;
        read.map_err(|_| broken("the reading of the journal ended early"))?
    }

    /// The newest rows, at most so many of them, in order. Where there are fewer, `next` says before which row to look for more.
    pub async fn audit_last(&self, query: &AuditQuery, last: u32) -> Result<Page<AuditLine>, Denied> {
        let before = part(query.before.as_deref(), None)?.after;
        let filter = self.filter(query)?;
        let (journal, turn) = (self.core.journal(), self.keeper.audit().await);
        let read = tokio::task::spawn_blocking(move || {
            turn.begins_anew();
            newest(&journal, &filter, before, last as usize)
        })
        .await;
        read.map_err(|_| broken("the reading of the journal ended early"))?
    }

    /// An export for an auditor, whole and on the disk: its first line says what all the rest hashes to.
    pub async fn export(&self, query: &ExportQuery) -> Result<Exported, Denied> {
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
        let (journal, made) = (self.core.journal(), now());
        let turn = self.keeper.export().ok_or_else(|| {
            let text =
                "expected a place for an export, found that as many are made or fetched as may be at once";
            Denied::new(Kind::Unavailable, "S0456", text)
        })?;
        make(turn, move |making| {
            let packages = packages.as_ref();
            exported(&journal, ExportOrder { filter, scope, marks, packages, made }, making)
        })
        .await
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

fn exported(journal: &Path, order: ExportOrder<'_>, making: &Making) -> Result<Spooled, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let folder = journal.parent().unwrap_or(Path::new("."));
    let spool = Spool::new_in(folder).map_err(|error| broken(&error.to_string()))?;
    let written = export_watched(history.reader(), order, spool, &mut |row| making.passed(row.0));
    written.map_err(denied).and_then(|(_, spool)| spool.finish().map_err(|error| broken(&error.to_string())))
}

fn denied(error: AuditExportError) -> Denied {
    match error {
        AuditExportError::Proof(ProofError::NoSuchRow { .. }) => {
            Denied::new(Kind::Invalid, "S0417", error.to_string())
        }
        AuditExportError::Proof(ProofError::Write(why)) if Spool::is_full(&why) => Denied::new(
            Kind::Invalid,
            "S0451",
            why.to_string(),
        )
        .with_hint(
            "on the server's computer `smith audit export --journal FILE --out FILE` writes where you say",
        ),
        AuditExportError::Proof(_)
        | AuditExportError::Decode(_)
        | AuditExportError::Packages(_)
        | AuditExportError::Unwanted => broken(&chain(&error)),
    }
}

/// Rows that one request looks at: less than half a second. Whoever wants more asks again.
const LOOK_ROWS: u64 = 100_000;

/// The same for the newest rows, which begin some hundred thousand rows before they are found.
const LOOK_BACK_ROWS: u64 = 300_000;

/// A request looks no longer than this, however slow the disk is; others wait for their turn.
const LOOK_TIME: Duration = Duration::from_secs(5);

fn page(
    journal: &Path,
    filter: &AuditFilter,
    part: Part,
    turn: AuditTurn,
) -> Result<Page<AuditLine>, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let after = part.after.unwrap_or(0);
    let bounds = Bounds { lines: part.limit, rows: LOOK_ROWS, until: Instant::now() + LOOK_TIME };
    let looked = look_after(history.reader(), filter, after, bounds, turn.cursor(after));
    let looked = looked.map_err(|error| broken(&error.to_string()))?;
    turn.keep(looked.cursor);
    Ok(Page { items: looked.lines, next: looked.next.map(|row| row.to_string()) })
}

fn newest(
    journal: &Path,
    filter: &AuditFilter,
    before: Option<u64>,
    last: usize,
) -> Result<Page<AuditLine>, Denied> {
    let history = History::open(journal).map_err(|error| broken(&error.to_string()))?;
    let bounds = Bounds { lines: last, rows: LOOK_BACK_ROWS, until: Instant::now() + LOOK_TIME };
    let found = look_back(history.reader(), filter, before, bounds);
    let found = found.map_err(|error| broken(&error.to_string()))?;
    Ok(Page { items: found.lines.into(), next: found.next.map(|row| row.to_string()) })
}

fn broken(text: &str) -> Denied {
    Denied::new(Kind::Broken, "S0416", format!("the journal could not be read: {text}"))
}
