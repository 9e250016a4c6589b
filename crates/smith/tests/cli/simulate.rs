use super::run::{good, json, smith};

const CANARY: &str = "examples/pipelines/rebootProductionAPSouth.yaml";
const STAGE: &str = "examples/pipelines/buildTestDevToStage.yaml";
const FLEET: &str = "examples/fleets/ap-south.txt";

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let args = ["rollout", "simulate", STAGE, CANARY, "--machines", "200", "--seed", "7", "--runs", "2"];
    let first = good(&args);
    assert_eq!(first, good(&args));
    assert!(first.starts_with("rehearsal of buildTestDevToStage, rebootProductionAPSouth\n"), "{first}");
    assert!(first.contains("range: median ") && first.contains("bound: no schedule"), "{first}");
    assert!(first.lines().last().is_some_and(|line| line.starts_with("outcome: it finishes: ")), "{first}");
    let other =
        good(&["rollout", "simulate", STAGE, CANARY, "--machines", "200", "--seed", "8", "--runs", "2"]);
    assert_ne!(first, other);
}

#[test]
fn nothing_is_wider_than_it_may_be() {
    for width in ["80", "100"] {
        let text = good(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--width", width]);
        let most: usize = width.parse().unwrap();
        let tables = text.lines().filter(|line| line.contains('│') || line.contains("Jan "));
        for line in tables.filter(|line| !line.contains(':') || line.contains('│')) {
            assert!(line.chars().count() <= most, "{line}");
        }
    }
}

#[test]
fn what_if_stands_beside_it() {
    let (two, lost) = ("limit cluster 2", "lost role=haproxy number=01");
    let text = good(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--what-if", two, "--what-if", lost]);
    let side = text.split_once("side by side\n").unwrap().1;
    assert!(
        side.starts_with("  A = as it is\n  B = limit cluster 2\n  C = lost role=haproxy number=01\n"),
        "{side}"
    );
    let line = |start: &str| side.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    assert!(line("takes").contains("(−") && line("takes").contains("(+"), "{side}");
    assert!(line("failed or lost").contains("(+6)"), "{side}");
    assert!(line("halts").contains("(+"), "{side}");
    assert!(line("patchHaproxy").contains("(−"), "{side}");
}

#[test]
fn a_what_if_that_changes_nothing_is_refused() {
    let ran = smith(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--what-if", "parallel wrokers 5"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("did you mean `workers`?"), "{}", ran.err);
    let ran = smith(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--what-if", "lost zone=syd09"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    let ran = smith(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--what-if", "faster"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn one_that_would_not_finish_ends_with_one() {
    let ran = smith(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--horizon", "3h"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("outcome: it would not finish within 3h: "), "{}", ran.out);
}

#[test]
fn the_document_has_the_shape_that_is_described() {
    let document =
        json(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--json", "--what-if", "limit cluster 2"]);
    assert_eq!(document["format"], "smith.rollout.simulate/1");
    assert_eq!(document["fleet"]["machines"], 150);
    let futures = document["futures"].as_array().unwrap();
    assert_eq!(futures.len(), 2);
    assert!(futures[0]["what_if"].is_null());
    assert_eq!(futures[1]["what_if"], "limit cluster 2");
    for future in futures {
        assert_eq!(future["outcome"], "finished");
        assert!(future["makespan_s"].as_u64() >= future["bound_s"].as_u64());
        assert_eq!(future["steps"].as_array().unwrap().len(), 2);
        assert_eq!(future["steps"][0]["machines"], 138);
        assert!(!future["progress"].as_array().unwrap().is_empty());
        assert!(!future["critical_path"].as_array().unwrap().is_empty());
    }
    assert!(futures[1]["makespan_s"].as_u64() < futures[0]["makespan_s"].as_u64());
}

#[test]
fn the_picture_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rollout.svg");
    let file = file.to_str().unwrap();
    good(&["rollout", "simulate", CANARY, "--fleet", FLEET, "--what-if", "limit cluster 2", "--svg", file]);
    let svg = std::fs::read_to_string(file).unwrap();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox="), "{svg}");
    assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("<title id=\"title\">Rehearsal of"));
    assert!(svg.contains("done if limit cluster 2") && svg.contains("gates, soaks and approvals"));
    assert!(!svg.contains("<script") && svg.matches("http").count() == 1);
    check_nesting(&svg);
}

/// Every element that is opened is closed, in order; attributes have their quotation marks.
fn check_nesting(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>') || open.last() == Some(&"style"), "{text}");
        let (tag, after) = after.split_once('>').unwrap();
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}
