//! Names of traces and spans: functions of the site and of the journal's own numbers, so that each server of a site gives the
//! same names to the same things, however often it was started.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use smith_domain::cycle::Link;
use smith_domain::id::{CycleId, MachineId, RolloutId};
use smith_domain::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TraceId([u8; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SpanId([u8; 8]);

/// What a span of a trace is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The trace's first span.
    Whole,
    Step(u16),
    /// One run of a machine's procedure, by the serial of its first action.
    Procedure(MachineId, u16),
    Action(MachineId, u16),
    /// One run of a link, by when it began.
    Link(Link, Timestamp),
}

impl TraceId {
    /// The start is part of the name: two sites that nobody gave a name, or a journal that was begun anew, have a project 1 as well.
    pub(super) fn of_project(site: &str, id: RolloutId, started: Timestamp) -> Self {
        Self::of(&format!("{site}\0project\0{id}\0{}", started.0))
    }

    pub(super) fn of_cycle(site: &str, id: CycleId, started: Timestamp) -> Self {
        Self::of(&format!("{site}\0cycle\0{id}\0{}", started.0))
    }

    fn of(text: &str) -> Self {
        Self(first(text.as_bytes()))
    }

    pub(super) fn span(self, part: Part) -> SpanId {
        let part = match part {
            Part::Whole => "whole".to_owned(),
            Part::Step(step) => format!("step\0{step}"),
            Part::Procedure(machine, serial) => format!("procedure\0{}\0{serial}", machine.0),
            Part::Action(machine, serial) => format!("action\0{}\0{serial}", machine.0),
            Part::Link(link, begun) => format!("link\0{link}\0{}", begun.0),
        };
        SpanId(first(&[&self.0, part.as_bytes()].concat()))
    }
}

/// The first bytes of a digest. A name of nothing but zeros is invalid.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let digest = Sha256::digest(bytes);
    let mut name = [0; N];
    name.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    if name == [0; N] { [1; N] } else { name }
}

/// Lower-case hexadecimal digits, which is also how OTLP has names in JSON.
fn digits(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a collector has stored must be found under the same names by later versions. The literals were made by another
    /// program: the first 16 bytes of the SHA-256 of `syd`, `project`, `7` and `1000` with zero bytes between them; the first 8
    /// of that of those bytes and the part.
    #[test]
    fn names_stay_what_they_are() {
        let trace = TraceId::of_project("syd", RolloutId(7), Timestamp(1_000));
        assert_eq!(trace.to_string(), "7ba6a44d80d5938275f79fcee168ab76");
        assert_eq!(trace.span(Part::Whole).to_string(), "6752ffc2184f32b4");
        assert_eq!(trace.span(Part::Action(MachineId(3), 12)).to_string(), "30b34396f6e0f1e1");
    }

    #[test]
    fn everything_has_a_name_of_its_own() {
        let trace = TraceId::of_project("syd", RolloutId(7), Timestamp(1));
        let parts = [
            Part::Whole,
            Part::Step(1),
            Part::Procedure(MachineId(1), 1),
            Part::Action(MachineId(1), 1),
            Part::Action(MachineId(11), 1),
            Part::Action(MachineId(1), 11),
            Part::Link(Link::Build, Timestamp(1)),
            Part::Link(Link::Build, Timestamp(2)),
            Part::Link(Link::Region(0), Timestamp(1)),
        ];
        let names: BTreeSet<_> = parts.iter().map(|part| trace.span(*part)).collect();
        assert_eq!(names.len(), parts.len());
        let traces = [
            trace,
            TraceId::of_project("dal", RolloutId(7), Timestamp(1)),
            TraceId::of_project("syd", RolloutId(8), Timestamp(1)),
            TraceId::of_project("syd", RolloutId(7), Timestamp(2)),
            TraceId::of_cycle("syd", CycleId(7), Timestamp(1)),
        ];
        assert_eq!(traces.iter().collect::<BTreeSet<_>>().len(), traces.len());
    }
}
