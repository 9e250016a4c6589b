//! `smith errand`: what outside services have not done yet.

use clap::{Args, Subcommand};
use smith_api::Errand as Answer;

use super::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, Table, moment_of};

/// Look at what outside services are asked to do: changes, tickets, messages, links of the week.
#[derive(Debug, Args)]
pub(super) struct Errand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
}

/// List what is not done yet, how often it was tried, and why it went wrong the last time.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(errand: &Errand) -> Result<Exit, Failure> {
    let Command::List(args) = &errand.command;
    let all: Vec<Answer> = args.server.ask(async |client| pages(&client, "/v1/errands").await)?;
    if args.json {
        output::json(&all)?;
        return Ok(Exit::Good);
    }
    let (left, right) = (Align::Left, Align::Right);
    let mut table =
        Table::new(&[("errand", right), ("tries", right), ("due", left), ("what", left), ("trouble", left)]);
    for Answer { errand, what, attempts, due, trouble } in all {
        let trouble = trouble.unwrap_or_default();
        table.row([errand.to_string(), attempts.to_string(), moment_of(&due), what, trouble]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}
