//! Spans as OTLP has them in JSON: names in hexadecimal digits, 64-bit numbers as text, enums as numbers.

use serde::{Serialize, Serializer};
use smith_domain::time::Timestamp;

use super::ids::{SpanId, TraceId};

/// Characters of a text: two lines of a screen. What was said whole stands in the journal.
const TEXT_MAX: usize = 300;

/// Events of one span. A step has some dozens; one that is resumed every minute of a day shall not grow without end.
const EVENTS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_span_id: Option<SpanId>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) start_time_unix_nano: Nanos,
    pub(super) end_time_unix_nano: Nanos,
    pub(super) attributes: Vec<Attribute>,
    #[serde(flatten)]
    pub(super) notes: Notes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<SpanLink>,
    pub(super) status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Internal,
    /// Something else is asked and answers.
    Client,
}

/// Nanoseconds since 1970, of which the journal knows the milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nanos(pub(super) u64);

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Attribute {
    key: &'static str,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
enum Value {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Number(Whole),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole(i64);

/// What happened while a span was open.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Note>,
    #[serde(skip_serializing_if = "is_none")]
    dropped_events_count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    time_unix_nano: Nanos,
    name: &'static str,
    attributes: Vec<Attribute>,
}

/// Another span that has to do with this one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanLink {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Status {
    code: Code,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Unset,
    Good,
    Error,
}

impl Attribute {
    pub(super) fn text(key: &'static str, text: impl Into<String>) -> Self {
        Self { key, value: Value::Text(cut(text.into())) }
    }

    pub(super) fn number(key: &'static str, number: impl Into<i64>) -> Self {
        Self { key, value: Value::Number(Whole(number.into())) }
    }
}

impl Notes {
    pub(super) fn add(&mut self, at: Timestamp, name: &'static str, attributes: Vec<Attribute>) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(Note { time_unix_nano: at.into(), name, attributes });
        } else {
            self.dropped_events_count = self.dropped_events_count.saturating_add(1);
        }
    }
}

impl Status {
    /// Neither good nor bad.
    pub(super) fn unset() -> Self {
        Self { code: Code::Unset, message: String::new() }
    }

    pub(super) fn good() -> Self {
        Self { code: Code::Good, message: String::new() }
    }

    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { code: Code::Error, message: cut(message.into()) }
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

impl From<Timestamp> for Nanos {
    fn from(at: Timestamp) -> Self {
        Self(u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000))
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Kind::Internal => 1,
            Kind::Client => 3,
        })
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Code::Unset => 0,
            Code::Good => 1,
            Code::Error => 2,
        })
    }
}
