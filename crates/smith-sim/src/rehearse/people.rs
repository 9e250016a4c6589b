//! The people of a rehearsal: they approve what waits for them after a while, and look after what halts.

use smith_domain::actor::Actor;
use smith_domain::change::{ChangeCommand, ChangeState};
use smith_domain::decide::Command;
use smith_domain::pipeline::{Gate, Who};
use smith_domain::rollout::{RolloutCommand, StepState};
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};

/// Somebody who has every role that `who` names and every name in it, but did not ask for the rollout.
pub(crate) fn somebody(who: &Who, number: usize) -> Actor {
    let roles = who.0.iter().filter_map(|entry| entry.strip_prefix("role:"));
    let name = who.0.iter().filter(|entry| !entry.starts_with("role:")).nth(number);
    let mut actor = Actor::person(name.cloned().unwrap_or_else(|| format!("approver-{number}")));
    for role in roles {
        actor = actor.with_role(role);
    }
    actor
}

/// What waits for people now: each with the time since when it does.
pub(crate) fn wanted(state: &State) -> Vec<(Timestamp, Actor, Command)> {
    let mut wanted = Vec::new();
    for change in state.changes.iter().filter(|change| change.state == ChangeState::Raised) {
        if let (Some(who), Some(number)) = (change.approvers(), &change.number) {
            let by = somebody(who, change.approvals.len());
            let command = Command::Change(ChangeCommand::Approve { number: number.clone(), reason: None });
            wanted.push((change.drafted_at, by, command));
        }
    }
    for rollout in state.rollouts.active() {
        for (number, step) in rollout.steps.iter().enumerate().filter(|(_, s)| s.state == StepState::Reached)
        {
            let rule = &rollout.pipeline.steps[number];
            // People look at results: an approval is given when everything else that it stands beside has come.
            let others = rule.gates.iter().zip(&step.gates);
            let ready = others.clone().all(|(rule, gate)| gate.open || matches!(rule, Gate::Approval { .. }));
            if !ready {
                continue;
            }
            for (rule_gate, gate) in others.filter(|(_, gate)| !gate.open) {
                if let Gate::Approval { name, who, .. } = rule_gate {
                    let (rollout, step_name, gate_name) = (rollout.id, rule.id.clone(), name.clone());
                    let command = Command::Rollout(RolloutCommand::ApproveGate {
                        rollout,
                        step: step_name,
                        gate: gate_name,
                        reason: None,
                    });
                    let since = step.reached_at.unwrap_or(state.at);
                    wanted.push((since, somebody(who, gate.approvals.len()), command));
                }
            }
        }
    }
    wanted
}

/// How long people take to repair what a step halted for, and how often that is done before it is given up.
pub(crate) const REPAIR: Span = Span::hours(1);
