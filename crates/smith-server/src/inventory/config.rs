//! The configuration of the inventory: which files are read, whom to believe, how names are read.
//!
//! ```yaml
//! sources:
//!   - {name: cmdb, file: cmdb.csv, precedence: 10}
//!   - {name: lab, file: hosts.ini, labels: [rack], max-shrink: 50%}
//! names:
//!   patterns: ["{environment}-{zone}-{cluster}-{role...}[-]{number}"]
//!   attributes: {cluster: "{environment}-{zone}-{cluster}"}
//! zones: {"dal*": us-south}
//! max-shrink: 10%
//! ```

use std::collections::{BTreeMap, BTreeSet};

use smith_domain::fleet::attribute::unabbreviated;
use smith_domain::fleet::{NamePattern, Naming, NamingError, ObservePolicy, SourceName, Template};
use smith_domain::id::AttrName;
use smith_domain::pipeline::Amount;

use crate::problem::Problems;

use super::format::{Format, Labels, utf8};
use super::report::{Place, Report, shown};
use super::tree::{Entry, Kind, Node, read_yaml};

#[derive(Debug, Clone)]
pub struct InventoryConfig {
    /// Never empty, in the order of the file.
    pub sources: Vec<SourceConfig>,
    /// The file of recorded host keys, as written; it need not be there yet.
    pub host_keys: Option<String>,
    pub naming: Naming,
    pub policy: ObservePolicy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    pub name: SourceName,
    /// As written; relative to the folder of the configuration.
    pub file: String,
    pub format: Option<Format>,
    pub precedence: i32,
    pub labels: Option<Labels>,
}

/// Reads the configuration, or says everything that is wrong in it.
pub fn parse_config(file: &str, bytes: &[u8]) -> Result<InventoryConfig, Problems> {
    let mut report = Report::new(file);
    let tree = utf8(bytes, &mut report).and_then(|text| read_yaml(text, &mut report));
    let config = tree.and_then(|tree| Reader { report: &mut report }.config(&tree));
    report.finish(config)
}

struct Reader<'r, 'f> {
    report: &'r mut Report<'f>,
}

impl Reader<'_, '_> {
    fn config(&mut self, tree: &Node) -> Option<InventoryConfig> {
        const KEYS: &str = "`sources`, `host-keys`, `names`, `zones` or `max-shrink`";
        let entries = self.map(tree, KEYS)?;
        let mut config = InventoryConfig {
            sources: Vec::new(),
            host_keys: None,
            naming: Naming::default(),
            policy: ObservePolicy::default(),
        };
        for Entry { key, place, value } in entries {
            match key.as_str() {
                "sources" => self.sources(value, &mut config),
                "host-keys" => {
                    config.host_keys = self.text(value, "the name of a file").map(str::to_owned);
                }
                "names" => self.names(value, &mut config.naming),
                "zones" => self.zones(value, &mut config.naming),
                "max-shrink" => {
                    config.policy.max_shrink = self.amount(value).unwrap_or(config.policy.max_shrink);
                }
                other => self.report.add(*place, "S0142", KEYS, shown(other)),
            }
        }
        if tree.get("sources").is_none() {
            self.report.add(tree.place, "S0142", "`sources`", "none");
        }
        Some(config)
    }

    fn sources(&mut self, node: &Node, config: &mut InventoryConfig) {
        let items = node.items().unwrap_or(&[]);
        if items.is_empty() {
            return self.report.add(node.place, "S0142", "a list of at least one source", node.found());
        }
        for item in items {
            let Some(source) = self.source(item, config) else { continue };
            if config.sources.iter().any(|known| known.name == source.name) {
                let found = format!("{} again", source.name);
                self.report.add(item.place, "S0144", "each source once", found);
            }
            config.sources.push(source);
        }
    }

    fn source(&mut self, node: &Node, config: &mut InventoryConfig) -> Option<SourceConfig> {
        const KEYS: &str = "`name`, `file`, `format`, `precedence`, `labels` or `max-shrink`";
        let entries = self.map(node, KEYS)?;
        let (mut name, mut file, mut max_shrink) = (None, None, None);
        let (mut format, mut precedence, mut labels) = (None, 0, None);
        for Entry { key, place, value } in entries {
            match key.as_str() {
                "name" => name = self.checked(value, "a source name", |text| SourceName::new(text)),
                "file" => file = self.text(value, "the name of a file").map(str::to_owned),
                "format" => format = self.format(value),
                "precedence" => {
                    let number = self.text(value, "a whole number")?;
                    match number.parse() {
                        Ok(number) => precedence = number,
                        Err(_) => self.report.add(value.place, "S0143", "a whole number", shown(number)),
                    }
                }
                "labels" => labels = self.labels(value),
                "max-shrink" => max_shrink = self.amount(value),
                other => self.report.add(*place, "S0142", KEYS, shown(other)),
            }
        }
        for key in ["name", "file"] {
            if node.get(key).is_none() {
                self.report.add(node.place, "S0142", format!("a source with `{key}`"), "one without");
            }
        }
        let name = name?;
        if let Some(amount) = max_shrink {
            config.policy.sources.insert(name.clone(), amount);
        }
        Some(SourceConfig { name, file: file?, format, precedence, labels })
    }

