//! The simulated world: machines, a change desk, a tracker, and everything that is going to happen in them.

mod desk;
mod machine;
mod queue;

pub use desk::{Desk, MADE};
pub use machine::{Machine, Op};
pub use queue::{Happening, Queue, Say};

use smith_domain::decide::Command;
use smith_domain::errand::ErrandKind;
use smith_domain::fleet::AttrId;
use smith_domain::id::MachineId;
use smith_domain::rollout::{Action, CauseKind, Outcome, RolloutCommand};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
use smith_server::driver::{Effect, Executor, Mode, Target};

use crate::clock::SimClock;
use crate::model::{Durations, Fate, Faults};
use crate::rng::Rng;

/// What the world needs of the driver's state to perform an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known<'s> {
    /// The role of the machine that the effect is for.
    pub role: Option<&'s str>,
    /// How many tasks the change has that the effect raises.
    pub tasks: usize,
}

impl<'s> Known<'s> {
    pub fn of(state: &'s State, target: &Target) -> Self {
        match target {
            Target::Machine { machine, .. } => {
                let role = state.fleet.attr(*machine, AttrId::ROLE).map(|symbol| state.fleet.text(symbol));
                Self { role, tasks: 0 }
            }
            Target::Errand { kind: ErrandKind::RaiseChange(change), .. } => {
                let tasks = state.changes.get(*change).map_or(0, |change| change.tasks.len());
                Self { role: None, tasks }
            }
            Target::Errand { .. } => Self::default(),
        }
    }
}

/// How long ssh tries before it gives up on a machine that does not answer.
const CONNECT: Span = Span::secs(30);

/// How long it takes to ask a machine that answers what became of an action.
const LOOK: Span = Span::secs(1);

#[derive(Debug)]
pub struct World {
    pub clock: SimClock,
    pub machines: Vec<Machine>,
    pub desk: Desk,
    pub queue: Queue,
    pub faults: Faults,
    rng: Rng,
    durations: Vec<(String, Durations)>,
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// Effects that came from a driver which leads no more, and were refused.
    pub refused_tenures: u64,
    /// Actions that really began.
    pub begun: u64,
    /// Durations are rounded up to a whole number of these; zero leaves them as they are drawn.
    pub grid: Span,
    /// What was spent on each machine, in milliseconds.
    pub spent: Vec<u64>,
    /// What every machine is like that nobody has come near.
    untouched: Machine,
}

