//! Tickets with what has become of them.

use smith_api::{CheckItem, Comment, Ticket};
use smith_domain::id::TicketId;
use smith_domain::state::State;
use smith_domain::ticket::{self, TicketKind, TicketState, checklist};

pub fn ticket(state: &State, one: &ticket::Ticket) -> Ticket {
    let (build, project, step) = match &one.kind {
        TicketKind::Epic { build } => (build.0, None, None),
        TicketKind::Step { rollout, step, build, .. } => {
            let rule =
                state.rollouts.get(*rollout).and_then(|one| one.pipeline.steps.get(usize::from(*step)));
            (build.0, Some(rollout.0), rule.map(|rule| rule.id.to_string()))
        }
    };
    let (word, reason, replaced_by) = match &one.state {
        TicketState::Open => ("open", None, None),
        TicketState::Closed { reason, replaced_by } => ("closed", Some(reason.clone()), *replaced_by),
    };
    let children = state.tickets.iter().filter(|other| other.parent == Some(one.id));
    Ticket {
        number: name(one),
        title: one.title.clone(),
        state: word.to_owned(),
        raised: one.drafted_at.to_string(),
        parent: one.parent.map(|parent| name_of(state, parent)),
        build,
        project,
        step,
        reason,
        replaced_by: replaced_by.map(|other| name_of(state, other)),
        comments: one
            .comments
            .iter()
            .map(|(at, text)| Comment { at: at.to_string(), text: text.clone() })
            .collect(),
        checklist: match one.kind {
            TicketKind::Epic { build } => checklist(state, build).into_iter().map(item).collect(),
            TicketKind::Step { .. } => Vec::new(),
        },
        children: children.map(name).collect(),
    }
}

fn item(one: ticket::Item) -> CheckItem {
    CheckItem { done: one.done.map(|at| at.to_string()), text: one.text }
}

fn name(one: &ticket::Ticket) -> String {
    one.number.clone().unwrap_or_else(|| one.id.to_string())
}

fn name_of(state: &State, id: TicketId) -> String {
    state.tickets.get(id).map_or_else(|| id.to_string(), name)
}
