//! Machines that are nowhere: each answers a moment later, as one that is patched without a mishap and needs a reboot.
//!
//! What they would answer depends on nothing that was before, so that a server which is started again and asks what became of an
//! action is told that it went well.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::{Action, Outcome, RebootNeed, RolloutCommand, Work};
use smith_domain::state::State;
use smith_domain::time::Span;
use smith_server::core::Core;
use smith_server::desk::Errands;
use smith_server::driver::{Effect, Executor, Input, Target};
use smith_server::serve::Machines;

/// The longest that an action takes. The largest of a hundred clusters has some 260 machines, of which 20 are at work at a time:
/// the machines would be done in a second and a half, so that the server sets the pace.
const LONGEST_MS: u64 = 40;

/// What machines answer with, in place of an agent that is reached by ssh.
pub(crate) fn machines() -> Machines {
    Box::new(|core, errands| {
        let (sender, asked) = channel();
        let core = core.clone();
        drop(thread::spawn(move || answer(&core, &asked)));
        Box::new(Simulated { sender, errands })
    })
}

struct Simulated {
    sender: Sender<Due>,
    errands: Errands,
}

/// An answer and when it comes. The order is that of the times, and of the names where they are the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    rollout: RolloutId,
    machine: MachineId,
    serial: u16,
    action: Action,
    took: Duration,
}

impl Executor for Simulated {
    fn start(&mut self, state: &State, effect: Effect) {
        let Target::Machine { rollout, machine, serial, action, .. } = effect.target else {
            return self.errands.start(state, effect);
        };
        // Spread evenly and the same in every run.
        let drawn = (u64::from(machine.0) * 31 + u64::from(serial)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let took = Duration::from_millis(1 + drawn % LONGEST_MS);
        // When the driver has gone nobody waits for answers any more.
        let _ = self.sender.send(Due { at: Instant::now() + took, rollout, machine, serial, action, took });
    }
}

fn answer(core: &Core, asked: &Receiver<Due>) {
    let mut waiting: BinaryHeap<Reverse<Due>> = BinaryHeap::new();
    loop {
        let next = waiting.peek().map(|Reverse(due)| due.at.saturating_duration_since(Instant::now()));
        match asked.recv_timeout(next.unwrap_or(Duration::from_secs(1))) {
            Ok(due) => waiting.push(Reverse(due)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting.extend(asked.try_iter().map(Reverse));
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse(due)| due.at <= now) {
            if let Some(Reverse(due)) = waiting.pop() {
                core.tell(report(&due));
            }
        }
    }
}

fn report(due: &Due) -> Input {
    let outcome = match due.action {
        Action::Check => Outcome::Found(Work::Install),
        Action::Patch => Outcome::Patched(RebootNeed::Needed),
        Action::Drain | Action::Reboot | Action::Health | Action::Undrain => Outcome::Done,
    };
    let command = RolloutCommand::Report {
        rollout: due.rollout,
        machine: due.machine,
        serial: due.serial,
        outcome,
        took: Span(u64::try_from(due.took.as_millis()).unwrap_or(u64::MAX)),
        note: None,
        packages: None,
    };
    Input { actor: Actor::smith(), command: Command::Rollout(command), tag: 0 }
}
