//! What is told: the rehearsal, what was heard of it, who failed, and what waits for whom.

use smith_domain::event::Event;
use smith_domain::id::MachineId;
use smith_domain::rollout::{JobState, RolloutEvent, Tally};
use smith_domain::time::Timestamp;
use smith_domain::why;
use smith_journal::Entry;
use smith_sim::rehearse::{Live, RehearseError};

use smith_server::words;

pub(super) struct Story {
    pub(super) live: Live,
    /// The newest events in words, the newest last.
    pub(super) newest: Vec<(Timestamp, String)>,
    /// Machines that failed or are lost, in the order in which that became known.
    pub(super) failed: Vec<Failed>,
    pub(super) events: u64,
}

/// An event and what it meant when it happened.
pub(super) struct Heard {
    pub(super) entry: Entry,
    pub(super) words: String,
}

/// A machine that failed or is lost, and the line about it at that time.
pub(super) struct Failed {
    machine: MachineId,
    why: String,
}

/// Events that are remembered for the screen.
const NEWEST: usize = 16;

impl Story {
    pub(super) fn new(live: Live) -> Self {
        Self { live, newest: Vec::new(), failed: Vec::new(), events: 0 }
    }

    /// Lets time pass, and gives what was recorded meanwhile, each in words that were true when it happened.
    pub(super) fn go_on(&mut self, until: Timestamp) -> Result<Vec<Heard>, RehearseError> {
        let mut all = self.listen();
        while self.live.outcome().is_none() && self.live.step(until)? {
            all.append(&mut self.listen());
        }
        self.live.run_until(until)?;
        all.append(&mut self.listen());
        let over = self.newest.len().saturating_sub(NEWEST);
        self.newest.drain(..over);
        Ok(all)
    }

    fn listen(&mut self) -> Vec<Heard> {
        let entries = self.live.heard();
        let state = self.live.state();
        let mut heard = Vec::with_capacity(entries.len());
        for entry in entries {
            self.events += 1;
            let words = words::of(state, &entry.event);
            if is_told(&entry.event) {
                self.newest.push((entry.at, words.clone()));
            }
            if let Event::Rollout(RolloutEvent::Reported { rollout, machine, .. }) = &entry.event {
                let job = state.rollouts.get(*rollout).and_then(|one| one.job_of(*machine));
                let is_bad =
                    |state: &JobState| matches!(state, JobState::Failed { .. } | JobState::Lost { .. });
                if job.is_some_and(|job| is_bad(&job.state)) {
                    self.failed.push(Failed { machine: *machine, why: self.why(*machine) });
                }
            }
            heard.push(Heard { entry, words });
        }
        heard
    }

    /// What became of a machine that failed: the line of that time, and the one of today if it is another.
    pub(super) fn explained(&self, failed: &Failed) -> String {
        let now = self.why(failed.machine);
        if now == failed.why {
            return now;
        }
        let since = now.rsplit(": ").next().unwrap_or_default();
        format!("{} (now: {since})", failed.why)
    }

    pub(super) fn tally(&self) -> Tally {
        let tallies = self.live.state().rollouts.iter().map(|rollout| rollout.tally());
        tallies.fold(Tally::default(), |sum, one| Tally {
            waiting: sum.waiting + one.waiting,
            running: sum.running + one.running,
            done: sum.done + one.done,
            failed: sum.failed + one.failed,
            lost: sum.lost + one.lost,
            skipped: sum.skipped + one.skipped,
            gone: sum.gone + one.gone,
        })
    }

    /// What waits for people or for time, one line for each reason.
    pub(super) fn waits(&self) -> Vec<String> {
        let state = self.live.state();
        let mut lines = Vec::new();
        for rollout in state.rollouts.active() {
            for reason in why::rollout(state, rollout.id) {
                let by_hand = reason.waits_for().is_some();
                let by_time = matches!(reason, why::Reason::Soak { .. } | why::Reason::Window { .. });
                if by_hand || by_time {
                    lines.push(format!("{}: {}", rollout.pipeline.name, reason.line(state)));
                }
            }
        }
        lines
    }

    /// The one true line about a machine.
    fn why(&self, machine: MachineId) -> String {
        let state = self.live.state();
        format!("{}: {}", state.fleet.machine(machine).name(), why::machine(state, machine).line(state))
    }
}

/// Errands are the small print of everything else.
fn is_told(event: &Event) -> bool {
    match event {
        Event::Rollout(event) => !matches!(
            event,
            RolloutEvent::Scoped { .. }
                | RolloutEvent::ScopeComplete { .. }
                | RolloutEvent::WindowOpened { .. }
        ),
        Event::Change(_) => true,
        Event::Fleet(_)
        | Event::Build(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => false,
    }
}
