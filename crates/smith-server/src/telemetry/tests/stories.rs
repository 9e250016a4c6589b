//! Whole projects and cycles as a collector sees them.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::cycle::{CycleCommand, Link, WeekPlan};
use smith_domain::decide::Command;
use smith_domain::id::CycleId;
use smith_domain::pipeline::{ChangeRule, Who};
use smith_domain::rollout::{Action, CauseKind, JobState, Outcome, RolloutCommand};

use super::collector::{Collector, Span};
use super::site::{Folder, Script, waiting};
use crate::config::settings::Signal;

/// Each span once, each below one that is there and within its time.
pub(super) fn well_formed(spans: &[Span]) {
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.text("spanId"), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "a span twice");
    for span in spans {
        assert_eq!((span.text("traceId").len(), span.text("spanId").len()), (32, 16));
        assert!(span.start() <= span.end(), "{span:?}");
        if span.text("parentSpanId").is_empty() {
            continue;
        }
        let parent = by_id.get(span.text("parentSpanId")).unwrap_or_else(|| panic!("no parent: {span:?}"));
        assert_eq!(parent.text("traceId"), span.text("traceId"));
        assert!(parent.start() <= span.start() && span.end() <= parent.end(), "{parent:?} {span:?}");
    }
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name() == name);
    let one = found.next().unwrap_or_else(|| panic!("no {name}: {spans:#?}"));
    assert_eq!(found.next(), None, "{name} twice");
    one
}

fn of<'s>(spans: &'s [Span], machine: &str, name: &str) -> Vec<&'s Span> {
    let of = |span: &&Span| span.attribute("host.name") == machine && span.name() == name;
    spans.iter().filter(of).collect()
}

#[test]
fn a_project_is_one_trace_from_its_start_to_its_end() {
    let collector = Collector::new();
    let folder = Folder::new();
    let failed = Outcome::Failed(CauseKind::MirrorUnreachable);
    let full = Outcome::Failed(CauseKind::DiskFull);
    let well = Outcome::Patched(smith_domain::rollout::RebootNeed::Needed);
    let script = Script::default().on("b", Action::Patch, &[failed, well]).on("c", Action::Patch, &[full]);
    let server = folder.serve(script, Some(&collector));
    let project = server.start();
    server.approve(project);
    server.until_ended(project);
    let spans = collector.until_span("project dev");
    well_formed(&spans);
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.text("traceId")).collect();
    assert_eq!(traces.len(), 1);
    let whole = named(&spans, "project dev");
    assert_eq!((whole.text("parentSpanId"), whole.code()), ("", 1));
    assert_eq!(whole.attribute("smith.project"), "1");
    assert_eq!((whole.attribute("smith.build"), whole.attribute("smith.by")), ("725", "ana"));
    assert_eq!(whole.attribute("smith.reason"), "the weekly one");
    assert_eq!(
        (whole.attribute("smith.machines.pass"), whole.attribute("smith.machines.failed")),
        ("2", "1")
    );
    let step = named(&spans, "step patch");
    assert_eq!((step.text("parentSpanId"), step.code()), (whole.text("spanId"), 1));
    assert_eq!(step.attribute("smith.change"), "CHG0000001");
    let events = step.events();
    for wanted in [
        "rollout.gate-approved",
        "rollout.gate-opened",
        "rollout.step-opened",
        "change.begun",
        "rollout.run-opened",
    ] {
        assert!(events.contains(&wanted), "{wanted}: {events:?}");
    }
    // One that went well, each action below the machine's own span.
    let well = of(&spans, "a", "machine");
    assert_eq!((well.len(), well[0].code(), well[0].attribute("smith.outcome")), (1, 1, "patched"));
    assert_eq!(well[0].attribute("smith.region"), "us-south");
    assert_eq!(well[0].text("parentSpanId"), step.text("spanId"));
    let actions: Vec<&str> = spans
        .iter()
        .filter(|span| span.text("parentSpanId") == well[0].text("spanId"))
        .map(Span::name)
        .collect();
    assert_eq!(actions.first(), Some(&"check"));
    assert!(["patch", "reboot", "health"].iter().all(|name| actions.contains(name)), "{actions:?}");
    assert_eq!(well[0].attribute("smith.actions"), actions.len().to_string());
    // One that was tried again.
    let tries = of(&spans, "b", "patch");
    let told: Vec<(&str, u64, &str)> = tries
        .iter()
        .map(|one| (one.attribute("smith.attempt"), one.code(), one.attribute("smith.cause")))
        .collect();
    assert_eq!(told, [("1", 2, "mirror-unreachable"), ("2", 1, "")]);
    assert_eq!(tries[0].message(), "mirror-unreachable: b said no");
    let again = of(&spans, "b", "machine");
    assert_eq!((again.len(), again[0].attribute("smith.outcome")), (1, "patched"));
    assert_eq!(again[0].events(), ["smith.wait"]);
    // One that failed.
    let failed = of(&spans, "c", "machine");
    assert_eq!((failed[0].code(), failed[0].message()), (2, "patch: disk-full"));
    assert_eq!(
        (failed[0].attribute("smith.cause"), failed[0].attribute("smith.action")),
        ("disk-full", "patch")
    );
    assert_eq!(failed[0].attribute("smith.region"), "ap-south");
    server.end();
    let (sent, dropped) = (collector.spans().len(), 0);
    assert_eq!(sent, spans.len() + dropped, "nothing comes after the end");
}

