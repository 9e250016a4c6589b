//! Gates and windows: what must hold before a step opens, and when machines may be started.

use crate::calendar::{Calendar, Closing, Opening};
use crate::pipeline::Gate;
use crate::plan::{Planner, WakeFor};
use crate::rollout::event::RolloutEvent;
use crate::rollout::schedule::StepKey;
use crate::rollout::state::{GateRun, Window};
use crate::time::{Now, Span, Timestamp};

/// Where wall clock and steady time disagree about a window, it is looked at again after this.
const LOOK_AGAIN: Span = Span::secs(60);

/// Opens the gates whose condition holds; answers whether all are open already.
pub(super) fn all_open(planner: &mut Planner<'_>, key: StepKey) -> bool {
    let rollout = planner.state.rollouts.one(key.rollout);
    let mut all = true;
    for ((number, rule), gate) in (0..).zip(&rollout.rule(key.step).gates).zip(&rollout.step(key.step).gates)
    {
        if gate.open {
            continue;
        }
        all = false;
        if holds(rule, gate, planner.now) {
            planner.push(RolloutEvent::GateOpened { rollout: key.rollout, step: key.step, gate: number });
        } else if let Some(at) = gate.opens_at {
            planner.wake(at, WakeFor::Gate);
        }
    }
    all
}

/// Whether a gate's condition holds. Soaks are measured on the steady time, which no clock setting moves.
pub(crate) fn holds(rule: &Gate, gate: &GateRun, now: Now) -> bool {
    match rule {
        Gate::Soak { .. } => gate.opens_at.is_some_and(|at| now.steady >= at),
        Gate::Approval { count, .. } => gate.approvals.len() >= *count as usize,
        Gate::Succeeded { .. } => gate.met,
    }
}

/// Follows the calendar of an open step; answers whether machines may be started now.
pub(super) fn window(planner: &mut Planner<'_>, key: StepKey) -> bool {
    let rollout = planner.state.rollouts.one(key.rollout);
    let calendar = &rollout.rule(key.step).calendar;
    let run = rollout.step(key.step);
    let longest = Span(run.longest);
    let found = match &run.window {
        Window::Open { until: None } => return true,
        Window::Open { until: Some(until) } => {
            let latest = *until - longest;
            let wall = Timestamp(planner.now.wall.0.saturating_sub(planner.state.clock_offset));
            // A wall clock that was set back may stand before the opening.
            let agrees = wall >= planner.now.steady || is_open(calendar, planner.now.wall);
            if agrees && planner.now.steady.max(wall) <= latest {
                planner.wake(latest + Span(1), WakeFor::Window);
                return true;
            }
            look(calendar, planner.now, planner.state.clock_offset, longest)
        }
        Window::Closed { opens: Some(opens), .. } if planner.now.steady < *opens => {
            planner.wake(*opens, WakeFor::Window);
            return false;
        }
        Window::Closed { opens: None, .. } => return false,
        Window::Closed { .. } | Window::Unknown => {
            look(calendar, planner.now, planner.state.clock_offset, longest)
        }
    };
    if is_old_news(&found, &run.window, planner.now) {
        planner.wake(planner.now.steady + LOOK_AGAIN, WakeFor::Window);
        return false;
    }
    let (rollout, step) = (key.rollout, key.step);
    planner.push(match found {
        Window::Closed { opens, why } => RolloutEvent::WindowClosed { rollout, step, opens, why },
        Window::Open { until } => RolloutEvent::WindowOpened { rollout, step, until },
        Window::Unknown => return false,
    });
    false
}

fn is_open(calendar: &Calendar, at: Timestamp) -> bool {
    matches!(calendar.at(at), Opening::Open { .. })
}

/// What the calendar says when both clocks must agree and a machine that takes `longest` must still fit.
///
/// `offset` leads from the steady time to the time of calendars; what is found is told in steady time.
pub(crate) fn look(calendar: &Calendar, now: Now, offset: i64, longest: Span) -> Window {
    if calendar.is_always() {
        return Window::Open { until: None };
    }
    let steady = Timestamp(now.steady.0.saturating_add(offset));
    let told = |at: Option<Timestamp>| at.map(|at| Timestamp(at.0.saturating_sub(offset)));
    match (calendar.at(steady), calendar.at(now.wall)) {
        (Opening::Open { until: a }, Opening::Open { until: b }) => {
            let until = match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, None) | (None, one) => one,
            };
            match until {
                // The clock of the machine has run ahead: as soon as it agrees again there is room.
                Some(until) if now.wall > steady && steady + longest <= until => {
                    Window::Closed { opens: Some(now.steady), why: Closing::Clock }
                }
                Some(until) if steady.max(now.wall) + longest > until => match calendar.at(until) {
                    // The opening is too short for another machine: the next one counts.
                    Opening::Closed { opens, why } => Window::Closed { opens: told(opens), why },
                    Opening::Open { until } => Window::Open { until: told(until) },
                },
                until => Window::Open { until: told(until) },
            }
        }
        (Opening::Closed { opens, why }, _) => Window::Closed { opens: told(opens), why },
        // It opens as soon as the machine's clock agrees, which no calendar can tell.
        (Opening::Open { .. }, Opening::Closed { why, .. }) => {
            Window::Closed { opens: Some(now.steady), why }
        }
    }
}

/// Whether the step knows already that it is closed, until the same time or for lack of agreement of the clocks.
fn is_old_news(found: &Window, known: &Window, now: Now) -> bool {
    match (found, known) {
        (Window::Closed { opens: a, why: x }, Window::Closed { opens: b, why: y }) => {
            a == b || (x == y && a.is_some_and(|opens| opens <= now.steady))
        }
        (found, known) => found == known,
    }
}
