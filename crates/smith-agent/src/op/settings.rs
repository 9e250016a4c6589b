//! What a site may set on a machine: `/etc/smith/agent.json`.

use serde::Deserialize;

use super::context::Host;
use super::keep::read_bounded;

const FILE: &str = "/etc/smith/agent.json";

/// Nobody writes a longer one.
const FILE_MAX: u64 = 64 << 10;

/// Other parts of the agent read their own keys from the same file, so that those that are not known here are passed over.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The log for people.
    pub(crate) log: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { log: "/opt/smith-agent.log".to_owned() }
    }
}

impl Settings {
    /// The settings, and what is wrong with them. A wrong file never keeps a machine from being patched: what it cannot say
    /// is as if it had not been said.
    pub(crate) fn load(host: &Host) -> (Self, Option<String>) {
        let wrong = |why: String| (Self::default(), Some(format!("{FILE} is not used: {why}")));
        let content = match read_bounded(&host.path(FILE), FILE_MAX) {
            Ok(Some(content)) => content,
            Ok(None) => return (Self::default(), None),
            Err(error) => return wrong(error.to_string()),
        };
        match serde_json::from_slice::<Self>(&content) {
            Ok(settings) if settings.log.starts_with('/') && !settings.log.contains("/../") => {
                (settings, None)
            }
            Ok(settings) => {
                wrong(format!("expected the log to be an absolute path, found {:?}", settings.log))
            }
            Err(error) => wrong(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Settings, Option<String>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/smith")).unwrap();
        std::fs::write(root.path().join("etc/smith/agent.json"), text).unwrap();
        Settings::load(&Host::at(root.path()))
    }

    #[test]
    fn a_wrong_file_is_named_and_not_used() {
        assert_eq!(
            load(r#"{"log":"/var/log/a.log"}"#),
            (Settings { log: "/var/log/a.log".to_owned() }, None)
        );
        assert_eq!(load(r#"{"health":{}}"#), (Settings::default(), None));
        for (text, found) in [
            (r#"{"log":"a.log"}"#, "expected the log to be an absolute path, found \"a.log\""),
            (r#"{"log":"/../a"}"#, "expected the log to be an absolute path, found \"/../a\""),
            (r#"{"log":7}"#, "invalid type"),
            ("{", "EOF"),
        ] {
            let (settings, wrong) = load(text);
            assert_eq!(settings, Settings::default());
            assert!(wrong.as_ref().is_some_and(|wrong| wrong.contains(found)), "{wrong:?}");
        }
    }
}
