//! Cycles: what the week has done and what it waits for.

use smith_api::{Cycle, CycleLink};
use smith_domain::cycle::{self, CycleState, Link, LinkState, waits};
use smith_domain::state::State;

pub fn cycle(state: &State, one: &cycle::Cycle) -> Cycle {
    let links: Vec<CycleLink> = one.plan.links().into_iter().map(|link| of_link(one, link)).collect();
    let has = |word: &str| links.iter().any(|link| link.state == word);
    let (word, ended) = match &one.state {
        CycleState::Ended { at } => ("complete", Some(at.to_string())),
        CycleState::Stopped { at, .. } => ("stopped", Some(at.to_string())),
        CycleState::Running if has("failed") => ("failed", None),
        CycleState::Running => ("running", None),
    };
    Cycle {
        cycle: one.id.0,
        week: one.plan.name.clone(),
        channel: one.plan.channel.clone(),
        build: one.build.map(|build| build.0),
        by: one.by.clone(),
        started: one.started_at.to_string(),
        ended,
        state: word.to_owned(),
        waits: waits(state, one).iter().map(ToString::to_string).collect(),
        links,
    }
}

fn of_link(one: &cycle::Cycle, link: Link) -> CycleLink {
    let found = one.link(link);
    let (note, at) = match found {
        LinkState::Done { at, note } => (Some(note.clone()).filter(|note| !note.is_empty()), Some(*at)),
        LinkState::Skipped { at, reason } => (Some(reason.clone()), Some(*at)),
        LinkState::Failed { at, reason } => (Some(reason.clone()), Some(*at)),
        LinkState::Begun { .. } | LinkState::Waiting => (None, None),
    };
    CycleLink {
        link: link.to_string(),
        // What the end of a cycle broke off is at work no more.
        state: if matches!(found, LinkState::Begun { .. }) && one.has_ended() {
            "stopped".to_owned()
        } else {
            found.word().to_owned()
        },
        note,
        at: at.map(|at| at.to_string()),
    }
}
