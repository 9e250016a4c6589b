//! Counts as people read them.

/// `1 object`, `2 objects`: of nouns that take an `s`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The same of something that was collected.
pub(crate) fn many<T>(all: &[T], noun: &str) -> String {
    counted(all.len() as u64, noun)
}