#[test]
fn a_machine_that_is_tried_anew_has_a_span_for_each_time() {
    let collector = Collector::new();
    let folder = Folder::new();
    let script = Script::default()
        .on(
            "a",
            Action::Patch,
            &[
                Outcome::Failed(CauseKind::HeldPackage),
                Outcome::Patched(smith_domain::rollout::RebootNeed::NotNeeded),
            ],
        )
        .on(
            "b",
            Action::Check,
            &[Outcome::Failed(CauseKind::AgentOld), Outcome::Failed(CauseKind::Unreachable)],
        )
        .on("c", Action::Check, &[]);
    let server = folder.serve(script, Some(&collector));
    let project = server.start();
    server.approve(project);
    server.until("two failures", |state| state.rollouts.get(project).unwrap().tally().failed == 2);
    let (machines, reason) = (None, Some("the package is free".to_owned()));
    server.submit(Command::Rollout(RolloutCommand::Retry { rollout: project, machines, reason }));
    server.until("one success", |state| {
        let tally = state.rollouts.get(project).unwrap().tally();
        (tally.done, tally.failed) == (1, 1)
    });
    server.submit(Command::Rollout(RolloutCommand::Abort { rollout: project, reason: None }));
    server.end();
    let spans = collector.spans();
    let told = |machine| -> Vec<(&str, &str)> {
        let all = of(&spans, machine, "machine").into_iter();
        all.map(|one| (one.attribute("smith.outcome"), one.attribute("smith.cause"))).collect()
    };
    assert_eq!(told("a"), [("failed", "held-package"), ("patched", "")]);
    assert_eq!(told("b"), [("failed", "agent-old"), ("failed", "unreachable")]);
    // The second time it was looked at twice, which is one procedure.
    let looks: Vec<&str> =
        of(&spans, "b", "check").iter().map(|one| one.attribute("smith.attempt")).collect();
    assert_eq!(looks, ["1", "1", "2"]);
    assert!(told("c").is_empty(), "it has not answered");
}

/// One waits an hour for its second try, and one says nothing.
#[test]
fn a_machine_that_an_abort_stops_ended_with_its_last_answer() {
    let (collector, folder) = (Collector::new(), Folder::new());
    let busy = Outcome::Failed(CauseKind::Busy);
    let script = Script::default().on("a", Action::Check, &[busy]).on("b", Action::Check, &[]);
    let server = folder.serve(script, Some(&collector));
    let project = server.start_as(&waiting("1h"));
    server.approve(project);
    server.until("a wait", |state| {
        let rollout = state.rollouts.get(project).unwrap();
        let machine = state.fleet.find("a").unwrap();
        let active = rollout.job_of(machine).map(|job| job.state);
        matches!(active, Some(JobState::Active(active)) if active.progress.failed_tries == 1)
    });
    server.submit(Command::Rollout(RolloutCommand::Abort { rollout: project, reason: None }));
    server.report(project, "b", Outcome::Lost);
    server.until_ended(project);
    server.end();
    let spans = collector.spans();
    well_formed(&spans);
    let (stopped, lost) = (of(&spans, "a", "machine")[0], of(&spans, "b", "machine")[0]);
    assert_eq!((stopped.code(), stopped.attribute("smith.outcome")), (0, "stopped"));
    assert_eq!(stopped.end(), of(&spans, "a", "check")[0].end());
    assert_eq!((lost.code(), lost.attribute("smith.outcome")), (2, "lost"));
    let whole = named(&spans, "project dev");
    assert_eq!((whole.code(), whole.message(), whole.events()), (2, "aborted", vec!["rollout.aborted"]));
    let step = named(&spans, "step patch");
    assert_eq!((step.code(), step.attribute("smith.outcome")), (2, "aborted"));
}

