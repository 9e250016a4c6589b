//! `smith clock`: the controller's clock, and a person's word that it is right.

use clap::{Args, Subcommand};
use smith_api::{AcceptClock, Clock as Answer};

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
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
///
/// Shows it and asks. What is accepted is the difference that was seen: when it is another one by then, the server refuses. `--yes`
/// needs `--ahead`, for nobody sees it then.
#[derive(Debug, Args)]
struct Accept {
    /// How many seconds you have seen the clock to be ahead, as `smith clock show` says it; below zero it is behind
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    ahead: Option<i64>,
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

pub(super) fn run(clock: &Clock) -> Result<Exit, Failure> {
    let (answer, json) = match &clock.command {
        Command::Show(args) => {
            let answer: Answer = args.server.ask(async |client| client.get("/v1/clock").await)?;
            (answer, args.json)
        }
        Command::Accept(args) => (accept(args)?, args.json),
    };
    if json {
        output::json(&answer)?;
    } else {
        output::data(&shown(&answer))?;
    }
    Ok(if answer.differs { Exit::Finding } else { Exit::Good })
}

fn accept(args: &Accept) -> Result<Answer, Failure> {
    let ahead = match (args.ahead, args.sure.is_said()) {
        (Some(ahead), _) => ahead,
        (None, true) => {
            let error = "expected --ahead with --yes: how many seconds the clock was seen to be ahead";
            return Err(Failure::new(Exit::Usage, error).with_hint("`smith clock show` says it"));
        }
        (None, false) => {
            let seen: Answer = args.server.ask(async |client| client.get("/v1/clock").await)?;
            output::note(shown(&seen).trim_end());
            seen.ahead
        }
    };
    args.sure.or_ask(&format!("accept the clock, {ahead} seconds ahead? windows and schedules follow it"))?;
    let body = AcceptClock { ahead, reason: args.reason.clone() };
    args.server.post("/v1/clock/accept", &body)
}

fn shown(clock: &Answer) -> String {
    let Answer { wall, calendar, text, differs, ahead } = clock;
    let style = if *differs { BAD } else { GOOD };
    let seconds = if *differs { format!(" ({ahead} seconds ahead)") } else { String::new() };
    format!("clock {wall}, calendars {calendar}{seconds}\n{}\n", styled(style, text))
}
