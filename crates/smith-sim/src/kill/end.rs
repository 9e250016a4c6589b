//! What a run has led to, by the journal and by the world, and whether it is what it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use smith_domain::change::ChangeState;
use smith_domain::errand::{ErrandEvent, ErrandOutcome};
use smith_domain::event::Event;
use smith_domain::rollout::{Outcome, RolloutEvent};
use smith_domain::state::State;
use smith_domain::ticket::TicketState;
use smith_domain::time::Timestamp;
use smith_journal::codec::Codec;
use smith_journal::{Head, Reader, ReplayError, Seq, fold, verify};

use super::outside::{Name, Outside};
use super::trouble::Trouble;

/// Differences that are named; the others are counted.
const NAMED: usize = 5;

/// The end of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct End {
    /// How each machine ended in each rollout.
    standings: BTreeMap<String, String>,
    /// What is true of each machine.
    truths: BTreeMap<String, String>,
    /// How each step ended.
    steps: BTreeMap<String, String>,
    violations: Vec<String>,
    pub(super) begun: BTreeSet<Name>,
    asked: BTreeSet<Name>,
    /// Of what was asked, what was looked for and found never to have begun.
    not_begun: BTreeSet<Name>,
    /// Numbers that the desk and the tracker gave, as the journal knows them.
    numbers: Vec<String>,
    /// What the desk and the tracker hold.
    raised: usize,
    /// What should have ended and has not.
    open: Vec<String>,
    /// What is wrong with the journal.
    broken: Vec<String>,
    pub(super) events: u64,
    pub(super) turns: u64,
}

/// One thing that was compared, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What holds if nothing was found.
    pub what: String,
    pub found: Vec<String>,
}

impl End {
    pub(super) fn read(reader: &dyn Reader, outside: &Outside) -> Result<Self, Trouble> {
        let mut end = Self {
            violations: outside.violations.clone(),
            begun: outside.begun.clone(),
            raised: outside.world.desk.raised(),
            turns: outside.turns(),
            ..Self::default()
        };
        end.violations.extend(outside.world.violations.iter().cloned());
        if let Err(error) = verify(reader, Head::GENESIS, &[]) {
            end.broken.push(format!("{error:?}"));
        }
        let state = end.fold(reader)?;
        // The other way to the state: from the newest snapshot on.
        if fold(reader, &Codec::default())?.state != state {
            end.broken.push("snapshot and tail fold to another state than the whole journal".to_owned());
        }
        end.note_ends(&state, outside);
        end.note_open(&state);
        Ok(end)
    }

    fn fold(&mut self, reader: &dyn Reader) -> Result<State, Trouble> {
        let (codec, mut state, mut broken) = (Codec::default(), State::default(), None);
        reader.read_from(Seq::GENESIS, &mut |row| match codec.decode(row) {
            Ok(event) => {
                self.note_event(&event);
                state.evolve(&event, Timestamp(row.content.at));
                ControlFlow::Continue(())
            }
            Err(error) => {
                broken = Some(ReplayError::from(error));
                ControlFlow::Break(())
            }
        })?;
        broken.map_or(Ok(state), |error| Err(error.into()))
    }

    fn note_event(&mut self, event: &Event) {
        self.events += 1;
        if let Event::Rollout(RolloutEvent::Asked { rollout, machine, serial, .. }) = event
            && !self.asked.insert((*rollout, *machine, *serial))
        {
            self.violations.push(format!("project {rollout} asked machine {machine} for #{serial} twice"));
        }
        if let Event::Rollout(RolloutEvent::Reported { rollout, machine, serial, outcome, .. }) = event
            && *outcome == Outcome::NotBegun
        {
            self.not_begun.insert((*rollout, *machine, *serial));
        }
        if let Event::Errand(ErrandEvent::Reported {
            outcome: ErrandOutcome::Raised { number, .. }, ..
        }) = event
        {
            self.numbers.push(number.clone());
        }
    }

    fn note_ends(&mut self, state: &State, outside: &Outside) {
        for rollout in state.rollouts.iter() {
            for (step, rule) in rollout.steps.iter().zip(&rollout.pipeline.steps) {
                self.steps.insert(format!("{} {}", rollout.id, rule.id), format!("{:?}", step.state));
            }
            for job in rollout.jobs.iter() {
                let name = state.fleet.machine(job.machine).name();
                self.standings.insert(format!("{} {name}", rollout.id), format!("{:?}", job.state));
                let machine = outside.world.machine(job.machine);
                let truth = format!(
                    "installed {}, running {}, drained {}, up {}, healthy {}",
                    machine.installed, machine.running, machine.drained, machine.up, machine.healthy
                );
                self.truths.insert(name.to_owned(), truth);
            }
        }
    }

