//! The table from zones to regions: `dal10: us-south`, `syd*: ap-south`.

use std::collections::BTreeMap;

use super::error::NamingError;
use super::pattern::is_name_char;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Zones {
    exact: BTreeMap<String, String>,
    /// Without their `*`.
    prefixes: BTreeMap<String, String>,
}

impl Zones {
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Zones, NamingError> {
        let mut zones = Zones::default();
        for (zone, region) in entries {
            zones.add(zone, region)?;
        }
        Ok(zones)
    }

    /// Adds one entry; a zone that ends in `*` stands for all zones that begin so.
    pub fn add(&mut self, zone: &str, region: &str) -> Result<(), NamingError> {
        let (word, table) = match zone.strip_suffix('*') {
            Some(prefix) => (prefix, &mut self.prefixes),
            None => (zone, &mut self.exact),
        };
        if let Some((at, bad)) = word.char_indices().find(|(_, c)| !is_name_char(*c)) {
            let hint = Some("a zone is a word, or the beginning of one and `*`: dal10, dal*");
            return Err(NamingError::at(zone, at, "a character of a zone", format!("{bad:?}"), hint));
        }
        if zone.is_empty() || region.is_empty() {
            let what = if zone.is_empty() { "a zone" } else { "a region" };
            return Err(NamingError::at(zone, 0, what, "nothing".into(), None));
        }
        match table.insert(word.to_owned(), region.to_owned()) {
            Some(other) if other != region => {
                let found = format!("{other:?} and {region:?} for {zone}");
                Err(NamingError::at(zone, 0, "one region for each zone", found, None))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// The entry for the zone itself, or else the one with the longest common beginning.
    pub fn region_of(&self, zone: &str) -> Option<&str> {
        let exact = self.exact.get(zone);
        let prefix = || {
            let candidates = self.prefixes.iter().filter(|(prefix, _)| zone.starts_with(prefix.as_str()));
            candidates.max_by_key(|(prefix, _)| prefix.len()).map(|(_, region)| region)
        };
        exact.or_else(prefix).map(String::as_str)
    }
}
