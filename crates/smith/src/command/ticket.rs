//! `smith ticket`: the epic of a build and a ticket for each step.

use clap::{Args, Subcommand};
use smith_api::Ticket as Answer;

use super::change::pages;
use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, GOOD, Table, one_line, styled};

/// Look at tickets: the epic of a build with its check-list, and one ticket for each step.
#[derive(Debug, Args)]
pub(super) struct Ticket {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List tickets, the newest last.
#[derive(Debug, Args)]
struct List {
    /// All of them, also those that are closed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a ticket with its comments; of an epic the check-list, which ticks itself.
#[derive(Debug, Args)]
struct Show {
    /// Its number, such as #12
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ticket: &Ticket) -> Result<Exit, Failure> {
    match &ticket.command {
        Command::List(list) => run_list(list),
        Command::Show(show) => run_show(show),
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let all: Vec<Answer> = args.server.ask(async |client| pages(&client, "/v1/tickets").await)?;
    let wanted: Vec<&Answer> = all.iter().filter(|ticket| args.all || ticket.state == "open").collect();
    if args.json {
        output::json(&wanted)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[("ticket", left), ("state", left), ("epic", left), ("title", left)]);
    for ticket in wanted {
        let epic = ticket.parent.clone().unwrap_or_default();
        table.row([ticket.number.clone(), ticket.state.clone(), epic, ticket.title.clone()]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn run_show(args: &Show) -> Result<Exit, Failure> {
    // A `#` would end the address.
    let path = format!("/v1/tickets/{}", args.number.trim_start_matches('#'));
    let ticket: Answer = args.server.ask(async |client| client.get(&path).await)?;
    if args.json {
        output::json(&ticket)?;
        return Ok(Exit::Good);
    }
    let mut text = format!("{}: {}, {}\n", ticket.number, one_line(&ticket.title), ticket.state);
    if let Some(reason) = &ticket.reason {
        let by = ticket.replaced_by.as_ref().map(|by| format!(", see {by}")).unwrap_or_default();
        text.push_str(&format!("  {}{by}\n", one_line(reason)));
    }
    for item in &ticket.checklist {
        let mark = if item.done.is_some() { styled(GOOD, "[x]") } else { "[ ]".to_owned() };
        let at = item.done.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        text.push_str(&format!("  {mark} {}{at}\n", one_line(&item.text)));
    }
    for comment in &ticket.comments {
        text.push_str(&format!("  {}: {}\n", comment.at, one_line(&comment.text)));
    }
    if !ticket.children.is_empty() {
        text.push_str(&format!("  children: {}\n", ticket.children.join(" ")));
    }
    output::data(&text)?;
    Ok(Exit::Good)
}
