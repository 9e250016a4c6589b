//! The keys of the grammar, as in `outage:0`.

use crate::config::nearest;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Config,
    Step,
    Gate,
    Grant,
    Machines,
    Machine,
    Outage,
    Reason,
    TestUrl,
    TestPassed,
    Summary,
    Project,
    Change,
    Build,
    Region,
    Owner,
    By,
    Since,
    Until,
    Last,
}

/// How much of a line a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Word,
    /// Everything up to the next key.
    Words,
}

pub(super) const KEYS: [Key; 20] = [
    Key::Config,
    Key::Step,
    Key::Gate,
    Key::Grant,
    Key::Machines,
    Key::Machine,
    Key::Outage,
    Key::Reason,
    Key::TestUrl,
    Key::TestPassed,
    Key::Summary,
    Key::Project,
    Key::Change,
    Key::Build,
    Key::Region,
    Key::Owner,
    Key::By,
    Key::Since,
    Key::Until,
    Key::Last,
];

impl Key {
    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Config => "config",
            Key::Step => "step",
            Key::Gate => "gate",
            Key::Grant => "grant",
            Key::Machines => "machines",
            Key::Machine => "machine",
            Key::Outage => "outage",
            Key::Reason => "reason",
            Key::TestUrl => "testURL",
            Key::TestPassed => "testPassed",
            Key::Summary => "summary",
            Key::Project => "project",
            Key::Change => "change",
            Key::Build => "build",
            Key::Region => "region",
            Key::Owner => "owner",
            Key::By => "by",
            Key::Since => "since",
            Key::Until => "until",
            Key::Last => "last",
        }
    }

    /// What belongs behind it.
    pub(super) fn what(self) -> &'static str {
        match self {
            Key::Config => "the name of a config",
            Key::Step => "a step, as its id or as `ID : TITLE`",
            Key::Gate => "the name of a gate",
            Key::Grant => "a number of further failures",
            Key::Machines => "machines: names, addresses, patterns or attributes",
            Key::Machine => "the name or address of a machine",
            Key::Outage => "a number of minutes",
            Key::Reason => "a reason",
            Key::TestUrl => "the address of the evidence",
            Key::TestPassed => "true or false",
            Key::Summary => "a summary in some words",
            Key::Project => "the ID of a project",
            Key::Change => "the number of a change",
            Key::Build => "the number of a build",
            Key::Region => "the name of a region",
            Key::Owner => "the name of who answers for it",
            Key::By => "the name of a person or a service",
            Key::Since | Key::Until => "a day such as 2026-11-20 or a moment",
            Key::Last => "a number of lines",
        }
    }

    pub(super) fn takes(self) -> Takes {
        match self {
            Key::Step | Key::Gate | Key::Machines | Key::Reason | Key::Summary => Takes::Words,
            Key::Config
            | Key::Grant
            | Key::Machine
            | Key::Outage
            | Key::TestUrl
            | Key::TestPassed
            | Key::Project
            | Key::Change
            | Key::Build
            | Key::Region
            | Key::Owner
            | Key::By
            | Key::Since
            | Key::Until
            | Key::Last => Takes::Word,
        }
    }

    pub(super) fn named(name: &str) -> Option<Key> {
        KEYS.into_iter().find(|key| key.name().eq_ignore_ascii_case(name))
    }

    /// Whether this is a key of some verb, or may be taken for a slip of one.
    pub(super) fn meant_near(name: &str) -> bool {
        nearest(name, KEYS.map(Key::name)).is_some() || Key::named(name).is_some()
    }

    /// The key that was probably meant by a word such as `confg:x` or `config`.
    pub(super) fn meant(word: &str, keys: &[Key]) -> Option<Key> {
        let exact = |name: &str| keys.iter().copied().find(|key| key.name().eq_ignore_ascii_case(name));
        if let Some((name, _)) = word.split_once(':') {
            return exact(name).or_else(|| exact(nearest(name, keys.iter().map(|key| key.name()))?));
        }
        // An attribute may be called nearly as a key, and machines have an owner as well.
        let Some((name, _)) = word.split_once('=') else { return exact(word) };
        exact(name).filter(|key| *key != Key::Owner)
    }
}
