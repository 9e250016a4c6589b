//! `smith exemption`: machines that need not be in a bag, by whom and until when.

use clap::{Args, Subcommand};
use smith_api::{Exempt, Exemption as Answer, Page};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, Align, Table};

/// Excuse machines from being in a bag for a time, with a reason; they are no gaps then.
///
/// An exemption keeps no machine from being patched: a bag that has it patches it nonetheless.
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

/// List the exemptions that hold; with `--all` those that have ended as well.
#[derive(Debug, Args)]
struct List {
    /// Those that have ended as well
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exempt machines until a day; says how many of them are in bags, which patch them nonetheless.
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

/// End an exemption: its machines are gaps again unless a bag has them.
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
    let mut all: Page<Answer> = args.server.ask(async |client| client.get("/v1/exemptions").await)?;
    all.items.retain(|one| one.holds || args.all);
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
    for Answer { exemption, select, reason, owner, until, holds, .. } in all.items {
        let until = if holds { until } else { format!("{until} (ended)") };
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
        if let Some(in_bags @ 1..) = made.in_bags {
            let machines = output::counted(u64::from(in_bags), "machine");
            output::note(&format!(
                "{machines} of it are in bags and are patched nonetheless; `smith rollout skip` leaves a machine out of a project"
            ));
        }
    }
    Ok(Exit::Good)
}
