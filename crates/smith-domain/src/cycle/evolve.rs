//! How events change cycles.

use crate::cycle::event::CycleEvent;
use crate::cycle::gate;
use crate::cycle::model::{Link, Work};
use crate::cycle::state::{Answer, Cycle, CycleState, LinkRun, LinkState};
use crate::errand::{ErrandKind, ErrandOutcome};
use crate::id::{BuildNumber, CycleId};
use crate::notice::About;
use crate::rollout::{GateRun, Rollout};
use crate::state::State;
use crate::time::Timestamp;

pub(crate) fn evolve(state: &mut State, event: &CycleEvent, at: Timestamp) {
    match event {
        CycleEvent::Started { cycle, plan, by, due, build, reason: _ } => {
            let links = plan.links().into_iter().map(|link| (link, LinkRun::default())).collect();
            let (gates, plan) = (vec![GateRun::default(); plan.gates.len()], (**plan).clone());
            note_due(state, &plan.name, *due);
            let (id, by, due, state_now) = (*cycle, by.clone(), *due, CycleState::Running);
            state.cycles.all.push(Cycle {
                id,
                plan,
                by,
                due,
                started_at: at,
                build: None,
                links,
                gates,
                train: None,
                state: state_now,
            });
            state.cycles.active.insert(id);
            if let Some(build) = build {
                made(state, id, *build);
                let note = format!("build {build} was there");
                set(state, id, Link::Build, LinkState::Done { at, note });
            }
        }
        CycleEvent::BuildMade { cycle, build } => made(state, *cycle, *build),
        CycleEvent::LinkBegun { cycle, link } => begun(state, *cycle, *link, at),
        CycleEvent::LinkDone { cycle, link, note } => {
            set(state, *cycle, *link, LinkState::Done { at, note: note.clone() });
        }
        CycleEvent::LinkFailed { cycle, link, reason } => {
            set(state, *cycle, *link, LinkState::Failed { at, reason: reason.clone() });
            state.notices.want(About::LinkFailed { cycle: *cycle, link: *link });
        }
        CycleEvent::LinkRerun { cycle, link, .. } => rerun(state, *cycle, *link),
        CycleEvent::LinkSkipped { cycle, link, reason } => {
            set(state, *cycle, *link, LinkState::Skipped { at, reason: reason.clone() });
        }
        CycleEvent::GateOpened { cycle, gate } => {
            with_gate(state, *cycle, *gate, |gate| gate.open = true);
            state.notices.forget(&About::CycleGateWaits { cycle: *cycle, gate: *gate });
            gate::opened(state, *cycle, *gate);
        }
        CycleEvent::GateApproved { cycle, gate, by, .. } => {
            with_gate(state, *cycle, *gate, |gate| gate.approvals.push(by.clone()));
        }
        CycleEvent::TrainRaised { cycle, train } => {
            if let Some(cycle) = state.cycles.get_mut(*cycle) {
                cycle.train = Some(*train);
            }
        }
        CycleEvent::Ended { cycle } => ended(state, *cycle, CycleState::Ended { at }),
        CycleEvent::Stopped { cycle, reason } => {
            ended(state, *cycle, CycleState::Stopped { reason: reason.clone(), at });
        }
        CycleEvent::Missed { schedule, due } => {
            note_due(state, schedule, Some(*due));
            state.notices.want(About::ScheduleMissed { schedule: schedule.clone(), due: *due });
        }
    }
}

/// Until when schedules were dealt with is never later than a clock that somebody vouches for: what a clock that ran ahead has
/// started or missed must not silence what is due by the right one.
pub(crate) fn clock_accepted(state: &mut State, wall: Timestamp) {
    for last in state.cycles.last_due.values_mut() {
        *last = wall.min(*last);
    }
}

fn note_due(state: &mut State, schedule: &str, due: Option<Timestamp>) {
    if let Some(due) = due {
        let last = state.cycles.last_due.entry(schedule.to_owned()).or_insert(due);
        *last = due.max(*last);
    }
}

fn made(state: &mut State, id: CycleId, build: BuildNumber) {
    state.cycles.by_build.insert(build, id);
    if let Some(cycle) = state.cycles.get_mut(id) {
        cycle.build = Some(build);
    }
}

fn with_gate(state: &mut State, id: CycleId, gate: u16, change: impl FnOnce(&mut GateRun)) {
    let cycle = state.cycles.get_mut(id);
    if let Some(gate) = cycle.and_then(|cycle| cycle.gates.get_mut(usize::from(gate))) {
        change(gate);
    }
}

/// The link is where it is now; nobody waits any more for what was asked for it.
fn set(state: &mut State, id: CycleId, link: Link, to: LinkState) {
    let Some(run) = state.cycles.get_mut(id).and_then(|cycle| cycle.links.get_mut(&link)) else { return };
    run.state = to;
    run.answer = None;
    if let Some(errand) = run.errand.take() {
        state.errands.drop_one(errand);
    }
    state.notices.forget(&About::LinkFailed { cycle: id, link });
}

