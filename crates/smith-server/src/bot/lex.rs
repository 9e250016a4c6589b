//! A line as words, quoted texts and the keys of its verb, each with its place.

use std::ops::Range;

use winnow::Parser as _;
use winnow::Result;
use winnow::combinator::{alt, delimited, eof, peek, preceded, repeat};
use winnow::stream::LocatingSlice;
use winnow::token::{any, none_of, one_of, take_while};

use super::key::Key;

type Input<'i> = LocatingSlice<&'i str>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotation marks, as it was meant.
    pub(super) text: String,
    /// Where it stands, quotation marks included.
    pub(super) span: Range<usize>,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Bare,
    Quoted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Key(Key, Range<usize>),
    Word(Word),
}

/// The items of a text from a place on. Every text has a reading.
pub(super) fn items(text: &str, from: usize, keys: &[Key]) -> Vec<Item> {
    let mut input = LocatingSlice::new(text.get(from..).unwrap_or_default());
    let one = |input: &mut Input<'_>| item(input, keys);
    let read: Result<Vec<Item>> = repeat(0.., preceded(space, one)).parse_next(&mut input);
    let mut items = read.unwrap_or_default();
    for item in &mut items {
        let (Item::Key(_, span) | Item::Word(Word { span, .. })) = item;
        *span = span.start + from..span.end + from;
    }
    items
}

fn item(input: &mut Input<'_>, keys: &[Key]) -> Result<Item> {
    let key = |input: &mut Input<'_>| key(input, keys);
    alt((
        key.with_span().map(|(key, span)| Item::Key(key, span)),
        quoted.with_span().map(|(text, span)| Item::Word(Word { text, span, form: Form::Quoted })),
        bare.with_span()
            .map(|(text, span)| Item::Word(Word { text: text.to_owned(), span, form: Form::Bare })),
    ))
    .parse_next(input)
}

/// `config:`, in any case. What follows the colon is the next item.
fn key(input: &mut Input<'_>, keys: &[Key]) -> Result<Key> {
    let name = take_while(1.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (name, ':').verify_map(|(name, _)| Key::named(name).filter(|key| keys.contains(key))).parse_next(input)
}

/// A text between quotation marks with `\"` and `\\` in it. A mark that is not closed, or not at the end of a word, is a
/// character as others: `rock 'n' roll's` has no quoted text but the `n`.
fn quoted(input: &mut Input<'_>) -> Result<String> {
    alt((between('"'), between('\''))).parse_next(input)
}

fn between<'i>(mark: char) -> impl winnow::Parser<Input<'i>, String, winnow::error::ContextError> {
    let escaped = preceded('\\', one_of(['\\', '"', '\'']));
    let character = alt((escaped, none_of(mark)));
    let ends = peek(alt((one_of(char::is_whitespace).void(), eof.void())));
    (delimited(mark, repeat(0.., character), mark), ends).map(|(text, ())| text)
}

fn bare<'i>(input: &mut Input<'i>) -> Result<&'i str> {
    (any.verify(|c: &char| !c.is_whitespace()), take_while(0.., |c: char| !c.is_whitespace()))
        .take()
        .parse_next(input)
}

fn space(input: &mut Input<'_>) -> Result<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let shown = |item: Item| match item {
            Item::Key(key, _) => format!("<{}>", key.name()),
            Item::Word(Word { text, form: Form::Quoted, .. }) => format!("[{text}]"),
            Item::Word(word) => word.text,
        };
        items(text, 0, &[Key::Config, Key::Step, Key::Reason]).into_iter().map(shown).collect()
    }

    #[test]
    fn words_keys_and_quoted_texts_are_told_apart() {
        assert_eq!(shown("725  config:x"), ["725", "<config>", "x"]);
        assert_eq!(shown("CONFIG: x outage:0"), ["<config>", "x", "outage:0"]);
        assert_eq!(shown("step: a : b c"), ["<step>", "a", ":", "b", "c"]);
        assert_eq!(shown(r#"reason:"a \"b\" config:x" 'c\\'"#), ["<reason>", r#"[a "b" config:x]"#, r"[c\]"]);
        assert_eq!(shown("rock 'n' roll's 'end"), ["rock", "[n]", "roll's", "'end"]);
        assert_eq!(shown(r#"owner="team a""#), [r#"owner="team"#, r#"a""#]);
        assert!(shown(" \n ").is_empty());
    }

    #[test]
    fn spans_say_where_things_stand() {
        let Some(Item::Word(word)) = items("ä patch 725", "ä ".len(), &[]).pop() else { panic!("a word") };
        assert_eq!((word.text.as_str(), word.span), ("725", 9..12));
    }
}
