//! What is wrong in the text of a selector.

/// The first thing that is wrong. `column` counts characters from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}, found {found}")]
pub struct SelectorError {
    pub column: u32,
    pub expected: String,
    pub found: String,
    /// What to write instead, where that can be said.
    pub hint: Option<String>,
}

impl SelectorError {
    pub const CODE: &str = "S0110";

    pub fn code(&self) -> &'static str {
        Self::CODE
    }
}
