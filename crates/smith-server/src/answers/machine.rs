//! Machines, builds, channels, pipelines, errands: one answer each.

use smith_api::{Build, Channel, Errand, Gaps, Machine, Pipeline, PipelineStep, Why, WhyReason};
use smith_domain::build::{self, BuildState};
use smith_domain::errand::{self, ErrandId, ErrandState};
use smith_domain::fleet::{Coverage, Selector, gaps as gaps_of};
use smith_domain::id::{BuildNumber, MachineId};
use smith_domain::pipeline::{self, describe};
use smith_domain::rollout::Rollout;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_domain::why;

use crate::words::errand_words;

pub fn machine(state: &State, id: MachineId) -> Machine {
    let fleet = &state.fleet;
    let one = fleet.machine(id);
    let proven = proven(state, id);
    let attributes = one
        .attrs()
        .filter_map(|(attr, value)| Some((fleet.attr_name(attr)?.to_string(), fleet.text(value).to_owned())));
    Machine {
        machine: one.name().to_owned(),
        addresses: one.addresses().iter().map(ToString::to_string).collect(),
        attributes: attributes.collect(),
        build: proven.map(|(_, build)| build.0),
        patched: proven.map(|(at, _)| at.to_string()),
        why: None,
    }
}

/// When a machine was last proven to be at a build, and at which.
fn proven(state: &State, id: MachineId) -> Option<(Timestamp, BuildNumber)> {
    let in_rollout = |rollout: &Rollout| {
        let (number, _) = rollout.jobs.find(id)?;
        Some((*rollout.proven.get(&number)?, rollout.build))
    };
    // Of several at the same moment the newest project counts.
    state.rollouts.iter().filter_map(in_rollout).max_by_key(|(at, _)| *at)
}

pub fn why_machine(state: &State, id: MachineId, why: &why::Why) -> Why {
    let one = |reason: &why::Reason| WhyReason {
        reason: reason.line(state),
        waits_for: reason.waits_for().map(ToString::to_string),
    };
    Why {
        machine: state.fleet.machine(id).name().to_owned(),
        project: why.rollout.map(|rollout| rollout.0),
        why: why.line(state),
        reasons: why.reasons.iter().map(one).collect(),
    }
}

/// Every bag of these pipelines.
fn coverage(pipelines: &[pipeline::Pipeline]) -> Vec<Coverage> {
    let mut bags = Vec::new();
    for pipeline in pipelines {
        for step in &pipeline.steps {
            for bag in step.phases.iter().flat_map(|phase| &phase.bags) {
                let name = format!("{} {} {}", pipeline.name, step.id, bag.name);
                bags.push(Coverage { name, select: bag.select.clone() });
            }
        }
    }
    bags
}

/// How many machines that match are in a bag, whatever else is said of them.
pub fn in_bags(state: &State, pipelines: &[pipeline::Pipeline], select: &Selector) -> u32 {
    let fleet = &state.fleet;
    let bags: Vec<_> = coverage(pipelines).iter().map(|bag| bag.select.compile(fleet)).collect();
    let machines = fleet.select(select);
    let covered = machines.iter().filter(|id| bags.iter().any(|bag| bag.matches(fleet, **id)));
    u32::try_from(covered.count()).unwrap_or(u32::MAX)
}

pub fn gaps(state: &State, pipelines: &[pipeline::Pipeline], now: Timestamp) -> Gaps {
    let bags = coverage(pipelines);
    let found = gaps_of(&state.fleet, &bags, now);
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let missed: Vec<String> =
        found.uncovered.iter().map(|id| state.fleet.machine(*id).name().to_owned()).collect();
    Gaps {
        machines: small(found.present),
        covered: small(found.covered),
        exempt: small(found.present.saturating_sub(found.covered + missed.len())),
        missed,
        empty_bags: found.empty,
    }
}

pub fn build(state: &State, one: &build::Build) -> Build {
    let (word, reason) = match &one.state {
        BuildState::Verified => ("verified", None),
        BuildState::Withdrawn { reason } => ("withdrawn", Some(reason.clone())),
    };
    let here = state.builds.channels().filter(|(_, _, build)| *build == one.number);
    Build {
        build: one.number.0,
        state: word.to_owned(),
        reason,
        verified: one.verified_at.to_string(),
        channels: here.map(|(channel, region, _)| format!("{channel}@{region}")).collect(),
    }
}

pub fn channels(state: &State) -> Vec<Channel> {
    let one = |(channel, region, build): (&str, &str, BuildNumber)| Channel {
        channel: channel.to_owned(),
        region: region.to_owned(),
        build: build.0,
    };
    state.builds.channels().map(one).collect()
}

pub fn pipeline(one: &pipeline::Pipeline) -> Pipeline {
    let step = |step: &pipeline::Step| PipelineStep { step: step.id.to_string(), title: step.title.clone() };
    Pipeline {
        pipeline: one.name.to_string(),
        title: one.title.clone(),
        owner: one.owner.to_string(),
        steps: one.steps.iter().map(step).collect(),
        text: describe(one),
    }
}

pub fn errand(state: &State, id: ErrandId, one: &errand::Errand) -> Errand {
    let due = match one.state {
        ErrandState::Due(at) => at,
        ErrandState::Asked { deadline } => deadline,
    };
    Errand {
        errand: id.0,
        what: errand_words(state, one.kind),
        attempts: one.attempts,
        due: due.to_string(),
        trouble: one.trouble.clone(),
    }
}
