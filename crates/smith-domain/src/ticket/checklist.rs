//! The check-list of a build's epic, which ticks itself: every line is worked out from what has happened.

use crate::change::Change;
use crate::cycle::{Cycle, Link, LinkState};
use crate::id::{BuildNumber, PipelineName};
use crate::rollout::{Rollout, Scope, StepEnd, StepState};
use crate::state::State;
use crate::ticket::TicketKind;
use crate::time::Timestamp;

/// A line of a check-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Since when it is so.
    pub done: Option<Timestamp>,
    pub text: String,
}

/// What a build's epic shows. Costs as much as the build has rollouts and steps; it is asked for when somebody looks.
pub fn checklist(state: &State, build: BuildNumber) -> Vec<Item> {
    let cycle = state.cycles.of_build(build);
    let mut items = Vec::new();
    let verified = state.builds.get(build).map(|one| one.verified_at);
    items.push(Item { done: verified, text: format!("build {build} is made, signed and verified") });
    let mut pipelines: Vec<PipelineName> = Vec::new();
    if let Some(cycle) = cycle {
        links(&mut items, cycle);
        pipelines.extend(cycle.plan.test.clone());
        pipelines.iter().for_each(|name| steps(&mut items, state, name, build));
        production(&mut items, state, cycle);
    }
    let after = cycle.map(|cycle| cycle.plan.canary.iter().chain(&cycle.plan.rollouts).cloned());
    let after: Vec<PipelineName> = after.into_iter().flatten().collect();
    after.iter().for_each(|name| steps(&mut items, state, name, build));
    pipelines.extend(after);
    // What people started beside the week belongs to the build too.
    for name in others(state, build, &pipelines) {
        steps(&mut items, state, &name, build);
    }
    items
}

fn item(items: &mut Vec<Item>, done: Option<Timestamp>, text: String) {
    items.push(Item { done, text });
}

/// When a link was left behind, and what there is to say about it.
fn link(cycle: &Cycle, link: Link) -> (Option<Timestamp>, String) {
    match cycle.link(link) {
        LinkState::Done { at, note } if note.is_empty() => (Some(*at), String::new()),
        LinkState::Done { at, note } => (Some(*at), format!(": {note}")),
        LinkState::Skipped { at, reason } => (Some(*at), format!(" (left out: {reason})")),
        LinkState::Failed { reason, .. } => (None, format!(" (failed: {reason})")),
        LinkState::Waiting | LinkState::Begun { .. } => (None, String::new()),
    }
}

fn links(items: &mut Vec<Item>, cycle: &Cycle) {
    let lines = [
        (Link::Diff, "the difference to the build before is known"),
        (Link::Check, "every kind of machine could install it"),
        (Link::Sync, "it is on all mirrors"),
        (Link::Verify, "the mirrors are verified"),
    ];
    for (which, text) in lines {
        let (done, note) = link(cycle, which);
        item(items, done, format!("{text}{note}"));
    }
}

/// The steps of a pipeline's newest rollout, each with its ticket.
fn steps(items: &mut Vec<Item>, state: &State, name: &PipelineName, build: BuildNumber) {
    let is_whole = |rollout: &&Rollout| rollout.scope == Scope::Pipeline;
    let Some(newest) = state.rollouts.of(name, build).rev().find(is_whole) else {
        return item(items, None, format!("{name} is started"));
    };
    for (step, rule) in (0..).zip(&newest.pipeline.steps) {
        let again = state.tickets.newest_for_step(name, build, step);
        let (rollout, ticket) = match again.map(|ticket| (&ticket.kind, ticket)) {
            Some((TicketKind::Step { rollout, .. }, ticket)) => {
                (state.rollouts.get(*rollout).unwrap_or(newest), Some(ticket))
            }
            Some((TicketKind::Epic { .. }, _)) | None => (newest, None),
        };
        let run = rollout.steps.get(usize::from(step));
        let done =
            run.filter(|run| run.state == StepState::Ended(StepEnd::Done)).and_then(|run| run.ended_at);
        let number = ticket.and_then(|ticket| ticket.number.as_deref());
        let link = number.map(|number| format!(" {number}")).unwrap_or_default();
        item(items, done, format!("{name} {} : {} (project {}){link}", rule.id, rule.title, rollout.id));
    }
}

/// Gates, trains, the channel region by region, and the evidence.
fn production(items: &mut Vec<Item>, state: &State, cycle: &Cycle) {
    if !cycle.plan.gates.is_empty() {
        let (done, note) = link(cycle, Link::Gates);
        item(items, done, format!("it has soaked and people said yes{note}"));
    }
    let (done, note) = link(cycle, Link::Trains);
    item(items, done, format!("the trains are approved{note}"));
    let (switched, _) = link(cycle, Link::Channel);
    let channel = &cycle.plan.channel;
    for region in &cycle.plan.regions {
        let pointer = state.builds.pointer(channel, region).filter(|(build, _)| Some(*build) == cycle.build);
        item(items, pointer.map(|(_, at)| at), format!("channel {channel} of {region} points to it"));
    }
    let train = cycle.train.and_then(|train| state.changes.train(train));
    let changes: Vec<&Change> = train
        .map_or(&[][..], |train| train.changes.as_slice())
        .iter()
        .filter_map(|id| state.changes.get(*id))
        .collect();
    if !changes.is_empty() {
        let closed = changes.iter().all(|change| change.state.has_ended());
        let names: Vec<String> = changes.iter().map(|change| change.name()).collect();
        let text = format!("the trains are closed with evidence: {}", names.join(", "));
        item(items, switched.filter(|_| closed), text);
    }
}

/// Pipelines that the build was rolled out with and that no plan names.
fn others(state: &State, build: BuildNumber, known: &[PipelineName]) -> Vec<PipelineName> {
    // A request for single machines is followed by its change, not by the build's epic.
    let is_request = |rollout: &Rollout| matches!(rollout.scope, Scope::Request { .. });
    let of_epic = |name: &&PipelineName| !state.rollouts.of(name, build).all(is_request);
    let pipelines = state.rollouts.pipelines_of(build);
    pipelines.filter(|name| !known.contains(name)).filter(of_epic).cloned().collect()
}
