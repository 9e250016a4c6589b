//! Names and numbers, each its own type, so that none can stand where another belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number that the journal hands out: dense, starting at zero, never used again.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

/// A name that came from outside and was checked once, where it came in.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text: expected form and what was found stand in the error.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                check_name($what, &text, $max, $allowed)?;
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

number!(
    /// A machine, numbered in the order in which machines were first seen.
    MachineId,
    "m"
);
number!(
    /// A rollout; people know it as the project id.
    RolloutId,
    ""
);
number!(
    /// A change as the journal counts it; its CHG number comes from the change desk.
    ChangeId,
    "change-"
);
number!(
    /// A change task.
    TaskId,
    "task-"
);
number!(
    /// A ticket as the journal counts it; its number in the tracker comes from the tracker.
    TicketId,
    "ticket-"
);
number!(
    /// A train: a set of changes from one template, one for each region.
    TrainId,
    "train-"
);
number!(
    /// A token that lets somebody in.
    TokenId,
    "token-"
);
number!(
    /// Something that people are told, once.
    NoticeId,
    "notice-"
);
number!(
    /// One run of the weekly chain, numbered from one.
    CycleId,
    ""
);
number!(
    /// A numbered build.
    BuildNumber,
    ""
);

name!(
    /// A host name: letters, digits, `-`, `_` and `.`.
    MachineName,
    "machine name",
    253,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);
name!(
    /// The name of a pipeline (a "config").
    PipelineName,
    "pipeline name",
    100,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);
name!(
    /// The id of a step inside its pipeline.
    StepName,
    "step id",
    100,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);
name!(
    /// The name of a bag inside its step.
    BagName,
    "bag name",
    100,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);
name!(
    /// The name of an attribute or label of machines: `region`, `role`, `rack`.
    AttrName,
    "attribute name",
    64,
    |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')
);

/// A name that does not have the form it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("{what} has {found} characters, expected at most {max}")]
    TooLong { what: &'static str, found: usize, max: usize },
    #[error("{what} {text:?} holds {found:?}, expected only letters, digits and -_. as that name allows")]
    Character { what: &'static str, text: String, found: char },
    #[error("{what} {text:?} starts with {found:?}, expected a letter or a digit")]
    Start { what: &'static str, text: String, found: char },
}

fn check_name(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), BadName> {
    let Some(first) = text.chars().next() else { return Err(BadName::Empty { what }) };
    let length = text.chars().count();
    if length > max {
        return Err(BadName::TooLong { what, found: length, max });
    }
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(BadName::Character { what, text: text.to_owned(), found });
    }
    // A leading dot or dash would read as a hidden file or an option wherever a name meets a path or a command line.
    if !first.is_ascii_alphanumeric() {
        return Err(BadName::Start { what, text: text.to_owned(), found: first });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_come_in() {
        assert!(MachineName::new("prod-dal10-carrier3-worker-1001").is_ok());
        assert_eq!(MachineName::new(""), Err(BadName::Empty { what: "machine name" }));
        for bad in ["../etc", "-rf", ".hidden", "a b", "a/b", "a\0b", "é"] {
            assert!(MachineName::new(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(
            MachineName::new("x".repeat(254)),
            Err(BadName::TooLong { found: 254, max: 253, .. })
        ));
    }

    #[test]
    fn a_name_from_a_journal_is_checked_too() {
        let back: Result<MachineName, _> = serde_json::from_str("\"../x\"");
        assert!(back.is_err());
    }
}
