//! Lifting: rows that an older smith wrote are brought to the current shape when they are read, one version at a time.
//!
//! The stored bytes never change. A row that a newer smith wrote is refused, because nobody here knows what it means.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::error::Cause;

/// Turns a body of one version into the next one.
pub type Step = fn(Value) -> Result<Value, Cause>;

/// The current version of every kind, and a step from each older one. Versions count from one.
#[derive(Debug, Clone, Default)]
pub struct Lift {
    kinds: BTreeMap<Cow<'static, str>, Vec<Step>>,
}

/// A body in the current shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Lifted<'a> {
    /// It was written so; nothing was parsed.
    Current(&'a [u8]),
    Raised(Value),
}

#[derive(Debug, Clone, Error)]
pub enum LiftError {
    #[error("expected a known kind of event, found {kind:?}, maybe written by a newer smith")]
    UnknownKind { kind: String },
    #[error("{kind:?} was written by a newer smith: expected version {expected} at most, found {found}")]
    Newer { kind: String, expected: u16, found: u16 },
    #[error("expected a version of {kind:?} from 1 on, found 0")]
    VersionZero { kind: String },
    #[error("expected a body of JSON in {kind:?} of version {version}")]
    NotJson { kind: String, version: u16, source: Cause },
    #[error("{kind:?} could not be lifted from version {version}")]
    Step { kind: String, version: u16, source: Cause },
}

impl Lift {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a kind by the steps from version 1, from version 2 and so on; its current version is one more than
    /// there are steps. So no step can be missing, and none can be there for a version that never was.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Cow<'static, str>>, steps: &[Step]) -> Self {
        self.kinds.insert(kind.into(), steps.to_vec());
        self
    }

    /// The version to write, if the kind is known.
    #[must_use]
    pub fn current(&self, kind: &str) -> Option<u16> {
        self.kinds.get(kind).map(|steps| current(steps))
    }

    pub fn lift<'a>(&self, kind: &str, version: u16, body: &'a [u8]) -> Result<Lifted<'a>, LiftError> {
        let name = || kind.to_owned();
        let steps = self.kinds.get(kind).ok_or_else(|| LiftError::UnknownKind { kind: name() })?;
        let expected = current(steps);
        if version == expected {
            return Ok(Lifted::Current(body));
        }
        if version > expected {
            return Err(LiftError::Newer { kind: name(), expected, found: version });
        }
        let done = version.checked_sub(1).ok_or_else(|| LiftError::VersionZero { kind: name() })?;
        let mut value = serde_json::from_slice(body).map_err(|error| LiftError::NotJson {
            kind: name(),
            version,
            source: Cause::new(error),
        })?;
        for (step, version) in steps.iter().zip(1_u16..).skip(usize::from(done)) {
            value = step(value).map_err(|source| LiftError::Step { kind: name(), version, source })?;
        }
        Ok(Lifted::Raised(value))
    }
}

fn current(steps: &[Step]) -> u16 {
    u16::try_from(steps.len()).map_or(u16::MAX, |steps| steps.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name_to_host(mut body: Value) -> Result<Value, Cause> {
        let object = body.as_object_mut().ok_or_else(|| Cause::new("expected an object"))?;
        let name = object.remove("name").ok_or_else(|| Cause::new("expected a name"))?;
        object.insert("host".to_owned(), name);
        Ok(body)
    }

    fn add_zone(mut body: Value) -> Result<Value, Cause> {
        body["zone"] = Value::Null;
        Ok(body)
    }

    fn lift() -> Lift {
        Lift::new().kind("machine.seen", &[name_to_host, add_zone]).kind("machine.gone", &[])
    }

    #[test]
    fn old_bodies_go_through_every_step_that_is_left() {
        let lift = lift();
        let raised = |version, body: &'static str| lift.lift("machine.seen", version, body.as_bytes());
        assert_eq!(
            raised(1, r#"{"name":"a"}"#).expect("version 1"),
            Lifted::Raised(json!({"host": "a", "zone": null}))
        );
        assert_eq!(
            raised(2, r#"{"host":"a"}"#).expect("version 2"),
            Lifted::Raised(json!({"host": "a", "zone": null}))
        );
        assert_eq!(raised(3, "as it is").expect("version 3"), Lifted::Current(b"as it is"));
        assert_eq!((lift.current("machine.seen"), lift.current("machine.gone")), (Some(3), Some(1)));
    }

    #[test]
    fn what_a_newer_smith_wrote_is_refused_with_both_versions() {
        let error = lift().lift("machine.seen", 4, b"{}").expect_err("newer");
        assert_eq!(
            error.to_string(),
            r#""machine.seen" was written by a newer smith: expected version 3 at most, found 4"#
        );
        let error = lift().lift("machine.born", 1, b"{}").expect_err("unknown");
        assert!(matches!(error, LiftError::UnknownKind { kind } if kind == "machine.born"));
    }

    #[test]
    fn bad_bodies_name_the_version_they_failed_at() {
        let error = lift().lift("machine.seen", 1, b"{}").expect_err("no name");
        assert!(matches!(error, LiftError::Step { version: 1, .. }), "{error:?}");
        let error = lift().lift("machine.seen", 2, b"{").expect_err("not JSON");
        assert!(matches!(error, LiftError::NotJson { version: 2, .. }), "{error:?}");
        let error = lift().lift("machine.seen", 0, b"{}").expect_err("zero");
        assert!(matches!(error, LiftError::VersionZero { .. }), "{error:?}");
    }
}
