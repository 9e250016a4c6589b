use super::run::{good, json, root, smith};

/// The words of a command line, where `"…"` is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_examples_of_the_reference_are_true() {
    let page = std::fs::read_to_string(root().join("docs/reference/why.md")).unwrap();
    let mut seen = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ smith ") else { continue };
        let words = words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let expected = lines.next().unwrap();
        assert_eq!(good(&words).trim_end(), expected, "{command}");
        seen.push(expected);
    }
    for what in ["is paused", "waits for approval", "limit 1 per cluster", "halted: "] {
        assert!(seen.iter().any(|line| line.contains(what)), "{what}: {seen:?}");
    }
    assert_eq!(seen.len(), 4);
}

const CANARY: &str = "examples/pipelines/rebootProductionAPSouth.yaml";
const FLEET: &str = "examples/fleets/ap-south.txt";

#[test]
fn near_names_are_offered() {
    let ran = smith(&[
        "rollout",
        "why",
        "prod-syd01-carrier1-wroker-1015",
        "--simulated",
        CANARY,
        "--fleet",
        FLEET,
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (5, ""));
    assert!(ran.err.contains("did you mean prod-syd01-carrier1-worker-1015"), "{}", ran.err);
}

#[test]
fn reasons_are_there_for_programs_too() {
    let why = "prod-syd01-carrier1-worker-1015";
    let answer =
        json(&["rollout", "why", why, "--simulated", CANARY, "--fleet", FLEET, "--no-people", "--json"]);
    assert_eq!(answer["machine"], why);
    assert_eq!(answer["project"], 1);
    assert_eq!(answer["reasons"][0]["waits_for"], "role:sre-lead");
}

#[test]
fn without_a_journal_or_a_rehearsal_there_is_no_answer() {
    let ran = smith(&["rollout", "why", "x", "--server", "/nowhere/smith.sock"]);
    assert_eq!((ran.code, ran.out.as_str()), (5, ""));
    assert!(ran.err.contains("/nowhere/smith.sock") && ran.err.contains("--journal"), "{}", ran.err);
}
