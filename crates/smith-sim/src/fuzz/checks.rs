//! Looks at what was recorded and at what is true in the world, after every turn.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use smith_domain::event::Event;
use smith_domain::plan::plan;
use smith_domain::rollout::RolloutEvent;
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::Codec;
use smith_journal::{Head, Reader, Seq, fold, verify};

use super::invariants::{self, Memory};
use super::run::{SimDriver, Store};
use super::trace::Trace;
use crate::world::World;

pub(super) struct Checks {
    pub(super) violations: Vec<String>,
    pub(super) events: u64,
    pub(super) kinds: BTreeMap<String, u64>,
    /// The fold of what is recorded, made apart from any driver.
    shadow: State,
    seen: Seq,
    codec: Codec,
    memory: Memory,
    looks: u64,
}

/// The whole journal is folded anew after so many looks: it costs as much as everything before.
const FOLD_EVERY: u64 = 997;

impl Checks {
    pub(super) fn new(_seed: u64) -> Self {
        Self {
            violations: Vec::new(),
            events: 0,
            kinds: BTreeMap::new(),
            shadow: State::default(),
            seen: Seq::GENESIS,
            codec: Codec::default(),
            memory: Memory::default(),
            looks: 0,
        }
    }

    pub(super) fn state(&self) -> &State {
        &self.shadow
    }

    /// Reads what was recorded since the last look, checks each event when it comes, and everything after that.
    pub(super) fn look(&mut self, store: &Store, world: &World, trace: &mut Trace, now: Timestamp) {
        let mut rows: Vec<(Timestamp, String, Event)> = Vec::new();
        let mut broken = None;
        let codec = &self.codec;
        let read = store.read_from(self.seen, &mut |row| match codec.decode(row) {
            Ok(event) => {
                rows.push((Timestamp(row.content.at), row.content.actor.to_owned(), event));
                ControlFlow::Continue(())
            }
            Err(error) => {
                broken = Some(error.to_string());
                ControlFlow::Break(())
            }
        });
        match read {
            Ok(head) => self.seen = head.seq,
            Err(error) => self.violations.push(format!("{now} the journal cannot be read: {error:?}")),
        }
        self.violations.extend(broken);
        for (at, actor, event) in rows {
            self.events += 1;
            *self.kinds.entry(marked(&event)).or_default() += 1;
            let before = invariants::before(&self.shadow, &event);
            self.shadow.evolve(&event, at);
            trace.event(at, &actor, &self.shadow, &event);
            let when = invariants::When { recorded: at, truth: now };
            let found = invariants::event(&mut self.memory, &self.shadow, world, &before, &event, when);
            self.complain(now, found);
        }
        let found = invariants::moment(&self.memory, &self.shadow, world, now);
        self.complain(now, found);
        self.looks += 1;
        if self.looks.is_multiple_of(FOLD_EVERY) {
            self.refold(store, now);
        }
    }

    fn complain(&mut self, now: Timestamp, found: Vec<String>) {
        self.violations.extend(found.into_iter().map(|text| format!("{now} {text}")));
    }

    /// Invariant 8: fold(journal) == live state, and snapshot + tail == full fold.
    fn refold(&mut self, store: &Store, now: Timestamp) {
        if let Err(error) = verify(store, Head::GENESIS, &[]) {
            self.violations.push(format!("{now} the chain is broken: {error:?}"));
        }
        match fold(store, &self.codec) {
            Ok(opening) if opening.state == self.shadow => {}
            Ok(_) => self.violations.push(format!("{now} snapshot and tail fold to another state")),
            Err(error) => self.violations.push(format!("{now} the journal cannot be folded: {error:?}")),
        }
    }

    /// The driver's state is the fold of what is recorded, and its plan has come to rest.
    pub(super) fn compare(&mut self, driver: &SimDriver, now: Timestamp) {
        if *driver.state() != self.shadow {
            self.violations.push(format!("{now} the driver's state is not the fold of the journal"));
        }
        let at = driver.now();
        let again = plan(driver.state(), at);
        if !again.events.is_empty() {
            self.violations.push(format!("{now} the plan did not come to rest: {:?}", again.events.first()));
        }
        if again != plan(driver.state(), at) {
            self.violations.push(format!("{now} the same plan came out differently"));
        }
    }

    /// Nothing happens by itself any more: whatever has not ended must wait for a person by name.
    pub(super) fn at_rest(&mut self, _trace: &Trace) {
        let found = invariants::waits_for_a_person(&self.memory, &self.shadow);
        self.violations.extend(found);
    }

    pub(super) fn at_the_end(&mut self, world: &World, calm: bool) {
        if calm && self.violations.is_empty() {
            let found = invariants::end(&self.memory, &self.shadow, world);
            self.violations.extend(found);
        }
    }

    pub(super) fn ends(&self) -> BTreeMap<(u32, String), String> {
        let mut ends = BTreeMap::new();
        for rollout in self.shadow.rollouts.iter() {
            for job in rollout.jobs.iter() {
                let name = self.shadow.fleet.machine(job.machine).name().to_owned();
                ends.insert((rollout.id.0, name), format!("{:?}", job.state.standing()));
            }
        }
        ends
    }
}

/// The kind of an event, and what an answer said: a list of them shows what a set of seeds has reached.
fn marked(event: &Event) -> String {
    match event {
        Event::Rollout(RolloutEvent::Reported { outcome, .. }) => format!("{} {outcome:?}", event.kind()),
        Event::Rollout(RolloutEvent::Halted { why, .. }) => {
            let name = format!("{why:?}");
            format!("{} {}", event.kind(), name.split(' ').next().unwrap_or_default())
        }
        Event::Rollout(RolloutEvent::Ended { end, .. }) => format!("{} {end:?}", event.kind()),
        Event::Rollout(_)
        | Event::Fleet(_)
        | Event::Build(_)
        | Event::Change(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => event.kind().to_owned(),
    }
}
