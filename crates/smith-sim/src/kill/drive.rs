//! The driver's side: the real driver on a real journal; its clock, inputs and effects come and go as messages.

use std::io::{BufRead, Write};
use std::path::Path;

use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::rollout::RolloutCommand;
use smith_domain::state::State;
use smith_journal::{SqliteStore, Store, StoreLedger};
use smith_server::driver::{Driver, Effect, Executor, Input};

use super::trouble::Trouble;
use super::wire::{Asked, Progress, Rest, Tell, Told, Word};
use crate::clock::SimClock;

/// A snapshot is kept after so many turns: often enough that most restarts read one and a tail.
const SNAPSHOT_EVERY: u64 = 64;

/// Inputs whose rejection is an error of the run.
const MUST: u64 = 1;

/// Hands every effect on.
#[derive(Debug)]
pub(super) struct Mouth<F>(pub(super) F);

impl<F: FnMut(Asked)> Executor for Mouth<F> {
    fn start(&mut self, state: &State, effect: Effect) {
        (self.0)(Asked::new(state, &effect));
    }
}

pub(super) struct Drive<S, F> {
    driver: Driver<StoreLedger<S>, Mouth<F>, SimClock>,
    clock: SimClock,
    turns: u64,
}

impl<S: Store, F: FnMut(Asked)> Drive<S, F> {
    pub(super) fn open(store: S, owner: &str, clock: SimClock, say: F) -> Result<Self, Trouble> {
        let driver = Driver::open(StoreLedger::new(store), Mouth(say), clock.clone(), owner)?;
        Ok(Self { driver, clock, turns: 0 })
    }

    pub(super) fn turn(&mut self, tell: Tell) -> Result<Rest, Trouble> {
        self.clock.advance_to(tell.at);
        let inputs = tell.words.into_iter().flat_map(|word| self.inputs(word)).collect();
        let turn = self.driver.turn(inputs)?;
        for answer in turn.answers {
            if let (MUST, Err(why)) = (answer.tag, answer.result) {
                return Err(Trouble::Rejected(Box::new(why)));
            }
        }
        self.turns += 1;
        if self.turns.is_multiple_of(SNAPSHOT_EVERY) {
            self.driver.snapshot().map_err(smith_server::driver::Stopped::Journal)?;
        }
        let state = self.driver.state();
        let begun = state.rollouts.iter().next().is_some();
        let open = state.rollouts.active().next().is_some() || state.errands.open().next().is_some();
        let progress = if begun && !open { Progress::Ended } else { Progress::UnderWay };
        Ok(Rest { wake: turn.wake.map(|wake| wake.at), progress })
    }

    fn inputs(&self, word: Word) -> Vec<Input> {
        let one = |command| vec![Input { actor: Actor::smith(), command, tag: 0 }];
        match word {
            Word::SetUp(project) => {
                let commands = project.to_say(self.driver.state()).into_iter();
                commands.map(|(actor, command)| Input { actor, command, tag: MUST }).collect()
            }
            Word::Report { rollout, machine, serial, outcome, took } => {
                let report = RolloutCommand::Report {
                    rollout,
                    machine,
                    serial,
                    outcome,
                    took,
                    note: None,
                    packages: None,
                };
                one(Command::Rollout(report))
            }
            Word::Errand { errand, outcome } => one(Command::ErrandReport { errand, outcome }),
        }
    }
}

/// The child process: turns come in over `input` line by line until it ends, and effects go out over `output`.
pub fn drive<W: Write>(
    journal: &Path,
    owner: &str,
    input: impl BufRead,
    mut output: W,
) -> Result<(), Trouble> {
    let clock = SimClock::new();
    let mut lines = input.lines();
    let Some(first) = lines.next() else { return Ok(()) };
    let mut tell: Tell = serde_json::from_str(&first?)?;
    clock.advance_to(tell.at);
    let store = SqliteStore::open(journal)
        .map_err(|source| Trouble::Store { path: journal.to_owned(), source: Box::new(source) })?;
    let output = std::cell::RefCell::new(&mut output);
    let say = |told: &Told| -> Result<(), Trouble> {
        let mut line = serde_json::to_vec(told)?;
        line.push(b'\n');
        let mut output = output.borrow_mut();
        output.write_all(&line)?;
        Ok(output.flush()?)
    };
    let hand_out = |asked| {
        // A world that is gone asks for nothing more: the input has ended too, and so does this.
        let _gone = say(&Told::Asked(asked));
    };
    let mut drive = Drive::open(store, owner, clock, hand_out)?;
    loop {
        let rest = drive.turn(tell)?;
        say(&Told::Turned(rest))?;
        tell = match lines.next() {
            Some(line) => serde_json::from_str(&line?)?,
            None => return Ok(()),
        };
    }
}
