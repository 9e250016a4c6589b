//! Texts that many machines share, each kept once.
//!
//! Numbers are given in the order in which events bring new texts, so every fold of a journal gives the same ones,
//! and they are never used again: a symbol that somebody holds stays true however the fleet changes.

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ordered::Ordered;

/// The value of an attribute, as a number from one: so that one which may be absent takes no more room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Symbol(NonZeroU32);

impl Symbol {
    /// The symbol of the text that stands at this place.
    fn at(place: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place))
    }

    fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Every value that an attribute ever had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Symbols {
    texts: Vec<Box<str>>,
    index: Ordered,
}

impl Symbols {
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.index.find(|entry| self.text(Symbol::at(entry)).cmp(text)).map(Symbol::at)
    }

    /// The empty text for a number that was never given.
    pub fn text(&self, symbol: Symbol) -> &str {
        self.texts.get(symbol.place()).map_or("", |text| text)
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Every text with its number, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, &str)> {
        (0u32..).map(Symbol::at).zip(self.texts.iter().map(|text| &**text))
    }

    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(known) = self.get(text) {
            return known;
        }
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let texts = &self.texts;
        self.index.insert(place, |entry| texts.get(entry as usize).map_or("", |known| known).cmp(text));
        self.texts.push(text.into());
        Symbol::at(place)
    }
}

impl Serialize for Symbols {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Symbols {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<Box<str>>::deserialize(deserializer)?;
        let mut sorted: Vec<u32> = (0u32..).take(texts.len()).collect();
        sorted.sort_unstable_by(|a, b| texts[*a as usize].cmp(&texts[*b as usize]));
        Ok(Self { index: Ordered::from_sorted(&sorted), texts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_for_ever() {
        let mut symbols = Symbols::default();
        assert_eq!(symbols.intern("worker"), Symbol::at(0));
        assert_eq!(symbols.intern("master"), Symbol::at(1));
        assert_eq!(symbols.intern("worker"), Symbol::at(0));
        assert_eq!(symbols.get("master"), Some(Symbol::at(1)));
        assert_eq!(symbols.get("haproxy"), None);
        assert_eq!(symbols.text(Symbol::at(1)), "master");
        let bytes = postcard::to_allocvec(&symbols).unwrap();
        assert_eq!(postcard::from_bytes::<Symbols>(&bytes).unwrap(), symbols);
    }
}
