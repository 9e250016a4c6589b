//! Reasons in words, one line each.

use std::fmt;

use crate::calendar::Closing;
use crate::pipeline::{Counts, Patch, SoakFrom};
use crate::rollout::{How, Left};
use crate::state::State;
use crate::why::{Ended, FullOf, Reason, Why};

impl Why {
    /// One line that answers "why is this machine not patched?".
    pub fn line(&self, state: &State) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|reason| reason.line(state)).collect();
        match self.rollout {
            None => reasons.join("; "),
            Some(rollout) => format!("project {rollout}: {}", reasons.join("; ")),
        }
    }
}

impl Reason {
    /// The reason with the names of machines, which only the state knows.
    pub fn line(&self, state: &State) -> String {
        let Reason::Full { by, .. } = self else { return self.to_string() };
        if by.is_empty() {
            return self.to_string();
        }
        let names: Vec<String> = by
            .iter()
            .map(|machine| {
                let how = if state.gauges.grip(*machine).running { "at work" } else { "not proven healthy" };
                format!("{} ({how})", state.fleet.machine(*machine).name())
            })
            .collect();
        format!("{self}: {}", names.join(", "))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::After { steps } => {
                let names: Vec<&str> = steps.iter().map(|step| step.as_str()).collect();
                write!(f, "waits for the end of {}", names.join(", "))
            }
            Reason::Soak { step, from, until } => {
                write!(f, "soaks since the {} of {step} until {until}", point(*from))
            }
            Reason::SoakNotBegun { pipeline, step, from } => {
                write!(f, "the soak counts from the {} of {step}", point(*from))?;
                if let Some(pipeline) = pipeline {
                    write!(f, " in {pipeline}")?;
                }
                f.write_str(", which has not come with this build")
            }
            Reason::Approval { name, missing, who } => {
                write!(f, "waits for approval \"{name}\" by {missing} of {who}")
            }
            Reason::Pipeline { pipeline } => {
                write!(f, "waits for {pipeline} to succeed with this build")
            }
            Reason::Exclusive { name, rollout, step } => {
                write!(f, "waits for {name}, which step {step} of project {rollout} holds")
            }
            Reason::ChangeNotRaised { trouble: None } => {
                f.write_str("waits for the change desk to take its change")
            }
            Reason::ChangeNotRaised { trouble: Some(trouble) } => {
                write!(f, "waits for the change desk to take its change; last answer: {trouble}")
            }
            Reason::ChangeNotApproved { number, missing, who: Some(who) } => {
                write!(f, "{number} waits for approval by {missing} of {who}")
            }
            Reason::ChangeNotApproved { number, .. } => write!(f, "{number} waits for approval"),
            Reason::ChangeRevoked { number, by, reason } => {
                write!(f, "the approval of {number} was revoked by {by}: {reason}")
            }
            Reason::Window { opens, why } => window(f, opens.map(|at| at.to_string()), why),
            Reason::Clock(found) => write!(f, "{found}; an admin who knows that it is right accepts it"),
            Reason::Paused => f.write_str("the rollout is paused"),
            Reason::Aborting => f.write_str("the rollout was aborted; machines at work are made safe"),
            Reason::Halted { why, owner } => write!(f, "halted: {why}; waits for {owner}"),
            Reason::Phase { title, current } => write!(f, "its phase {title} comes after {current}"),
            Reason::Full { of, held, allowed, .. } => full(f, of, *held, *allowed),
            Reason::Elsewhere { rollout } => write!(f, "at work in project {rollout}"),
            Reason::Next => f.write_str("its turn is next"),
            Reason::AtWork { action, since, deadline } => {
                write!(f, "at work: {action} since {since}, answer expected by {deadline}")
            }
            Reason::Overdue { action, since, sought } => {
                write!(f, "no answer to {action} since {since}, looked for {sought} times")
            }
            Reason::TryAgain { action, at } => write!(f, "{action} is due at {at}"),
            Reason::Running { machines: 1 } => f.write_str("1 machine is at work"),
            Reason::Running { machines } => write!(f, "{machines} machines are at work"),
            Reason::Ended(ended) => ended.fmt(f),
            Reason::NotInScope => f.write_str("no rollout has this machine in its scope"),
        }
    }
}

fn point(from: SoakFrom) -> &'static str {
    match from {
        SoakFrom::Start => "start",
        SoakFrom::End => "end",
    }
}

fn window(f: &mut fmt::Formatter<'_>, opens: Option<String>, why: &Closing) -> fmt::Result {
    match why {
        Closing::OutsideWindow => f.write_str("outside its maintenance window")?,
        Closing::Freeze { reason, .. } => write!(f, "frozen: {reason}")?,
        Closing::Clock => {
            return f.write_str("the clock of the controller runs ahead of the time that has passed");
        }
    }
    match opens {
        Some(opens) => write!(f, ", opens {opens}"),
        None => f.write_str(", and no opening is in sight"),
    }
}

fn full(f: &mut fmt::Formatter<'_>, of: &FullOf, held: u32, allowed: u32) -> fmt::Result {
    match of {
        FullOf::Bag => write!(f, "its bag runs {held} of {allowed} machines at a time"),
        FullOf::Budget { environment } => {
            write!(f, "the failure budget has no room: {held} failed, lost or at work of {allowed}")?;
            match environment {
                Some(environment) => write!(f, " in {environment}"),
                None => Ok(()),
            }
        }
        FullOf::Limit { per, within, counts } => {
            let what = match counts {
                Counts::Disturbed => "disturbed",
                Counts::Running => "at work",
            };
            write!(f, "limit {allowed} per ")?;
            if per.is_empty() {
                f.write_str("fleet")?;
            }
            let groups: Vec<String> = per.iter().map(|(name, value)| format!("{name} {value}")).collect();
            f.write_str(&groups.join(" and "))?;
            if let Some(within) = within {
                write!(f, " within {within}")?;
            }
            write!(f, " is used up, {held} {what}")
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Done(How::AlreadySo) => f.write_str("done: it was at the build already"),
            Ended::Done(How::Patched) => f.write_str("done: patched"),
            Ended::Done(How::Rebooted) | Ended::Rebooted(Patch::No) => f.write_str("done: rebooted"),
            Ended::Rebooted(Patch::Yes) => f.write_str("done: it was at the build already, and was rebooted"),
            Ended::Done(How::Elsewhere) => f.write_str("done: another rollout brought it to the build"),
            Ended::Done(How::Stopped) => f.write_str("left as it was: the rollout was aborted"),
            Ended::Failed { action, cause, note: None } => write!(f, "failed in {action}: {cause}"),
            Ended::Failed { action, cause, note: Some(note) } => {
                write!(f, "failed in {action}: {cause}: {note}")
            }
            Ended::Lost { action } => write!(f, "lost: nobody knows how {action} ended"),
            Ended::Skipped { note: None } => f.write_str("skipped"),
            Ended::Skipped { note: Some(note) } => write!(f, "skipped: {note}"),
            Ended::Gone { left, note } => {
                f.write_str(match left {
                    Left::Well => "gone: it left the fleet",
                    Left::Unselected => "gone: its attributes changed and its bag selected it no more",
                    Left::Failed => "gone: it had failed before it left the fleet",
                    Left::Unknown => "gone: it left the fleet while nobody knew how it was",
                })?;
                // What was said of one that was well is no reason for anything.
                let note = note.as_ref().filter(|_| matches!(left, Left::Failed | Left::Unknown));
                note.map_or(Ok(()), |note| write!(f, ": {note}"))
            }
        }
    }
}
