//! Each line beside its canonical form, and the pages that show lines.

use crate::bot::parse;
use crate::bot::verb::VERBS;

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}\n{error}")).to_string()
}

#[test]
fn every_verb_is_read_in_all_its_forms() {
    let lines = [
        ("patch 725 config:buildTestDevToStage", "patch 725 config:buildTestDevToStage"),
        ("PATCH  #725   Config: a.", "patch 725 config:a"),
        ("patch config:a 725", "patch 725 config:a"),
        ("patch 1359 step: b:reboot  it config:a", "patch 1359 config:a step: b : reboot it"),
        ("patch 725 config:a step: b : c reason: why not", "patch 725 config:a step: b : c reason: why not"),
        ("patch 725 config:a reason: \"see config: b\"", "patch 725 config:a reason: \"see config: b\""),
        ("smith-patch prod machines: a b outage:0", "smith-patch prod machines: a b outage:0"),
        ("smith patch 0725 outage:5 machines: a,b", "smith-patch 725 machines: a b outage:5"),
        ("smith-patch machines: a-* outage:0 prod", "smith-patch prod machines: a-* outage:0"),
        ("smith-patch 725 a b.", "smith-patch 725 machines: a b outage:0"),
        ("smith-patch 725 machines: 'a b'", "smith-patch 725 machines: a b outage:0"),
        ("smith-patch 725 machines: \"a b\"", "smith-patch 725 machines: a b outage:0"),
        ("smith-patch 725 machines: \"all\"", "smith-patch 725 machines: \"all\" outage:0"),
        ("smith-patch 725 machines: fe80::1", "smith-patch 725 machines: fe80::1 outage:0"),
        ("smith-status chg0268453?", "smith-status CHG0268453"),
        ("smith-status CHG1, CHG2", "smith-status CHG1 CHG2"),
        ("task status", "task status"),
        ("Task Status 1929!", "task status 1929"),
        ("task status .", "task status"),
        ("listconfigs.", "listconfigs"),
        ("showconfig a", "showconfig a"),
        ("show config config:a", "showconfig a"),
        ("help", "help"),
        ("help Raise Train?", "help raise train"),
        ("approve CHG1 CHG2,CHG3", "approve CHG1 CHG2 CHG3"),
        ("approve RFC-12 tested on stage.", "approve RFC-12 reason: tested on stage."),
        ("approve 1929 step: a gate: go on reason: yes", "approve 1929 step: a gate: go on reason: yes"),
        ("reject CHG1 not today", "reject CHG1 reason: not today"),
        ("revoke CHG1 reason: no", "revoke CHG1 reason: no"),
        ("cancel CHG1 twice", "cancel CHG1 reason: twice"),
        ("raise train\n  Squad: a\n  Details: |\n   b\n", "raise train\nSquad: a\nDetails: |\n b"),
        ("Raise Train:\n```\nSquad: `a`\n```", "raise train\nSquad: `a`"),
        ("start train CHG1 CHG2", "start train CHG1 CHG2"),
        (
            "complete train CHG1 testPassed: TRUE testURL: <https://x.y|x.y> summary: all well",
            "complete train CHG1\ntestURL: x.y\ntestPassed: true\nsummary: all well",
        ),
        ("set channel prod build:725 region:eu-es", "set channel prod region:eu-es build:725"),
        ("weeks.", "weeks"),
        ("cycle weeks", "weeks"),
        ("week", "cycle status"),
        ("Cycle 7?", "cycle status 7"),
        ("week status #7", "cycle status 7"),
        ("cycle show 7", "cycle status 7"),
        ("week list", "cycle list"),
        ("cycle list ALL.", "cycle list all"),
        ("week start prod", "cycle start prod"),
        ("cycle start prod it is late build:726", "cycle start prod build:726 reason: it is late"),
        ("week approve 7", "cycle approve 7"),
        ("cycle approve 7 gate: go on reason: b", "cycle approve 7 gate: go on reason: b"),
        ("week rerun 7 sync.", "cycle rerun 7 sync"),
        ("cycle rerun 7 a the mirror is back", "cycle rerun 7 a reason: the mirror is back"),
        ("week skip 7 region-1 not now", "cycle skip 7 region-1 reason: not now"),
        ("cycle stop 7 reason: \"see gate: a\"", "cycle stop 7 reason: \"see gate: a\""),
        ("pause 1929 it is late", "pause 1929 reason: it is late"),
        ("unpause 1929", "unpause 1929"),
        ("abort 1929.", "abort 1929"),
        ("resume 1929", "resume 1929"),
        ("resume 1929 a grant:2 reason: b", "resume 1929 step: a grant:2 reason: b"),
        ("retry 1929", "retry 1929"),
        ("retry 1929 env=prod reason: b", "retry 1929 machines: environment=prod reason: b"),
        ("skip 1929 a reason: b", "skip 1929 machines: a reason: b"),
        ("why 1929?", "why 1929"),
        ("why a-1", "why a-1"),
        ("why a-1 project:3", "why a-1 project:3"),
        ("reboot a-1", "reboot machines: a-1 outage:0"),
        ("lookup number&lt;10 role=a", "lookup number<10 role=a"),
        ("lookup worker-?", "lookup worker-?"),
        ("gaps", "gaps"),
        ("exemptions.", "exemptions"),
        (
            "exempt role=a owner:ana until:2026-12-31 reason: b",
            "exempt role=a until:2026-12-31 owner:ana reason: b",
        ),
        (
            "exemption add until:2026-12-31 owner:ana machines: a b reason: c",
            "exempt a b until:2026-12-31 owner:ana reason: c",
        ),
        (
            "exempt owner=a until:2026-12-31 owner:b reason: c",
            "exempt owner=a until:2026-12-31 owner:b reason: c",
        ),
        ("exemption end 2 it is over", "end exemption 2 reason: it is over"),
        ("sign off a reason: b", "sign-off a reason: b"),
        ("withdraw 725 does not boot", "withdraw 725 reason: does not boot"),
        ("audit", "audit"),
        ("audit CHG1 last:5", "audit change:CHG1 last:5"),
        ("audit 3 by:ana since:2026-11-20", "audit project:3 by:ana since:2026-11-20"),
        ("audit worker-1 build:7", "audit machine:worker-1 build:7"),
        ("builds", "builds"),
        ("channels", "channels"),
        ("clock", "clock"),
        ("sources", "sources"),
        ("confirm source netbox 9f86 it is so", "confirm source netbox 9f86 reason: it is so"),
        ("accept clock -3600 the host was down", "accept clock -3600 reason: the host was down"),
    ];
    for (said, printed) in lines {
        assert_eq!(canonical(said), printed, "{said}");
        assert_eq!(canonical(printed), printed, "{said}");
    }
    let said: Vec<&str> = lines.iter().map(|(_, printed)| *printed).collect();
    for verb in &VERBS {
        assert!(said.iter().any(|line| line.starts_with(verb.name)), "{} has no row", verb.name);
    }
}

