//! `smith clock`: the controller's clock, and a person's word that it is right.

use clap::{Args, Subcommand};
use smith_api::{Clock as Answer, Reasoned};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, BAD, GOOD, styled};

/// Look at the server's clock, and accept it when it is right and windows wait for it.
#[derive(Debug, Args)]
pub(super) struct Clock {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
    Accept(Accept),
}

/// Show the clock, and how far it is from the time that has passed while smith drove.
///
/// They differ after the computer was down, and after its clock was set. Windows open only when both say so. Ends with 1 while they differ.
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say that the clock is right: windows and schedules follow it from now on, soaks do not notice.
#[derive(Debug, Args)]
struct Accept {
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(clock: &Clock) -> Result<Exit, Failure> {
    let (answer, json) = match &clock.command {
        Command::Show(args) => {
            let answer: Answer = args.server.ask(async |client| client.get("/v1/clock").await)?;
            (answer, args.json)
        }
        Command::Accept(args) => {
            let body = Reasoned { reason: Some(args.reason.clone()) };
            (args.server.post("/v1/clock/accept", &body)?, args.json)
        }
    };
    if json {
        output::json(&answer)?;
    } else {
        let Answer { wall, calendar, text, differs, .. } = &answer;
        let style = if *differs { BAD } else { GOOD };
        output::data(&format!("clock {wall}, calendars {calendar}\n{}\n", styled(style, text)))?;
    }
    Ok(if answer.differs { Exit::Finding } else { Exit::Good })
}
