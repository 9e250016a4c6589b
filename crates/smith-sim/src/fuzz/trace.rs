//! What happened, one readable line an event.

use smith_domain::event::Event;
use smith_domain::id::MachineId;
use smith_domain::rollout::RolloutEvent;
use smith_domain::state::State;
use smith_domain::time::Timestamp;

/// Lines of a run; kept only when somebody wants to read them.
#[derive(Debug, Default)]
pub struct Trace {
    pub lines: Vec<String>,
    pub wanted: bool,
}

impl Trace {
    pub(super) fn note(&mut self, at: Timestamp, what: &str, text: &str) {
        if self.wanted {
            self.lines.push(format!("{at} {what:<10} {text}"));
        }
    }

    pub(super) fn event(&mut self, at: Timestamp, actor: &str, state: &State, event: &Event) {
        if !self.wanted {
            return;
        }
        let name = |machine: MachineId| state.fleet.machine(machine).name().to_owned();
        let text = match event {
            Event::Rollout(RolloutEvent::Asked { rollout, machine, serial, action }) => {
                format!("project {rollout} {} #{serial} {action}", name(*machine))
            }
            Event::Rollout(RolloutEvent::Sought { rollout, machine, serial, round }) => {
                format!("project {rollout} {} #{serial} looked for, round {round}", name(*machine))
            }
            Event::Rollout(RolloutEvent::Reported { rollout, machine, serial, outcome, took, .. }) => {
                let state =
                    state.rollouts.get(*rollout).and_then(|r| r.job_of(*machine)).map(|job| job.state);
                format!(
                    "project {rollout} {} #{serial} {outcome:?} after {took} -> {state:?}",
                    name(*machine)
                )
            }
            Event::Rollout(RolloutEvent::Started { rollout, pipeline, build, .. }) => {
                format!("starting project ID: {rollout} patch {build} onto config {}", pipeline.name)
            }
            Event::Rollout(RolloutEvent::Scoped { rollout, step, run, bag, machines }) => {
                let names: Vec<String> = machines.iter().map(name).collect();
                format!("project {rollout} step {step} run {run} bag {bag}: {}", names.join(" "))
            }
            Event::Rollout(other) => format!("{other:?}"),
            Event::Fleet(_)
            | Event::Build(_)
            | Event::Change(_)
            | Event::Ticket(_)
            | Event::Errand(_)
            | Event::Access(_)
            | Event::Notice(_)
            | Event::Cycle(_)
            | Event::Driver(_) => format!("{event:?}"),
        };
        self.lines.push(format!("{at} {actor:<10} {:<20} {text}", event.kind()));
    }
}