fn week() -> WeekPlan {
    WeekPlan {
        name: "prod".to_owned(),
        owner: Who(vec!["ana".to_owned()]),
        recipe: "recipe.yaml".to_owned(),
        channel: "prod".to_owned(),
        regions: vec!["ap-south".to_owned()],
        test: None,
        gates: Vec::new(),
        train: None,
        rule: ChangeRule::None,
        canary: None,
        rollouts: Vec::new(),
    }
}

/// Nobody builds here: each link that needs somebody is refused.
#[test]
fn a_cycle_is_a_trace_of_its_links() {
    let collector = Collector::new();
    let folder = Folder::new();
    let server = folder.serve(Script::default(), Some(&collector));
    let reason = Some("it is Sunday".to_owned());
    server.cycle(CycleCommand::Start { plan: Box::new(week()), due: None, build: None, reason });
    let cycle = CycleId(1);
    let failed = |state: &smith_domain::state::State| {
        matches!(
            state.cycles.get(cycle).unwrap().link(Link::Build),
            smith_domain::cycle::LinkState::Failed { .. }
        )
    };
    server.until("a failed link", failed);
    server.cycle(CycleCommand::Rerun { cycle, link: Link::Build, reason: None });
    server.until("a link that is under way or has failed again", failed);
    server.cycle(CycleCommand::Stop { cycle, reason: "no builder".to_owned() });
    let spans = collector.until_span("cycle prod");
    well_formed(&spans);
    let whole = named(&spans, "cycle prod");
    assert_eq!((whole.code(), whole.attribute("smith.outcome")), (0, "stopped"));
    assert_eq!((whole.attribute("smith.cycle"), whole.attribute("smith.reason")), ("1", "no builder"));
    assert!(whole.events().contains(&"cycle.link-rerun"), "{:?}", whole.events());
    let links: Vec<&Span> = spans.iter().filter(|span| span.name() == "link build").collect();
    assert_eq!(links.len(), 2, "each time has a span of its own");
    for link in links {
        assert_eq!((link.code(), link.text("parentSpanId")), (2, whole.text("spanId")));
        assert_eq!(link.attribute("smith.outcome"), "failed");
        assert!(link.message().contains("found a desk"), "{}", link.message());
    }
    server.end();
}

#[test]
fn numbers_come_as_often_as_the_settings_say_and_once_more_at_the_end() {
    let collector = Collector::new();
    let folder = Folder::new();
    let mut settings = folder.settings(&collector.endpoint);
    settings.signals = [Signal::Metrics].into();
    settings.interval = smith_domain::time::Span::secs(1);
    let server = folder.serve_with(Script::default(), Some(settings));
    let telemetry = server.telemetry.as_ref().unwrap();
    telemetry.tell_numbers(|| "# TYPE smith_projects_open gauge\nsmith_projects_open 3\n# EOF\n".to_owned());
    let got = collector.until("numbers, twice", |got| (got.len() >= 2).then(|| got.to_vec()));
    assert!(got[1].at.duration_since(got[0].at).as_millis() >= 900);
    let metric = &got[0].body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    assert_eq!(
        (&metric["name"], &metric["gauge"]["dataPoints"][0]["asInt"]),
        (&"smith_projects_open".into(), &"3".into())
    );
    assert!(got.iter().all(|got| got.signal == "metrics"));
    let before = collector.got().len();
    server.end();
    assert!(collector.got().len() > before);
}
