//! The fold by itself, over journals that servers have left: what it says does not depend on who looks, and when.

use std::collections::BTreeMap;

use smith_domain::decide::Command;
use smith_domain::event::{DriverEvent, Event};
use smith_domain::rollout::{Action, CauseKind, Outcome, RebootNeed, RolloutCommand, Work};
use smith_domain::time::Timestamp;

use super::collector::{Collector, Span};
use super::site::{Folder, Script, Server};
use crate::core::{History, Recorded};
use crate::telemetry::fold::Tracer;

const HOUR: u64 = 3_600_000_000_000;

/// Everything that was recorded, as it stands in the journal.
fn recorded(server: &Server) -> Vec<Recorded> {
    let history = History::open(&server.core.journal()).unwrap();
    let rows = history.after(0, usize::MAX, |row| Tracer::wants(row.content.kind)).unwrap();
    rows.into_iter().map(|one| one.recorded).collect()
}

/// The spans of these rows, by their names, with the state as it is in the end.
fn fold(server: &Server, rows: &[Recorded]) -> BTreeMap<String, Span> {
    let mut tracer = Tracer::new("smith", 0);
    let mut out = Vec::new();
    server.core.read(|state| rows.iter().for_each(|one| tracer.fold(state, one, &mut out)));
    by_name(out.iter().map(|ended| Span(serde_json::to_value(&ended.span).unwrap())))
}

fn by_name(spans: impl IntoIterator<Item = Span>) -> BTreeMap<String, Span> {
    spans.into_iter().map(|span| (span.text("spanId").to_owned(), span)).collect()
}

fn first<'s>(spans: &'s BTreeMap<String, Span>, name: &str) -> &'s Span {
    spans.values().find(|span| span.name() == name).unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
}

/// A machine that fails and is tried anew, one that fails after each try, one whose last action is never begun at first.
fn lively(folder: &Folder, collector: &Collector) -> Server {
    let (held, no_way) = (CauseKind::HeldPackage, CauseKind::Unreachable);
    let patched = Outcome::Patched(RebootNeed::NotNeeded);
    let script = Script::default()
        .on("a", Action::Patch, &[Outcome::Failed(held), patched])
        .on("b", Action::Check, &[Outcome::Failed(CauseKind::AgentOld), Outcome::Failed(no_way)])
        .on("c", Action::Health, &[Outcome::NotBegun, Outcome::Done])
        .on("c", Action::Check, &[]);
    let server = folder.serve(script, Some(collector));
    let project = server.start();
    server.approve(project);
    server.until("two failures", |state| state.rollouts.get(project).unwrap().tally().failed == 2);
    let retry = RolloutCommand::Retry { rollout: project, machines: None, reason: None };
    server.submit(Command::Rollout(retry));
    server.until("one success", |state| {
        let tally = state.rollouts.get(project).unwrap().tally();
        (tally.done, tally.failed) == (1, 1)
    });
    server.report(project, "c", Outcome::Found(Work::Install));
    server.until_ended(project);
    server
}

#[test]
fn a_reader_that_is_far_behind_says_the_same_as_one_that_was_there() {
    let (collector, folder) = (Collector::new(), Folder::new());
    let server = lively(&folder, &collector);
    collector.until_span("project dev");
    let told = by_name(collector.spans());
    assert!(told.len() > 15, "{told:#?}");
    let again = fold(&server, &recorded(&server));
    assert_eq!(told.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
    for (name, span) in &told {
        assert_eq!(span.without_words(), again[name].without_words());
    }
    server.end();
}

#[test]
fn what_cannot_be_read_any_more_is_taken_from_the_state() {
    let (collector, folder) = (Collector::new(), Folder::new());
    let server = lively(&folder, &collector);
    let rows = recorded(&server);
    let whole = fold(&server, &rows);
    let opened = rows.iter().position(|one| one.event.kind() == "rollout.run-opened").unwrap();
    let rest = fold(&server, &rows[opened..]);
    for name in ["project dev", "step patch"] {
        let (whole, rest) = (first(&whole, name), first(&rest, name));
        assert_eq!((whole.start(), whole.end()), (rest.start(), rest.end()), "{name}");
        for key in ["traceId", "spanId", "parentSpanId"] {
            assert_eq!(whole.text(key), rest.text(key));
        }
    }
    let events = |spans| first(spans, "step patch").events().len();
    assert!(events(&rest) < events(&whole), "what was not read is not told");
    let machines = |spans: &BTreeMap<String, Span>| {
        spans.values().filter(|span| span.name() == "machine").cloned().collect::<Vec<_>>()
    };
    assert_eq!(machines(&whole), machines(&rest));
    // After its end nothing begins anew.
    let ended = rows.iter().position(|one| one.event.kind() == "rollout.ended").unwrap();
    let late = Recorded { at: Timestamp(rows[ended].at.0 + 1), ..rows[opened].clone() };
    assert!(fold(&server, &[late]).is_empty());
    server.end();
}

#[test]
fn times_follow_the_clock_that_somebody_has_accepted() {
    let (collector, folder) = (Collector::new(), Folder::new());
    let server = lively(&folder, &collector);
    let mut rows = recorded(&server);
    let before = fold(&server, &rows);
    let opened = rows.iter().position(|one| one.event.kind() == "rollout.run-opened").unwrap();
    let (steady, actor) = (rows[opened].at, rows[opened].actor.clone());
    let wall = Timestamp(steady.0 + 3_600_000);
    let event = Event::Driver(DriverEvent::ClockAccepted { wall, steady, reason: None });
    rows.insert(opened, Recorded { seq: rows[opened].seq, at: steady, actor, event });
    let after = fold(&server, &rows);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "names stay");
    let whole = [first(&before, "project dev"), first(&after, "project dev")];
    assert_eq!((whole[0].start(), whole[0].end() + HOUR), (whole[1].start(), whole[1].end()));
    for (name, span) in before.iter().filter(|(_, span)| span.name() == "machine") {
        assert_eq!((span.start() + HOUR, span.end() + HOUR), (after[name].start(), after[name].end()));
    }
    server.end();
}
