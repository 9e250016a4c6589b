//! What an agent answers, line by line.
//!
//! A controller reads what a newer agent adds: fields that it does not know are passed over.

use serde::{Deserialize, Serialize};

use super::{Name, Outcome, Piece};

/// One line on the agent's standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Numbers of an operation's replies begin at 1 and have no gaps. `Hello`, `Refused` and `Alive` are of the talk and not of
    /// the operation: 0.
    pub seq: u64,
    /// The machine's clock, in milliseconds since 1970.
    pub at_ms: u64,
    #[serde(flatten)]
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Body {
    /// The first line of every talk.
    Hello(Hello),
    /// The job was not taken, and nothing was done. The last line of its talk.
    Refused(Refusal),
    /// The operation began on the machine.
    Began { id: Name, action: String },
    /// How far it is.
    Phase(Phase),
    /// A line of its log.
    Log { text: String },
    /// A piece of a report, in order, at most [`LINE_MAX`](super::LINE_MAX) long.
    Piece { name: String, text: String },
    /// Nothing happened for a while, and the agent is there.
    Alive,
    /// It ended. The last line of its talk.
    Ended(Outcome),
    /// What is known now was told, and the operation has not ended: the last line of an `attach` that does not follow.
    Running,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub version: String,
    /// The kernel's identity of this boot.
    pub boot: String,
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// A word: `repair`, `update`, `simulate`, `download`, `install`, `purge`, `verify`…
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// Why a job was not taken. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The job is not what a job must be.
    Malformed { message: String },
    /// The job is of a protocol, or has a wish, that this agent does not know.
    OldAgent { message: String },
    /// A newer tenure of the controller was here.
    OldTenure { seen: u64, found: u64 },
    /// Another operation runs.
    Busy { running: Name },
    /// The name belongs to an operation with another job.
    OtherJob { id: Name },
    /// Nothing is known of the operation that is asked about: it was never begun.
    Unknown { id: Name },
    /// The machine cannot keep the operation's state, so that it cannot promise to do it once.
    CannotKeep { message: String },
}

impl Reply {
    /// Whether the talk ends with it.
    pub fn is_last(&self) -> bool {
        match self.body {
            Body::Refused(_) | Body::Ended(_) | Body::Running => true,
            Body::Hello(_)
            | Body::Began { .. }
            | Body::Phase(_)
            | Body::Log { .. }
            | Body::Piece { .. }
            | Body::Alive => false,
        }
    }
}

impl Body {
    pub fn piece(piece: &Piece, text: String) -> Self {
        Body::Piece { name: piece.name.clone(), text }
    }
}
