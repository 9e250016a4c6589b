//! Lines that are not understood: what was expected, what was found, where, and what may have been meant.

use crate::bot::{LINE_MAX, parse};

/// The first line of the error and the hint; the mark stands under what was found.
fn wrong(text: &str) -> (String, String) {
    let error = parse(text).expect_err(text);
    let marked: String = error.excerpt.chars().skip(error.column).collect();
    if let Some(found) = error.found.strip_prefix('`').and_then(|found| found.strip_suffix('`')) {
        assert!(marked.starts_with(found), "{text}: {marked} is not {found}");
    }
    let shown = error.to_string();
    (shown.lines().next().unwrap_or_default().to_owned(), error.hint.unwrap_or_default())
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    let lines = [
        ("ptach 725 config:a", "expected a command, found `ptach`", "did you mean `patch`?"),
        ("smith-staus CHG1", "expected a command, found `smith-staus`", "did you mean `smith-status`?"),
        ("hello", "expected a command, found `hello`", "`help` lists them all"),
        ("", "expected a command, found nothing", "`help` lists them all"),
        ("task", "expected `task status`, found nothing", ""),
        ("task stauts", "expected `task status`, found `stauts`", ""),
        ("patch 725 confg:a", "expected `config:NAME`, found `confg:a`", "did you mean `config:`?"),
        ("patch 725 a", "expected `config:NAME`, found `a`", "did you mean `config:a`?"),
        (
            "smith-patch prod machines: a outge:0",
            "expected machines or a key, found `outge:0`",
            "did you mean `outage:`?",
        ),
        (
            "smith-patch prod machnes: a",
            "expected machines or a key, found `machnes:`",
            "did you mean `machines:`?",
        ),
        (
            "smith-patch prod machines: a outage=0",
            "expected machines or a key, found `outage=0`",
            "did you mean `outage:`?",
        ),
    ];
    for (line, says, hint) in lines {
        assert_eq!(wrong(line), (says.to_owned(), hint.to_owned()), "{line}");
    }
}

#[test]
fn what_is_missing_or_too_much_is_said() {
    let says = |line: &str| wrong(line).0;
    let lines = [
        ("patch", "expected the number of a build, found nothing"),
        ("patch x config:a", "expected the number of a build, found `x`"),
        ("patch 4294967296 config:a", "expected the number of a build, found `4294967296`"),
        ("patch 725 config:", "expected the name of a config behind `config:`, found nothing"),
        ("patch 725 config: step: a", "expected the name of a config behind `config:`, found `step:`"),
        ("patch 725 config:a config:b", "expected each key once, found `config:`"),
        ("patch 725 config:a b", "expected nothing more, found `b`"),
        ("smith-patch prod", "expected machines: names, addresses, patterns or attributes, found nothing"),
        ("smith-patch prod machines: a outage:soon", "expected a number of minutes, found `soon`"),
        ("smith-status 7", "expected the number of a change such as CHG0268453, found `7`"),
        ("task status x", "expected the ID of a project, found `x`"),
        ("listconfigs all", "expected nothing more, found `all`"),
        ("approve", "expected the number of a change such as CHG0268453, found nothing"),
        ("approve 1929", "expected `step: ID`, found nothing"),
        ("reject CHG1", "expected `reason: …`, found nothing"),
        ("raise train", "expected the template on the lines behind `raise train`, found nothing"),
        ("complete train CHG1 testURL: x", "expected `testPassed: true`, found nothing"),
        ("complete train CHG1 testURL: x testPassed: maybe", "expected true or false, found `maybe`"),
        ("set channel prod build:1", "expected `region:NAME`, found nothing"),
        ("exempt a owner:ana reason: b", "expected `until:DAY`, found nothing"),
        ("exempt a until:2026-12-31 reason: b", "expected `owner:NAME`, found nothing"),
        ("end exemption a", "expected the number of an exemption; `exemptions` lists them, found `a`"),
        ("cycle 7 8", "expected nothing more, found `8`"),
        ("cycle status prod", "expected the number of a cycle, found `prod`"),
        ("cycle list al", "expected nothing more, found `al`"),
        ("cycle start", "expected the name of a week; `weeks` lists them, found nothing"),
        ("cycle start prod build:x", "expected the number of a build, found `x`"),
        ("week approve", "expected the number of a cycle, found nothing"),
        ("cycle rerun 7", "expected a link such as sync, or the config that it runs, found nothing"),
        ("week skip 7 diff", "expected `reason: …`, found nothing"),
        ("cycle stop 7", "expected `reason: …`, found nothing"),
        ("pause", "expected the ID of a project, found nothing"),
        ("skip 3 a", "expected `reason: …`, found nothing"),
        ("why", "expected a machine, or the ID of a project, found nothing"),
        ("lookup", "expected machines: names, addresses, patterns or attributes, found nothing"),
        ("withdraw 725", "expected `reason: …`, found nothing"),
        ("audit CHG1 CHG2 CHG3", "expected nothing more, found `CHG2`"),
    ];
    for (line, expected) in lines {
        assert_eq!(says(line), expected, "{line}");
    }
}

#[test]
fn the_place_is_shown_under_its_line() {
    let error = parse("complete train CHG1\ntestURL: x\ntestPassed: maybe").unwrap_err();
    let shown = error.to_string();
    assert_eq!(shown, "expected true or false, found `maybe`\n  testPassed: maybe\n              ^");
    let selector = parse("lookup a  role=(").unwrap_err().to_string();
    assert!(selector.ends_with("\n  lookup a  role=(\n                 ^"), "{selector}");
    let long = parse(&format!("patch 725 config:a {}x", "b ".repeat(200))).unwrap_err();
    assert!(long.excerpt.chars().count() < 110 && long.excerpt.ends_with('…'), "{long}");
    let large = parse(&"x".repeat(LINE_MAX + 1)).unwrap_err();
    assert!(large.to_string().starts_with("expected at most 73728 bytes, found 73729 bytes"), "{large}");
}