#[test]
fn what_help_shows_is_understood() {
    for verb in &VERBS {
        for example in verb.examples {
            assert!(canonical(example).starts_with(verb.name), "{example}");
        }
    }
}

#[test]
fn every_line_of_the_reference_is_understood_and_every_verb_is_in_it() {
    let page = include_str!("../../../../../docs/reference/chat.md");
    let blocks = page.split("```chat\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines: Vec<&str> =
        blocks.flat_map(|block| block.split("\n\n")).filter(|line| !line.trim().is_empty()).collect();
    for line in &lines {
        canonical(line);
    }
    assert_eq!(page.matches("\n### `").count(), VERBS.len(), "a section for each command, and no other");
    for verb in &VERBS {
        assert!(page.contains(&format!("### `{}`\n", verb.name)), "{} has no section", verb.name);
        assert!(page.contains(verb.form), "{}", verb.form);
        assert!(lines.iter().any(|line| line.starts_with(verb.name)), "{} has no example", verb.name);
    }
}

#[test]
fn the_mistake_that_the_reference_shows_is_answered_so() {
    let page = include_str!("../../../../../docs/reference/chat.md");
    let error = parse("patch 725 confg:buildTestDevToStage").unwrap_err();
    let shown = format!("{error}\nhint: {}\n", error.hint.clone().unwrap_or_default());
    assert!(page.contains(&shown), "{shown}");
}
