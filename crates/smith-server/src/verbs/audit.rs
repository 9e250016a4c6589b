//! What happened, for whoever must answer for it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use smith_api::{AuditLine, AuditQuery, Page};
use smith_domain::id::{BuildNumber, RolloutId};
use smith_domain::time::{Span, Timestamp};

use super::denied::{Denied, Kind};
use super::fleet::moment;
use super::page::{Part, part};
use super::projects::find;
use super::site::Site;
use crate::answers::{AuditFilter, audit};
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

    fn filter(&self, query: &AuditQuery) -> Result<AuditFilter, Denied> {
        if let Some(project) = query.project {
            self.core.read(|state| find(state, project).map(drop))?;
        }
        if let Some(machine) = &query.machine {
            self.core.read(|state| super::fleet::machine_of(state, machine).map(drop))?;
        }
        if let Some(change) = &query.change {
            self.core.read(|state| super::changes::find(state, change).map(drop))?;
        }
        Ok(AuditFilter {
            machine: query.machine.clone(),
            project: query.project.map(RolloutId),
            build: query.build.map(BuildNumber),
            change: query.change.clone(),
            actor: query.actor.clone(),
            since: query.since.as_deref().map(|text| bound(text, Bound::Start)).transpose()?,
            until: query.until.as_deref().map(|text| bound(text, Bound::End)).transpose()?,
        })
    }
}

fn page(journal: &std::path::Path, filter: &AuditFilter, part: Part) -> Result<Page<AuditLine>, Denied> {
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

fn newest(journal: &std::path::Path, filter: &AuditFilter, last: usize) -> Result<Vec<AuditLine>, Denied> {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Start,
    End,
}

/// A moment, or a day: its first moment, or the first one after it.
fn bound(text: &str, bound: Bound) -> Result<Timestamp, Denied> {
    let is_day = text.len() == "2026-11-20".len();
    if !is_day {
        return moment(text);
    }
    let start = moment(&format!("{text}T00:00:00Z")).map_err(|_| {
        let text = format!("expected a day such as 2026-11-20 or a moment, found {text:?}");
        Denied::new(Kind::Invalid, "S0417", text)
    })?;
    Ok(if bound == Bound::End { start + Span::hours(24) } else { start })
}
