//! What happened, in a sentence, and what it is about.

use smith_domain::build::BuildEvent;
use smith_domain::change::{ChangeEvent, Subject};
use smith_domain::errand::{ErrandEvent, ErrandKind, ErrandOutcome};
use smith_domain::event::{DriverEvent, Event};
use smith_domain::fleet::FleetEvent;
use smith_domain::id::{BuildNumber, ChangeId, RolloutId};
use smith_domain::notice::NoticeEvent;
use smith_domain::rollout::{Action, JobState, RolloutEvent, Runs};
use smith_domain::state::State;
use smith_domain::ticket::{TicketEvent, TicketKind};

use super::{access, change, cycle, fleet, rollout};

/// What happened, in a sentence. `state` has met the event already.
pub fn of(state: &State, event: &Event) -> String {
    match event {
        Event::Fleet(event) => fleet::words(state, event),
        Event::Build(event) => build(event),
        Event::Rollout(event) => rollout::words(state, event),
        Event::Change(event) => change::words(state, event),
        Event::Ticket(event) => ticket(state, event),
        Event::Errand(event) => errand(state, event),
        Event::Access(event) => access::words(state, event),
        Event::Notice(NoticeEvent::Posted { text, .. }) => format!("told: {text}"),
        Event::Cycle(event) => cycle::words(event),
        Event::Driver(event) => driver(event),
    }
}

