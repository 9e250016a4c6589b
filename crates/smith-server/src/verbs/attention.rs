//! What a person should look at, one line each: things that do not come right by themselves.

use smith_domain::time::Span;

use super::site::Site;
use crate::words::{counted, errand_words};

/// For so long it is said that a message reached nobody: somebody looks within a week.
const NEWS: Span = Span::hours(7 * 24);

impl Site {
    /// Empty where all is well.
    pub fn attention(&self) -> Vec<String> {
        self.core.read(|state| {
            let clock = state.clock_difference().map(|found| {
                format!("{found}; windows and weeks wait: `smith clock show`, and `smith clock accept` if it is right")
            });
            let held = state.fleet.held_back().filter(|(_, held)| held.confirmed.is_none());
            let held = held.map(|(source, held)| {
                format!(
                    "source {source} lost {} of {} machines and is not taken: `smith fleet sources`, and `smith fleet confirm {source}` if they are really gone",
                    held.lost, held.was
                )
            });
            let since = state.at - NEWS;
            let given_up: Vec<_> = state.errands.given_up().filter(|one| one.at >= since).collect();
            let lost = given_up.last().map(|last| {
                let (what, many) = (errand_words(state, last.kind), counted(given_up.len() as u64, "message"));
                format!("{many} of the last seven days reached nobody; at {} {what}: {}", last.at, last.reason)
            });
            clock.into_iter().chain(held).chain(lost).collect()
        })
    }
}
