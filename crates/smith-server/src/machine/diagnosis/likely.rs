//! One cause, and the order in which causes are told.

use std::collections::BTreeMap;

use serde::Serialize;
use smith_agent::protocol::Facts;

use super::{history::History, present, signs};

/// One likely cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Likely {
    pub cause: String,
    /// What it is told by: a line of the report, or a fact.
    pub because: String,
    pub remedy: String,
    /// It is over; this is when it was told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
}

/// What is known of a machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) facts: Option<&'a Facts>,
    pub(super) pieces: &'a BTreeMap<String, String>,
    /// The controller's clock in seconds since 1970.
    pub(super) now: u64,
}

impl Likely {
    pub(super) fn new(cause: &str, because: impl Into<String>, remedy: &str) -> Self {
        Self { cause: cause.to_owned(), because: because.into(), remedy: remedy.to_owned(), earlier: None }
    }

    pub(super) fn over(self, at: &str) -> Self {
        Self { earlier: Some(at.to_owned()), ..self }
    }
}

impl<'a> Known<'a> {
    pub(super) fn piece(&self, name: &str) -> Option<&'a str> {
        self.pieces.get(name).map(String::as_str)
    }
}

/// What the facts and the report's lines tell: what is so now, then what was not seen to be over, the newest first, then the rest.
/// `now` is the controller's clock in seconds since 1970.
pub fn diagnose(facts: Option<&Facts>, pieces: &BTreeMap<String, String>, now: u64) -> Vec<Likely> {
    let known = Known { facts, pieces, now };
    let history = History::read(known.piece("agent.log").unwrap_or_default());
    let mut told = present::causes(known);
    told.extend(history.causes(known));
    told.extend(signs::in_other_logs(known, &history));
    // A cause is told once. What is so now is no news as something of the past.
    told.sort_by_key(|likely| likely.earlier.is_some());
    let mut found: Vec<Likely> = Vec::new();
    for likely in told {
        let is_present = likely.earlier.is_none() && likely.because.starts_with(present::FACT);
        let same = |known: &Likely| known.cause == likely.cause && !is_present;
        if !found.iter().any(same) {
            found.push(likely);
        }
    }
    for likely in &mut found {
        if let Some(rest) = likely.because.strip_prefix(present::FACT) {
            likely.because = rest.to_owned();
        }
    }
    found
}
