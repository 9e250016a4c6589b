//! `smith build withdraw` and `known`: builds as the server knows them.

use clap::Args;
use smith_api::{Build as Answer, Reasoned};

use crate::command::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output::{self, Align, Table, moment_of};

/// Let nobody start with a build any more; rollouts that run with it go on.
///
/// Aborting them is another word (`smith rollout abort`), and a withdrawn build cannot be made good again.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The build
    #[arg(value_name = "BUILD")]
    build: u32,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The builds that the server would roll out, the newest last, or one of them.
#[derive(Debug, Args)]
pub(super) struct Known {
    /// Only this one
    #[arg(value_name = "BUILD")]
    build: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Withdraw) -> Result<Exit, Failure> {
    args.sure.or_ask(&format!("withdraw build {}? nothing starts with it any more", args.build))?;
    let body = Reasoned { reason: Some(args.reason.clone()) };
    let build: Answer = args.server.post(&format!("/v1/builds/{}/withdraw", args.build), &body)?;
    if args.json {
        output::json(&build)?;
    } else {
        output::data(&format!("build {} is {}\n", build.build, build.state))?;
    }
    Ok(Exit::Good)
}

pub(super) fn known(args: &Known) -> Result<Exit, Failure> {
    let all: Vec<Answer> = match args.build {
        None => args.server.ask(async |client| pages(&client, "/v1/builds").await)?,
        Some(build) => {
            let path = format!("/v1/builds/{build}");
            vec![args.server.ask(async |client| client.get(&path).await)?]
        }
    };
    if args.json {
        output::json(&all)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[
        ("build", Align::Right),
        ("state", left),
        ("verified", left),
        ("channels", left),
        ("reason", left),
    ]);
    for Answer { build, state, reason, verified, channels } in all {
        let reason = reason.unwrap_or_default();
        table.row([build.to_string(), state, moment_of(&verified), channels.join(" "), reason]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}
