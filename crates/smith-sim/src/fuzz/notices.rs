//! A notice is told once for each time that what it is about has come about, and what waits for people is told.

use std::collections::BTreeMap;

use smith_domain::change::{ChangeEvent, ChangeState};
use smith_domain::cycle::{CycleEvent, Link};
use smith_domain::event::{DriverEvent, Event};
use smith_domain::fleet::FleetEvent;
use smith_domain::notice::{About, NoticeEvent};
use smith_domain::rollout::{Call, RolloutEvent};
use smith_domain::state::State;

/// What a clock may be off by before anybody is told.
const MINUTE_MS: u64 = 60_000;

/// How often each thing may still be told, counted from the events alone.
#[derive(Debug, Default)]
pub(super) struct Told {
    left: BTreeMap<About, i64>,
    posted: BTreeMap<About, u64>,
}

impl Told {
    pub(super) fn event(&mut self, state: &State, event: &Event) -> Option<String> {
        if let Event::Notice(NoticeEvent::Posted { about, text, .. }) = event {
            *self.posted.entry(about.clone()).or_default() += 1;
            let left = self.left.entry(about.clone()).or_default();
            *left -= 1;
            let too_often = *left < 0;
            let unreadable = text.is_empty() || text.contains('\n');
            return (too_often || unreadable)
                .then(|| format!("{about:?} is told once too often, or in no line: {text:?}"));
        }
        for about in comes_about(state, event) {
            *self.left.entry(about).or_default() += 1;
        }
        None
    }

    /// Whatever waits for people now has been told to them.
    pub(super) fn at_rest(&self, state: &State) -> Vec<String> {
        let waiting = state.changes.iter().filter(|change| change.state == ChangeState::Raised);
        let untold =
            waiting.filter(|change| !self.posted.contains_key(&About::ChangeWaits { change: change.id }));
        let untold = untold.map(|change| format!("{} waits for approval and nobody was told", change.name()));
        let clock = state.clock_difference().filter(|_| !self.posted.contains_key(&About::ClockDiffers));
        untold.chain(clock.map(|found| format!("{found}, and nobody was told"))).collect()
    }
}

/// What an event may be told about.
fn comes_about(state: &State, event: &Event) -> Vec<About> {
    match event {
        Event::Change(ChangeEvent::Raised { change, .. } | ChangeEvent::Revoked { change, .. }) => {
            vec![About::ChangeWaits { change: *change }]
        }
        Event::Rollout(RolloutEvent::Started { rollout, .. }) => {
            vec![About::RolloutStarted { rollout: *rollout }]
        }
        Event::Rollout(RolloutEvent::Ended { rollout, .. }) => {
            vec![About::RolloutEnded { rollout: *rollout }]
        }
        Event::Rollout(RolloutEvent::Halted { rollout, step, .. }) => {
            vec![About::Halted { rollout: *rollout, step: *step }]
        }
        Event::Rollout(RolloutEvent::Called { rollout, step, why: Call::HeldUp { .. } }) => {
            vec![About::HeldUp { rollout: *rollout, step: *step }]
        }
        Event::Rollout(RolloutEvent::StepReached { rollout, step }) => {
            let gates = state.rollouts.get(*rollout).map_or(0, |one| one.rule(*step).gates.len());
            (0..).take(gates).map(|gate| About::GateWaits { rollout: *rollout, step: *step, gate }).collect()
        }
        Event::Cycle(CycleEvent::LinkBegun { cycle, link: Link::Gates }) => {
            let gates = state.cycles.get(*cycle).map_or(0, |one| one.plan.gates.len());
            (0..).take(gates).map(|gate| About::CycleGateWaits { cycle: *cycle, gate }).collect()
        }
        Event::Cycle(CycleEvent::LinkFailed { cycle, link, .. }) => {
            vec![About::LinkFailed { cycle: *cycle, link: *link }]
        }
        Event::Cycle(CycleEvent::Ended { cycle } | CycleEvent::Stopped { cycle, .. }) => {
            vec![About::CycleEnded { cycle: *cycle }]
        }
        Event::Driver(DriverEvent::ClockJumped { wall, steady })
            if (wall.0 - steady.0 - state.clock_offset).unsigned_abs() >= MINUTE_MS =>
        {
            vec![About::ClockDiffers]
        }
        Event::Fleet(FleetEvent::SourcesShrank { sources }) => {
            let sources = sources.iter().map(|one| one.source.clone());
            sources.map(|source| About::SourceShrank { source }).collect()
        }
        Event::Rollout(_)
        | Event::Fleet(_)
        | Event::Build(_)
        | Event::Change(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => Vec::new(),
    }
}
