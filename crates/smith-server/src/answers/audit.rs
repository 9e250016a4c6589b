//! The journal in words, as far as somebody asked for it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Deserialize;
use smith_api::AuditLine;
use smith_domain::event::Event;
use smith_domain::id::{BuildNumber, ChangeId, RolloutId};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, DecodeError};
use smith_journal::{Reader, ReplayError, RowRef, Seq};
use thiserror::Error;

use super::when::{Edge, moment};
use crate::words;

/// Which rows are wanted: those for which everything that is given holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    pub machine: Option<String>,
    pub project: Option<RolloutId>,
    pub build: Option<BuildNumber>,
    /// The number of a change.
    pub change: Option<String>,
    pub actor: Option<String>,
    /// Included.
    pub since: Option<Timestamp>,
    /// Excluded.
    pub until: Option<Timestamp>,
}

/// Follows a journal from its first row and says of each whether it is wanted: what an event means is known from the state
/// that it met.
#[derive(Debug, Default)]
pub struct Chooser {
    codec: Codec,
    state: State,
    filter: AuditFilter,
}

impl Chooser {
    pub fn new(filter: AuditFilter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Goes on behind a row after which this is the state.
    pub(super) fn behind(state: State, filter: AuditFilter) -> Self {
        Self { state, filter, ..Self::default() }
    }

    /// The line of the row that was wanted last.
    pub(super) fn line(&self, event: &Event, row: &RowRef<'_>) -> AuditLine {
        line(&self.state, event, row)
    }

    pub(super) fn into_state(self) -> State {
        self.state
    }

    /// The event of the next row, if it is wanted.
    pub fn next(&mut self, row: &RowRef<'_>) -> Result<Option<Event>, DecodeError> {
        let event = self.codec.decode(*row)?;
        self.state.evolve(&event, Timestamp(row.content.at));
        Ok(self.filter.wants(&self.state, &event, row).then_some(event))
    }
}

/// Shows the wanted rows behind `after`, in order, until somebody has seen enough, and gives the state at that moment.
pub fn audit(
    reader: &dyn Reader,
    filter: &AuditFilter,
    after: u64,
    mut show: impl FnMut(AuditLine) -> ControlFlow<()>,
) -> Result<State, ReplayError> {
    let mut chooser = Chooser::new(filter.clone());
    let mut broken: Option<DecodeError> = None;
    let read = reader.read_from(Seq::GENESIS, &mut |row| match chooser.next(&row) {
        Ok(Some(event)) if row.seq.0 > after => show(line(&chooser.state, &event, &row)),
        Ok(_) => ControlFlow::Continue(()),
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(broken) = broken {
        return Err(ReplayError::from(broken));
    }
    read.map_err(ReplayError::from)?;
    Ok(chooser.state)
}

/// A moment to the millisecond: rows are chosen again by it.
fn exactly(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// A filter that names what it does not know, or says it otherwise than an export does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a filter of an export, found {name}: {found}")]
pub struct BadFilter {
    name: String,
    found: String,
}

impl AuditFilter {
    /// What is asked for, by the names of the command line's options.
    pub fn said(&self) -> BTreeMap<String, String> {
        let said = [
            ("machine", self.machine.clone()),
            ("rollout", self.project.map(|project| project.to_string())),
            ("build", self.build.map(|build| build.to_string())),
            ("change", self.change.clone()),
            ("actor", self.actor.clone()),
            ("since", self.since.map(exactly)),
            ("until", self.until.map(exactly)),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// The same back again.
    pub fn of_said(said: &BTreeMap<String, String>) -> Result<Self, BadFilter> {
        let mut filter = Self::default();
        for (name, value) in said {
            let bad = || BadFilter { name: name.clone(), found: value.chars().take(100).collect() };
            let number = || value.parse::<u32>().map_err(|_| bad());
            let at = || moment(value, Edge::Since, Timestamp(0)).map_err(|_| bad());
            match name.as_str() {
                "machine" => filter.machine = Some(value.clone()),
                "rollout" => filter.project = Some(RolloutId(number()?)),
                "build" => filter.build = Some(BuildNumber(number()?)),
                "change" => filter.change = Some(value.clone()),
                "actor" => filter.actor = Some(value.clone()),
                "since" => filter.since = Some(at()?),
                "until" => filter.until = Some(at()?),
                _ => return Err(bad()),
            }
        }
        Ok(filter)
    }

    fn wants(&self, state: &State, event: &Event, row: &RowRef<'_>) -> bool {
        let at = Timestamp(row.content.at);
        self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
            && self.actor.as_ref().is_none_or(|actor| row.content.actor == actor)
            && self.project.is_none_or(|project| words::rollout_of(state, event) == Some(project))
            && self.build.is_none_or(|build| words::build_of(state, event) == Some(build))
            && self.change.as_ref().is_none_or(|number| is_under(state, event, number))
            && self.machine.as_ref().is_none_or(|name| words::is_about_machine(state, event, name))
    }
}

/// Whether something happened to a change, or to machines in the step that it is for.
fn is_under(state: &State, event: &Event, number: &str) -> bool {
    let is_it = |id: ChangeId| {
        state.changes.get(id).is_some_and(|one| one.number.as_deref() == Some(number) || one.name() == number)
    };
    words::change_of(state, event).is_some_and(is_it)
}

fn line(state: &State, event: &Event, row: &RowRef<'_>) -> AuditLine {
    let change = words::change_of(state, event).and_then(|id| state.changes.get(id));
    AuditLine {
        row: row.seq.0,
        at: Timestamp(row.content.at).to_string(),
        by: row.content.actor.to_owned(),
        kind: row.content.kind.to_owned(),
        words: words::of(state, event),
        project: words::rollout_of(state, event).map(|project| project.0),
        change: change.and_then(|one| one.number.clone()),
        reason: reason(row.content.body),
    }
}

/// The reason that somebody gave. Whatever has one calls it so.
fn reason(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        reason: Option<String>,
    }
    let event: BTreeMap<String, Said> = serde_json::from_slice(body).ok()?;
    event.into_values().next()?.reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_comes_back_from_what_it_says() {
        let filter = AuditFilter {
            machine: Some("m-1".to_owned()),
            project: Some(RolloutId(7)),
            build: Some(BuildNumber(725)),
            change: Some("CHG0000001".to_owned()),
            actor: Some("ana".to_owned()),
            since: Some(Timestamp(1_795_132_800_123)),
            until: Some(Timestamp(1_795_132_900_000)),
        };
        assert_eq!(AuditFilter::of_said(&filter.said()), Ok(filter));
        assert_eq!(AuditFilter::of_said(&BTreeMap::new()), Ok(AuditFilter::default()));
        for (name, value) in [("colour", "red"), ("build", "x"), ("since", "soon")] {
            let said = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert!(AuditFilter::of_said(&said).is_err(), "{name}");
        }
    }

    #[test]
    fn reasons_are_found_in_what_was_recorded() {
        assert_eq!(reason(br#"{"paused":{"rollout":1,"reason":"lunch"}}"#).as_deref(), Some("lunch"));
        assert_eq!(reason(br#"{"paused":{"rollout":1}}"#), None);
        assert_eq!(reason(br#"{"left":{"reason":5}}"#), None);
    }
}
