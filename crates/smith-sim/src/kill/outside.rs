//! Everything that is not the driver, and what the world says was done to it.

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::Action;
use smith_domain::time::{Span, Timestamp};
use smith_server::driver::{Mode, Target};

use super::project::Project;
use super::trouble::Trouble;
use super::wire::{Asked, Rest, Tell, Word};
use crate::clock::SimClock;
use crate::model::Faults;
use crate::world::{Happening, World};

/// The name of something done to a machine.
pub(super) type Name = (RolloutId, MachineId, u16);

/// Durations are whole multiples of it, so that answers of many machines come in one turn, as they do when thousands
/// are at work.
const GRID: Span = Span::secs(30);

/// Longer than the lease that a killed driver leaves behind.
const PAST_THE_LEASE: Span = Span::secs(31);

/// More turns than any project that is driven here takes; beyond is a loop that makes no progress.
const TURNS_MAX: u64 = 1_000_000;

pub(super) struct Outside {
    pub(super) world: World,
    pub(super) begun: BTreeSet<Name>,
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
    project: Project,
    clock: SimClock,
    clusters: BTreeMap<String, BTreeSet<MachineId>>,
    wake: Option<Timestamp>,
    turns: u64,
}

impl Outside {
    pub(super) fn new(project: Project) -> Self {
        let clock = SimClock::new();
        let mut world = World::new(clock.clone(), project.seed, Faults::NONE);
        world.grid = GRID;
        Self {
            world,
            begun: BTreeSet::new(),
            violations: Vec::new(),
            project,
            clock,
            clusters: BTreeMap::new(),
            wake: None,
            turns: 0,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.truth()
    }

    pub(super) fn clock(&self) -> SimClock {
        self.clock.clone()
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// The first thing that a new driver is told.
    pub(super) fn begin(&mut self) -> Tell {
        self.turns += 1;
        Tell { at: self.now(), words: vec![Word::SetUp(self.project)] }
    }

    pub(super) fn rest(&mut self, rest: Rest) {
        self.wake = rest.wake;
    }

    /// Time passes until something happens or the driver wants to be woken.
    pub(super) fn next(&mut self) -> Result<Tell, Trouble> {
        let next = self.world.queue.next_at().into_iter().chain(self.wake).min().ok_or(Trouble::Stuck)?;
        self.turns += 1;
        if self.turns > TURNS_MAX {
            return Err(Trouble::Endless { turns: TURNS_MAX });
        }
        self.clock.advance_to(next);
        Ok(Tell { at: self.now(), words: self.happen() })
    }

    /// Nobody drives until the lease has run out. What is answered meanwhile reaches nobody.
    pub(super) fn nobody_drives(&mut self) {
        let until = self.now() + PAST_THE_LEASE;
        while let Some(at) = self.world.queue.next_at().filter(|at| *at <= until) {
            self.clock.advance_to(at);
            self.happen();
        }
        self.clock.advance_to(until);
        self.wake = None;
    }

    fn happen(&mut self) -> Vec<Word> {
        let now = self.now();
        let mut words = Vec::new();
        while let Some(happening) = self.world.queue.pop_by(now) {
            match happening {
                Happening::Finish { machine, rollout, serial } => self.world.finish(machine, rollout, serial),
                Happening::Say(say) => words.push(Word::from(say)),
                Happening::Scripted(_) => {}
            }
        }
        words
    }

    /// An effect reaches the world.
    pub(super) fn perform(&mut self, asked: &Asked) {
        let effect = asked.effect();
        let before = self.world.begun;
        let machine = match effect.target {
            Target::Machine { rollout, machine, serial, action, .. } => {
                let name = (rollout, machine, serial);
                if effect.mode == Mode::Act {
                    self.look(name, action, asked.cluster());
                }
                Some(name)
            }
            Target::Errand { .. } => None,
        };
        self.world.perform(asked.known(), &effect);
        if let Some(name) = machine.filter(|_| self.world.begun > before)
            && !self.begun.insert(name)
        {
            self.violations.push(format!("{} {name:?} was begun twice", self.now()));
        }
    }

    /// Before something is done to a machine: is it at rest, and is nobody else of its cluster out of service?
    fn look(&mut self, name: Name, action: Action, cluster: Option<&str>) {
        let now = self.now();
        let (_, machine, _) = name;
        let last = self.world.machine(machine).last;
        if last.is_some_and(|last| last.ends_at > now && (last.rollout, last.serial) != (name.0, name.2)) {
            self.violations.push(format!("{now} {name:?} was asked while {last:?} ran"));
        }
        let Some(cluster) = cluster else { return };
        let members = self.clusters.entry(cluster.to_owned()).or_default();
        members.insert(machine);
        let disturbs = matches!(action, Action::Drain | Action::Patch | Action::Reboot);
        let out = |other: &&MachineId| **other != machine && self.world.machine(**other).is_out(now);
        if let Some(other) = members.iter().filter(|_| disturbs).find(out) {
            self.violations.push(format!("{now} {name:?} was disturbed while {other} of {cluster} was out"));
        }
    }
}
