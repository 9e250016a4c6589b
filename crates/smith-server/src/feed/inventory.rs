//! The inventory, read again and again: machines come and go at any time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection};
use smith_domain::fleet::{FleetCommand, FleetRejection, ObservePolicy, Reading, Shrunk};

use smith_repo::fetch::chain;

use crate::core::{Core, Refused};
use crate::inventory::{LoadError, load, load_config};

/// Reads the inventory as often as that, for as long as the server lives. What is wrong with it is told when it changes,
/// and the fleet stays as it was.
pub async fn watch_inventory(core: Core, config: PathBuf, every: Duration, tell: impl Fn(&str)) {
    let mut told = String::new();
    loop {
        let trouble = match read_once(&core, &config).await {
            Ok(()) => String::new(),
            Err(why) => why,
        };
        if trouble != told {
            tell(if trouble.is_empty() { "the inventory is read again" } else { &trouble });
            told = trouble;
        }
        tokio::time::sleep(every).await;
    }
}

/// Reads all sources and has the fleet follow them.
async fn read_once(core: &Core, config: &Path) -> Result<(), String> {
    let path = config.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let (reading, policy) =
        read.map_err(|_| "the inventory could not be read".to_owned())?.map_err(|error| chain(&error))?;
    let command = FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy };
    match core.submit(Actor::smith(), Command::Fleet(command)).await {
        Ok(_) => note(core, Vec::new()).await,
        Err(Refused::Rejected(Rejection::Fleet(rejection))) => {
            if let FleetRejection::SourcesShrank { shrunk } = &rejection {
                note(core, shrunk.clone()).await?;
            }
            let hint = rejection.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            Err(format!("{rejection}{hint}"))
        }
        Err(other) => Err(other.to_string()),
    }
}

/// Has it recorded which sources lost too much, so that people are told and somebody can say that it is so.
async fn note(core: &Core, shrunk: Vec<Shrunk>) -> Result<(), String> {
    if shrunk.is_empty() && core.read(|state| state.fleet.held_back().next().is_none()) {
        return Ok(());
    }
    let noted = core.submit(Actor::smith(), Command::Fleet(FleetCommand::NoteShrunk { shrunk })).await;
    noted.map(drop).map_err(|error| error.to_string())
}

fn read(config: &Path) -> Result<(Reading, ObservePolicy), LoadError> {
    let folder = config.parent().unwrap_or(Path::new("."));
    let config = load_config(config)?;
    let reading = load(&config, folder)?;
    Ok((reading, config.policy))
}
