//! Which trace an event belongs to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use smith_domain::change::Subject;
use smith_domain::cycle::CycleEvent;
use smith_domain::event::{DriverEvent, Event};
use smith_domain::fleet::FleetEvent;
use smith_domain::id::{CycleId, RolloutId};
use smith_domain::rollout::RolloutEvent;
use smith_domain::state::State;
use smith_domain::time::Timestamp;

use super::cycle::CycleTrace;
use super::met::{Ended, Met};
use super::project::ProjectTrace;
use crate::core::Recorded;
use crate::words::change_of;

/// The traces that are open.
#[derive(Debug)]
pub(in crate::telemetry) struct Tracer {
    site: String,
    /// What calendars are ahead of the journal's time, in milliseconds: a collector compares spans with those of others.
    ahead: i64,
    projects: BTreeMap<RolloutId, ProjectTrace>,
    cycles: BTreeMap<CycleId, CycleTrace>,
}

impl Tracer {
    pub(in crate::telemetry) fn new(site: &str, ahead: i64) -> Self {
        Self { site: site.to_owned(), ahead, projects: BTreeMap::new(), cycles: BTreeMap::new() }
    }

    /// Whether events of this kind matter here. Others need not be read from the journal.
    pub(in crate::telemetry) fn wants(kind: &str) -> bool {
        ["rollout.", "cycle.", "change."].iter().any(|noun| kind.starts_with(noun))
            || matches!(kind, "fleet.machines-left" | "driver.clock-accepted")
    }

    /// Follows one event; what it ended is added to `out`.
    pub(in crate::telemetry) fn fold(&mut self, state: &State, recorded: &Recorded, out: &mut Vec<Ended>) {
        let at = Timestamp(recorded.at.0.saturating_add(self.ahead));
        let met = Met { state, recorded, at };
        match &recorded.event {
            Event::Rollout(event) => self.project(&met, event, out),
            Event::Cycle(event) => self.cycle(&met, event, out),
            Event::Change(_) => self.change(&met),
            Event::Fleet(FleetEvent::MachinesLeft { .. }) => {
                self.projects.values_mut().for_each(|project| project.look_again(&met, out));
            }
            Event::Driver(DriverEvent::ClockAccepted { wall, steady, .. }) => {
                self.ahead = wall.0.saturating_sub(steady.0);
            }
            Event::Fleet(_)
            | Event::Driver(_)
            | Event::Build(_)
            | Event::Ticket(_)
            | Event::Errand(_)
            | Event::Access(_)
            | Event::Notice(_) => {}
        }
    }

    /// The row that the oldest open trace began with.
    pub(in crate::telemetry) fn oldest(&self) -> Option<u64> {
        let projects = self.projects.values().map(ProjectTrace::began);
        projects.chain(self.cycles.values().map(CycleTrace::began)).min()
    }

    fn project(&mut self, met: &Met<'_>, event: &RolloutEvent, out: &mut Vec<Ended>) {
        // A sign-off is about machines that are at work nowhere.
        let Some(id) = event.rollout() else { return };
        let project = match self.projects.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some(project) = ProjectTrace::of(&self.site, met, id) else { return };
                entry.insert(project)
            }
        };
        project.fold(met, event, out);
        if let RolloutEvent::Ended { .. } = event {
            self.projects.remove(&id);
        }
    }

    fn cycle(&mut self, met: &Met<'_>, event: &CycleEvent, out: &mut Vec<Ended>) {
        let Some(id) = event.cycle() else { return };
        let cycle = match self.cycles.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some(cycle) = CycleTrace::of(&self.site, met, id) else { return };
                entry.insert(cycle)
            }
        };
        cycle.fold(met, event, out);
        if let CycleEvent::Ended { .. } | CycleEvent::Stopped { .. } = event {
            self.cycles.remove(&id);
        }
    }

    /// What is done about a step's change is what the step waits for.
    fn change(&mut self, met: &Met<'_>) {
        let change = change_of(met.state, &met.recorded.event);
        let change = change.and_then(|change| met.state.changes.get(change));
        let Some(Subject::Step { rollout, step }) = change.map(|change| &change.subject) else { return };
        if let Some(project) = self.projects.get_mut(rollout) {
            project.note_step(met, *step);
        }
    }
}