impl World {
    pub fn new(clock: SimClock, seed: u64, faults: Faults) -> Self {
        let rng = Rng::new(seed).named("world");
        let durations =
            ["worker", "master", "haproxy"].map(|role| (role.to_owned(), Durations::of_role(role)));
        Self {
            clock,
            machines: Vec::new(),
            desk: Desk::new(rng.named("desk")),
            queue: Queue::default(),
            faults,
            rng,
            durations: durations.to_vec(),
            violations: Vec::new(),
            refused_tenures: 0,
            begun: 0,
            grid: Span::ZERO,
            spent: Vec::new(),
            untouched: Machine::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.truth()
    }

    /// Makes room for machines up to this number; a new one has what the last build but one had.
    pub fn know(&mut self, machines: usize) {
        if self.machines.len() < machines {
            self.machines.resize(machines, Machine::default());
            self.spent.resize(machines, 0);
        }
    }

    pub fn machine(&self, id: MachineId) -> &Machine {
        self.machines.get(id.index()).unwrap_or(&self.untouched)
    }

    /// Everybody repairs everything: machines come up, wrong clocks are set right, services answer.
    pub fn heal(&mut self) {
        self.faults = Faults { needs_reboot: self.faults.needs_reboot, ..Faults::NONE };
        self.desk.calm();
        for machine in &mut self.machines {
            machine.up = true;
            machine.healthy = true;
            machine.stalled_until = Timestamp(0);
        }
        self.clock.set_ahead(0);
    }

    /// Performs an effect of a driver whose state is not at hand: what is needed of it was handed out beside.
    pub fn perform(&mut self, known: Known<'_>, effect: &Effect) {
        match effect.target {
            Target::Errand { errand, kind, attempt } => {
                let now = self.now();
                let asked = self.desk.ask(known.tasks, (errand, attempt), kind, effect.mode, now);
                if let Some((at, outcome)) = asked {
                    self.queue.push(at, Happening::Say(Say::Errand { errand, outcome }));
                }
            }
            Target::Machine { rollout, machine, serial, action, build } => {
                self.know(machine.index() + 1);
                let op = Op {
                    rollout,
                    serial,
                    action,
                    build: build.0,
                    begun_at: self.now(),
                    ends_at: self.now(),
                    outcome: None,
                    told: true,
                    fate: Fate::Good,
                };
                if self.machines[machine.index()].tenure > effect.tenure {
                    self.refused_tenures += 1;
                    return;
                }
                match effect.mode {
                    Mode::Act => self.act(known.role, machine, op, effect.tenure),
                    Mode::Seek => self.seek(machine, &op),
                }
            }
        }
    }

    fn act(&mut self, role: Option<&str>, id: MachineId, op: Op, tenure: u64) {
        let now = self.now();
        let machine = &self.machines[id.index()];
        let mut rng = self.rng.numbered([u64::from(id.0), u64::from(op.rollout.0), u64::from(op.serial)]);
        if let Some(last) = machine.last.filter(|last| last.rollout == op.rollout && last.serial == op.serial)
        {
            // The same name again: it is not done twice, what came of it is told.
            return self.tell_again(id, &last);
        }
        if machine.stalled_until > now {
            return;
        }
        if !machine.up {
            return self.say(id, &op, now + CONNECT, Outcome::Failed(CauseKind::Unreachable), CONNECT);
        }
        let fate = self.faults.fate(op.action, &mut rng);
        match fate {
            Fate::Refused => {
                return self.say(id, &op, now + CONNECT, Outcome::Failed(CauseKind::Unreachable), CONNECT);
            }
            Fate::Hung => return,
            Fate::Good
            | Fate::Dropped
            | Fate::Twice
            | Fate::Late
            | Fate::Killed
            | Fate::NeverReturns
            | Fate::Fails(_) => {}
        }
        if machine.last.is_some_and(|last| last.ends_at > now) {
            return self.say(id, &op, now + LOOK, Outcome::Failed(CauseKind::Busy), LOOK);
        }
        let took = self.duration(role, op.action, &mut rng);
        let op = Op { ends_at: now + Span(took), told: fate != Fate::Dropped, fate, ..op };
        let machine = &mut self.machines[id.index()];
        machine.begin(op, tenure);
        self.begun += 1;
        self.spent[id.index()] += took;
        self.queue
            .push(op.ends_at, Happening::Finish { machine: id, serial: op.serial, rollout: op.rollout });
    }

    fn duration(&self, role: Option<&str>, action: Action, rng: &mut Rng) -> u64 {
        let known = self.durations.iter().find(|(name, _)| Some(name.as_str()) == role);
        let durations = known.unwrap_or(&self.durations[0]);
        let drawn = durations.1.draw(action, rng).max(1);
        if self.grid == Span::ZERO { drawn } else { drawn.next_multiple_of(self.grid.0) }
    }

    fn tell_again(&mut self, id: MachineId, op: &Op) {
        let now = self.now();
        match op.outcome {
            Some(outcome) if op.ends_at <= now => {
                self.say(id, op, now + LOOK, outcome, op.ends_at.since(op.begun_at));
            }
            Some(_) | None => {
                if let Some(last) = &mut self.machines[id.index()].last {
                    last.told = true;
                }
            }
        }
    }

    /// Somebody asks what became of an action.
    fn seek(&mut self, id: MachineId, op: &Op) {
        let now = self.now();
        let machine = &self.machines[id.index()];
        if !machine.up || machine.stalled_until > now {
            return;
        }
        match machine.last.filter(|last| last.rollout == op.rollout && last.serial == op.serial) {
            None => self.say(id, op, now + LOOK, Outcome::NotBegun, LOOK),
            Some(last) => self.tell_again(id, &last),
        }
    }

    fn say(&mut self, id: MachineId, op: &Op, at: Timestamp, outcome: Outcome, took: Span) {
        self.queue.push(
            at,
            Happening::Say(Say::Report {
                rollout: op.rollout,
                machine: id,
                serial: op.serial,
                outcome,
                took,
            }),
        );
    }

    /// An action comes to its end on the machine.
    pub fn finish(&mut self, id: MachineId, rollout: smith_domain::id::RolloutId, serial: u16) {
        let now = self.now();
        let needs_reboot = self.faults.needs_reboot;
        let mut rng = self.rng.named("reboot").numbered([u64::from(id.0), 0, 0]);
        let machine = &mut self.machines[id.index()];
        let Some(mut op) = machine.last.filter(|op| op.rollout == rollout && op.serial == serial) else {
            return;
        };
        let outcome = machine.finish(&op, rng.happens(needs_reboot));
        op.outcome = outcome;
        op.ends_at = now;
        machine.last = Some(op);
        let Some(outcome) = outcome.filter(|_| op.told) else { return };
        let took = now.since(op.begun_at);
        match op.fate {
            Fate::Late => self.say(id, &op, now + Span::hours(2), outcome, took),
            Fate::Twice => {
                self.say(id, &op, now, outcome, took);
                self.say(id, &op, now + Span::secs(90), outcome, took);
            }
            Fate::Good
            | Fate::Refused
            | Fate::Hung
            | Fate::Dropped
            | Fate::Killed
            | Fate::NeverReturns
            | Fate::Fails(_) => {
                self.say(id, &op, now, outcome, took);
            }
        }
    }
}

/// An answer as the command that brings it in.
pub fn command_of(say: Say) -> Command {
    match say {
        Say::Report { rollout, machine, serial, outcome, took } => Command::Rollout(RolloutCommand::Report {
            rollout,
            machine,
            serial,
            outcome,
            took,
            note: None,
            packages: None,
        }),
        Say::Errand { errand, outcome } => Command::ErrandReport { errand, outcome },
    }
}

impl Executor for World {
    fn start(&mut self, state: &State, effect: Effect) {
        self.perform(Known::of(state, &effect.target), &effect);
    }
}
