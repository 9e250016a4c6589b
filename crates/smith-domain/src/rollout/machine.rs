//! The procedure of one machine: check, drain, patch, reboot, health check, undrain.
//!
//! Given what has happened so far and the newest outcome, [`next`] says what comes next. It knows nothing of limits,
//! budgets or other machines.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pipeline::{Actions, Drain, Health, Patch, Reboot, RetryRule, Timeouts};
use crate::rollout::CauseKind;
use crate::time::Span;

/// One thing that is done on a machine. There is no "run a command".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Check,
    Drain,
    Patch,
    Reboot,
    Health,
    Undrain,
}

impl Action {
    pub const ALL: [Action; 6] =
        [Action::Check, Action::Drain, Action::Patch, Action::Reboot, Action::Health, Action::Undrain];

    pub fn word(self) -> &'static str {
        match self {
            Action::Check => "check",
            Action::Drain => "drain",
            Action::Patch => "patch",
            Action::Reboot => "reboot",
            Action::Health => "health",
            Action::Undrain => "undrain",
        }
    }

    /// How long it may take before its answer counts as lost.
    pub fn timeout(self, timeouts: &Timeouts) -> Span {
        match self {
            Action::Check => timeouts.check,
            Action::Drain => timeouts.drain,
            Action::Patch => timeouts.patch,
            Action::Reboot => timeouts.reboot,
            Action::Health => timeouts.health,
            Action::Undrain => timeouts.undrain,
        }
    }

    /// Whether a failure with this cause proves that the machine is as it was before the action.
    fn left_alone(self, cause: CauseKind) -> bool {
        match self {
            Action::Check => !matches!(
                cause,
                CauseKind::Unreachable | CauseKind::KeyRefused | CauseKind::Lost | CauseKind::Interrupted
            ),
            Action::Drain => cause == CauseKind::DrainRefused,
            // The agent looks for these before it touches a package.
            Action::Patch => matches!(
                cause,
                CauseKind::Busy
                    | CauseKind::AgentOld
                    | CauseKind::MirrorUnreachable
                    | CauseKind::BadSignature
                    | CauseKind::HeldPackage
                    | CauseKind::RemovalRefused
                    | CauseKind::DiskFull
            ),
            Action::Reboot | Action::Health | Action::Undrain => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a check found to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Everything is installed and in effect.
    Nothing,
    /// Everything is installed, but the machine runs something older.
    RebootOnly,
    Install,
}

/// Whether the machine must be rebooted for what it has installed to be in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebootNeed {
    Needed,
    NotNeeded,
}

/// How an action ended, as its executor reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The answer to a check.
    Found(Work),
    /// The answer to a patch.
    Patched(RebootNeed),
    /// Done, or already so; the answer to everything else.
    Done,
    Failed(CauseKind),
    /// It was asked for, and looking showed that it was never begun.
    NotBegun,
    /// No answer came and none could be found out.
    Lost,
}

/// What has happened so far in one run of the procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The check found packages to install.
    pub install: Mark,
    pub drained: Mark,
    /// Something may have been changed on the machine.
    pub touched: Mark,
    pub reboot_needed: Mark,
    /// It was not known to be healthy when the procedure began.
    pub was_disturbed: Mark,
    /// Tries of the present action that have failed.
    pub failed_tries: u8,
    /// How often in a row the present action was asked for and never begun.
    pub unbegun: u8,
    /// A try failed half way, and neither another try nor a health check has succeeded since.
    pub broken: Option<(Action, CauseKind)>,
    /// The procedure has failed at this action and is only putting the machine back into service.
    pub giving_up: Option<(Action, CauseKind)>,
}

/// A fact that is so or not yet so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    #[default]
    No,
    Yes,
}

impl Mark {
    pub fn of(so: bool) -> Self {
        if so { Mark::Yes } else { Mark::No }
    }

    pub fn is_set(self) -> bool {
        self == Mark::Yes
    }
}

/// How far the procedure may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    Whole,
    /// After an abort: nothing that disturbs, only what makes the machine safe.
    MakeSafe,
}

/// What comes next for the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Do(Action, Progress),
    /// The same action again after a wait.
    Again(Action, Progress, Span),
    End(Ending),
}

