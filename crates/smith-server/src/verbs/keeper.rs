//! What a site keeps in memory, for all of its faces together.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub struct Keeper {
    /// Names that belong to people, whom nothing else may be called like.
    people: BTreeSet<String>,
}

impl Keeper {
    /// With the names of the people whom the settings and the computer know.
    pub fn new(people: impl IntoIterator<Item = String>) -> Self {
        Self { people: people.into_iter().collect() }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.people.contains(name)
    }
}
