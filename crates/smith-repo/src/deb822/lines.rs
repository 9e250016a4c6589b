//! On which line of a text things are, for many of them.

use memchr::memchr_iter;

use crate::deb822::Stanza;

/// How far apart counts are kept: few enough for the memory, and near enough that the rest is counted at once.
const STEP: usize = 4096;

/// The line feeds before every so-many-th byte of a text.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    text: &'a [u8],
    before: Vec<u64>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a [u8]) -> Self {
        let mut count = 0;
        let before = text.chunks(STEP).map(|chunk| {
            let before = count;
            count += memchr_iter(b'\n', chunk).count() as u64;
            before
        });
        Self { text, before: before.collect() }
    }

    /// The line on which a stanza of this text begins, from 1.
    pub fn line(&self, stanza: &Stanza<'_>) -> u64 {
        let at = stanza.offset().min(self.text.len());
        let step = at / STEP;
        let rest = &self.text[step * STEP..at];
        1 + self.before.get(step).copied().unwrap_or_default() + memchr_iter(b'\n', rest).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb822::Stanzas;

    #[test]
    fn it_counts_as_the_stanza_does() {
        let text: String = (0..2_000)
            .map(|number| format!("Package: p{number}\n{}\n", "A: b\n".repeat(number % 7)))
            .collect();
        let text = text.replace("\nA: b\nA: b", "\nA: b\nB: b");
        let lines = Lines::of(text.as_bytes());
        let stanzas: Vec<_> = Stanzas::new(text.as_bytes()).map(|stanza| stanza.expect("good")).collect();
        assert_eq!(stanzas.len(), 2_000);
        assert!(stanzas.iter().all(|stanza| lines.line(stanza) == stanza.line() as u64));
    }
}