/// Whether an event says something about the machine with this name.
pub fn is_about_machine(state: &State, event: &Event, name: &str) -> bool {
    let Some(machine) = state.fleet.find(name) else { return false };
    let among = |runs: &Runs| runs.iter().any(|one| one == machine);
    match event {
        Event::Fleet(FleetEvent::MachinesJoined { machines }) => {
            machines.iter().any(|facts| facts.name.as_str() == name)
        }
        Event::Fleet(
            FleetEvent::MachinesChanged { machines } | FleetEvent::MachinesReturned { machines },
        ) => machines.iter().any(|known| known.id == machine),
        Event::Fleet(FleetEvent::MachinesLeft { machines }) => machines.contains(&machine),
        Event::Rollout(
            RolloutEvent::Scoped { machines, .. }
            | RolloutEvent::Retried { machines, .. }
            | RolloutEvent::Skipped { machines, .. }
            | RolloutEvent::SignedOff { machines, .. },
        ) => among(machines),
        Event::Rollout(
            RolloutEvent::Asked { machine: one, .. }
            | RolloutEvent::Sought { machine: one, .. }
            | RolloutEvent::Reported { machine: one, .. },
        ) => *one == machine,
        Event::Fleet(_)
        | Event::Build(_)
        | Event::Rollout(_)
        | Event::Change(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => false,
    }
}

/// The rollout that an event belongs to.
pub fn rollout_of(state: &State, event: &Event) -> Option<RolloutId> {
    match event {
        Event::Rollout(event) => event.rollout(),
        Event::Change(event) => {
            own_change(state, event).and_then(|change| match state.changes.get(change)?.subject {
                Subject::Step { rollout, .. } => Some(rollout),
                Subject::Train { .. } => None,
            })
        }
        Event::Ticket(event) => match state.tickets.get(event.ticket())?.kind {
            TicketKind::Step { rollout, .. } => Some(rollout),
            TicketKind::Epic { .. } => None,
        },
        Event::Notice(NoticeEvent::Posted { about, .. }) => about.rollout(),
        Event::Fleet(_)
        | Event::Build(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Cycle(_)
        | Event::Driver(_) => None,
    }
}

/// The change that an event belongs to: its own, or that of the step in which something happens.
pub fn change_of(state: &State, event: &Event) -> Option<ChangeId> {
    match event {
        Event::Change(event) => own_change(state, event),
        Event::Rollout(event) => {
            let rollout = state.rollouts.get(event.rollout()?)?;
            let step = match event.step() {
                Some(step) => step,
                None => rollout.job_of(event.machine()?)?.step,
            };
            rollout.steps.get(usize::from(step))?.change
        }
        Event::Build(BuildEvent::ChannelSet { change, .. }) => *change,
        Event::Fleet(_)
        | Event::Build(_)
        | Event::Ticket(_)
        | Event::Errand(_)
        | Event::Access(_)
        | Event::Notice(_)
        | Event::Cycle(_)
        | Event::Driver(_) => None,
    }
}

/// The build that an event belongs to.
pub fn build_of(state: &State, event: &Event) -> Option<BuildNumber> {
    match event {
        Event::Build(
            BuildEvent::Verified { build }
            | BuildEvent::Withdrawn { build, .. }
            | BuildEvent::ChannelSet { build, .. },
        ) => Some(*build),
        Event::Ticket(event) => match state.tickets.get(event.ticket())?.kind {
            TicketKind::Step { build, .. } | TicketKind::Epic { build } => Some(build),
        },
        Event::Rollout(_) | Event::Change(_) => Some(state.rollouts.get(rollout_of(state, event)?)?.build),
        Event::Cycle(event) => state.cycles.get(event.cycle()?)?.build,
        Event::Fleet(_) | Event::Errand(_) | Event::Access(_) | Event::Notice(_) | Event::Driver(_) => None,
    }
}

fn own_change(state: &State, event: &ChangeEvent) -> Option<ChangeId> {
    match event {
        ChangeEvent::TaskMoved { task, .. } => state
            .changes
            .iter()
            .find(|change| change.tasks.iter().any(|one| one.id == *task))
            .map(|one| one.id),
        ChangeEvent::TrainRaised { .. } => None,
        ChangeEvent::Drafted { change, .. }
        | ChangeEvent::Raised { change, .. }
        | ChangeEvent::Refused { change, .. }
        | ChangeEvent::Approved { change, .. }
        | ChangeEvent::Rejected { change, .. }
        | ChangeEvent::Revoked { change, .. }
        | ChangeEvent::Begun { change, .. }
        | ChangeEvent::Closed { change, .. }
        | ChangeEvent::Cancelled { change, .. } => Some(*change),
    }
}

/// The action that a machine is at, or was at when it failed.
pub(super) fn action_of(
    state: &State,
    rollout: RolloutId,
    machine: smith_domain::id::MachineId,
) -> Option<Action> {
    match state.rollouts.get(rollout)?.job_of(machine)?.state {
        JobState::Active(active) => Some(active.action),
        JobState::Failed { action, .. } | JobState::Lost { action } => Some(action),
        JobState::Waiting
        | JobState::Aside
        | JobState::Again
        | JobState::Done(_)
        | JobState::Skipped
        | JobState::Gone(_) => None,
    }
}

/// The reason that somebody gave, behind what they did.
pub(super) fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn build(event: &BuildEvent) -> String {
    match event {
        BuildEvent::Verified { build } => format!("build {build} is verified"),
        BuildEvent::Withdrawn { build, reason } => format!("build {build} is withdrawn: {reason}"),
        BuildEvent::ChannelSet { channel, region, build, change, reason } => {
            let without = if change.is_none() { ", without a change" } else { "" };
            format!("channel {channel} of {region} points to build {build}{without}{}", because(reason))
        }
    }
}

fn ticket(state: &State, event: &TicketEvent) -> String {
    let name = |ticket| {
        let number = state.tickets.get(ticket).and_then(|ticket| ticket.number.clone());
        number.unwrap_or_else(|| ticket.to_string())
    };
    match event {
        TicketEvent::Drafted { ticket, title, .. } => {
            format!("ticket {} is to be raised: {title}", name(*ticket))
        }
        TicketEvent::Raised { number, .. } => format!("the tracker took the ticket as {number}"),
        TicketEvent::Commented { ticket, text } => format!("comment on ticket {}: {text}", name(*ticket)),
        TicketEvent::Closed { ticket, reason, .. } => format!("ticket {} is closed: {reason}", name(*ticket)),
    }
}

fn errand(state: &State, event: &ErrandEvent) -> String {
    match event {
        ErrandEvent::Asked { errand, attempt } => {
            let what = state.errands.get(*errand).map_or("an errand", |open| errand_word(open.kind));
            let again = if *attempt > 1 { format!(", try {attempt}") } else { String::new() };
            format!("errand {}: {what} is asked for outside{again}", errand.0)
        }
        ErrandEvent::Reported { errand, outcome } => match outcome {
            ErrandOutcome::Raised { number, .. } => format!("errand {}: raised as {number}", errand.0),
            ErrandOutcome::Done => format!("errand {}: done", errand.0),
            ErrandOutcome::Told { note } => format!("errand {}: done: {note}", errand.0),
            ErrandOutcome::Built { build, note } => {
                format!("errand {}: build {build} is made: {note}", errand.0)
            }
            ErrandOutcome::Refused { reason } => format!("errand {}: refused: {reason}", errand.0),
            ErrandOutcome::Failed { reason } => format!("errand {}: failed: {reason}", errand.0),
        },
    }
}

/// What an outside service is asked for, with the name of what it is about.
pub fn errand_words(state: &State, kind: ErrandKind) -> String {
    let change = |id| state.changes.get(id).map_or_else(String::new, |one| format!(" {}", one.name()));
    let ticket = |id| {
        let number = state.tickets.get(id).and_then(|one| one.number.clone());
        number.map_or_else(String::new, |number| format!(" {number}"))
    };
    let about = match kind {
        ErrandKind::RaiseChange(id) => {
            state.changes.get(id).map_or_else(String::new, |one| format!(": {}", one.title))
        }
        ErrandKind::RaiseTicket(id) => {
            state.tickets.get(id).map_or_else(String::new, |one| format!(": {}", one.title))
        }
        ErrandKind::BeginChange(id) | ErrandKind::CloseChange(id) => change(id),
        ErrandKind::MoveTask(id, _) => state
            .changes
            .task(id)
            .map_or_else(String::new, |task| format!(" {}", task.number.as_deref().unwrap_or(""))),
        ErrandKind::CommentTicket(id, _) | ErrandKind::CloseTicket(id) => ticket(id),
        ErrandKind::Call(rollout, _) => format!(" about project {rollout}"),
        ErrandKind::Notify(notice) => {
            state.notices.get(notice).map_or_else(String::new, |notice| format!(": {}", notice.text))
        }
        ErrandKind::Link(cycle, link) => format!(" {link} of cycle {cycle}"),
    };
    format!("{}{about}", errand_word(kind))
}

fn errand_word(kind: ErrandKind) -> &'static str {
    match kind {
        ErrandKind::RaiseChange(_) => "a change request",
        ErrandKind::BeginChange(_) => "the begin of a change",
        ErrandKind::MoveTask(..) => "the move of a change task",
        ErrandKind::CloseChange(_) => "the end of a change",
        ErrandKind::RaiseTicket(_) => "a ticket",
        ErrandKind::CommentTicket(..) => "a comment on a ticket",
        ErrandKind::CloseTicket(_) => "the end of a ticket",
        ErrandKind::Call(..) => "a call to a person",
        ErrandKind::Notify(_) => "a notice",
        ErrandKind::Link(..) => "a link of a cycle",
    }
}

fn driver(event: &DriverEvent) -> String {
    match event {
        DriverEvent::Began { tenure, owner } => format!("driver {owner} took over, tenure {tenure}"),
        DriverEvent::ClockJumped { wall, steady } => {
            format!("the clock jumped to {wall}, steady time is {steady}; windows stay shut")
        }
        DriverEvent::ClockAccepted { wall, reason, .. } => {
            format!("the clock is accepted at {wall}{}", because(reason))
        }
    }
}
