//! The journal in words, as far as somebody asked for it.

use std::ops::ControlFlow;

use smith_api::AuditLine;
use smith_domain::event::Event;
use smith_domain::id::{BuildNumber, ChangeId, RolloutId};
use smith_domain::state::State;
use smith_domain::time::Timestamp;
use smith_journal::codec::{Codec, DecodeError};
use smith_journal::{Reader, ReplayError, RowRef, Seq};

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

/// Shows the wanted rows behind `after`, in order, until somebody has seen enough, and gives the state at that moment.
///
/// All rows are folded on the way: what an event means is known from the state that it met.
pub fn audit(
    reader: &dyn Reader,
    filter: &AuditFilter,
    after: u64,
    mut show: impl FnMut(AuditLine) -> ControlFlow<()>,
) -> Result<State, ReplayError> {
    let codec = Codec::default();
    let mut state = State::default();
    let mut broken: Option<DecodeError> = None;
    let read = reader.read_from(Seq::GENESIS, &mut |row| match codec.decode(row) {
        Ok(event) => {
            state.evolve(&event, Timestamp(row.content.at));
            if row.seq.0 > after && filter.wants(&state, &event, &row) {
                return show(line(&state, &event, &row));
            }
            ControlFlow::Continue(())
        }
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(broken) = broken {
        return Err(ReplayError::from(broken));
    }
    read.map_err(ReplayError::from)?;
    Ok(state)
}

impl AuditFilter {
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
    AuditLine {
        row: row.seq.0,
        at: Timestamp(row.content.at).to_string(),
        by: row.content.actor.to_owned(),
        kind: row.content.kind.to_owned(),
        words: words::of(state, event),
    }
}
