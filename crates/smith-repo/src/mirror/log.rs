//! One line for each mirror and build, made to be searched.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mirror::sync::{State, Synced};
use crate::name::{BuildNumber, MirrorName};
use crate::store::{Store, StoreError};

/// About 60,000 lines: a year of daily builds on 160 mirrors.
const LOG_MAX: u64 = 8 << 20;

/// Older logs that are kept beside the current one.
const LOGS_KEPT: u32 = 4;

/// Longer reasons are cut, so that a line stays a line.
const WHY_MAX: usize = 600;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Add,
    Rename,
    Remove,
    Sync,
    Verify,
    Repair,
    Recover,
    Purge,
    Channel,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Sync => "sync",
            Self::Verify => "verify",
            Self::Repair => "repair",
            Self::Recover => "recover",
            Self::Purge => "purge",
            Self::Channel => "channel",
        })
    }
}

/// What became of one build on one mirror.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// None of what was done to the store itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorName>,
    /// None where it failed before the builds were known.
    pub build: Option<BuildNumber>,
    pub action: Action,
    /// What it came to, or why it did not.
    #[serde(flatten, with = "said")]
    pub result: Result<Good, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Good {
    /// `came`, `was-whole`, `would-come`, or what else was done.
    pub state: String,
    /// Objects that came, or would come, and their bytes.
    pub objects: u64,
    pub bytes: u64,
    pub seconds: f64,
}

/// `"result": "good"` with what there is to say of it, or `"result": "bad"` with why.
mod said {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Good;

    #[derive(Serialize, Deserialize)]
    #[serde(tag = "result", rename_all = "kebab-case")]
    enum Said {
        Good(Good),
        Bad { why: String },
    }

    pub(super) fn serialize<S: Serializer>(
        result: &Result<Good, String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match result {
            Ok(good) => Said::Good(good.clone()),
            Err(why) => Said::Bad { why: why.clone() },
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Good, String>, D::Error> {
        Ok(match Said::deserialize(deserializer)? {
            Said::Good(good) => Ok(good),
            Said::Bad { why } => Err(why),
        })
    }
}

impl Outcome {
    pub fn good(mirror: &MirrorName, synced: &Synced) -> Self {
        let state = match synced.state {
            State::WasWhole => "was-whole",
            State::Came => "came",
            State::WouldCome => "would-come",
        };
        let good = Good {
            state: state.to_owned(),
            objects: synced.missing,
            bytes: synced.missing_bytes,
            seconds: synced.took.as_secs_f64(),
        };
        Self::did(mirror, Action::Sync, Some(synced.build), good)
    }

    pub fn did(mirror: &MirrorName, action: Action, build: Option<BuildNumber>, good: Good) -> Self {
        Self { mirror: Some(mirror.clone()), build, action, result: Ok(good) }
    }

    pub fn bad(mirror: &MirrorName, action: Action, build: Option<BuildNumber>, why: String) -> Self {
        Self { mirror: Some(mirror.clone()), build, action, result: Err(why) }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mirror {
            Some(mirror) => write!(f, "mirror={mirror}")?,
            None => f.write_str("store=itself")?,
        }
        if let Some(build) = self.build {
            write!(f, " build={build}")?;
        }
        write!(f, " action={}", self.action)?;
        match &self.result {
            Ok(Good { state, objects, bytes, seconds }) => {
                write!(f, " result=good state={state} objects={objects} bytes={bytes} seconds={seconds:.2}")
            }
            Err(why) => {
                // Quotes and line ends are escaped, so that the reason is the last field whatever stands in it.
                let why: String = why.chars().take(WHY_MAX).collect();
                write!(f, " result=bad why={why:?}")
            }
        }
    }
}

/// Appends lines to the log of a store.
pub fn append_log(store: &Store, at: Timestamp, outcomes: &[Outcome]) -> Result<(), StoreError> {
    append(store, at, outcomes, LOG_MAX)
}

/// Every line of the log, the oldest first.
pub fn read_log(store: &Store) -> Result<Vec<String>, StoreError> {
    let path = store.root().join("mirror-log");
    let older = (1..=LOGS_KEPT).rev().map(|number| path.with_extension(number.to_string()));
    let mut lines = Vec::new();
    for path in older.chain([path.clone()]) {
        match fs::read_to_string(&path) {
            Ok(text) => lines.extend(text.lines().map(str::to_owned)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading", &path)(error)),
        }
    }
    Ok(lines)
}

fn append(store: &Store, at: Timestamp, outcomes: &[Outcome], max: u64) -> Result<(), StoreError> {
    let path = store.root().join("mirror-log");
    let text: String = outcomes.iter().map(|outcome| format!("{at} {outcome}\n")).collect();
    let _locked = store.lock_now()?;
    let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    if length > 0 && length + text.len() as u64 > max {
        for number in (1..LOGS_KEPT).rev() {
            let from = path.with_extension(number.to_string());
            let to = path.with_extension((number + 1).to_string());
            if from.exists() {
                fs::rename(&from, &to).map_err(StoreError::io("renaming to", &to))?;
            }
        }
        let to = path.with_extension("1");
        fs::rename(&path, &to).map_err(StoreError::io("renaming to", &to))?;
    }
    let open = OpenOptions::new().create(true).append(true).open(&path);
    let written = open.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(StoreError::io("writing", &path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::store;

    fn bad(build: u32) -> Outcome {
        let name = MirrorName::new("fra-01").expect("a name");
        Outcome::bad(&name, Action::Sync, Some(BuildNumber(build)), "it said \"no\"\nand hung up".to_owned())
    }

    #[test]
    fn a_line_can_be_searched_and_stays_one() {
        let line = bad(725).to_string();
        assert_eq!(
            line,
            r#"mirror=fra-01 build=725 action=sync result=bad why="it said \"no\"\nand hung up""#
        );
        let good = Good { state: "came".to_owned(), objects: 1268, bytes: 5, seconds: 1.5 };
        let good = Outcome { result: Ok(good), ..bad(725) };
        let expected =
            "mirror=fra-01 build=725 action=sync result=good state=came objects=1268 bytes=5 seconds=1.50";
        assert_eq!(good.to_string(), expected);
        let json = serde_json::to_string(&good).expect("json");
        let golden = r#"{"mirror":"fra-01","build":725,"action":"sync","result":"good","state":"came","objects":1268,"bytes":5,"seconds":1.5}"#;
        assert_eq!(json, golden);
        for outcome in [good, bad(725)] {
            let json = serde_json::to_string(&outcome).expect("json");
            assert_eq!(serde_json::from_str::<Outcome>(&json).expect("read"), outcome);
        }
    }

    #[test]
    fn the_log_turns_over_and_forgets_the_oldest() {
        let (_folder, store) = store();
        for build in 1..=20 {
            append(&store, Timestamp::UNIX_EPOCH, &[bad(build)], 220).expect("written");
        }
        let read = |name: &str| fs::read_to_string(store.root().join(name)).expect("there");
        assert_eq!(read("mirror-log").lines().count(), 2);
        assert!(read("mirror-log").contains("build=20 "));
        assert!(read("mirror-log.4").contains("build=11 "), "{}", read("mirror-log.4"));
        assert!(!store.root().join("mirror-log.5").exists());
        let lines = read_log(&store).expect("read");
        assert_eq!(lines.len(), 10, "{lines:?}");
        assert!(lines[0].contains("build=11 ") && lines[9].contains("build=20 "));
    }
}
