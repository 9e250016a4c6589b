//! `smith fleet show` and `sign-off`: single machines, as the server knows them.

use clap::Args;
use serde::de::IgnoredAny;
use smith_api::{Machine, Skip as Vouched};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output::{self, BOLD, styled};

/// Show a machine: its attributes, the build that it was last proven to be at, and why it is where it is.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its name or address
    machine: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Vouch for machines that nobody has proven healthy: they count as disturbed no longer.
#[derive(Debug, Args)]
pub(super) struct SignOff {
    /// Names, addresses, patterns or a selector
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Show) -> Result<Exit, Failure> {
    let path = format!("/v1/machines/{}", args.machine);
    let machine: Machine = args.server.ask(async |client| client.get(&path).await)?;
    if args.json {
        output::json(&machine)?;
        return Ok(Exit::Good);
    }
    let mut text = format!("{} {}\n", styled(BOLD, &machine.machine), machine.addresses.join(" "));
    for (name, value) in &machine.attributes {
        text.push_str(&format!("  {name}: {value}\n"));
    }
    if let Some(build) = machine.build {
        let at = machine.patched.map(|at| format!(", {at}")).unwrap_or_default();
        text.push_str(&format!("  build: {build}{at}\n"));
    }
    if let Some(why) = machine.why {
        text.push_str(&format!("  {why}\n"));
    }
    output::data(&text)?;
    Ok(Exit::Good)
}

pub(super) fn sign_off(args: &SignOff) -> Result<Exit, Failure> {
    let body = Vouched { machines: args.machines.join(" "), reason: args.reason.clone() };
    args.server.post::<_, IgnoredAny>("/v1/sign-offs", &body)?;
    output::note("signed off: they count as disturbed no longer");
    Ok(Exit::Good)
}
