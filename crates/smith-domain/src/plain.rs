//! Characters that a person does not see and a terminal obeys, kept out of what people say and made visible in what they read.
//!
//! A text that turns the direction of reading, moves the cursor or begins a line of its own makes a record look like another one.

use std::borrow::Cow;

/// What stands for a character that would not be seen, or would be obeyed.
pub const HARMLESS: char = '\u{fffd}';

/// What stands for the end of a line where there is one line only.
const LINE_END: char = '⏎';

/// A character that is in no text for people, neither as a letter nor as a blank nor as the end of a line.
pub fn is_hidden(c: char) -> bool {
    let is_blank = matches!(c, '\n' | '\t');
    !is_blank && (c.is_control() || is_unseen(c))
}

/// Marks that turn the direction of what follows, and those that are in a text without being seen.
pub fn is_unseen(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first character of a text of several lines that has no place in it. Lines may end as on other systems.
pub(crate) fn hidden_in_lines(text: &str) -> Option<char> {
    let is_end = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with("\r\n"));
    text.char_indices().find(|(at, c)| is_hidden(*c) && !is_end(*at)).map(|(_, c)| c)
}

/// The first character of a text of one line that has no place in it.
pub(crate) fn hidden_in_line(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() || is_unseen(*c))
}

/// How such a character is called in a complaint, which must not have it itself.
pub(crate) fn name(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The text in one line, with everything in it to be seen.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if hidden_in_line(text).is_none() {
        return Cow::Borrowed(text);
    }
    let seen = text.chars().map(|c| match c {
        '\n' => LINE_END,
        '\t' => ' ',
        c if is_hidden(c) => HARMLESS,
        c => c,
    });
    Cow::Owned(seen.collect())
}

/// The text in its lines, with everything in it to be seen.
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let seen = text.replace("\r\n", "\n");
    Cow::Owned(seen.chars().map(|c| if is_hidden(c) { HARMLESS } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obeyed_is_seen_and_what_is_read_stays() {
        let text = "überträgt 100 % – ok “so” 漢字 👩‍💻";
        assert_eq!(one_line(text), text);
        assert_eq!(hidden_in_lines("one\r\n\ttwo\n"), None);
        for (text, found, shown) in [
            ("a\u{1b}[2Jb", '\u{1b}', "a\u{fffd}[2Jb"),
            ("a\rb", '\r', "a\u{fffd}b"),
            ("a\u{9b}31mb", '\u{9b}', "a\u{fffd}31mb"),
            ("a\u{202e}b", '\u{202e}', "a\u{fffd}b"),
            ("a\u{2028}b", '\u{2028}', "a\u{fffd}b"),
            ("a\u{2066}b\u{0}", '\u{2066}', "a\u{fffd}b\u{fffd}"),
        ] {
            assert_eq!(hidden_in_lines(text), Some(found), "{text:?}");
            assert_eq!(one_line(text), shown);
        }
        assert_eq!(one_line("42  root  approved\n43\tx"), "42  root  approved⏎43 x");
        assert_eq!(lines("a\r\nb\tc\u{7}\n"), "a\nb\tc\u{fffd}\n");
        assert_eq!((hidden_in_line("a\nb"), name('\u{1b}')), (Some('\n'), "U+001B".to_owned()));
    }
}