/// How the procedure of a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing was to be done.
    AlreadySo,
    Done,
    /// It failed at this action, and the machine is in service and as it was before.
    FailedUntouched(Action, CauseKind),
    /// It failed at this action, and nobody has proven the machine to be healthy.
    FailedDisturbed(Action, CauseKind),
    /// Its state is not known.
    Lost,
    /// It was stopped, and the machine is in service. Whether all was done by then that changes a machine.
    Stopped(Mark),
}

/// The first action of every procedure: look before anything is touched.
pub const FIRST: Action = Action::Check;

/// An executor that was restarted has not begun what it was asked for, once or twice. One that never begins is broken,
/// and its machine has failed like any other.
const UNBEGUN_MAX: u8 = 8;

/// What comes after `action` answered with `outcome`.
pub fn next(
    actions: &Actions,
    retry: &RetryRule,
    course: Course,
    progress: Progress,
    action: Action,
    outcome: Outcome,
) -> Next {
    match outcome {
        Outcome::NotBegun if course == Course::MakeSafe && !makes_safe(action) => {
            after(actions, course, progress, None)
        }
        Outcome::NotBegun if progress.unbegun < UNBEGUN_MAX => {
            Next::Do(action, Progress { unbegun: progress.unbegun + 1, ..progress })
        }
        Outcome::NotBegun => {
            let progress = Progress { unbegun: 0, ..progress };
            failed(retry, course, progress, action, CauseKind::Interrupted)
        }
        Outcome::Lost => Next::End(Ending::Lost),
        Outcome::Failed(cause) => failed(retry, course, progress, action, cause),
        Outcome::Found(_) | Outcome::Patched(_) | Outcome::Done => {
            let progress = Progress { failed_tries: 0, unbegun: 0, ..progress };
            match (action, outcome) {
                (Action::Check, Outcome::Found(work)) => found(actions, course, progress, work),
                // A check that does not say what is to be done never means that nothing is.
                (Action::Check, _) => found(actions, course, progress, Work::Install),
                (_, _) => after(actions, course, record(progress, action, outcome), Some(action)),
            }
        }
    }
}

/// Notes what a success of `action` means.
fn record(progress: Progress, action: Action, outcome: Outcome) -> Progress {
    match action {
        Action::Check => progress,
        Action::Health => Progress { broken: None, ..progress },
        Action::Drain => Progress { drained: Mark::Yes, ..progress },
        Action::Patch => Progress {
            touched: Mark::Yes,
            broken: None,
            // An answer that does not say is taken as the one that leads to a reboot.
            reboot_needed: if outcome == Outcome::Patched(RebootNeed::NotNeeded) {
                progress.reboot_needed
            } else {
                Mark::Yes
            },
            ..progress
        },
        Action::Reboot => Progress { touched: Mark::Yes, broken: None, reboot_needed: Mark::No, ..progress },
        Action::Undrain => Progress { drained: Mark::No, ..progress },
    }
}

fn found(actions: &Actions, course: Course, progress: Progress, work: Work) -> Next {
    if course == Course::MakeSafe {
        return after(actions, course, progress, Some(Action::Check));
    }
    let install = actions.patch == Patch::Yes && work == Work::Install;
    let reboot = match actions.reboot {
        Reboot::Never => false,
        Reboot::IfNeeded => work == Work::RebootOnly,
        Reboot::Always => true,
    };
    if !install && !reboot {
        // A machine with nothing to do is neither drained nor called healthy unless it is asked. One that an earlier
        // procedure left drained goes back into service.
        return match actions.health {
            Health::Yes => Next::Do(Action::Health, progress),
            Health::No => after(actions, course, progress, None),
        };
    }
    let progress = Progress { install: Mark::of(install), reboot_needed: Mark::of(reboot), ..progress };
    match (actions.drain, install) {
        (Drain::Yes, _) => Next::Do(Action::Drain, progress),
        (Drain::No, true) => Next::Do(Action::Patch, progress),
        (Drain::No, false) => Next::Do(Action::Reboot, progress),
    }
}

