//! What is printed for people has nothing in it that a terminal obeys, but for our own colours.

use std::borrow::Cow;

use smith_domain::plain::{self, is_hidden};

const ESCAPE: char = '\u{1b}';

/// The text as it may be printed: in its lines and colours, and everything else to be seen.
pub(super) fn seen(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ESCAPE) {
        out.push_str(&plain::lines(&rest[..at]));
        let length = colour(&rest[at..]).unwrap_or(ESCAPE.len_utf8());
        if length == ESCAPE.len_utf8() {
            out.push(plain::HARMLESS);
        } else {
            out.push_str(&rest[at..at + length]);
        }
        rest = &rest[at + length..];
    }
    out.push_str(&plain::lines(rest));
    Cow::Owned(out)
}

/// The length of a sequence that only changes how text looks, and hides none of it: a colour that is not black, weight, an end.
fn colour(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("\u{1b}[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let number: u8 = digits[..end].parse().ok()?;
    let is_ours = matches!(number, 0..=4 | 31..=37 | 90..=97);
    (is_ours && digits[end..].starts_with('m')).then_some("\u{1b}[".len() + end + "m".len())
}

#[cfg(test)]
mod tests {
    use super::super::{BAD, BOLD, DIM, GOOD, WAITS, styled};
    use super::seen;

    #[test]
    fn our_colours_stay_and_nothing_else_is_obeyed() {
        for style in [BOLD, DIM, GOOD, BAD, WAITS] {
            let text = format!("{} ü\n\tx", styled(style, "word"));
            assert_eq!(seen(&text), text);
        }
        for (text, shown) in [
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("a\u{1b}[8mhidden", "a\u{fffd}[8mhidden"),
            ("a\u{1b}]0;title\u{7}b", "a\u{fffd}]0;title\u{fffd}b"),
            ("a\rb\u{1b}", "a\u{fffd}b\u{fffd}"),
            ("a\u{1b}[1;30mb\u{1b}[30mc", "a\u{fffd}[1;30mb\u{fffd}[30mc"),
            ("a\u{9b}31mb\u{202e}c\r\n", "a\u{fffd}31mb\u{fffd}c\n"),
        ] {
            assert_eq!(seen(text), shown, "{text:?}");
        }
    }
}
