//! Where things stand in a recipe, for mistakes that show only when it is used: a component that no suite has, a keyring
//! that is not there.

use std::collections::BTreeMap;

use super::report::{Place, Report};
use super::tree::{self, Kind, Node};

/// Places of a recipe's values by the name of their upstream, folder or package, their key, and their text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    items: BTreeMap<String, Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    place: Place,
    keys: BTreeMap<String, Place>,
    texts: BTreeMap<(String, String), Place>,
}

/// The keys whose text is the name of what they stand in.
const NAMES: [&str; 3] = ["upstream", "local", "package"];

impl Places {
    /// Those of a recipe that was read well; none of other texts.
    pub fn of(file: &str, bytes: &[u8]) -> Self {
        let mut places = Self::default();
        let root = tree::read(bytes, &mut Report::new(file, bytes));
        let Some(Node { kind: Kind::Map(lists), .. }) = root else { return places };
        for list in &lists {
            let Kind::List(items) = &list.value.kind else { continue };
            for item in items {
                if let Some((name, item)) = Item::of(item) {
                    // A package that several decisions are about is shown where the first one is.
                    places.items.entry(name).or_insert(item);
                }
            }
        }
        places
    }

    /// Line and column of a text, of the key that it stands under, or of what both stand in: the closest that is known.
    pub fn find(&self, name: &str, key: &str, text: &str) -> Option<(u32, u32)> {
        let item = self.items.get(name)?;
        let exact = item.texts.get(&(key.to_owned(), text.to_owned()));
        let Place { line, column } = exact.or_else(|| item.keys.get(key)).unwrap_or(&item.place);
        Some((*line, *column))
    }
}

impl Item {
    fn of(node: &Node) -> Option<(String, Self)> {
        let Kind::Map(entries) = &node.kind else { return None };
        let name = entries.iter().find(|entry| NAMES.contains(&entry.key.as_str()))?;
        let Kind::Text { text, .. } = &name.value.kind else { return None };
        let mut item = Self { place: node.place, keys: BTreeMap::new(), texts: BTreeMap::new() };
        item.take(node);
        Some((text.clone(), item))
    }

    fn take(&mut self, node: &Node) {
        let Kind::Map(entries) = &node.kind else { return };
        for entry in entries {
            self.keys.insert(entry.key.clone(), entry.value.place);
            let single = std::slice::from_ref(&entry.value);
            let values = if let Kind::List(items) = &entry.value.kind { items.as_slice() } else { single };
            for value in values {
                if let Kind::Text { text, .. } = &value.kind {
                    self.texts.insert((entry.key.clone(), text.clone()), value.place);
                }
            }
            // What stands deeper has keys of other names: `take: {installed: …}`.
            self.take(&entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_place_that_is_known_is_given() {
        let text = "upstreams:\n  - upstream: debian\n    components: [main, contrib]\n    keyring: a.gpg\n    \
                    take: {installed: [hosts]}\nlocal:\n  - {local: site, folder: debs}\npin:\n  - {package: nginx, version: 1}\n";
        let places = Places::of("recipe.yaml", text.as_bytes());
        for (name, key, value, place) in [
            ("debian", "components", "contrib", Some((3, 24))),
            ("debian", "components", "other", Some((3, 17))),
            ("debian", "keyring", "a.gpg", Some((4, 14))),
            ("debian", "installed", "hosts", Some((5, 24))),
            ("debian", "signers", "x", Some((2, 5))),
            ("site", "folder", "debs", Some((7, 27))),
            ("nginx", "version", "1", Some((9, 31))),
            ("ubuntu", "components", "main", None),
        ] {
            assert_eq!(places.find(name, key, value), place, "{name} {key} {value}");
        }
        assert_eq!(Places::of("x", b"- a"), Places::default());
    }
}
