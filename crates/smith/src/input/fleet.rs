//! Fleets: made to measure, from a text, or from the inventory.

use std::path::{Path, PathBuf};

use clap::Args;
use smith_domain::fleet::text::parse_fleet;
use smith_domain::fleet::{CHUNK, Fleet, FleetEvent, MachineFacts, Reading};
use smith_domain::pipeline::Pipeline;
use smith_domain::time::Timestamp;
use smith_server::inventory::{InventoryConfig, LoadError, load, load_config};
use smith_sim::rehearse::{Shape, generate};

use super::{ServerArgs, unreadable};
use crate::failure::{Exit, Failure};

/// Which machines.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct FleetArgs {
    /// The configuration of the inventory (`sources.yaml`) [env: SMITH_INVENTORY, unless --fleet or a server is given]
    #[arg(long, value_name = "CONFIG")]
    pub(crate) inventory: Option<PathBuf>,
    /// A text with one machine a line
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet: Option<PathBuf>,
}

/// Which machines a rehearsal takes: a made fleet unless a real one is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct MadeFleet {
    /// How many machines are made, spread over the places that the pipelines speak of
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=MOST_MADE),
          conflicts_with_all = ["fleet", "inventory"])]
    machines: u32,
    /// How many clusters they stand in; one for each 50 machines unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_MADE),
          conflicts_with_all = ["fleet", "inventory"])]
    clusters: Option<u32>,
    /// Rehearse with the machines of a text, one machine a line
    #[arg(long, value_name = "FILE", conflicts_with = "inventory")]
    fleet: Option<PathBuf>,
    /// Rehearse with the machines of the inventory (its `sources.yaml`)
    #[arg(long, value_name = "CONFIG")]
    inventory: Option<PathBuf>,
    /// The same seed gives the same fleet and the same luck
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Ten times the largest fleet that was measured; each machine takes about 1.6 kB while it is rehearsed.
const MOST_MADE: i64 = 10_000_000;

/// Where a fleet came from, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Made { seed: u64 },
    File(PathBuf),
}

impl MadeFleet {
    pub(crate) fn machines(&self, pipelines: &[Pipeline]) -> Result<(Vec<MachineFacts>, Source), Failure> {
        if let Some(path) = &self.fleet {
            return Ok((text(path)?, Source::File(path.clone())));
        }
        if let Some(path) = &self.inventory {
            let (_, reading) = reading(path)?;
            return Ok((reading.into_machines(), Source::File(path.clone())));
        }
        let clusters = self.clusters.unwrap_or_else(|| (self.machines / 50).max(1));
        let shape = Shape { machines: self.machines, clusters, seed: self.seed };
        Ok((generate(&shape, pipelines), Source::Made { seed: self.seed }))
    }
}

impl FleetArgs {
    /// Whether a server is asked: nobody gave a file, and the environment does not name one before a server.
    pub(crate) fn is_of_server(&self, server: &ServerArgs) -> bool {
        let given = self.inventory.is_some() || self.fleet.is_some();
        !given && (server.is_named() || std::env::var_os("SMITH_INVENTORY").is_none())
    }

    pub(crate) fn machines(&self) -> Result<Vec<MachineFacts>, Failure> {
        if let Some(path) = &self.fleet {
            return text(path);
        }
        let named = self.inventory.clone().or_else(|| std::env::var_os("SMITH_INVENTORY").map(PathBuf::from));
        let config = named.ok_or_else(|| {
            let error = "expected --inventory CONFIG or --fleet FILE, found neither";
            Failure::new(Exit::Usage, error).with_hint("SMITH_INVENTORY may name the inventory, too")
        })?;
        Ok(reading(&config)?.1.into_machines())
    }
}

/// The fleet of these machines.
pub(crate) fn known(machines: Vec<MachineFacts>, at: Timestamp) -> Fleet {
    let mut fleet = Fleet::default();
    let mut machines = machines.into_iter();
    loop {
        let chunk: Vec<MachineFacts> = machines.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return fleet;
        }
        fleet.evolve(&FleetEvent::MachinesJoined { machines: chunk }, at);
    }
}

/// The machines of a text, one machine a line.
pub(crate) fn text(path: &Path) -> Result<Vec<MachineFacts>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| unreadable("a fleet", path, source))?;
    let machines = parse_fleet(&text).map_err(|error| {
        let place = format!("{}:{}:{}", path.display(), error.line, error.column);
        let message = format!("{place}: expected {}, found {}", error.expected, error.found);
        Failure::new(Exit::BadInput, message)
    })?;
    if machines.is_empty() {
        let error = format!("expected at least one machine in {}, found none", path.display());
        return Err(Failure::new(Exit::BadInput, error));
    }
    Ok(machines)
}

/// What the inventory holds. Mistakes are shown in the files in which they stand.
pub(crate) fn reading(config: &Path) -> Result<(InventoryConfig, Reading), Failure> {
    let folder = config.parent().unwrap_or(Path::new("."));
    let read = || {
        let loaded = load_config(config)?;
        let reading = load(&loaded, folder)?;
        Ok((loaded, reading))
    };
    read().map_err(|error: LoadError| match error {
        LoadError::Problems(problems) => {
            let mut texts: Vec<(String, String)> = Vec::new();
            for problem in &problems.0 {
                if texts.iter().any(|(name, _)| *name == problem.file) {
                    continue;
                }
                // The configuration is named as it was given, its sources relative to its folder.
                let own = problem.file == config.display().to_string();
                let path = if own { config.to_owned() } else { folder.join(&problem.file) };
                if let Ok(bytes) = std::fs::read(path) {
                    texts.push((problem.file.clone(), String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
            Failure::mistakes(problems, texts)
        }
        LoadError::Read { .. } | LoadError::Merge(_) => Failure::new(Exit::BadInput, error),
    })
}
