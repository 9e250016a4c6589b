//! What a person should look at, one line each: things that do not come right by themselves.

use super::site::Site;

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
                    "source {source} lost {} of {} machines and is not taken: `smith fleet confirm {source}` if they are really gone",
                    held.lost, held.was
                )
            });
            clock.into_iter().chain(held).collect()
        })
    }
}
