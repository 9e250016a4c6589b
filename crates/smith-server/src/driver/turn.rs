//! The driver and its turns.

use std::sync::Arc;

use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection, decide};
use smith_domain::errand::{ErrandEvent, ErrandState};
use smith_domain::event::Event;
use smith_domain::fleet::FleetEvent;
use smith_domain::plan::{Wake, plan};
use smith_domain::rollout::{JobState, RolloutEvent, Turn as JobTurn};
use smith_domain::size::EVENT_MAX;
use smith_domain::state::State;
use smith_domain::time::{Now, Timestamp};
use smith_journal::codec::size_of;
use smith_journal::{Entry, Ledger, LedgerError};
use thiserror::Error;

use super::clock::{Clock, Reading};
use super::effect::{Effect, Executor, Mode, Target};
use super::timeline::{Note, Timeline};

/// A command on its way in; `tag` comes back with the answer.
#[derive(Debug, Clone)]
pub struct Input {
    pub actor: Actor,
    pub command: Command,
    pub tag: u64,
}

/// What became of an input. By the time it is given, everything it led to is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub tag: u64,
    pub result: Result<Vec<Event>, Rejection>,
}

/// What one turn did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    pub answers: Vec<Answer>,
    /// When the next turn is due if nothing comes in before, in steady time.
    pub wake: Option<Wake>,
    /// Events that were recorded.
    pub recorded: u64,
}

