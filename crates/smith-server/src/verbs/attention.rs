//! What a person should look at, one line each: things that do not come right by themselves.

use super::site::Site;

impl Site {
    /// Empty where all is well.
    pub fn attention(&self) -> Vec<String> {
        self.core.read(|state| {
            let clock = state.clock_difference().map(|found| {
                format!("{found}; windows and weeks wait: `smith clock show`, and `smith clock accept` if it is right")
            });
            clock.into_iter().collect()
        })
    }
}
