//! `smith audit packages`: which packages a patch changed on a machine.

use clap::Args;
use serde::Deserialize;
use smith_api::PatchRecord;

use crate::failure::{Exit, Failure};
use crate::input::{ServerArgs, encoded};
use crate::output::{self, Align, Table};

/// Show which packages a patch changed on a machine, from which version to which; all of them.
#[derive(Debug, Args)]
pub(super) struct Packages {
    /// The machine, by its name or address
    machine: String,
    /// In this project; in the newest that changed something unless said
    #[arg(long, alias = "rollout", value_name = "ID")]
    project: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON: all that the machine said
    #[arg(long)]
    json: bool,
}

/// As much of a list as is shown.
#[derive(Debug, Default, Deserialize)]
struct List {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    name: String,
    architecture: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Record {
    patched: Option<List>,
    failed: Option<List>,
}

pub(super) fn run(args: &Packages) -> Result<Exit, Failure> {
    let project = args.project.map(|id| format!("?project={id}")).unwrap_or_default();
    let path = format!("/v1/machines/{}/packages{project}", encoded(&args.machine));
    let answer: PatchRecord = args.server.ask(async |client| client.get(&path).await)?;
    if args.json {
        output::json(&answer)?;
        return Ok(Exit::Good);
    }
    let PatchRecord { machine, project, build, sha256, packages } = answer;
    let record: Record = serde_json::from_value(packages)?;
    let outcome = if record.failed.is_some() { "failed at" } else { "was patched to" };
    let list = record.patched.or(record.failed).unwrap_or_default();
    let left = Align::Left;
    let mut table = Table::new(&[("package", left), ("architecture", left), ("from", left), ("to", left)]);
    for change in list.changes {
        let (from, to) =
            (change.from.unwrap_or_else(|| "new".into()), change.to.unwrap_or_else(|| "removed".into()));
        table.row([change.name, change.architecture, from, to]);
    }
    let head = format!("{machine} {outcome} build {build} in project {project}; list sha256 {sha256}\n");
    output::data(&format!("{head}{}", table.render(usize::MAX)))?;
    Ok(Exit::Good)
}
