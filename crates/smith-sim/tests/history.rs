//! Pages of the audit over journals of random worlds: however they are cut, wherever they begin and whatever is known beforehand,
//! they show what a reading from the first row shows.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, in its helpers too")]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use smith_api::AuditLine;
use smith_domain::id::{BuildNumber, RolloutId};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, FORMAT, to_snapshot};
use smith_journal::{Head, MemoryStore, Reader, Row, Seq, Snapshot, Store as _};
use smith_server::answers::{AuditFilter, Bounds, Cursor, audit, look_after, look_back};
use smith_sim::fuzz::{Scenario, journal};
use smith_sim::rng::Rng;

/// Worlds, and how many filters are tried in each.
const WORLDS: u64 = 12;
const FILTERS: u64 = 16;

fn rows(journal: &MemoryStore) -> Vec<Row> {
    let mut rows = Vec::new();
    let read = journal.read_from(Seq::GENESIS, &mut |row| {
        rows.push(row.to_row());
        ControlFlow::Continue(())
    });
    read.unwrap();
    rows
}

/// What everything is compared with: the whole fold, as a file is read on an auditor's computer.
fn whole(journal: &MemoryStore, filter: &AuditFilter) -> Vec<AuditLine> {
    let mut lines = Vec::new();
    let read = audit(journal, filter, 0, |line| {
        lines.push(line);
        ControlFlow::Continue(())
    });
    read.unwrap();
    lines
}

/// Keeps snapshots at rows that are drawn.
fn snapshots(journal: &MemoryStore, rows: &[Row], rng: &mut Rng) {
    let at: Vec<u64> = (0..2).map(|_| rng.between(1, rows.len() as u64)).collect();
    snapshots_at(journal, rows, &at);
}

/// Keeps snapshots at these rows, with the states that they have there.
fn snapshots_at(journal: &MemoryStore, rows: &[Row], at: &[u64]) {
    let (codec, mut state) = (Codec::default(), State::default());
    for row in rows {
        state.evolve(&codec.decode(row.as_ref()).unwrap(), Timestamp(row.row.at));
        if at.contains(&row.seq.0) {
            let head = Head { seq: row.seq, hash: row.hash };
            let bytes = to_snapshot(&state).unwrap();
            journal.put_snapshot(&Snapshot { head, format: FORMAT, bytes }).unwrap();
        }
    }
}

/// A filter of some of the fields, each about something that is there.
fn filter(rows: &[Row], state: &State, rng: &mut Rng) -> AuditFilter {
    let some = |rng: &mut Rng| rng.happens(2_500);
    let row = |rng: &mut Rng| rng.pick(rows).clone();
    let mut filter = AuditFilter::default();
    if some(rng) {
        let machines: Vec<&str> =
            state.fleet.in_name_order().map(|id| state.fleet.machine(id).name()).collect();
        filter.machine = (!machines.is_empty()).then(|| (*rng.pick(&machines)).to_owned());
    }
    if some(rng) {
        let projects = state.rollouts.iter().count() as u64;
        filter.project = (projects > 0).then(|| RolloutId(u32::try_from(rng.between(1, projects)).unwrap()));
    }
    if some(rng) {
        let builds: Vec<BuildNumber> = state.builds.iter().map(|build| build.number).collect();
        filter.build = (!builds.is_empty()).then(|| *rng.pick(&builds));
    }
    if some(rng) {
        let changes: Vec<String> = state.changes.iter().map(|change| change.name()).collect();
        filter.change = (!changes.is_empty()).then(|| rng.pick(&changes).clone());
    }
    if some(rng) {
        filter.actor = Some(row(rng).row.actor.into_owned());
    }
    if some(rng) {
        filter.since = Some(Timestamp(row(rng).row.at));
    }
    if some(rng) {
        filter.until = Some(Timestamp(row(rng).row.at));
    }
    filter
}

fn bounds(rows: u64, rng: &mut Rng) -> Bounds {
    // Now and then there is no time at all, and something is seen all the same.
    let time = if rng.happens(1_000) { Duration::ZERO } else { Duration::from_secs(600) };
    let lines = usize::try_from(rng.between(1, 200)).unwrap();
    Bounds { lines, rows: rng.between(rows / 20 + 1, rows), until: Instant::now() + time }
}

