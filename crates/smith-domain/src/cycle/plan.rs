//! What cycles want next: links that may begin, and those whose end has come.

use crate::change::{ChangeEvent, ChangeState, Closing, Evidence, Subject};
use crate::cycle::event::CycleEvent;
use crate::cycle::form;
use crate::cycle::gate::{self, Holds};
use crate::cycle::model::{Link, Work};
use crate::cycle::state::{Answer, Cycle, LinkRun, LinkState};
use crate::decide::usable_build;
use crate::event::Event;
use crate::id::{BuildNumber, ChangeId, TicketId, TrainId};
use crate::plan::{Planner, WakeFor};
use crate::rollout::{Mode, RolloutEnd};
use crate::ticket::{TicketEvent, TicketKind};

/// There are as many cycles under way as channels, each with a dozen links.
pub(crate) fn plan(planner: &mut Planner<'_>) {
    let state = planner.state;
    for cycle in state.cycles.active() {
        if planner.is_full() {
            return;
        }
        one(planner, cycle);
    }
}

fn one(planner: &mut Planner<'_>, cycle: &Cycle) {
    if cycle.links.values().all(|run| run.state.is_behind()) {
        planner.push(CycleEvent::Ended { cycle: cycle.id });
        for event in form::given_up(planner.state, cycle, "the cycle has ended without it") {
            planner.push(event);
        }
        return;
    }
    for (link, run) in &cycle.links {
        match &run.state {
            LinkState::Waiting => {
                if cycle.plan.rests_on(*link).iter().all(|before| cycle.link(*before).is_behind()) {
                    begin(planner, cycle, *link);
                }
            }
            LinkState::Begun { .. } => progress(planner, cycle, *link, run),
            LinkState::Done { .. } | LinkState::Failed { .. } | LinkState::Skipped { .. } => {}
        }
    }
}

fn done(planner: &mut Planner<'_>, cycle: &Cycle, link: Link, note: String) {
    planner.push(CycleEvent::LinkDone { cycle: cycle.id, link, note });
}

fn failed(planner: &mut Planner<'_>, cycle: &Cycle, link: Link, reason: String) {
    planner.push(CycleEvent::LinkFailed { cycle: cycle.id, link, reason });
}

fn begin(planner: &mut Planner<'_>, cycle: &Cycle, link: Link) {
    // A build that was withdrawn goes no further.
    let usable = cycle.build.map_or(Ok(()), |build| usable_build(planner.state, build));
    if let Err(why) = usable {
        return failed(planner, cycle, link, why.to_string());
    }
    let begun = CycleEvent::LinkBegun { cycle: cycle.id, link };
    match link {
        Link::Channel => begin_channel(planner, cycle),
        Link::Trains => {
            planner.push(begun);
            raise_train(planner, cycle);
        }
        Link::Epic => {
            planner.push(begun);
            draft_epic(planner, cycle);
        }
        Link::Build
        | Link::Diff
        | Link::Check
        | Link::Sync
        | Link::Verify
        | Link::Test
        | Link::Gates
        | Link::Canary
        | Link::Region(_) => planner.push(begun),
    }
}

/// The channel moves under changes that are approved at that moment, all of them.
fn begin_channel(planner: &mut Planner<'_>, cycle: &Cycle) {
    let changes = form::changes(planner.state, cycle);
    if let Some(over) = changes.iter().find(|change| change.state.has_ended()) {
        let why = format!("{} is {}, expected it to be approved", over.name(), over.state.word());
        return failed(planner, cycle, Link::Channel, why);
    }
    if !changes.iter().all(|change| change.state.permits()) {
        return;
    }
    planner.push(CycleEvent::LinkBegun { cycle: cycle.id, link: Link::Channel });
    for change in changes.iter().filter(|change| change.state == ChangeState::Approved) {
        planner.push(ChangeEvent::Begun { change: change.id, reason: None });
    }
}

fn raise_train(planner: &mut Planner<'_>, cycle: &Cycle) {
    for event in form::given_up(planner.state, cycle, "it is raised anew") {
        planner.push(event);
    }
    let Some(form) = form::filled(planner.state, cycle) else { return };
    let (train, by) = (TrainId(planner.next_train), cycle.by.clone());
    planner.next_train += 1;
    let (title, regions) = (form.title.clone(), form.environment.clone());
    let (form, channel) = (Box::new(form), Some(cycle.plan.channel.clone()));
    planner.push(ChangeEvent::TrainRaised { train, form, by: by.clone(), channel, reason: None });
    for region in regions {
        let change = ChangeId(planner.next_change);
        planner.next_change += 1;
        let (title, by, rule) = (format!("{title} ({region})"), by.clone(), cycle.plan.rule.clone());
        let subject = Subject::Train { train, region };
        planner.push(ChangeEvent::Drafted { change, subject, title, by, rule, tasks: Vec::new() });
    }
    planner.push(CycleEvent::TrainRaised { cycle: cycle.id, train });
}

fn draft_epic(planner: &mut Planner<'_>, cycle: &Cycle) {
    let Some(build) = cycle.build else { return };
    if planner.state.tickets.epic(build).is_some() || epic_is_planned(planner, build) {
        return;
    }
    let ticket = TicketId(planner.next_ticket);
    planner.next_ticket += 1;
    let (kind, title) = TicketKind::epic(build);
    planner.push(TicketEvent::Drafted { ticket, kind, title, parent: None });
}

fn epic_is_planned(planner: &Planner<'_>, build: BuildNumber) -> bool {
    planner.plan.events.iter().any(|event| {
        matches!(event, Event::Ticket(TicketEvent::Drafted { kind: TicketKind::Epic { build: of }, .. })
            if *of == build)
    })
}

