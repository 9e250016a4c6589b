//! Whatever is said: no panic, and what is understood prints as it is read back.

use proptest::prelude::*;

use crate::bot::parse;
use crate::bot::verb::VERBS;

fn holds(text: &str) -> Result<(), TestCaseError> {
    let Ok(line) = parse(text) else { return Ok(()) };
    let printed = line.to_string();
    match parse(&printed) {
        Ok(again) => {
            prop_assert_eq!(&again, &line, "{:?} prints as {:?}", text, printed);
            prop_assert_eq!(again.to_string(), printed);
        }
        Err(error) => prop_assert!(false, "{text:?} prints as {printed:?}: {error}"),
    }
    Ok(())
}

/// Words that mean something to the grammar, to clients or to selectors, and words that mean nothing.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "725",
        "CHG1",
        "chg2,",
        "config:",
        "config:a",
        "step:",
        "a : b",
        "machines:",
        "outage:0",
        "reason:",
        "reason: ",
        "gate:",
        "grant:1",
        "testURL:",
        "testPassed: true",
        "summary:",
        "project:3",
        "by:ana",
        "last:5",
        "region:x",
        "build:7",
        "change:CHG1",
        "sync",
        "until:2026-12-31",
        "owner:ana",
        "\"",
        "'",
        "\"a b\"",
        "'a \"b\"'",
        "\\\"",
        "\\",
        "<https://x|x>",
        "<",
        ">",
        "&lt;",
        "&amp;",
        "&amp;lt;",
        "&",
        "<https://",
        "|x>",
        "`",
        "```",
        "@bot",
        "\u{201c}",
        "\u{a0}",
        "\n",
        "\n  ",
        " ",
        ".",
        "?",
        "!",
        ":",
        "a-*",
        "env=prod",
        "number<5",
        "(a",
        ")",
        "not",
        "and",
        "or",
        "all",
        "/a b/",
        "[1-3]",
        "fe80::1",
        "x\ny",
        "ä",
        "confg:a",
        "Squad: a\n Details: b",
    ];
    prop_oneof![
        6 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "[a-z:\"'<>&=.]{1,8}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        holds(&text)?;
    }

    #[test]
    fn any_line_prints_as_it_is_read(
        verb in proptest::sample::select(VERBS.iter().map(|verb| verb.name).collect::<Vec<_>>()),
        pieces in prop::collection::vec((piece(), prop_oneof![3 => Just(" "), 1 => Just("")]), 0..10),
    ) {
        let rest: String = pieces.into_iter().map(|(piece, space)| piece + space).collect();
        holds(&format!("{verb} {rest}"))?;
    }

    /// Examples with something put in somewhere: most of them are still understood.
    #[test]
    fn any_example_with_something_in_it_prints_as_it_is_read(
        example in proptest::sample::select(VERBS.iter().flat_map(|verb| verb.examples.iter().copied()).collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        piece in piece(),
    ) {
        let places: Vec<usize> = example.char_indices().map(|(at, _)| at).chain([example.len()]).collect();
        let (before, after) = example.split_at(places[at.index(places.len())]);
        holds(&format!("{before}{piece}{after}"))?;
    }
}
