//! Looks at the journal in words that cost what they look at: each begins at the nearest state that is known before its first
//! row, sees at most so many rows, and says where the next one goes on. All looks together show what a reading from the first
//! row shows.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use smith_api::AuditLine;
use smith_domain::event::Event;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::FORMAT;
use smith_journal::{Head, ReadError, Reader, ReplayError, RowRef, Seq, known_until};

use super::audit::{AuditFilter, Chooser};

/// What is known behind a row, from where a later look goes on. It does not depend on the filter.
#[derive(Debug, Default)]
pub struct Cursor {
    row: u64,
    state: State,
}

impl Cursor {
    pub fn row(&self) -> u64 {
        self.row
    }
}

/// Where a look ends that has not come to the end of the journal.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Lines that are wanted.
    pub lines: usize,
    /// Rows that are looked at.
    pub rows: u64,
    /// It ends soon after this, having looked at some.
    pub until: Instant,
}

/// What was seen.
#[derive(Debug)]
pub struct Looked {
    pub lines: Vec<AuditLine>,
    /// The row behind which more may be found.
    pub next: Option<u64>,
    pub cursor: Cursor,
}

/// What was seen from the end.
#[derive(Debug, Default)]
pub struct LookedBack {
    /// In the order of the journal.
    pub lines: VecDeque<AuditLine>,
    /// The row before which more may be found.
    pub next: Option<u64>,
}

/// Rows that are folded about as fast as the state of a large fleet is read from a snapshot.
const NEAR: u64 = 20_000;

/// Rows between two looks at the clock.
const CLOCKED: u64 = 1_024;

