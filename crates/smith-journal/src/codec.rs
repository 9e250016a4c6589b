//! Events as rows: the kind and version that say how to read a body, the body as JSON, and the stream it belongs to.

mod kinds;
mod snapshot;
mod stream;

use std::io;

use serde::de::DeserializeOwned;
use smith_domain::event::Event;
use thiserror::Error;

use crate::lift::{Lift, LiftError, Lifted};
use crate::row::{RowRef, Seq};

pub use kinds::{kinds, lift};
pub use snapshot::{FORMAT, SnapshotCodecError, from_snapshot, to_snapshot};
pub use stream::stream_of;

/// Most bodies are shorter.
const USUAL_BYTES: usize = 128;

/// Reads and writes bodies.
#[derive(Debug, Clone)]
pub struct Codec {
    lift: Lift,
}

/// A body as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub kind: &'static str,
    pub version: u16,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, Error)]
pub enum EncodeError {
    #[error("expected a kind of event with a version, found {kind:?}")]
    UnknownKind { kind: &'static str },
    #[error("{kind:?} cannot be written as JSON: {found}")]
    NotJson { kind: &'static str, found: String },
}

#[derive(Debug, Clone, Error)]
pub enum DecodeError {
    #[error("row {seq} cannot be brought to the current shape")]
    Lift { seq: Seq, source: LiftError },
    #[error("row {seq}: expected a body of {kind:?}, found {found}")]
    Body { seq: Seq, kind: String, found: String },
}

impl Default for Codec {
    fn default() -> Self {
        Self { lift: lift() }
    }
}

/// Bytes that the body of an event takes, without writing it.
pub fn size_of(event: &Event) -> Result<usize, EncodeError> {
    let mut counted = Counted(0);
    write_to(&mut counted, event)
        .map_err(|error| EncodeError::NotJson { kind: event.kind(), found: error.to_string() })?;
    Ok(counted.0)
}

/// Counts what is written to it.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_to(to: &mut impl io::Write, event: &Event) -> serde_json::Result<()> {
    match event {
        Event::Fleet(event) => serde_json::to_writer(to, event),
        Event::Build(event) => serde_json::to_writer(to, event),
        Event::Rollout(event) => serde_json::to_writer(to, event),
        Event::Change(event) => serde_json::to_writer(to, event),
        Event::Ticket(event) => serde_json::to_writer(to, event),
        Event::Errand(event) => serde_json::to_writer(to, event),
        Event::Access(event) => serde_json::to_writer(to, event),
        Event::Notice(event) => serde_json::to_writer(to, event),
        Event::Cycle(event) => serde_json::to_writer(to, event),
        Event::Driver(event) => serde_json::to_writer(to, event),
    }
}

impl Codec {
    pub fn encode(&self, event: &Event) -> Result<Encoded, EncodeError> {
        let kind = event.kind();
        let version = self.lift.current(kind).ok_or(EncodeError::UnknownKind { kind })?;
        let mut body = Vec::with_capacity(USUAL_BYTES);
        write_to(&mut body, event)
            .map_err(|error| EncodeError::NotJson { kind, found: error.to_string() })?;
        Ok(Encoded { kind, version, body })
    }

    pub fn decode(&self, row: RowRef<'_>) -> Result<Event, DecodeError> {
        let (seq, content) = (row.seq, row.content);
        let lifted = self.lift.lift(content.kind, content.version, content.body);
        let from = match lifted.map_err(|source| DecodeError::Lift { seq, source })? {
            Lifted::Current(body) => From::Bytes(body),
            Lifted::Raised(value) => From::Value(value),
        };
        let event = event(content.kind, from).map_err(|found| body_error(seq, content.kind, found))?;
        if event.kind() != content.kind {
            // Whoever looks at kinds alone would be told something else than what is folded.
            return Err(body_error(seq, content.kind, format!("one of {:?}", event.kind())));
        }
        Ok(event)
    }
}

fn body_error(seq: Seq, kind: &str, found: String) -> DecodeError {
    DecodeError::Body { seq, kind: kind.to_owned(), found }
}

enum From<'a> {
    Bytes(&'a [u8]),
    Value(serde_json::Value),
}

fn event(kind: &str, from: From<'_>) -> Result<Event, String> {
    let noun = kind.split('.').next().unwrap_or_default();
    match noun {
        "fleet" => Ok(Event::Fleet(body(from)?)),
        "build" => Ok(Event::Build(body(from)?)),
        "rollout" => Ok(Event::Rollout(body(from)?)),
        "change" => Ok(Event::Change(body(from)?)),
        "ticket" => Ok(Event::Ticket(body(from)?)),
        "errand" => Ok(Event::Errand(body(from)?)),
        "access" => Ok(Event::Access(body(from)?)),
        "notice" => Ok(Event::Notice(body(from)?)),
        "cycle" | "schedule" => Ok(Event::Cycle(body(from)?)),
        "driver" => Ok(Event::Driver(body(from)?)),
        other => Err(format!("the noun {other:?}")),
    }
}

fn body<T: DeserializeOwned>(from: From<'_>) -> Result<T, String> {
    match from {
        From::Bytes(bytes) => serde_json::from_slice(bytes),
        From::Value(value) => serde_json::from_value(value),
    }
    .map_err(|error| error.to_string())
}
