//! Who is at the unix socket: the kernel says under which user's number they run.

use std::collections::BTreeMap;
use std::fs;

use axum::http::StatusCode;
use smith_domain::actor::Actor;

use super::fault::Fault;
use crate::verbs::{Caller, Environments};

/// Somebody whom the settings know by the number of their user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub roles: Vec<String>,
    pub environments: Environments,
}

/// Everybody who may use the unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Root and whoever runs the server: they could change its files anyway.
    masters: BTreeMap<u32, String>,
    others: BTreeMap<u32, Peer>,
}

impl Peers {
    /// Root, the user of this process, and those whom the settings name.
    pub fn new(others: BTreeMap<u32, Peer>) -> Self {
        Self { masters: masters().into(), others }
    }

    pub(super) fn caller(&self, uid: u32) -> Result<Caller, Fault> {
        if let Some(name) = self.masters.get(&uid) {
            return Ok(Caller::admin(name.clone()));
        }
        let known = self.others.get(&uid).ok_or_else(|| {
            let text = format!("expected a user whom the settings name, found the one with the uid {uid}");
            Fault::new(StatusCode::FORBIDDEN, "S0432", text)
        })?;
        let mut actor = Actor::person(known.name.clone());
        actor.roles.clone_from(&known.roles);
        Ok(Caller { actor, environments: known.environments.clone(), key: None })
    }
}

/// Root, and the user of this process.
fn masters() -> [(u32, String); 2] {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = rustix::process::getuid().as_raw();
    [0, own].map(|uid| (uid, name_in(&users, uid).unwrap_or_else(|| format!("uid {uid}"))))
}

/// The names of those who rule this computer.
pub fn master_names() -> impl Iterator<Item = String> {
    masters().into_iter().map(|(_, name)| name)
}

/// The name of a user in the text of `/etc/passwd`.
fn name_in(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nana:x:1000:1000::/home/ana:/bin/sh\n";
        assert_eq!(name_in(users, 1000).as_deref(), Some("ana"));
        assert_eq!(name_in(users, 0).as_deref(), Some("root"));
        assert_eq!(name_in(users, 1001), None);
    }

    #[test]
    fn only_those_who_are_named_are_let_in() {
        let ana = Peer {
            name: "ana".to_owned(),
            roles: vec!["operator".to_owned()],
            environments: Environments::These(vec!["dev".to_owned()]),
        };
        let peers = Peers { masters: [(0, "root".to_owned())].into(), others: [(1000, ana.clone())].into() };
        assert_eq!(peers.caller(0), Ok(Caller::admin("root")));
        let caller = peers.caller(1000).unwrap();
        assert_eq!((caller.name(), &caller.actor.roles), ("ana", &ana.roles));
        assert_eq!(caller.environments, ana.environments);
        let refused = peers.caller(1001).unwrap_err();
        assert_eq!((refused.status, refused.code), (StatusCode::FORBIDDEN, "S0432"));
    }
}