    fn format(&mut self, node: &Node) -> Option<Format> {
        let words: Vec<&str> = Format::ALL.iter().map(|format| format.word()).collect();
        let expected = format!("one of {}", words.join(", "));
        let word = self.text(node, &expected)?;
        let format = Format::from_word(word);
        if format.is_none() {
            self.report.add(node.place, "S0143", expected, shown(word));
        }
        format
    }

    fn labels(&mut self, node: &Node) -> Option<Labels> {
        match &node.kind {
            Kind::Text(text) if text == "all" => Some(Labels::All),
            Kind::List(items) => {
                let names: BTreeSet<AttrName> = items
                    .iter()
                    .filter_map(|item| self.checked(item, "the name of a label", attr_name))
                    .collect();
                Some(Labels::Only(names))
            }
            Kind::Nothing | Kind::Text(_) | Kind::Map(_) => {
                self.report.add(node.place, "S0143", "`all` or a list of labels", node.found());
                None
            }
        }
    }

    fn names(&mut self, node: &Node, naming: &mut Naming) {
        const KEYS: &str = "`patterns` or `attributes`";
        for Entry { key, place, value } in self.map(node, KEYS).unwrap_or(&[]) {
            match key.as_str() {
                "patterns" => match value.items() {
                    Some(items) => {
                        for item in items {
                            let Some(text) = self.text(item, "a pattern of names") else { continue };
                            match NamePattern::parse(text) {
                                Ok(pattern) => naming.patterns.push(pattern),
                                Err(error) => self.naming(item.place, text, error),
                            }
                        }
                    }
                    None => self.report.add(value.place, "S0142", "a list of patterns", value.found()),
                },
                "attributes" => naming.templates = self.templates(value),
                other => self.report.add(*place, "S0142", KEYS, shown(other)),
            }
        }
    }

    fn templates(&mut self, node: &Node) -> BTreeMap<AttrName, Template> {
        let mut templates = BTreeMap::new();
        for Entry { key, place, value } in self.map(node, "a map of attributes").unwrap_or(&[]) {
            let Some(attr) = self.valid(key, *place, "the name of an attribute", attr_name) else { continue };
            let Some(text) = self.text(value, "a template") else { continue };
            match Template::parse(text) {
                Ok(template) => {
                    templates.insert(attr, template);
                }
                Err(error) => self.naming(value.place, text, error),
            }
        }
        templates
    }

    fn zones(&mut self, node: &Node, naming: &mut Naming) {
        for Entry { key, place, value } in self.map(node, "a map from zones to regions").unwrap_or(&[]) {
            let Some(region) = self.text(value, "the name of a region") else { continue };
            if let Err(error) = naming.zones.add(key, region) {
                self.naming(*place, key, error);
            }
        }
    }

    /// `text` stands at `place`; the column of the error is counted from there, where no quotation marks are.
    fn naming(&mut self, place: Place, text: &str, error: NamingError) {
        let expected = format!("{} in {}", error.expected, shown(text));
        let hint = format!("at character {} of it", error.column);
        let hint = error.hint.map_or(hint.clone(), |more| format!("{hint}; {more}"));
        self.report.hint(place, NamingError::CODE, expected, error.found, hint);
    }

    fn amount(&mut self, node: &Node) -> Option<Amount> {
        let expected = "a number or a percentage";
        let text = self.text(node, expected)?;
        match Amount::parse(text) {
            Ok(amount) => Some(amount),
            Err(error) => {
                self.report.hint(node.place, "S0143", expected, shown(text), error.to_string());
                None
            }
        }
    }

    fn map<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Entry]> {
        let entries = node.entries();
        if entries.is_none() {
            self.report.add(node.place, "S0142", expected, node.found());
        }
        entries
    }

    fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        let text = node.text().map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.report.add(node.place, "S0143", expected, node.found());
        }
        text
    }

    fn checked<T, E: std::fmt::Display>(
        &mut self,
        node: &Node,
        expected: &str,
        new: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        self.valid(text, node.place, expected, new)
    }

    fn valid<T, E: std::fmt::Display>(
        &mut self,
        text: &str,
        place: Place,
        expected: &str,
        new: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match new(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.report.hint(place, "S0143", expected, shown(text), error.to_string());
                None
            }
        }
    }
}

fn attr_name(text: &str) -> Result<AttrName, smith_domain::id::BadName> {
    AttrName::new(unabbreviated(text))
}
