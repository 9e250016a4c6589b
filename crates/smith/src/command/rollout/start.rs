//! `smith rollout start` and `request`: patch a build onto a config, or onto single machines.

use clap::Args;
use smith_api::{PatchRequest, Start as Asked, Started};

use crate::failure::{Exit, Failure};
use crate::input::ServerArgs;
use crate::output;

/// Start a config with a build: all of its steps, or one of them again.
#[derive(Debug, Args)]
pub(super) struct Start {
    /// The config (pipeline), as `smith pipeline list` names it
    config: String,
    /// The number of the build
    build: u32,
    /// One step of it, by its id or as `ID : TITLE`
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reboot single machines, under a change of their own; nothing is installed.
///
/// Where their environment asks for it, somebody must approve the change first.
#[derive(Debug, Args)]
pub(super) struct Reboot {
    /// Names, addresses, patterns or a selector
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<String>,
    /// The build that they are said to be at; what the channel `prod` names there unless said
    #[arg(long, value_name = "BUILD|CHANNEL")]
    build: Option<String>,
    #[command(flatten)]
    asked: Asking,
}

/// Patch single machines, under a change of their own.
///
/// Where their environment asks for it, somebody must approve the change first.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// The number of the build, or the name of a channel such as `prod`
    build: String,
    /// Names, addresses, patterns or a selector
    #[arg(required = true, value_name = "MACHINE")]
    machines: Vec<String>,
    #[command(flatten)]
    asked: Asking,
}

/// What every request for single machines may say.
#[derive(Debug, Args)]
struct Asking {
    /// Minutes that they may be out of service together
    #[arg(long, value_name = "MINUTES", default_value_t = 0)]
    outage: u32,
    /// Machines of several regions may be named
    #[arg(long)]
    cross_region: bool,
    /// Why; it stands in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Start) -> Result<Exit, Failure> {
    let asked = Asked {
        build: args.build,
        config: args.config.clone(),
        step: args.step.clone(),
        reason: args.reason.clone(),
    };
    tell(&args.server.post("/v1/projects", &asked)?, args.json)
}

pub(super) fn request(args: &Request) -> Result<Exit, Failure> {
    args.asked.put("/v1/requests", &args.build, &args.machines)
}

pub(super) fn reboot(args: &Reboot) -> Result<Exit, Failure> {
    args.asked.put("/v1/reboots", args.build.as_deref().unwrap_or_default(), &args.machines)
}

impl Asking {
    fn put(&self, path: &str, build: &str, machines: &[String]) -> Result<Exit, Failure> {
        let asked = PatchRequest {
            build: build.to_owned(),
            machines: machines.join(" "),
            outage: self.outage,
            cross_region: self.cross_region,
            reason: self.reason.clone(),
        };
        tell(&self.server.post(path, &asked)?, self.json)
    }
}

fn tell(started: &Started, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(started)?;
        return Ok(Exit::Good);
    }
    let change = started.change.as_ref().map(|change| format!("\nchange: {change}")).unwrap_or_default();
    output::data(&format!("{}{change}\n", started.text))?;
    output::note(&format!("`smith rollout watch {}` follows it", started.project));
    Ok(Exit::Good)
}
