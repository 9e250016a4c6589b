//! What would happen to each profile, and whether that is good.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::diff::size;
use crate::select::Pattern;
use crate::words::{counted, many};

/// Names of machines that a line shows; the JSON has them all.
const NAMES_SHOWN: usize = 3;

/// What a build may do to machines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Packages that an upgrade may remove; without any, none may be removed.
    pub may_remove: Vec<Pattern>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Good,
    Bad,
}

/// How a gate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The build installs on every profile.
    Good,
    /// On at least one it does what it must not do, or cannot be installed.
    Bad,
}

impl Exit {
    /// 0 and 1; a check that could not be made at all is an error and is for the caller to tell apart.
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Upgrade {
    pub name: String,
    pub arch: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What apt would do to all machines of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub machines: Vec<String>,
    /// `upstream/suite` of the build that it was asked with.
    pub suites: Vec<String>,
    pub verdict: Verdict,
    /// Why it is bad, one fragment for each reason.
    pub why: Vec<String>,
    pub installed: Vec<Upgrade>,
    pub upgraded: Vec<Upgrade>,
    pub removed: Vec<Upgrade>,
    /// Held by the machine, or not upgradable now; for people to see, no reason by itself.
    pub kept_back: Vec<String>,
    /// Dependencies that cannot be met, in apt's words.
    pub broken: Vec<String>,
    pub download_bytes: u64,
}

/// What a build would do to machines, profile by profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    pub outcomes: Vec<Outcome>,
}

impl Report {
    pub fn verdict(&self) -> Verdict {
        self.outcomes.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Good)
    }

    pub fn exit(&self) -> Exit {
        match self.verdict() {
            Verdict::Good => Exit::Good,
            Verdict::Bad => Exit::Bad,
        }
    }

    /// A few lines for each profile, the bad ones first.
    pub fn to_text(&self) -> String {
        let machines: usize = self.outcomes.iter().map(|one| one.machines.len()).sum();
        let bad = self.outcomes.iter().filter(|one| one.verdict == Verdict::Bad).count();
        let mut text = format!(
            "{}, {}, {bad} bad\n",
            counted(machines as u64, "machine"),
            many(&self.outcomes, "different profile")
        );
        for verdict in [Verdict::Bad, Verdict::Good] {
            for one in self.outcomes.iter().filter(|one| one.verdict == verdict) {
                one.write(&mut text);
            }
        }
        text
    }
}

impl Outcome {
    fn write(&self, text: &mut String) {
        let word = match self.verdict {
            Verdict::Good => "good",
            Verdict::Bad => "BAD ",
        };
        let shown: Vec<&str> = self.machines.iter().take(NAMES_SHOWN).map(String::as_str).collect();
        let more = self.machines.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(
            text,
            "\n{word} {}{more}: {} installed, {} upgraded, {} removed, {} kept back, {} to download",
            shown.join(", "),
            self.installed.len(),
            self.upgraded.len(),
            self.removed.len(),
            self.kept_back.len(),
            size(self.download_bytes)
        );
        let _ = writeln!(text, "  suites: {}", self.suites.join(" "));
        for why in &self.why {
            let _ = writeln!(text, "  bad: {why}");
        }
        for line in &self.broken {
            let _ = writeln!(text, "  broken: {line}");
        }
        for one in &self.removed {
            let _ = writeln!(text, "  removed: {} {}", one.name, one.old.as_deref().unwrap_or_default());
        }
        if !self.kept_back.is_empty() {
            let _ = writeln!(text, "  kept back: {}", self.kept_back.join(" "));
        }
    }
}