/// All pages behind a row. Cursors are kept, lost, or those of somebody who is elsewhere.
fn forward(journal: &MemoryStore, filter: &AuditFilter, from: u64, rng: &mut Rng) -> Vec<AuditLine> {
    let head = journal.head().unwrap().seq.0;
    let (mut lines, mut after, mut kept) = (Vec::new(), from, None::<Cursor>);
    for _ in 0..=head * 2 {
        let bounds = bounds(head, rng);
        if rng.happens(3_000) {
            kept = None;
        }
        if rng.happens(1_000) {
            kept = Some(look_after(journal, filter, rng.below(head), bounds, None).unwrap().cursor);
        }
        let looked = look_after(journal, filter, after, bounds, kept.take()).unwrap();
        assert!(looked.lines.len() <= bounds.lines);
        lines.extend(looked.lines);
        let Some(next) = looked.next else { return lines };
        assert!(next >= after && next < head, "{next} behind {after} of {head}");
        (after, kept) = (next, Some(looked.cursor));
    }
    panic!("the pages behind {from} have no end");
}

/// The same from the end.
fn backward(journal: &MemoryStore, filter: &AuditFilter, rng: &mut Rng) -> Vec<AuditLine> {
    let head = journal.head().unwrap().seq.0;
    let (mut lines, mut before) = (Vec::new(), None);
    for _ in 0..=head {
        let bounds = bounds(head, rng);
        let found = look_back(journal, filter, before, bounds).unwrap();
        assert!(found.lines.len() <= bounds.lines);
        lines.splice(0..0, found.lines);
        let Some(next) = found.next else { return lines };
        assert!(before.is_none_or(|before| next < before), "{next} before {before:?}");
        before = Some(next);
    }
    panic!("the pages back have no end");
}

fn compare(journal: &MemoryStore, filter: &AuditFilter, rng: &mut Rng) -> usize {
    let expected = whole(journal, filter);
    assert_eq!(forward(journal, filter, 0, rng), expected, "{filter:?}");
    let after = rng.below(journal.head().unwrap().seq.0 + 1);
    let rest: Vec<AuditLine> = expected.iter().filter(|line| line.row > after).cloned().collect();
    assert_eq!(forward(journal, filter, after, rng), rest, "behind {after}: {filter:?}");
    assert_eq!(backward(journal, filter, rng), expected, "{filter:?}");
    let unbounded = Bounds { lines: 7, rows: u64::MAX, until: Instant::now() + Duration::from_secs(600) };
    let newest = look_back(journal, filter, None, unbounded).unwrap().lines;
    assert_eq!(Vec::from(newest), expected[expected.len().saturating_sub(7)..], "{filter:?}");
    expected.len()
}

#[test]
fn pages_of_any_cut_show_what_the_whole_fold_shows() {
    let mut found = 0;
    for seed in 1..=WORLDS {
        let mut rng = Rng::new(seed).named("pages");
        let store = journal(Scenario::of_seed(seed));
        let store = store.inner();
        let rows = rows(store);
        let (codec, mut state) = (Codec::default(), State::default());
        for row in &rows {
            state.evolve(&codec.decode(row.as_ref()).unwrap(), Timestamp(row.row.at));
        }
        for number in 0..FILTERS {
            if number % 4 == 0 {
                snapshots(store, &rows, &mut rng);
            }
            let filter = filter(&rows, &state, &mut rng);
            found += compare(store, &filter, &mut rng);
        }
    }
    assert!(found > 1_000, "hardly anything was compared: {found} lines");
}

/// No driver writes one. Whoever has one from elsewhere is told the same all the same.
#[test]
fn a_journal_whose_times_jump_is_read_alike() {
    let store = journal(Scenario::of_seed(3));
    let mut rng = Rng::new(3).named("jumps");
    let jumping = MemoryStore::new();
    let lines: Vec<_> = rows(store.inner()).into_iter().map(|row| row.row).collect();
    let span = lines.last().unwrap().at - lines[0].at;
    let moved = lines.into_iter().map(|mut row| {
        if rng.happens(500) {
            row.at -= i64::try_from(rng.below(u64::try_from(span).unwrap())).unwrap();
        }
        Ok(row)
    });
    let moved: Vec<_> = moved.collect();
    jumping.load(Box::new(moved.into_iter())).unwrap();
    let rows = rows(&jumping);
    let behind: Vec<&Row> = rows
        .iter()
        .scan(i64::MIN, |latest, row| {
            let is_behind = row.row.at < *latest;
            *latest = row.row.at.max(*latest);
            Some(is_behind.then_some(row))
        })
        .flatten()
        .collect();
    assert!(behind.len() > 10, "{}", behind.len());
    for _ in 0..FILTERS {
        // A known state whose last row is older than what is wanted, and whose other rows are not.
        let row = *rng.pick(&behind);
        snapshots_at(&jumping, &rows, &[row.seq.0]);
        let since = Some(Timestamp(row.row.at + 1));
        compare(&jumping, &AuditFilter { since, ..AuditFilter::default() }, &mut rng);
    }
}