/// Shows the wanted rows behind `after`, in order. A cursor that stands behind `after` is of no use; another may save folding.
pub fn look_after(
    reader: &dyn Reader,
    filter: &AuditFilter,
    after: u64,
    bounds: Bounds,
    cursor: Option<Cursor>,
) -> Result<Looked, ReplayError> {
    let after = after.max(first(reader, filter)?.saturating_sub(1));
    let start = match later(reader, filter.since, after)? {
        Some(later) => later,
        None => nearest(reader, after, cursor)?,
    };
    // All that lies before a later start is older than what is wanted.
    let after = after.max(start.row);
    let end = after.saturating_add(bounds.rows);
    let mut lines = Vec::new();
    let (cursor, head) = follow(reader, filter, start, |chooser, row, event| {
        let seq = row.seq.0;
        if let Some(event) = event.filter(|_| seq > after) {
            lines.push(chooser.line(event, row));
        }
        let is_late = seq.is_multiple_of(CLOCKED) && Instant::now() >= bounds.until;
        if lines.len() >= bounds.lines || seq >= end || is_late {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    let next = (cursor.row < head.seq.0).then(|| cursor.row.max(after));
    Ok(Looked { lines, next, cursor })
}

/// Shows the newest of the wanted rows, or the newest before a row. It goes from one known state to the one before, and sees at
/// least the rows behind the first of them.
pub fn look_back(
    reader: &dyn Reader,
    filter: &AuditFilter,
    before: Option<u64>,
    bounds: Bounds,
) -> Result<LookedBack, ReplayError> {
    let (head, first) = (reader.head()?.seq.0, first(reader, filter)?);
    let mut end = before.map_or(head, |before| head.min(before.saturating_sub(1)));
    let mut found = LookedBack::default();
    let mut looked = 0;
    while end >= first.max(1) {
        let start = nearest(reader, end - 1, None)?;
        let (begin, newest) = (start.row, start.state.at);
        let part = newest_of(reader, filter, start, (end, bounds.lines - found.lines.len()))?;
        part.into_iter().rev().for_each(|line| found.lines.push_front(line));
        looked += end - begin;
        end = begin;
        if let Some(oldest) = found.lines.front().filter(|_| found.lines.len() >= bounds.lines) {
            found.next = Some(oldest.row);
            return Ok(found);
        }
        if filter.since.is_some_and(|since| newest < since) {
            break;
        }
        if end >= first.max(1) && (looked >= bounds.rows || Instant::now() >= bounds.until) {
            found.next = Some(end + 1);
            break;
        }
    }
    Ok(found)
}

/// The newest wanted rows up to `end`, at most so many.
fn newest_of(
    reader: &dyn Reader,
    filter: &AuditFilter,
    start: Cursor,
    (end, most): (u64, usize),
) -> Result<VecDeque<AuditLine>, ReplayError> {
    let mut kept = VecDeque::new();
    // Where all rows are wanted, it is known beforehand which are the newest.
    let wants_all = *filter == AuditFilter::default();
    let after = if wants_all { end.saturating_sub(most as u64) } else { 0 };
    follow(reader, filter, start, |chooser, row, event| {
        if let Some(event) = event.filter(|_| row.seq.0 > after) {
            if kept.len() == most {
                kept.pop_front();
            }
            kept.push_back(chooser.line(event, row));
        }
        if row.seq.0 >= end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(kept)
}

/// The first row that can be wanted: nothing belongs to a project before it was started.
fn first(reader: &dyn Reader, filter: &AuditFilter) -> Result<u64, ReadError> {
    let Some(project) = filter.project else { return Ok(0) };
    let mut first = 0;
    reader.read_stream(&format!("rollout {project}"), Seq::GENESIS, &mut |row| {
        first = row.seq.0;
        ControlFlow::Break(())
    })?;
    Ok(first)
}

/// The newest known state behind `after` whose rows are all older than what is wanted.
fn later(reader: &dyn Reader, since: Option<Timestamp>, after: u64) -> Result<Option<Cursor>, ReadError> {
    let Some(since) = since else { return Ok(None) };
    for head in reader.snapshots(FORMAT)?.into_iter().filter(|head| head.seq.0 > after) {
        let mut is_older = false;
        reader.read_from(Seq(head.seq.0 - 1), &mut |row| {
            is_older = row.content.at < since.0;
            ControlFlow::Break(())
        })?;
        if is_older {
            let (state, head) = known_until(reader, head.seq)?;
            // The time of a state is the latest of all its rows, also where a journal was made by hand and its times jump.
            return Ok((head.seq.0 > after && state.at < since).then_some(Cursor { row: head.seq.0, state }));
        }
    }
    Ok(None)
}

/// The nearest known state that holds no row behind `last`.
fn nearest(reader: &dyn Reader, last: u64, cursor: Option<Cursor>) -> Result<Cursor, ReadError> {
    let snapshots = reader.snapshots(FORMAT)?;
    let kept = snapshots.iter().map(|head| head.seq.0).find(|row| *row <= last).unwrap_or(0);
    if let Some(cursor) = cursor.filter(|cursor| cursor.row <= last && cursor.row + NEAR >= kept) {
        return Ok(cursor);
    }
    let (state, head) = known_until(reader, Seq(last))?;
    Ok(Cursor { row: head.seq.0, state })
}

/// Folds the rows behind a cursor and shows each with its event, if it is wanted. Answers where it stands and where the journal
/// ends.
fn follow(
    reader: &dyn Reader,
    filter: &AuditFilter,
    start: Cursor,
    mut each: impl FnMut(&Chooser, &RowRef<'_>, Option<&Event>) -> ControlFlow<()>,
) -> Result<(Cursor, Head), ReplayError> {
    let mut row = start.row;
    let mut chooser = Chooser::behind(start.state, filter.clone());
    let mut broken = None;
    let read = reader.read_from(Seq(row), &mut |found| match chooser.next(&found) {
        Ok(event) => {
            row = found.seq.0;
            each(&chooser, &found, event.as_ref())
        }
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(broken) = broken {
        return Err(ReplayError::from(broken));
    }
    Ok((Cursor { row, state: chooser.into_state() }, read?))
}