/// Why a driver could not begin.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the journal could not be opened")]
    Journal(#[source] LedgerError),
    #[error("the note of the last driver is unreadable: {found}")]
    Note { found: String },
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The driver did something that it could not record, or no longer leads. It never goes on from here.
#[derive(Debug, Clone, Error)]
pub enum Stopped {
    #[error("what was decided could not be recorded")]
    Journal(#[source] LedgerError),
    #[error("the driver has stopped before")]
    Before,
    #[error("the plan did not come to rest after {rounds} rounds")]
    Restless { rounds: u32 },
}

/// Events that are recorded together. Larger batches gain little and hold up the answers to what came first.
const BATCH: usize = 4_096;

/// Rounds of planning in one turn. A million machines are scoped in two thousand; more is a plan that never rests.
const ROUNDS_MAX: u32 = 100_000;

/// The lease is renewed when so much of the steady time has passed: a fifth of its life.
const RENEW_MS: u64 = 6_000;

#[derive(Debug)]
pub struct Driver<L, X, C> {
    state: State,
    ledger: L,
    executor: X,
    clock: C,
    timeline: Timeline,
    /// Decided and folded, not recorded yet.
    pending: Vec<Entry>,
    /// To be started as soon as what asks for them is recorded.
    effects: Vec<Effect>,
    smith: Arc<str>,
    renewed: Timestamp,
    stopped: bool,
}

impl<L: Ledger, X: Executor, C: Clock> Driver<L, X, C> {
    /// Takes the lease, folds the journal, and asks what became of everything that was under way.
    pub fn open(mut ledger: L, executor: X, clock: C, owner: &str) -> Result<Self, OpenError> {
        let reading = clock.read();
        let lease = ledger.take(owner, reading.wall).map_err(OpenError::Journal)?;
        let opening = ledger.open().map_err(OpenError::Journal)?;
        let note: Option<Note> = if lease.note.is_empty() {
            None
        } else {
            let note = serde_json::from_slice(&lease.note);
            Some(note.map_err(|error| OpenError::Note { found: error.to_string() })?)
        };
        let known = (opening.state.at, opening.state.seen_clock.ahead);
        let timeline = Timeline::new(&reading, known, note.as_ref());
        let renewed = timeline.now(&reading).steady;
        let mut driver = Self {
            state: opening.state,
            ledger,
            executor,
            clock,
            timeline,
            pending: Vec::new(),
            effects: Vec::new(),
            smith: "smith".into(),
            renewed,
            stopped: false,
        };
        driver.renew(&reading)?;
        let begin =
            Input { actor: Actor::smith(), command: Command::Begin { owner: owner.to_owned() }, tag: 0 };
        driver.seek_all();
        driver.turn(vec![begin])?;
        Ok(driver)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    pub fn executor_mut(&mut self) -> &mut X {
        &mut self.executor
    }

    pub fn into_parts(self) -> (L, X) {
        (self.ledger, self.executor)
    }

    pub fn now(&self) -> Now {
        self.timeline.now(&self.clock.read())
    }

    /// One round: takes the inputs, plans until nothing is left, records, starts effects, answers.
    pub fn turn(&mut self, inputs: Vec<Input>) -> Result<Turn, Stopped> {
        if self.stopped {
            return Err(Stopped::Before);
        }
        // Until it has come to its end a turn counts as failed, so that a panic on the way cannot be driven on from.
        self.stopped = true;
        let reading = self.clock.read();
        let now = self.timeline.now(&reading);
        if now.steady.since(self.renewed).0 >= RENEW_MS {
            self.renew(&reading)?;
            self.renewed = now.steady;
        }
        let mut turn = Turn::default();
        if self.timeline.jumped(now) {
            let jumped = decide(&self.state, &Actor::smith(), Command::ClockJumped, now).unwrap_or_default();
            let smith = Arc::clone(&self.smith);
            self.take(jumped, &smith, now, &mut turn)?;
        }
        for input in inputs {
            let result = decide(&self.state, &input.actor, input.command, now).and_then(recordable);
            if let Ok(events) = &result {
                let actor: Arc<str> = input.actor.name.as_str().into();
                self.take(events.clone(), &actor, now, &mut turn)?;
            }
            turn.answers.push(Answer { tag: input.tag, result });
        }
        turn.wake = self.settle(now, &mut turn)?;
        self.commit(&mut turn)?;
        self.stopped = false;
        Ok(turn)
    }

    /// Plans until there is nothing left to record.
    fn settle(&mut self, now: Now, turn: &mut Turn) -> Result<Option<Wake>, Stopped> {
        for _ in 0..ROUNDS_MAX {
            let next = plan(&self.state, now);
            if next.events.is_empty() {
                return Ok(next.wake);
            }
            let smith = Arc::clone(&self.smith);
            self.take(next.events, &smith, now, turn)?;
        }
        Err(Stopped::Restless { rounds: ROUNDS_MAX })
    }

    /// Folds events in; they are recorded with the batch, and what they ask for begins after that.
    fn take(
        &mut self,
        events: Vec<Event>,
        actor: &Arc<str>,
        now: Now,
        turn: &mut Turn,
    ) -> Result<(), Stopped> {
        for event in events {
            self.state.evolve(&event, now.steady);
            if let Some(effect) = effect_of(&self.state, &event) {
                self.effects.push(effect);
            }
            self.pending.push(Entry { at: now.steady, actor: Arc::clone(actor), event });
        }
        if self.pending.len() >= BATCH { self.commit(turn) } else { Ok(()) }
    }

    fn commit(&mut self, turn: &mut Turn) -> Result<(), Stopped> {
        let entries = std::mem::take(&mut self.pending);
        if !entries.is_empty() {
            turn.recorded += entries.len() as u64;
            self.ledger.append(&self.state, entries).map_err(Stopped::Journal)?;
        }
        for effect in self.effects.drain(..) {
            self.executor.start(&self.state, effect);
        }
        Ok(())
    }

    fn renew(&mut self, reading: &Reading) -> Result<(), Stopped> {
        let note = serde_json::to_vec(&self.timeline.note(reading)).unwrap_or_default();
        self.ledger.renew(reading.wall, &note).map_err(Stopped::Journal)
    }

    /// Keeps a snapshot of the state, so that the next start is short.
    pub fn snapshot(&mut self) -> Result<(), LedgerError> {
        self.ledger.snapshot(&self.state)
    }

    /// What was asked and not answered before this driver began is looked for, never done again unseen.
    fn seek_all(&mut self) {
        let mut effects = Vec::new();
        for rollout in self.state.rollouts.active() {
            for job in rollout.jobs.at_work() {
                let JobState::Active(active) = job.state else { continue };
                let JobTurn::Asked { deadline, .. } = active.turn else { continue };
                let target = Target::Machine {
                    rollout: rollout.id,
                    machine: job.machine,
                    serial: job.serial,
                    action: active.action,
                    build: rollout.build,
                };
                effects.push(Effect { mode: Mode::Seek, tenure: self.state.tenure + 1, deadline, target });
            }
        }
        for (errand, open) in self.state.errands.open() {
            if let ErrandState::Asked { deadline } = open.state {
                let target = Target::Errand { errand, kind: open.kind, attempt: open.attempts };
                effects.push(Effect { mode: Mode::Seek, tenure: self.state.tenure + 1, deadline, target });
            }
        }
        self.effects = effects;
    }
}

/// What a command leads to, if each event of it can be recorded. Nothing of it is folded before that is known: what is folded and
/// cannot be recorded ends the driver, and whoever asked would ask again.
fn recordable(events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    for event in events.iter().filter(|event| !is_small(event)) {
        let found = size_of(event).unwrap_or(usize::MAX);
        if found > EVENT_MAX {
            return Err(Rejection::TooLarge { kind: event.kind(), found, limit: EVENT_MAX });
        }
    }
    Ok(events)
}

/// Events that come by the thousand and are bounded by what they are made of: answers of machines, and lists of machines, which
/// are cut by their weight.
fn is_small(event: &Event) -> bool {
    matches!(
        event,
        Event::Rollout(RolloutEvent::Reported { .. })
            | Event::Fleet(
                FleetEvent::MachinesJoined { .. }
                    | FleetEvent::MachinesChanged { .. }
                    | FleetEvent::MachinesReturned { .. }
                    | FleetEvent::MachinesLeft { .. }
            )
    )
}

/// What an event asks for, if it asks for something.
fn effect_of(state: &State, event: &Event) -> Option<Effect> {
    let tenure = state.tenure;
    match event {
        Event::Rollout(RolloutEvent::Asked { rollout, machine, serial, .. }) => {
            machine_effect(state, *rollout, *machine, *serial, Mode::Act)
        }
        Event::Rollout(RolloutEvent::Sought { rollout, machine, serial, .. }) => {
            machine_effect(state, *rollout, *machine, *serial, Mode::Seek)
        }
        Event::Errand(ErrandEvent::Asked { errand, attempt }) => {
            let open = state.errands.get(*errand)?;
            let target = Target::Errand { errand: *errand, kind: open.kind, attempt: *attempt };
            Some(Effect { mode: Mode::Act, tenure, deadline: state.at + open.kind.deadline(), target })
        }
        Event::Rollout(_)
        | Event::Errand(_)
        | Event::Fleet(_)
        | Event::Build(_)
        | Event::Change(_)
        | Event::Ticket(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => None,
    }
}

fn machine_effect(
    state: &State,
    rollout: smith_domain::id::RolloutId,
    machine: smith_domain::id::MachineId,
    serial: u16,
    mode: Mode,
) -> Option<Effect> {
    let one = state.rollouts.get(rollout)?;
    let JobState::Active(active) = one.job_of(machine)?.state else { return None };
    let JobTurn::Asked { deadline, .. } = active.turn else { return None };
    let target = Target::Machine { rollout, machine, serial, action: active.action, build: one.build };
    Some(Effect { mode, tenure: state.tenure, deadline, target })
}