    fn note_open(&mut self, state: &State) {
        self.open.extend(state.rollouts.active().map(|rollout| format!("project {}", rollout.id)));
        self.open.extend(state.errands.open().map(|(_, errand)| format!("errand {:?}", errand.kind)));
        for rollout in state.rollouts.iter() {
            for (number, (step, rule)) in (0_u16..).zip(rollout.steps.iter().zip(&rollout.pipeline.steps)) {
                let own = step.change.and_then(|change| state.changes.get(change));
                match own {
                    None => self.open.push(format!("step {} has no change", rule.id)),
                    Some(change) if change.number.is_none() => {
                        self.open.push(format!("the change of step {} has no number", rule.id));
                    }
                    Some(change) if !matches!(change.state, ChangeState::Closed { .. }) => {
                        self.open.push(format!("the change of step {} is {:?}", rule.id, change.state));
                    }
                    Some(_) => {}
                }
                if state.changes.of_step(rollout.id, number).map(|change| change.id) != step.change {
                    self.open.push(format!("step {} has more than one change", rule.id));
                }
            }
        }
        let unnumbered = state.tickets.iter().filter(|ticket| ticket.number.is_none());
        self.open.extend(unnumbered.map(|ticket| format!("ticket {:?} without a number", ticket.title)));
        let steps: usize = state.rollouts.iter().map(|rollout| rollout.steps.len()).sum();
        if state.changes.iter().count() != steps {
            self.open.push(format!("{} changes for {steps} steps", state.changes.iter().count()));
        }
        let closed = |state: &TicketState| matches!(state, TicketState::Closed { .. });
        if state.tickets.iter().any(|ticket| closed(&ticket.state) && ticket.number.is_none()) {
            self.open.push("a ticket was closed that was never raised".to_owned());
        }
    }
}

/// Everything that must hold of a run that was killed, with the one that was not beside it.
pub fn compare(killed: &End, undisturbed: &End) -> Vec<Check> {
    let check = |what: String, found: Vec<String>| Check { what, found };
    let (begun, asked) = (killed.begun.len(), killed.asked.len());
    vec![
        check(
            format!("the chain holds over {} events and folds to one state", killed.events),
            some(&killed.broken),
        ),
        check(
            format!(
                "of {begun} actions each was begun once, on a machine at rest, within its cluster's limit"
            ),
            some(&killed.violations),
        ),
        check(format!("nothing was begun that is not among the {asked} recorded"), {
            some(killed.begun.difference(&killed.asked))
        }),
        check(
            format!("what was asked was begun, or looked for and not found ({})", killed.not_begun.len()),
            some(
                killed
                    .asked
                    .iter()
                    .filter(|name| killed.begun.contains(name) == killed.not_begun.contains(name)),
            ),
        ),
        check(format!("{} machines ended the same", killed.standings.len()), {
            differences(&killed.standings, &undisturbed.standings)
        }),
        check(format!("{} machines are the same", killed.truths.len()), {
            differences(&killed.truths, &undisturbed.truths)
        }),
        check(format!("{} steps ended the same", killed.steps.len()), {
            differences(&killed.steps, &undisturbed.steps)
        }),
        check(format!("{} changes and tickets exist once each", killed.raised), numbers(killed, undisturbed)),
        check("nothing was left open".to_owned(), some(&killed.open)),
    ]
}

fn numbers(killed: &End, undisturbed: &End) -> Vec<String> {
    let mut found = Vec::new();
    let once: BTreeSet<&String> = killed.numbers.iter().collect();
    if once.len() != killed.numbers.len() || once.len() != killed.raised {
        found.push(format!("the journal knows {:?}, outside are {}", killed.numbers, killed.raised));
    }
    if killed.raised != undisturbed.raised {
        found.push(format!("expected {} raised, found {}", undisturbed.raised, killed.raised));
    }
    found
}

fn differences(killed: &BTreeMap<String, String>, undisturbed: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = killed.keys().chain(undisturbed.keys()).collect();
    let differing = names.into_iter().filter(|name| killed.get(*name) != undisturbed.get(*name));
    some(
        differing.map(|name| {
            format!("{name}: expected {:?}, found {:?}", undisturbed.get(name), killed.get(name))
        }),
    )
}

fn some<T: std::fmt::Debug>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut all = all.into_iter();
    let mut named: Vec<String> = all.by_ref().take(NAMED).map(|one| format!("{one:?}")).collect();
    let others = all.count();
    if others > 0 {
        named.push(format!("and {others} more"));
    }
    named
}
