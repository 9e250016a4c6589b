//! Which rows of the journal, alike for all commands that read it.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use smith_domain::id::{BuildNumber, RolloutId};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_server::answers::{AuditFilter, Edge, moment};

use crate::failure::{Exit, Failure};

/// Rows for which all of these hold.
#[derive(Debug, Clone, Args)]
pub(crate) struct FilterArgs {
    /// Only what happened to this machine
    #[arg(long, value_name = "NAME", help_heading = "Rows")]
    machine: Option<String>,
    /// Only what belongs to this project
    #[arg(long, alias = "project", value_name = "ID", help_heading = "Rows")]
    rollout: Option<u32>,
    /// Only what belongs to this build
    #[arg(long, value_name = "NUMBER", help_heading = "Rows")]
    build: Option<u32>,
    /// Only what happened under this change
    #[arg(long, value_name = "CHG", help_heading = "Rows")]
    change: Option<String>,
    /// Only what this person, or `smith`, did
    #[arg(long, value_name = "NAME", help_heading = "Rows")]
    actor: Option<String>,
    /// Not before: 2026-11-20, 2026-11-20T10:00+01:00, or 7d for seven days ago
    #[arg(long, value_name = "WHEN", help_heading = "Rows")]
    since: Option<String>,
    /// Not after; a day is included
    #[arg(long, value_name = "WHEN", help_heading = "Rows")]
    until: Option<String>,
}

impl FilterArgs {
    /// The rows of a journal whose state is this.
    pub(crate) fn filter(&self, state: &State) -> Result<AuditFilter, Failure> {
        let machine = self.machine.as_deref().map(|name| super::machine_of(state, name)).transpose()?;
        if let Some(id) = self.rollout {
            super::rollout_of(state, id)?;
        }
        if let Some(change) = &self.change {
            let known = |one: &smith_domain::change::Change| {
                one.number.as_ref() == Some(change) || one.name() == change.as_str()
            };
            if !state.changes.iter().any(known) {
                let error = format!("expected the number of a change that there is, found {change}");
                return Err(Failure::new(Exit::NotThere, error));
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let at = |text: &Option<String>, edge| {
            let at = text.as_deref().map(|text| moment(text, edge, now)).transpose();
            at.map_err(|error| Failure::new(Exit::Usage, error))
        };
        Ok(AuditFilter {
            machine: machine.map(|id| state.fleet.machine(id).name().to_owned()),
            project: self.rollout.map(RolloutId),
            build: self.build.map(BuildNumber),
            change: self.change.clone(),
            actor: self.actor.clone(),
            since: at(&self.since, Edge::Since)?,
            until: at(&self.until, Edge::Until)?,
        })
    }

    /// The same as parameters of a request, with others before them.
    pub(crate) fn query(&self, mut parameters: Vec<(&'static str, String)>) -> String {
        let mut add = |name, value: Option<String>| parameters.extend(value.map(|value| (name, value)));
        add("machine", self.machine.clone());
        add("project", self.rollout.map(|id| id.to_string()));
        add("build", self.build.map(|build| build.to_string()));
        add("change", self.change.clone());
        add("actor", self.actor.clone());
        add("since", self.since.clone());
        add("until", self.until.clone());
        let pairs: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", super::encoded(value))).collect();
        pairs.join("&")
    }
}
