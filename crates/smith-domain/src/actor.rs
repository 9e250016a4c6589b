//! Who says so: every command and every event names one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one who gives a command, with the roles that the face which let them in vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
    pub roles: Vec<String>,
}

impl Actor {
    /// smith itself: what the plan does without being told.
    pub fn smith() -> Self {
        Self { name: "smith".to_owned(), roles: Vec::new() }
    }

    pub fn person(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: Vec::new() }
    }

    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
