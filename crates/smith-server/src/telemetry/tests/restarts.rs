//! Servers that come and go while a project runs: one trace, and no span under two names.

use std::collections::BTreeMap;
use std::net::TcpListener;

use smith_domain::decide::Command;
use smith_domain::rollout::{Action, Outcome, RolloutCommand, Work};

use super::collector::{Collector, Span};
use super::site::{Folder, Script};
use super::stories::well_formed;
use crate::telemetry::begin::FLUSH_MAX;
use crate::telemetry::cursor::Place;

/// The same span may come again after a kill, and is then the same.
fn each_once(spans: Vec<Span>) -> Vec<Span> {
    let mut known: BTreeMap<String, Span> = BTreeMap::new();
    for span in spans {
        let id = span.text("spanId").to_owned();
        if let Some(before) = known.get(&id) {
            assert_eq!(before.without_words(), span.without_words(), "another span under the same name");
        }
        known.insert(id, span);
    }
    known.into_values().collect()
}

/// What a span is about, whatever its name is.
fn about(span: &Span) -> String {
    let of = |key| span.attribute(key).to_owned();
    [span.name().to_owned(), of("host.name"), of("smith.serial"), of("smith.project")].join(" ")
}

#[test]
fn a_server_that_was_killed_goes_on_with_the_same_trace() {
    let collector = Collector::new();
    let folder = Folder::new();
    // One is patched and two say nothing.
    let silent = Script::default().on("b", Action::Patch, &[]).on("c", Action::Check, &[]);
    let server = folder.serve(silent, Some(&collector));
    let project = server.start();
    server.approve(project);
    let before = collector.until("the span of a machine", |_| {
        let spans = collector.spans();
        spans.iter().any(|span| span.name() == "machine").then_some(spans)
    });
    let started = server.core.read(|state| state.rollouts.get(project).unwrap().started_at.0);
    server.kill();

    let server = folder.serve(Script::default(), Some(&collector));
    let restarted = server.core.read(|state| state.at.0);
    server.until_ended(project);
    let all = collector.until_span("project dev");
    assert!(all.len() > before.len());
    let all = each_once(all);
    well_formed(&all);
    let names: BTreeMap<String, &str> = all.iter().map(|span| (about(span), span.text("spanId"))).collect();
    assert_eq!(names.len(), all.len(), "the same thing under two names");
    let traces: std::collections::BTreeSet<&str> = all.iter().map(|span| span.text("traceId")).collect();
    assert_eq!(traces.len(), 1);
    let whole = all.iter().find(|span| span.name() == "project dev").unwrap();
    assert_eq!(whole.start(), u64::try_from(started).unwrap() * 1_000_000, "it began before");
    let of_b =
        all.iter().find(|span| span.name() == "machine" && span.attribute("host.name") == "b").unwrap();
    assert!(of_b.start() < u64::try_from(restarted).unwrap() * 1_000_000, "so did the machine");
    assert_eq!(of_b.attribute("smith.outcome"), "patched");
    server.end();
}

/// It has waited until the collector had everything, so the next one sends nothing of that again.
#[test]
fn after_a_server_that_ended_well_no_span_comes_twice() {
    let (collector, folder) = (Collector::new(), Folder::new());
    let server = folder.serve(Script::default().on("b", Action::Patch, &[]), Some(&collector));
    let project = server.start();
    server.approve(project);
    server.until("two machines", |state| state.rollouts.get(project).unwrap().tally().done == 2);
    let waited = server.end();
    assert!(waited < FLUSH_MAX, "it ends as soon as the collector has the rest: {waited:?}");
    let before = collector.spans();
    assert_eq!(before.iter().filter(|span| span.name() == "machine").count(), 2);
    let server = folder.serve(Script::default(), Some(&collector));
    server.until_ended(project);
    server.end();
    let all = collector.spans();
    assert!(all.len() > before.len());
    well_formed(&all);
    assert_eq!(all.iter().filter(|span| span.name() == "machine").count(), 3);
}

#[test]
fn what_nobody_took_is_sent_by_the_next_server() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", dead.local_addr().unwrap());
    drop(dead);
    let folder = Folder::new();
    let server = folder.serve_with(Script::default(), Some(folder.settings(&nobody)));
    let project = server.start();
    server.approve(project);
    server.until_ended(project);
    server.end();
    let collector = Collector::new();
    let server = folder.serve(Script::default(), Some(&collector));
    let all = collector.until_span("project dev");
    well_formed(&all);
    assert_eq!(all.iter().filter(|span| span.name() == "machine").count(), 3);
    server.end();
    // And by no other once it is taken.
    let before = collector.spans().len();
    let server = folder.serve(Script::default(), Some(&collector));
    let other = server.start();
    server.submit(Command::Rollout(RolloutCommand::Abort { rollout: other, reason: None }));
    server.until_ended(other);
    server.end();
    let new = collector.spans().split_off(before);
    assert!(!new.is_empty() && new.iter().all(|span| span.attribute("smith.project") == "2"), "{new:#?}");
}

/// Somebody wants to know from then on: what had ended is not told, what goes on is told from its start.
#[test]
fn a_project_that_was_under_way_when_telemetry_was_turned_on_is_told_whole() {
    let folder = Folder::new();
    let silent = Script::default().on("b", Action::Check, &[]);
    let server = folder.serve(silent.clone(), None);
    let ended = server.start();
    server.submit(Command::Rollout(RolloutCommand::Abort { rollout: ended, reason: None }));
    server.until_ended(ended);
    let project = server.start();
    server.approve(project);
    server.until("two machines", |state| state.rollouts.get(project).unwrap().tally().done == 2);
    let started = server.core.read(|state| state.rollouts.get(project).unwrap().started_at.0);
    server.end();
    let collector = Collector::new();
    let server = folder.serve(silent, Some(&collector));
    server.report(project, "b", Outcome::Found(Work::Install));
    server.until_ended(project);
    server.end();
    let all = collector.spans();
    well_formed(&all);
    assert!(all.iter().all(|span| span.attribute("smith.project") == "2"), "{all:#?}");
    let whole = all.iter().find(|span| span.name() == "project dev").unwrap();
    assert_eq!(whole.start(), u64::try_from(started).unwrap() * 1_000_000);
    let machines: Vec<&str> =
        all.iter().filter(|span| span.name() == "machine").map(|span| span.attribute("host.name")).collect();
    assert_eq!(machines, ["b"], "the others had ended");
}

/// What is kept of another journal says nothing about this one.
#[test]
fn a_journal_that_was_begun_anew_is_another() {
    let collector = Collector::new();
    let folder = Folder::new();
    let server = folder.serve(Script::default(), Some(&collector));
    let project = server.start();
    server.approve(project);
    server.until_ended(project);
    server.end();
    let first = collector.spans();
    let kept = Place::in_folder(&folder.path("")).read().unwrap();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        // The last two may not be there.
        let _ = std::fs::remove_file(folder.path(name));
    }
    let server = folder.serve(Script::default(), Some(&collector));
    let project = server.start();
    server.submit(Command::Rollout(RolloutCommand::Abort { rollout: project, reason: None }));
    server.until_ended(project);
    server.end();
    let other = Place::in_folder(&folder.path("")).read().unwrap();
    assert_ne!(other.journal, kept.journal);
    let new = collector.spans().split_off(first.len());
    assert!(!new.is_empty());
    let trace = first[0].text("traceId");
    assert!(new.iter().all(|span| span.text("traceId") != trace), "project 1 of another journal");
}
