//! `smith rollout pause`, `unpause`, `abort`, `resume`, `retry`, `skip`, `approve`: a hand on a rollout that runs.

use clap::Args;
use serde::Serialize;
use smith_api::{Approve as Yes, ProjectLine, Reasoned, Resume as GoOn, Retry as Again, Skip as Without};

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output;

/// What every hand on a rollout takes.
#[derive(Debug, Args)]
struct Hand {
    /// The project id
    #[arg(value_name = "ID")]
    id: u32,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Start nothing more of a rollout until `unpause`; machines that are at work finish.
#[derive(Debug, Args)]
pub(super) struct Pause {
    #[command(flatten)]
    hand: Hand,
}

/// Let a paused rollout go on.
#[derive(Debug, Args)]
pub(super) struct Unpause {
    #[command(flatten)]
    hand: Hand,
}

/// End a rollout: only what makes machines safe is still done.
///
/// It cannot be taken back; start the config again instead.
#[derive(Debug, Args)]
pub(super) struct Abort {
    #[command(flatten)]
    hand: Hand,
    #[command(flatten)]
    sure: Sure,
}

/// Let a halted step go on, with so many more failures accepted.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    hand: Hand,
    /// The step, by its id or as `ID : TITLE`
    #[arg(long, value_name = "STEP")]
    step: String,
    /// So many more failures are accepted
    #[arg(long, value_name = "N", default_value_t = 0)]
    grant: u32,
}

/// Try failed and lost machines again.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    hand: Hand,
    /// Names, addresses, patterns or a selector
    #[arg(value_name = "MACHINE")]
    machines: Vec<String>,
}

/// Leave machines out of a rollout, with a reason.
#[derive(Debug, Args)]
pub(super) struct Skip {
    #[command(flatten)]
    hand: Hand,
    /// Names, addresses, patterns or a selector
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<String>,
}

/// Say yes to an approval that a step waits for.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    hand: Hand,
    /// The step, by its id or as `ID : TITLE`
    #[arg(long, value_name = "STEP")]
    step: String,
    /// Which approval, where the step has several
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
}

impl Hand {
    fn put<B: Serialize + Sync>(&self, verb: &str, body: &B) -> Result<Exit, Failure> {
        let line: ProjectLine = self.server.post(&format!("/v1/projects/{}/{verb}", self.id), body)?;
        if self.json {
            output::json(&line)?;
        } else {
            output::data(&format!(
                "project {} ({}, build {}) is {}\n",
                line.project, line.pipeline, line.build, line.state
            ))?;
        }
        Ok(Exit::Good)
    }

    fn why(&self) -> Reasoned {
        Reasoned { reason: self.reason.clone() }
    }
}

pub(super) fn pause(args: &Pause) -> Result<Exit, Failure> {
    args.hand.put("pause", &args.hand.why())
}

pub(super) fn unpause(args: &Unpause) -> Result<Exit, Failure> {
    args.hand.put("unpause", &args.hand.why())
}

pub(super) fn abort(args: &Abort) -> Result<Exit, Failure> {
    args.sure.or_ask(&format!("abort project {}? it cannot be taken back", args.hand.id))?;
    args.hand.put("abort", &args.hand.why())
}

pub(super) fn resume(args: &Resume) -> Result<Exit, Failure> {
    let body = GoOn { step: args.step.clone(), grant: args.grant, reason: args.hand.reason.clone() };
    args.hand.put("resume", &body)
}

pub(super) fn retry(args: &Retry) -> Result<Exit, Failure> {
    let machines = (!args.machines.is_empty()).then(|| args.machines.join(" "));
    args.hand.put("retry", &Again { machines, reason: args.hand.reason.clone() })
}

pub(super) fn skip(args: &Skip) -> Result<Exit, Failure> {
    let reason = args.hand.reason.clone().unwrap_or_default();
    args.hand.put("skip", &Without { machines: args.machines.join(" "), reason })
}

pub(super) fn approve(args: &Approve) -> Result<Exit, Failure> {
    let body = Yes { step: args.step.clone(), gate: args.gate.clone(), reason: args.hand.reason.clone() };
    args.hand.put("approve", &body)
}
