//! `smith lab up`: makes machines.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use clap::Args;
use smith_domain::fleet::MachineFacts;
use smith_domain::id::AttrName;
use smith_lab::{BadName, Lab, Made, Planned, Shape, Subnet, Suite, Wanted, Wish};

use crate::failure::{Exit, Failure};
use crate::input::{self, LabArgs};
use crate::output::{self, GOOD, counted, styled};

/// Make a lab, or what is lacking of it: machines that run stay as they are.
///
/// The first lab of a release fetches its base with mmdebstrap, from the archive that this computer's apt uses; security and
/// other later updates are left out, so that there is something to upgrade. Interrupted anywhere, the same again goes on, and
/// `smith lab down` removes what there is.
#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    lab: LabArgs,
    /// How many clusters; the first is of production
    #[arg(long, value_name = "COUNT", default_value_t = 1, conflicts_with = "fleet")]
    clusters: usize,
    /// How many machines in each cluster
    #[arg(long, value_name = "COUNT", default_value_t = 2, conflicts_with = "fleet")]
    machines: usize,
    /// Over how many regions the clusters are spread
    #[arg(long, value_name = "COUNT", default_value_t = 1, conflicts_with = "fleet")]
    regions: usize,
    /// Just the machines of a text, one machine a line as `smith rollout simulate --fleet` takes it
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// The release that machines are made of
    #[arg(long, default_value = "bookworm")]
    suite: Suite,
    /// The archive of the release [default: the one of this computer's apt]
    #[arg(long, value_name = "URI")]
    mirror: Option<String>,
    /// The agent that machines get: a binary, or a package that ends in .deb
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// The public ssh key that may talk to the agent [default: one that the lab makes]
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
    /// The network of the lab [default: a free one below 10.213.0.0/16]
    #[arg(long, value_name = "A.B.C.0/24")]
    subnet: Option<Subnet>,
    /// How many machines are made at the same time [default: as many as there are processors]
    #[arg(long, value_name = "COUNT")]
    at_once: Option<usize>,
}

pub(super) fn run(args: Up) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let place = args.lab.place.place()?;
    if let Some(agent) = &args.agent {
        check_agent(agent)?;
    }
    let name = args.lab.name_or_usual()?;
    let machines = match &args.fleet {
        Some(path) => Wish::These(these(path)?),
        None => {
            Wish::Shape(Shape { clusters: args.clusters, machines: args.machines, regions: args.regions })
        }
    };
    let wanted = Wanted {
        machines,
        suite: args.suite,
        mirror: args.mirror,
        subnet: args.subnet,
        agent: args.agent,
        controller: args.controller,
        at_once: args.at_once.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)),
    };
    let (lab, made) = Lab::up(&place, &name, &wanted, &output::note).map_err(input::lab_failed)?;
    let words = words(made);
    let gateway = lab.subnet().gateway();
    output::data(&format!(
        "{} lab {}: {words} in {:.1} s; this computer is {gateway} there\n  inventory:  {}\n  controller: {}\n",
        styled(GOOD, "good:"),
        lab.name(),
        begun.elapsed().as_secs_f64(),
        lab.inventory().display(),
        lab.controller_key().display(),
    ))?;
    Ok(Exit::Good)
}

/// The machines of a text. What neither the line nor the name says of one is `none`.
fn these(path: &Path) -> Result<Vec<Planned>, Failure> {
    input::fleet_text(path)?.iter().map(planned).collect()
}

fn planned(facts: &MachineFacts) -> Result<Planned, Failure> {
    let wrong = |error: BadName| Failure::new(Exit::BadInput, error);
    let attribute = |name: &str| {
        let name = AttrName::new(name).map_err(|error| Failure::new(Exit::Bug, error))?;
        Ok::<_, Failure>(facts.attrs.get(&name).cloned().unwrap_or_else(|| "none".to_owned()))
    };
    Ok(Planned {
        name: facts.name.as_str().parse().map_err(wrong)?,
        environment: attribute("environment")?,
        region: attribute("region")?,
        zone: attribute("zone")?,
        cluster: attribute("cluster")?,
        role: attribute("role")?,
        number: attribute("number")?,
    })
}

/// What sshd could not start is refused before any machine is made of it.
pub(super) fn check_agent(path: &Path) -> Result<(), Failure> {
    let mut begin = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut begin))
        .map_err(|error| input::unreadable("an agent", path, error))?;
    let is_deb = path.extension().is_some_and(|extension| extension == "deb");
    let (expected, is_good) = match is_deb {
        true => ("a Debian package", input::is_package(&begin)),
        false => (
            "a program, or a package that ends in .deb",
            begin.starts_with(b"\x7fELF") || begin.starts_with(b"#!"),
        ),
    };
    if is_good {
        return Ok(());
    }
    let error = format!("expected {expected} in {}, found something else", path.display());
    Err(Failure::new(Exit::BadInput, error))
}

fn words(made: Made) -> String {
    let parts = [(made.made, "made"), (made.booted, "booted again"), (made.running, "running before")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, what)| format!("{} {what}", counted(count as u64, "machine")))
        .collect::<Vec<_>>()
        .join(", ")
}
