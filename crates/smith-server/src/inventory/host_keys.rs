//! Host keys that were recorded when machines were enrolled: a file of lines `NAME KIND KEY`, as ssh's own `known_hosts` has.
//!
//! The file says nothing about which machines there are. A source that has a key of its own for a machine is believed before it.

use std::collections::BTreeMap;

use smith_domain::id::MachineName;

use super::report::{Place, Report, shown};
use crate::problem::Problems;

/// The recorded keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostKeys(BTreeMap<MachineName, String>);

impl HostKeys {
    /// Reads the file, or says everything that is wrong in it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let mut report = Report::new(file);
        let mut keys = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { line: number, column: 1 };
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, kind, key, ..] = words[..] else {
                report.add(place, "S0143", "a machine, the kind of its key and the key", shown(line));
                continue;
            };
            match MachineName::new(name) {
                Ok(name) if keys.contains_key(&name) => {
                    report.add(place, "S0144", "each machine once", format!("{name} again"));
                }
                Ok(name) => {
                    keys.insert(name, format!("{kind} {key}"));
                }
                Err(bad) => {
                    report.hint(place, "S0143", "the name of a machine", shown(name), bad.to_string())
                }
            }
        }
        report.finish(Some(Self(keys)))
    }

    pub fn get(&self, name: &MachineName) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Records a key in place of the one that was known, which is returned.
    pub fn record(&mut self, name: MachineName, key: String) -> Option<String> {
        self.0.insert(name, key)
    }

    pub fn to_text(&self) -> String {
        let mut text = "# Host keys of machines, recorded when they were enrolled.\n".to_owned();
        for (name, key) in &self.0 {
            text.push_str(&format!("{name} {key}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_again() {
        let mut keys = HostKeys::parse("k", "# x\n\nweb-1 ssh-ed25519 AAAA root@web\n").unwrap();
        let web = MachineName::new("web-1").unwrap();
        assert_eq!(keys.get(&web), Some("ssh-ed25519 AAAA"));
        assert_eq!(keys.record(web.clone(), "ssh-rsa BBBB".to_owned()), Some("ssh-ed25519 AAAA".to_owned()));
        let again = HostKeys::parse("k", &keys.to_text()).unwrap();
        assert_eq!(again, keys);
        assert_eq!(again.get(&web), Some("ssh-rsa BBBB"));
    }

    #[test]
    fn mistakes_have_places() {
        let problems = HostKeys::parse("keys", "a ssh-rsa A\nb\n a ssh-rsa B\n/x y z\n").unwrap_err();
        let places: Vec<(u32, &str)> =
            problems.0.iter().map(|problem| (problem.line, problem.code)).collect();
        assert_eq!(places, [(2, "S0143"), (3, "S0144"), (4, "S0143")]);
    }
}
