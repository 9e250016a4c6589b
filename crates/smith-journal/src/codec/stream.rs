//! The stream of an event: what one would ask for to read everything about a thing.

use smith_domain::change::ChangeEvent;
use smith_domain::event::Event;
use smith_domain::rollout::RolloutEvent;
use smith_domain::state::State;
use smith_domain::ticket::TicketEvent;

/// What an event is about: `machine NAME` for one machine, `rollout N`, `change N`, `ticket N`, or the noun alone.
pub fn stream_of(state: &State, event: &Event) -> String {
    match event {
        Event::Fleet(_) => "fleet".to_owned(),
        Event::Build(_) => "builds".to_owned(),
        Event::Errand(_) => "errands".to_owned(),
        Event::Access(_) => "access".to_owned(),
        Event::Notice(_) => "notices".to_owned(),
        Event::Cycle(event) => {
            event.cycle().map_or_else(|| "schedules".to_owned(), |cycle| format!("cycle {cycle}"))
        }
        Event::Driver(_) => "driver".to_owned(),
        Event::Ticket(event) => ticket(event),
        Event::Change(event) => change(event),
        Event::Rollout(event) => rollout(state, event),
    }
}

fn ticket(event: &TicketEvent) -> String {
    format!("ticket {}", event.ticket().0)
}

fn change(event: &ChangeEvent) -> String {
    match event {
        ChangeEvent::TaskMoved { task, .. } => format!("task {}", task.0),
        ChangeEvent::TrainRaised { train, .. } => format!("train {}", train.0),
        ChangeEvent::Drafted { change, .. }
        | ChangeEvent::Raised { change, .. }
        | ChangeEvent::Refused { change, .. }
        | ChangeEvent::Approved { change, .. }
        | ChangeEvent::Rejected { change, .. }
        | ChangeEvent::Revoked { change, .. }
        | ChangeEvent::Begun { change, .. }
        | ChangeEvent::Closed { change, .. }
        | ChangeEvent::Cancelled { change, .. } => format!("change {}", change.0),
    }
}

fn rollout(state: &State, event: &RolloutEvent) -> String {
    if let RolloutEvent::Asked { machine, .. }
    | RolloutEvent::Sought { machine, .. }
    | RolloutEvent::Reported { machine, .. } = event
    {
        return match state.fleet.get(*machine) {
            Some(machine) => format!("machine {}", machine.name()),
            None => format!("machine number {}", machine.0),
        };
    }
    event.rollout().map_or_else(|| "machines".to_owned(), |rollout| format!("rollout {rollout}"))
}