/// The next action once `done` (or nothing yet) has succeeded.
fn after(actions: &Actions, course: Course, progress: Progress, done: Option<Action>) -> Next {
    if course == Course::MakeSafe {
        return make_safe(actions, progress, done);
    }
    match done {
        Some(Action::Drain) if progress.install.is_set() => Next::Do(Action::Patch, progress),
        Some(Action::Drain | Action::Patch) if wants_reboot(actions, progress) => {
            Next::Do(Action::Reboot, progress)
        }
        Some(Action::Drain | Action::Patch | Action::Reboot) if actions.health == Health::Yes => {
            Next::Do(Action::Health, progress)
        }
        Some(_) | None if progress.drained.is_set() => Next::Do(Action::Undrain, progress),
        Some(_) | None => Next::End(end(progress)),
    }
}

fn wants_reboot(actions: &Actions, progress: Progress) -> bool {
    match actions.reboot {
        Reboot::Never => false,
        Reboot::IfNeeded | Reboot::Always => progress.reboot_needed.is_set(),
    }
}

fn make_safe(actions: &Actions, progress: Progress, done: Option<Action>) -> Next {
    // A machine that was disturbed before goes into service no more easily than one that was touched now.
    let doubtful =
        progress.touched.is_set() || (progress.was_disturbed.is_set() && progress.drained.is_set());
    let unproven = doubtful && done != Some(Action::Health) && done != Some(Action::Undrain);
    if unproven && actions.health == Health::Yes {
        return Next::Do(Action::Health, progress);
    }
    if let Some((action, cause)) = progress.broken {
        return Next::End(Ending::FailedDisturbed(action, cause));
    }
    if progress.drained.is_set() {
        return Next::Do(Action::Undrain, progress);
    }
    Next::End(match progress.giving_up {
        Some((action, cause)) => Ending::FailedUntouched(action, cause),
        None => Ending::Stopped(Mark::of(progress.touched.is_set() && !wants_reboot(actions, progress))),
    })
}

fn makes_safe(action: Action) -> bool {
    match action {
        Action::Health | Action::Undrain => true,
        Action::Check | Action::Drain | Action::Patch | Action::Reboot => false,
    }
}

fn end(progress: Progress) -> Ending {
    match (progress.giving_up, progress.touched) {
        (Some((action, cause)), _) => Ending::FailedUntouched(action, cause),
        (None, Mark::Yes) => Ending::Done,
        (None, Mark::No) => Ending::AlreadySo,
    }
}

fn failed(retry: &RetryRule, course: Course, progress: Progress, action: Action, cause: CauseKind) -> Next {
    let tries = u32::from(progress.failed_tries) + 1;
    let tried = Progress { failed_tries: progress.failed_tries.saturating_add(1), ..progress };
    let may_repeat = course == Course::Whole || makes_safe(action);
    if may_repeat && cause.may_pass() && tries < attempts(retry, cause) {
        return Next::Again(action, after_try(tried, action, cause), wait(retry, tries));
    }
    let progress = Progress { failed_tries: 0, giving_up: Some((action, cause)), ..progress };
    if !action.left_alone(cause) || progress.touched.is_set() {
        return Next::End(Ending::FailedDisturbed(action, cause));
    }
    // What was proven untouched and then drained by us goes back into service before it is called failed, unless nobody
    // knew it to be healthy when we came.
    match (progress.drained, progress.was_disturbed) {
        (Mark::No, _) => Next::End(Ending::FailedUntouched(action, cause)),
        (Mark::Yes, Mark::No) => Next::Do(Action::Undrain, progress),
        (Mark::Yes, Mark::Yes) => Next::End(Ending::FailedDisturbed(action, cause)),
    }
}

/// What a failed try may have left behind, which the next try knows nothing of.
fn after_try(progress: Progress, action: Action, cause: CauseKind) -> Progress {
    match action {
        _ if action.left_alone(cause) => progress,
        Action::Patch | Action::Reboot => {
            Progress { touched: Mark::Yes, broken: Some((action, cause)), ..progress }
        }
        Action::Drain => Progress { drained: Mark::Yes, ..progress },
        Action::Check | Action::Health | Action::Undrain => progress,
    }
}

fn attempts(retry: &RetryRule, cause: CauseKind) -> u32 {
    retry.causes.get(&cause).copied().unwrap_or(retry.attempts)
}

/// The wait after the `tries`-th failure: each twice the one before, up to the longest.
fn wait(retry: &RetryRule, tries: u32) -> Span {
    let doublings = tries.saturating_sub(1).min(32);
    Span(retry.first.0.saturating_mul(1 << doublings)).min(retry.longest)
}
