//! A map whose keys are known: each is taken once, the rest is unknown.

use super::near::nearest;
use super::report::{Place, Report, shown};
use super::tree::{Entry, Kind, Node, Style};

/// The entries of one map on the way to being read.
pub(super) struct Fields<'n> {
    /// What the map describes: `a step`.
    what: &'static str,
    place: Place,
    entries: &'n [Entry],
    /// Every key that was asked for.
    known: Vec<&'static str>,
    /// Those of them that must be there and are not.
    missing: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Complains unless the node is a map.
    pub(super) fn open(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => {
                Some(Self { what, place: node.place, entries, known: Vec::new(), missing: Vec::new() })
            }
            Kind::Text { .. } | Kind::List(_) => {
                report.add(node.place, "S0206", format!("{what} as a map of keys and values"), found(node));
                None
            }
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// A key that must be there: `close` complains if it is not.
    pub(super) fn need(&mut self, key: &'static str) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            self.missing.push(key);
        }
        found
    }

    /// Complains about every key that nobody asked for and every one that is missing.
    pub(super) fn close(mut self, report: &mut Report) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let expected = format!("one of the keys of {}: {}", self.what, self.known.join(", "));
            let problem = report.add(entry.place, "S0204", expected, shown(&entry.key));
            if entry.key == "<<" {
                problem
                    .with_hint("maps are not merged; share by `defaults` or by an alias for a whole value");
                continue;
            }
            let meant = nearest(&entry.key, self.known.iter().copied());
            problem.suggest(meant);
            // One slip is one complaint, not also one about the key that is missing because of it.
            self.missing.retain(|missing| Some(*missing) != meant);
        }
        for key in self.missing {
            let expected = format!("the key `{key}` in {}", self.what);
            report.add(self.place, "S0205", expected, format!("no `{key}`"));
        }
    }
}

/// What a node is, in words.
pub(super) fn found(node: &Node) -> String {
    match &node.kind {
        Kind::Text { text, style: Style::Plain } if is_nothing(text) => "nothing".to_owned(),
        Kind::Text { text, .. } => shown(text),
        Kind::List(items) if items.is_empty() => "an empty list".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map of keys and values".to_owned(),
    }
}

/// A key without a value, or one of the words with which YAML says so.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null")
}
