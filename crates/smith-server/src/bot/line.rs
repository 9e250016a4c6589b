//! What can be said to the bot, understood.

use std::fmt;

use smith_domain::fleet::Selector;

use super::cycle::CycleLine;
use super::exemption::ExemptionLine;

/// One line, or a few with a template. It prints as [`parse`](super::parse) reads it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    SmithStatus { changes: Vec<ChangeNumber> },
    TaskStatus { project: Option<u32> },
    ListConfigs,
    ShowConfig { config: String },
    Help { word: Option<String> },
    WhyMachine { machine: Selector, project: Option<u32> },
    WhyProject { project: u32 },
    Lookup { select: Selector },
    Gaps,
    Audit(Audit),
    Builds,
    Channels,
    Clock,
    Sources,
    Cycle(CycleLine),
    Exemption(ExemptionLine),
    Work(Work),
    Desk(Desk),
}

/// What is to be done with machines, projects and builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Patch { build: u32, config: String, step: Option<String>, reason: Option<String> },
    SmithPatch { build: String, request: Request },
    Reboot(Request),
    ApproveGate { project: u32, step: String, gate: Option<String>, reason: Option<String> },
    Steer { steering: Steering, project: u32, reason: Option<String> },
    Resume { project: u32, step: Option<String>, grant: u32, reason: Option<String> },
    Retry { project: u32, machines: Option<Selector>, reason: Option<String> },
    Skip { project: u32, machines: Selector, reason: String },
    SignOff { machines: Selector, reason: String },
    Withdraw { build: u32, reason: String },
    AcceptClock { ahead: i64, reason: String },
    ConfirmSource { source: String, lost: String, reason: String },
}

/// What is to be done with changes, trains and channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desk {
    Rule { ruling: Ruling, changes: Vec<ChangeNumber>, reason: Option<String> },
    RaiseTrain { template: String },
    StartTrain { changes: Vec<ChangeNumber> },
    CompleteTrain(Completion),
    SetChannel(Channel),
}

/// Single machines, and what may happen to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub machines: Selector,
    /// In minutes.
    pub outage: u32,
    pub reason: Option<String>,
}

/// What is said about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    Approve,
    Reject,
    Revoke,
    Cancel,
}

/// What is done with a project as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    Pause,
    Unpause,
    Abort,
}

/// The end of a train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub changes: Vec<ChangeNumber>,
    pub test_url: String,
    pub test_passed: TestPassed,
    pub summary: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestPassed {
    Yes,
    No,
}

/// Where a channel is moved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub channel: String,
    pub region: String,
    pub build: u32,
    pub change: Option<ChangeNumber>,
    pub reason: Option<String>,
}

/// Which lines of the record are wanted; nothing for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    pub machine: Option<String>,
    pub project: Option<u32>,
    pub change: Option<ChangeNumber>,
    pub build: Option<u32>,
    pub by: Option<String>,
    pub since: Option<String>,
    pub until: Option<String>,
    pub last: Option<u32>,
}

/// `CHG0268453`, or as another desk numbers: letters, signs, digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeNumber(String);

/// Characters of a change's number. Desks have ten or so.
const CHANGE_MAX: usize = 40;

impl ChangeNumber {
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_head = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '#');
        let fits = digits.starts_with(|c: char| c.is_ascii_alphabetic()) && digits.chars().all(is_head);
        if !fits || digits.len() == text.len() || text.len() > CHANGE_MAX {
            return None;
        }
        let is_ours = digits.eq_ignore_ascii_case("chg");
        Some(Self(if is_ours { text.to_ascii_uppercase() } else { text.to_owned() }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ruling {
    pub fn word(self) -> &'static str {
        match self {
            Ruling::Approve => "approve",
            Ruling::Reject => "reject",
            Ruling::Revoke => "revoke",
            Ruling::Cancel => "cancel",
        }
    }
}

impl Steering {
    pub fn word(self) -> &'static str {
        match self {
            Steering::Pause => "pause",
            Steering::Unpause => "unpause",
            Steering::Abort => "abort",
        }
    }
}

impl From<TestPassed> for bool {
    fn from(passed: TestPassed) -> bool {
        passed == TestPassed::Yes
    }
}