fn begun(state: &mut State, id: CycleId, link: Link, at: Timestamp) {
    set(state, id, link, LinkState::Begun { at });
    let Some(cycle) = state.cycles.get(id) else { return };
    let known = cycle.links.get(&link).and_then(|run| run.before);
    let newest = cycle.newest(state, link).filter(|rollout| Some(rollout.id) > known);
    // One that runs, or has succeeded, is what the link wants.
    let adopted = newest.is_some_and(|rollout| !was_aborted(rollout));
    let before = if adopted { known } else { newest.map(|rollout| rollout.id).or(known) };
    let errand = match link.work() {
        Work::Outside => Some(state.errands.add(ErrandKind::Link(id, link), at)),
        Work::Rollout if !adopted => Some(state.errands.add(ErrandKind::Link(id, link), at)),
        Work::Rollout | Work::Here => None,
    };
    if let Some(run) = state.cycles.get_mut(id).and_then(|cycle| cycle.links.get_mut(&link)) {
        (run.before, run.errand) = (before, errand);
    }
    if link == Link::Gates {
        gate::ask(state, id);
    }
}

fn was_aborted(rollout: &Rollout) -> bool {
    use crate::rollout::{Mode, RolloutEnd};
    matches!(rollout.mode, Mode::Aborting | Mode::Ended { end: RolloutEnd::Aborted, .. })
}

/// What was known and said before says nothing about what is done anew: the gates are shut again and what only looked is
/// waiting again, unless the channel has moved or is moving. Where it was moving and then failed, they are shut when it is
/// run again.
fn rerun(state: &mut State, id: CycleId, link: Link) {
    let newest = state.cycles.get(id).and_then(|cycle| cycle.newest(state, link));
    let over = newest.filter(|rollout| rollout.has_ended()).map(|rollout| rollout.id);
    let later = state.cycles.get(id).map(|cycle| to_repeat(cycle, link)).unwrap_or_default();
    set(state, id, link, LinkState::Waiting);
    if let Some(run) = state.cycles.get_mut(id).and_then(|cycle| cycle.links.get_mut(&link)) {
        run.before = over.max(run.before);
    }
    for one in later {
        set(state, id, one, LinkState::Waiting);
        if one == Link::Gates {
            shut_gates(state, id);
        }
    }
}

/// The links that are worth nothing any more when this one is run again. Tickets, rollouts and changes stay: they are
/// facts outside, and what they say of the build is in the gates' hands.
fn to_repeat(cycle: &Cycle, link: Link) -> Vec<Link> {
    if matches!(cycle.link(Link::Channel), LinkState::Done { .. } | LinkState::Begun { .. }) {
        return Vec::new();
    }
    if link == Link::Channel {
        return if gates_are_stale(cycle) { vec![Link::Gates] } else { Vec::new() };
    }
    let known = |later: &Link| match (later, cycle.link(*later)) {
        (Link::Gates, _) => true,
        // What somebody left out stays left out.
        (Link::Diff | Link::Check | Link::Verify, LinkState::Skipped { .. }) => false,
        (Link::Diff | Link::Check | Link::Verify, _) => true,
        (
            Link::Build
            | Link::Sync
            | Link::Epic
            | Link::Test
            | Link::Trains
            | Link::Channel
            | Link::Canary
            | Link::Region(_),
            _,
        ) => false,
    };
    let rests = |later: &Link| *later == link || cycle.plan.rests_on(*later).contains(&link);
    cycle.links.keys().copied().filter(rests).filter(known).collect()
}

/// Whether something that the gates rest on was run again while the channel moved, so that they were not shut.
fn gates_are_stale(cycle: &Cycle) -> bool {
    let LinkState::Done { at: opened, .. } = cycle.link(Link::Gates) else { return false };
    cycle.plan.rests_on(Link::Gates).into_iter().any(|before| match cycle.link(before) {
        LinkState::Done { at, .. } | LinkState::Skipped { at, .. } => at > opened,
        LinkState::Waiting | LinkState::Begun { .. } | LinkState::Failed { .. } => true,
    })
}

fn shut_gates(state: &mut State, id: CycleId) {
    let gates = state.cycles.get(id).map_or(0, |cycle| cycle.gates.len());
    for gate in (0..).take(gates) {
        with_gate(state, id, gate, |gate| *gate = GateRun::default());
        state.notices.forget(&About::CycleGateWaits { cycle: id, gate });
    }
}

fn ended(state: &mut State, id: CycleId, how: CycleState) {
    state.cycles.active.remove(&id);
    let Some(cycle) = state.cycles.get_mut(id) else { return };
    cycle.state = how;
    let open: Vec<_> = cycle.links.values_mut().filter_map(|run| run.errand.take()).collect();
    let failed: Vec<Link> = cycle.links.keys().copied().collect();
    let gates = cycle.gates.len();
    for errand in open {
        state.errands.drop_one(errand);
    }
    for link in failed {
        state.notices.forget(&About::LinkFailed { cycle: id, link });
    }
    for gate in (0..).take(gates) {
        state.notices.forget(&About::CycleGateWaits { cycle: id, gate });
    }
    state.notices.want(About::CycleEnded { cycle: id });
}

/// The outside has answered a link's errand; the plan takes it up.
pub(crate) fn answered(state: &mut State, id: CycleId, link: Link, outcome: &ErrandOutcome) {
    let run = state.cycles.get_mut(id).and_then(|cycle| cycle.links.get_mut(&link));
    let Some(run) = run.filter(|run| matches!(run.state, LinkState::Begun { .. })) else { return };
    let answer = match outcome {
        ErrandOutcome::Failed { .. } => return,
        ErrandOutcome::Done | ErrandOutcome::Raised { .. } => Answer::Done { note: String::new() },
        ErrandOutcome::Told { note } => Answer::Done { note: note.clone() },
        ErrandOutcome::Built { build, note } => Answer::Built { build: *build, note: note.clone() },
        ErrandOutcome::Refused { reason } => Answer::Refused { reason: reason.clone() },
    };
    (run.answer, run.errand) = (Some(answer), None);
}
