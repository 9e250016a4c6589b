//! What is wrong in a pattern, a template or an entry of the table of zones.

/// The first thing that is wrong. `column` counts characters from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}, found {found}")]
pub struct NamingError {
    pub column: u32,
    pub expected: String,
    pub found: String,
    pub hint: Option<String>,
}

impl NamingError {
    pub const CODE: &str = "S0120";

    pub fn code(&self) -> &'static str {
        Self::CODE
    }

    /// `at` is a place in `text` in bytes.
    pub(super) fn at(text: &str, at: usize, expected: &str, found: String, hint: Option<&str>) -> Self {
        let before = text.get(..at).unwrap_or(text).chars().count();
        Self {
            column: u32::try_from(before + 1).unwrap_or(u32::MAX),
            expected: expected.to_owned(),
            found,
            hint: hint.map(str::to_owned),
        }
    }
}
