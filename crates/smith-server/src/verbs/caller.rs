//! Who asks, and what they may.

use smith_domain::access::{ADMIN, Digest, MASTER};
use smith_domain::actor::Actor;
use smith_domain::fleet::Reach;

use super::denied::{Denied, Kind};
use smith_api::Role;

/// Where somebody may change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environments {
    All,
    These(Vec<String>),
}

/// A request that is to be carried out once, however often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub key: String,
    /// Of the whole request.
    pub digest: Digest,
}

/// Whoever let them in vouches for all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    pub environments: Environments,
    pub key: Option<Key>,
}

impl Caller {
    /// Somebody who may do everything: root on this computer, or the server for itself.
    pub fn admin(name: impl Into<String>) -> Self {
        let actor = Actor::person(name).with_role(ADMIN).with_role(MASTER);
        Self { actor, environments: Environments::All, key: None }
    }

    pub fn name(&self) -> &str {
        &self.actor.name
    }

    pub fn has(&self, role: Role) -> bool {
        let named = |word: &str| self.actor.roles.iter().any(|one| one == word);
        let is_admin = named("admin");
        match role {
            // Whoever was let in at all may look.
            Role::Viewer => true,
            Role::Operator => is_admin || named("operator"),
            Role::Approver => is_admin || named("approver"),
            Role::Admin => is_admin,
        }
    }

    pub(super) fn must(&self, role: Role, what: &str) -> Result<(), Denied> {
        if self.has(role) {
            return Ok(());
        }
        let word = match role {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Approver => "approver",
            Role::Admin => "admin",
        };
        let found = if self.actor.roles.is_empty() { "none".to_owned() } else { self.actor.roles.join(", ") };
        let text = format!("{} may not {what}: expected the role {word}, found {found}", self.name());
        Err(Denied::new(Kind::Forbidden, "S0413", text))
    }

    /// What reaches beyond single environments is for those who may everywhere.
    pub(super) fn must_everywhere(&self, what: &str) -> Result<(), Denied> {
        let Environments::These(mine) = &self.environments else { return Ok(()) };
        let text =
            format!("{} may not {what}: expected every environment, found {}", self.name(), mine.join(", "));
        Err(Denied::new(Kind::Forbidden, "S0414", text))
    }

    /// Whether what a selector or a region may ever mean is theirs.
    pub(super) fn must_reach(&self, reach: &Reach, what: &str) -> Result<(), Denied> {
        match reach {
            Reach::Environments(named) => self.must_cover(named.iter().map(String::as_str), what),
            Reach::Anywhere => self.must_everywhere(what),
        }
    }

    /// Whether all of these environments are theirs. Machines of no environment are for those who may everywhere.
    pub(super) fn must_cover<'e>(
        &self,
        environments: impl IntoIterator<Item = &'e str>,
        what: &str,
    ) -> Result<(), Denied> {
        let Environments::These(mine) = &self.environments else { return Ok(()) };
        let other = environments.into_iter().find(|one| !mine.iter().any(|my| my == one));
        match other {
            None => Ok(()),
            Some(other) => {
                let other = if other.is_empty() { "machines of no environment" } else { other };
                let text = format!(
                    "{} may not {what}: expected only {}, found {other}",
                    self.name(),
                    mine.join(", ")
                );
                Err(Denied::new(Kind::Forbidden, "S0414", text))
            }
        }
    }
}
