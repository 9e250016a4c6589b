//! Sources of the inventory, and a person's word that the machines which one lost are really gone.

use smith_api::{ConfirmSource, HeldSource, Role, Source};
use smith_domain::decide::Command;
use smith_domain::fleet::{FleetCommand, SourceName};

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::site::Site;

impl Site {
    pub fn sources(&self) -> Vec<Source> {
        self.core.read(|state| {
            let held: Vec<_> = state.fleet.held_back().collect();
            let sources = state.fleet.sources().map(|(source, last)| {
                let held = held.iter().find(|(name, _)| *name == source).map(|(_, held)| HeldSource {
                    machines: held.is,
                    lost: held.lost,
                    machines_lost: held
                        .machines
                        .iter()
                        .map(|id| state.fleet.machine(*id).name().to_owned())
                        .collect(),
                    fingerprint: held.fingerprint.clone(),
                    since: held.since.to_string(),
                    confirmed: held.confirmed.clone(),
                });
                let (machines, read) = (last.machines, last.at.to_string());
                Source { source: source.to_string(), machines, read, held }
            });
            sources.collect()
        })
    }

    /// The next reading is taken if it lacks no other machines than those that were seen.
    pub async fn confirm_source(
        &self,
        caller: &Caller,
        source: &str,
        asked: &ConfirmSource,
    ) -> Result<(), Denied> {
        let what = format!("confirm source {source}");
        self.noted_result(caller, &what, caller.must(Role::Admin, &what)).await?;
        self.noted_result(caller, &what, caller.must_everywhere(&what)).await?;
        let source = SourceName::new(source)
            .map_err(|error| Denied::new(Kind::Invalid, "S0417", error.to_string()))?;
        let command =
            FleetCommand::ConfirmSource { source, reason: asked.reason.clone(), lost: asked.lost.clone() };
        self.submit(caller, &what, Command::Fleet(command)).await.map(drop)
    }
}
