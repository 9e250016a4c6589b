//! Words that say the work is not done.

use super::item::words;
use super::report::Report;
use super::tree::{Tree, line_at};

/// What must not stand in code. Each is put together here, so that this file does not find itself.
const IN_CODE: [&str; 4] =
    [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!"), concat!("#[", "ignore")];

/// What must not stand in code or prose.
const IN_PROSE: [&str; 7] = [
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("for", " now"),
    concat!("place", "holder"),
    concat!("in a real", " system"),
    concat!("in a real", " implementation"),
];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.files() {
        let Some(text) = file.text() else { continue };
        let unwanted: &[&[&str]] = match file.extension() {
            "rs" => &[&IN_CODE, &IN_PROSE],
            "md" => &[&IN_PROSE],
            _ => continue,
        };
        for word in unwanted.iter().flat_map(|words| words.iter()) {
            for offset in words(text, word) {
                report.find(
                    &file.path,
                    line_at(text, offset),
                    format!("expected finished work, found {word:?}"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    #[test]
    fn unfinished_work_is_found_in_code_comments_and_strings() {
        for word in IN_CODE.iter().chain(&IN_PROSE) {
            for text in [(*word).to_owned(), format!("a\n// so {word}: b"), format!("f(\"{word}\")")] {
                assert_eq!(found(check, &[("a.rs", &text)]).len(), 1, "{text}");
            }
        }
        let text = format!("a\nb {}", IN_PROSE[0]);
        let expected = format!("a.rs:2: expected finished work, found {:?}", IN_PROSE[0]);
        assert_eq!(found(check, &[("a.rs", &text)]), [expected]);
    }

    #[test]
    fn prose_may_name_what_code_may_not_hold() {
        assert_eq!(found(check, &[("a.md", IN_CODE[0]), ("a.txt", IN_PROSE[0])]), Vec::<String>::new());
        assert_eq!(found(check, &[("a.md", IN_PROSE[3])]).len(), 1);
    }

    #[test]
    fn a_word_inside_another_is_not_meant() {
        let longer = format!("{}here {}X my_{}", IN_PROSE[3], IN_PROSE[1], IN_CODE[0]);
        assert_eq!(found(check, &[("a.rs", &longer)]), Vec::<String>::new());
    }
}
