//! `smith change`: what waits for whom, and who said yes.

use clap::{Args, Subcommand};
use smith_api::{Change as Answer, Decision, Page, Project};
use smith_server::answers;

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, Sure};
use crate::output::{self, Align, Coloured, Table, one_line};

/// Look at change requests, and approve or reject them.
#[derive(Debug, Args)]
pub(super) struct Change {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    /// Show a change with its tasks, its approvals, and what it was closed with
    Show(Which),
    /// Show how far the work under a change is
    Project(Which),
    /// Approve a change that waits for it; nobody approves their own
    Approve(One),
    /// Reject a change that waits for approval: what it is for halts
    Reject(One),
    /// Take an approval back: what runs is finished, nothing new begins
    Revoke(End),
    /// Cancel a change that is not needed any more
    Cancel(End),
}

/// List changes, the newest last.
#[derive(Debug, Args)]
struct List {
    /// All of them, also those that have ended
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which change.
#[derive(Debug, Args)]
struct Which {
    /// Its number, such as CHG0268453
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A word about a change.
#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    which: Which,
    /// Why; it stands in the journal, and all but an approval need it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A word that takes something away.
#[derive(Debug, Args)]
struct End {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    sure: Sure,
}

pub(super) fn run(change: &Change) -> Result<Exit, Failure> {
    match &change.command {
        Command::List(list) => run_list(list),
        Command::Show(one) => show(one),
        Command::Approve(one) => rule(one, "approve"),
        Command::Reject(one) => rule(one, "reject"),
        Command::Project(which) => project(which),
        Command::Revoke(end) => {
            let number = &end.one.which.number;
            end.sure.or_ask(&format!("revoke {number}? what waits for it must be approved again"))?;
            rule(&end.one, "revoke")
        }
        Command::Cancel(end) => {
            let number = &end.one.which.number;
            end.sure.or_ask(&format!("cancel {number}? it cannot be taken back"))?;
            rule(&end.one, "cancel")
        }
    }
}

fn run_list(args: &List) -> Result<Exit, Failure> {
    let all: Vec<Answer> = args.server.ask(async |client| pages(&client, "/v1/changes").await)?;
    let ended = |change: &Answer| matches!(change.state.as_str(), "closed" | "cancelled" | "rejected");
    let wanted: Vec<&Answer> = all.iter().filter(|change| args.all || !ended(change)).collect();
    if args.json {
        output::json(&wanted)?;
        return Ok(Exit::Good);
    }
    let left = Align::Left;
    let mut table =
        Table::new(&[("change", left), ("state", left), ("by", left), ("waits for", left), ("title", left)]);
    for change in wanted {
        let waits = if change.approvals_missing > 0 {
            change.approvers.clone().unwrap_or_default()
        } else {
            String::new()
        };
        table.row([
            change.number.clone(),
            change.state.clone(),
            change.by.clone(),
            waits,
            change.title.clone(),
        ]);
    }
    output::data(&table.render(output::width()))?;
    Ok(Exit::Good)
}

/// All pages of a list.
pub(super) async fn pages<T: serde::de::DeserializeOwned>(
    client: &smith_api::Client,
    path: &str,
) -> Result<Vec<T>, smith_api::ClientError> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let page: Page<T> = client.get(&format!("{path}{join}limit=1000{after}")).await?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

fn show(args: &Which) -> Result<Exit, Failure> {
    let path = format!("/v1/changes/{}", args.number);
    let change = args.server.ask(async |client| client.get(&path).await)?;
    tell(&change, args.json)
}

fn project(args: &Which) -> Result<Exit, Failure> {
    let path = format!("/v1/changes/{}/project", args.number);
    let project: Project = args.server.ask(async |client| client.get(&path).await)?;
    if args.json {
        output::json(&project)?;
    } else {
        output::data(&answers::project_text(&project, &Coloured))?;
    }
    Ok(Exit::Good)
}

fn rule(args: &One, verb: &str) -> Result<Exit, Failure> {
    let which = &args.which;
    let body = Decision { reason: args.reason.clone() };
    let change = which.server.post(&format!("/v1/changes/{}/{verb}", which.number), &body)?;
    tell(&change, which.json)
}

fn tell(change: &Answer, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(change)?;
        return Ok(Exit::Good);
    }
    let mut text = format!("{}: {}, {}\n", change.number, one_line(&change.title), change.state);
    let mut line = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("  {what}: {}\n", one_line(&value)));
        }
    };
    line("asked for by", Some(change.by.clone()));
    line("project", change.project.map(|project| project.to_string()));
    line("region", change.region.clone());
    line("approved by", Some(change.approvals.join(", ")));
    let missing = (change.approvals_missing > 0).then(|| change.approvers.clone().unwrap_or_default());
    line("waits for", missing);
    line("evidence", change.evidence.clone());
    line("tests", change.test_url.clone());
    for task in &change.tasks {
        text.push_str(&format!("  {}: {}, {}\n", task.number, one_line(&task.title), task.state));
    }
    output::data(&text)?;
    Ok(Exit::Good)
}
