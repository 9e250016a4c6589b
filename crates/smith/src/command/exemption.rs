//! `smith exemption`: machines that are left unpatched on purpose, by whom and until when.

use clap::{Args, Subcommand};
use smith_api::{Exempt, Exemption as Answer, Page};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, Table};

/// Leave machines out of patching for a time, on purpose; they are no gaps then.
#[derive(Debug, Args)]
pub(super) struct Exemption {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Add(Add),
    End(End),
}

/// List the exemptions that hold.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exempt machines until a day.
#[derive(Debug, Args)]
struct Add {
    /// Names, addresses, patterns or a selector
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<String>,
    /// Until when: a day, at whose beginning it ends, or a moment such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "DAY")]
    until: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// End an exemption: its machines are to be patched again.
#[derive(Debug, Args)]
struct End {
    /// Its number
    #[arg(value_name = "NUMBER")]
    exemption: u32,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(exemption: &Exemption) -> Result<Exit, Failure> {
    match &exemption.command {
        Command::List(list) => run_list(list),
        Command::Add(add) => run_add(add),
        Command::End(end) => {
            end.server.done(&format!("/v1/exemptions/{}/end", end.exemption), &end.reason)?;
            output::note(&format!("exemption {} has ended", end.exemption));
            Ok(Exit::Good)
        }
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let all: Page<Answer> = args.server.ask(async |client| client.get("/v1/exemptions").await)?;
    if args.json {
        output::json(&all.items)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table = Table::new(&[
        ("exemption", Align::Right),
        ("machines", left),
        ("until", left),
        ("owner", left),
        ("reason", left),
    ]);
    for Answer { exemption, select, reason, owner, until } in all.items {
        table.row([exemption.to_string(), select, until, owner, reason]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

fn run_add(args: &Add) -> Result<Exit, Failure> {
    let body = Exempt {
        select: args.machines.join(" "),
        reason: args.reason.clone(),
        owner: args.owner.clone(),
        until: args.until.clone(),
    };
    let made: Answer = args.server.post("/v1/exemptions", &body)?;
    if args.json {
        output::json(&made)?;
    } else {
        output::data(&format!("exemption {}: {} until {}\n", made.exemption, made.select, made.until))?;
    }
    Ok(Exit::Good)
}