fn progress(planner: &mut Planner<'_>, cycle: &Cycle, link: Link, run: &LinkRun) {
    match (link.work(), link) {
        (Work::Outside, _) => outside(planner, cycle, link, run),
        (Work::Rollout, _) => rollout(planner, cycle, link, run),
        (Work::Here, Link::Gates) => gates(planner, cycle),
        (Work::Here, Link::Trains) => trains(planner, cycle),
        (Work::Here, _) => epic(planner, cycle, link),
    }
}

fn outside(planner: &mut Planner<'_>, cycle: &Cycle, link: Link, run: &LinkRun) {
    match &run.answer {
        None => {}
        Some(Answer::Refused { reason }) => failed(planner, cycle, link, reason.clone()),
        Some(Answer::Built { build, note }) => {
            planner.push(CycleEvent::BuildMade { cycle: cycle.id, build: *build });
            done(planner, cycle, link, note.clone());
        }
        Some(Answer::Done { note }) if link == Link::Channel => channel(planner, cycle, note),
        Some(Answer::Done { note }) => done(planner, cycle, link, note.clone()),
    }
}

/// The channel is believed to have moved when every region says so; then the trains are complete.
fn channel(planner: &mut Planner<'_>, cycle: &Cycle, note: &str) {
    let (state, name) = (planner.state, &cycle.plan.channel);
    let elsewhere = |region: &&String| state.builds.in_channel(name, region) != cycle.build;
    if let Some(region) = cycle.plan.regions.iter().find(elsewhere) {
        let told = |build: Option<BuildNumber>| {
            build.map_or_else(|| "no build".to_owned(), |build| format!("build {build}"))
        };
        let (found, expected) = (told(state.builds.in_channel(name, region)), told(cycle.build));
        let why = format!("channel {name} of {region} points to {found}, expected {expected}");
        return failed(planner, cycle, Link::Channel, why);
    }
    for change in form::changes(state, cycle).iter().filter(|change| change.state == ChangeState::Begun) {
        let summary =
            format!("channel {name} points to build {}. {note}", told_build(cycle)).trim().to_owned();
        let evidence = Evidence { summary, test_url: None, test_passed: None };
        planner.push(ChangeEvent::Closed { change: change.id, how: Closing::Successful, evidence });
    }
    done(planner, cycle, Link::Channel, note.to_owned());
}

fn told_build(cycle: &Cycle) -> String {
    cycle.build.map_or_else(String::new, |build| build.to_string())
}

fn rollout(planner: &mut Planner<'_>, cycle: &Cycle, link: Link, run: &LinkRun) {
    match cycle.rollout(planner.state, link) {
        Some(one) => match one.mode {
            Mode::Ended { end: RolloutEnd::Succeeded, .. } => {
                let tally = one.tally();
                let note = format!(
                    "project {} is complete: {} machines, pass {}, failed {}",
                    one.id,
                    tally.total(),
                    tally.done,
                    tally.failed + tally.lost
                );
                done(planner, cycle, link, note);
            }
            Mode::Ended { end: RolloutEnd::Aborted, .. } => {
                failed(planner, cycle, link, format!("project {} was aborted", one.id));
            }
            Mode::Running | Mode::Paused | Mode::Aborting => {}
        },
        None => match &run.answer {
            None => {}
            Some(Answer::Refused { reason }) => failed(planner, cycle, link, reason.clone()),
            Some(Answer::Done { .. } | Answer::Built { .. }) => {
                let name = cycle.plan.pipeline(link).map(ToString::to_string).unwrap_or_default();
                let build = told_build(cycle);
                let why =
                    format!("expected a rollout of {name} with build {build} to be started, found none");
                failed(planner, cycle, link, why);
            }
        },
    }
}

fn gates(planner: &mut Planner<'_>, cycle: &Cycle) {
    let mut all = true;
    for ((number, rule), run) in (0..).zip(&cycle.plan.gates).zip(&cycle.gates) {
        if run.open {
            continue;
        }
        all = false;
        match gate::holds(planner.state, cycle, rule, run, planner.now.steady) {
            Holds::Yes => planner.push(CycleEvent::GateOpened { cycle: cycle.id, gate: number }),
            Holds::At(at) => planner.wake(at, WakeFor::Gate),
            Holds::No => {}
        }
    }
    if all {
        done(planner, cycle, Link::Gates, String::new());
    }
}

fn trains(planner: &mut Planner<'_>, cycle: &Cycle) {
    let changes = form::changes(planner.state, cycle);
    if changes.is_empty() {
        return done(planner, cycle, Link::Trains, "no change is needed".to_owned());
    }
    if let Some(over) = changes.iter().find(|change| change.state.has_ended()) {
        let why = match &over.state {
            ChangeState::Refused { by, reason } => format!("{} was rejected by {by}: {reason}", over.name()),
            ChangeState::Cancelled { reason } => format!("{} was cancelled: {reason}", over.name()),
            ChangeState::Closed { .. }
            | ChangeState::Drafted
            | ChangeState::Raised
            | ChangeState::Approved
            | ChangeState::Begun
            | ChangeState::Revoked { .. } => format!("{} is {}", over.name(), over.state.word()),
        };
        return failed(planner, cycle, Link::Trains, why);
    }
    if changes.iter().all(|change| change.state.permits()) {
        let names: Vec<String> = changes.iter().map(|change| change.name()).collect();
        done(planner, cycle, Link::Trains, names.join(", "));
    }
}

fn epic(planner: &mut Planner<'_>, cycle: &Cycle, link: Link) {
    let epic = cycle.build.and_then(|build| planner.state.tickets.epic(build));
    if let Some(epic) = epic {
        done(planner, cycle, link, epic.to_string());
    }
}
