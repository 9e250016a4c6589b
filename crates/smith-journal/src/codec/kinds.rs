//! Every kind of event that was ever written, and how old versions of its body become the current one.
//!
//! A shape that changes gets a step here and a golden file beside the others; the old golden file stays for ever.

use crate::lift::Lift;

/// Kinds whose body still has its first shape.
pub(super) const UNCHANGED: &[&str] = &[
    "fleet.machines-joined",
    "fleet.machines-changed",
    "fleet.machines-left",
    "fleet.machines-returned",
    "fleet.source-read",
    "fleet.source-dropped",
    "fleet.sources-shrank",
    "fleet.source-confirmed",
    "fleet.exemption-granted",
    "fleet.exemption-ended",
    "build.verified",
    "build.withdrawn",
    "build.channel-set",
    "rollout.started",
    "rollout.step-reached",
    "rollout.gate-opened",
    "rollout.gate-approved",
    "rollout.step-opened",
    "rollout.scoped",
    "rollout.scope-complete",
    "rollout.swept",
    "rollout.run-opened",
    "rollout.run-closed",
    "rollout.window-opened",
    "rollout.window-closed",
    "rollout.asked",
    "rollout.sought",
    "rollout.reported",
    "rollout.halted",
    "rollout.called",
    "rollout.resumed",
    "rollout.paused",
    "rollout.unpaused",
    "rollout.aborted",
    "rollout.retried",
    "rollout.skipped",
    "rollout.signed-off",
    "rollout.step-ended",
    "rollout.ended",
    "change.drafted",
    "change.raised",
    "change.refused",
    "change.approved",
    "change.rejected",
    "change.revoked",
    "change.begun",
    "change.task-moved",
    "change.closed",
    "change.cancelled",
    "change.train-raised",
    "ticket.drafted",
    "ticket.raised",
    "ticket.commented",
    "ticket.closed",
    "errand.asked",
    "errand.reported",
    "access.token-issued",
    "access.token-revoked",
    "access.request-kept",
    "access.refused",
    "notice.posted",
    "cycle.started",
    "cycle.build-made",
    "cycle.link-begun",
    "cycle.link-done",
    "cycle.link-failed",
    "cycle.link-rerun",
    "cycle.link-skipped",
    "cycle.gate-opened",
    "cycle.gate-approved",
    "cycle.train-raised",
    "cycle.ended",
    "cycle.stopped",
    "schedule.missed",
    "driver.began",
    "driver.clock-jumped",
    "driver.clock-accepted",
];

/// Every kind, in the order in which they stand here.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    UNCHANGED.iter().copied()
}

/// The versions and steps of all kinds.
pub fn lift() -> Lift {
    UNCHANGED.iter().fold(Lift::new(), |lift, kind| lift.kind(*kind, &[]))
}
