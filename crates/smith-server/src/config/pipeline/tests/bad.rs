//! Wrong files: for each, the place, the code and what the person is told.

use super::*;

const BASE: &str = "\
pipeline: p
title: T
owner: alice
steps:
  - step: a
    title: A
    bags:
      - bag: b
        machines: m1
  - step: c
    title: C
    bags:
      - bag: d
        machines: m2
";

/// `LINE:COLUMN CODE` and, after it, the rest of each problem.
fn complaints(text: &str) -> Vec<(String, String)> {
    match load("f.yaml", text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(short).collect(),
    }
}

fn short(problem: &crate::problem::Problem) -> (String, String) {
    let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let place = format!("{}:{} {}", problem.line, problem.column, problem.code);
    (place, format!("expected {}, found {}{hint}", problem.expected, problem.found))
}

/// The base with one line replaced by others is complained about at one place, in words that hold these.
#[track_caller]
fn check(line: &str, instead: &str, place: &str, words: &[&str]) {
    assert_eq!(BASE.matches(line).count(), 1, "{line:?} stands once in the base");
    check_text(&BASE.replace(line, instead), place, words);
}

#[track_caller]
fn check_text(text: &str, place: &str, words: &[&str]) {
    let found = complaints(text);
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, [place], "{found:#?}\n{}", text.get(..1000).unwrap_or(text));
    for word in words {
        assert!(found[0].1.contains(word), "{word:?} is missing in: {}", found[0].1);
    }
}

/// The base with keys added to its first bag, at line 10.
#[track_caller]
fn check_bag(more: &str, place: &str, words: &[&str]) {
    check("        machines: m1\n", &format!("        machines: m1\n        {more}\n"), place, words);
}

/// The base with keys added to its second step, at line 12.
#[track_caller]
fn check_step(more: &str, place: &str, words: &[&str]) {
    check("    title: C\n", &format!("    title: C\n    {more}\n"), place, words);
}

#[test]
fn the_base_is_right() {
    assert_eq!(complaints(BASE), []);
}

#[test]
fn keys_that_are_missing_unknown_or_twice() {
    check("title: T\n", "", "1:1 S0205", &["the key `title` in a pipeline", "no `title`"]);
    check("    title: A\n", "", "5:5 S0205", &["the key `title` in a step"]);
    check("        machines: m1\n", "", "8:9 S0205", &["the key `machines` in a bag"]);
    check("machines: m1", "machine: m1", "9:9 S0204", &["found `machine`", "did you mean `machines`?"]);
    check("owner: alice", "owners: alice", "3:1 S0204", &["did you mean `owner`?"]);
    check(
        "owner: alice",
        "owner: alice\ncolour: red",
        "4:1 S0204",
        &["one of the keys of a pipeline: pipeline, "],
    );
    check("title: T", "title: T\ntitle: U", "3:1 S0203", &["`title` again", "it stands in line 2 already"]);
    check_step("<<: {a: b}", "12:5 S0204", &["maps are not merged"]);
    check("pipeline: p", "pipeline: p\npipelines: {q: eu-es}", "2:12 S0219", &["found both"]);
    check("pipeline: p\n", "", "1:1 S0205", &["`pipeline: NAME`", "neither"]);
}

#[test]
fn values_of_a_wrong_type() {
    check("title: T", "title: [T]", "2:8 S0206", &["a title", "a list"]);
    check("title: T", "title:", "2:6 S0206", &["found nothing"]);
    check("owner: alice", "owner: ~", "3:8 S0206", &["found nothing"]);
    check(
        "  - step: a\n    title: A\n",
        "  - just text\n  - step: a\n    title: A\n",
        "5:5 S0206",
        &["a step as a map"],
    );
    check_bag("retry: 3", "10:16 S0206", &["a retry rule as a map of keys and values, found `3`"]);
    check_bag("limits: {per: rack, max: 1}", "10:17 S0206", &["a list of limits", "a map"]);
    check_text("steps", "1:1 S0206", &["a pipeline as a map", "`steps`"]);
    check_text("", "1:1 S0201", &["an empty file"]);
}

#[test]
fn malformed_values() {
    check_bag(
        "retry: {first: 24}",
        "10:24 S0207",
        &["a length of time", "`24`", "say the unit: `24s`, `24m` or `24h`"],
    );
    check_bag("retry: {first: soon}", "10:24 S0207", &["`soon`"]);
    check_bag("take: many", "10:15 S0207", &["a whole number from 1, or a percentage from 1% to 100%"]);
    check_bag("drain: maybe", "10:16 S0215", &["`yes` or `no`", "`maybe`"]);
    check_bag("reboot: allways", "10:17 S0215", &["did you mean `always`?"]);
    check_bag("parallel: unbound", "10:19 S0215", &["did you mean `unbounded`?"]);
    check("step: a", "step: a b", "5:11 S0207", &["the id of a step", "`a b`"]);
    check("pipeline: p", "pipeline: ../p", "1:11 S0207", &["the name of a pipeline"]);
    check("owner: alice", "owner: alice and bob", "3:8 S0207", &["people (`alice`) or roles"]);
}

#[test]
fn numbers_out_of_range() {
    check_bag("limits: [{per: rack, max: 0}]", "10:35 S0208", &["from 1", "`0`"]);
    check_bag("limits: [{per: rack, max: 0%}]", "10:35 S0208", &["from 1%"]);
    check_bag("parallel: 0", "10:19 S0208", &["from 1 to 100000", "`0`"]);
    check_bag("take: 101%", "10:15 S0208", &["to 100%", "`101%`"]);
    check_bag("retry: {attempts: 0}", "10:27 S0208", &["from 1 to 20"]);
    check_bag(
        "retry: {first: 5m, longest: 1m}",
        "10:37 S0208",
        &["a longest wait of at least the first one, 5m"],
    );
    check_bag("timeouts: {patch: 0s}", "10:27 S0208", &["`0s`"]);
    check_step("budget: 120%", "12:13 S0208", &["to 100%", "`120%`"]);
    check_step("budget: {failures: 1, environments: {dev: 300%}}", "12:47 S0208", &["`300%`"]);
    check_step("budget: {failures: 1, all-failing: 0}", "12:40 S0208", &["from 1 to 1000"]);
    check_step(
        "change: {approve: [x, y], count: 3}",
        "12:38 S0208",
        &["as many approvals as there are people, 2"],
    );
}

#[test]
fn nothing_is_selected() {
    check("machines: m1", "machines: \"\"", "9:19 S0212", &["the names of machines", "empty text"]);
    check("machines: m1", "machines:", "9:17 S0206", &["the names of machines", "nothing"]);
    check("machines: m1", "machines: []", "9:19 S0212", &["an empty list"]);
    check(
        "    bags:\n      - bag: b\n        machines: m1\n",
        "    bags: []\n",
        "7:11 S0212",
        &["a list of bags"],
    );
    check(
        "    bags:\n      - bag: b\n        machines: m1\n",
        "",
        "5:5 S0205",
        &["`bags`, or `phases`", "neither"],
    );
    check_text("pipeline: p\ntitle: T\nowner: a\nsteps: []\n", "4:8 S0212", &["a list of steps"]);
    check_bag("{drain: no, patch: no}", "10:9 S0201", &[]);
    check_bag("patch: no\n        reboot: never\n        health: no", "8:9 S0218", &["something to do"]);
    check_bag("limits: [{per: [], max: 1}]", "10:24 S0212", &["write `per: fleet`"]);
}

#[test]
fn malformed_selectors_are_shown_where_they_break() {
    check("machines: m1", "machines: region=x and (b", "9:34 S0214", &["`)`"]);
    check("machines: m1", "machines: \"region=x and (b\"", "9:35 S0214", &["`)`"]);
    check("machines: m1", "machines: [m1, region=x and (b]", "9:39 S0214", &["`)`"]);
    check_bag("take: {amount: 3, first: (b}", "10:36 S0214", &["`)`"]);
    check_bag("limits: [{per: rack, max: 1, within: (b}]", "10:48 S0214", &["`)`"]);
}

#[test]
fn names_that_come_twice() {
    check("step: c", "step: a", "10:11 S0209", &["an id that no other step has", "line 5"]);
    check_bag(
        "parallel: 2\n      - {bag: b, machines: m3}",
        "11:15 S0209",
        &["no other bag of the step", "line 8"],
    );
    let regions = "pipelines: {q: eu-es, r: eu-es}";
    check("pipeline: p", regions, "1:26 S0209", &["each region once", "`q` is of that region"]);
}

#[test]
fn the_same_machines_twice_in_a_step() {
    let twice = "parallel: 2\n      - {bag: x, machines: m1}";
    check_bag(twice, "11:28 S0213", &["which the bag in line 9 selects too", "revisit: again"]);
    let again = "parallel: 2\n      - {bag: x, machines: m1, revisit: again}";
    check_bag(again, "11:28 S0213", &["a later step with `revisit: again`"]);
    let share = "    phases:
      - {phase: one, bags: [{bag: b, machines: m1, take: 10%}]}
      - {phase: two, bags: [{bag: e, machines: m1}]}
";
    let growing = BASE.replace("    bags:\n      - bag: b\n        machines: m1\n", share);
    assert_eq!(complaints(&growing), []);
    check_text(&growing.replace(", take: 10%", ""), "9:48 S0213", &["line 8"]);
}

#[test]
fn an_attribute_that_is_a_slip_away_from_a_known_one() {
    let limit = BASE.replace("machines: m1", "machines: m1\n        limits: [{per: clutser, max: 1}]");
    check_text(&limit, "10:24 S0225", &["write `cluster`"]);
    let label = BASE.replace("machines: m1", "machines: m1\n        limits: [{per: rack, max: 1}]");
    assert_eq!(complaints(&label), []);
}

#[test]
fn steps_that_are_unknown_or_wait_for_each_other() {
    check_step("after: b", "12:12 S0210", &["a step of this pipeline: a, c", "`b`"]);
    check_step("after: [a, C]", "12:16 S0210", &["`C`", "did you mean `c`?"]);
    check_step("after: c", "12:12 S0211", &["another step to wait for", "`c`, the step itself"]);
    check_step("gates: [{soak: 24h, since: start of c}]", "12:32 S0211", &["the step itself"]);
    check_step("gates: [{soak: 24h, since: start of b}]", "12:32 S0210", &["a step of this pipeline"]);
    check_step("gates: [{soak: 24h, since: a}]", "12:32 S0207", &["`start of STEP` or `end of STEP`"]);
    check("    title: A\n", "    title: A\n    after: c\n", "7:12 S0211", &["`a → c → a`"]);
    let soaks = "    title: A\n    gates: [{soak: 1h, since: end of c}]\n";
    check("    title: A\n", soaks, "7:31 S0211", &["`a → c → a`", "waits for the one before it"]);
}

#[test]
fn gates_and_people() {
    check_step("gates: [{soak: 24h}]", "12:13 S0205", &["the key `since` in a soak"]);
    check_step("gates: [{aproval: go, who: x}]", "12:13 S0205", &["did you mean `approval`?"]);
    check_step("gates: [{soak: 1h, approval: x}]", "12:13 S0219", &["one kind of gate"]);
    check_step("gates: [{approval: go, who: []}]", "12:33 S0216", &["at least one", "nobody"]);
    check_step("gates: [{approval: go, who: \"role:\"}]", "12:33 S0216", &["`role:`"]);
    check_step("gates: [{succeeded: p}]", "12:25 S0231", &["another pipeline", "which this step is part of"]);
    check_step("change: approve", "12:13 S0216", &["write `change: {approve: role:sre-lead}`"]);
    check_step("change: recod", "12:13 S0215", &["did you mean `record`?"]);
    check("owner: alice", "owner: []", "3:8 S0216", &["nobody"]);
}

#[test]
fn a_pipeline_may_name_itself_but_not_another_of_its_file() {
    let gate = "    title: C\n    gates: [{soak: 1h, since: end of a, pipeline: p}]\n";
    let own = BASE.replace("    title: C\n", gate);
    assert_eq!(complaints(&own), []);
    let regions = own.replace("pipeline: p\n", "pipelines: {p: eu-es, q: us-east}\n");
    check_text(&regions, "12:13 S0231", &["`p`, of this file", "leave `pipeline` out"]);
}

#[test]
fn columns_count_characters() {
    check_bag("limits: [{per: größe, max: 1}]", "10:24 S0207", &["`größe`"]);
    check("machines: m1", "machines: \"/größe/\" # ü\n        parallel: 0", "10:19 S0208", &[]);
    let flow = "parallel: 1\n      - {bag: x, machines: \"/grüße/\", parallel: 0}";
    check_bag(flow, "11:49 S0208", &["`0`"]);
}

#[test]
fn causes() {
    check_bag("retry: {causes: {unreachabel: 5}}", "10:26 S0215", &["did you mean `unreachable`?"]);
    check_bag("retry: {causes: {disk-full: 5}}", "10:26 S0217", &["can go away by itself", "leave it out"]);
}

#[test]
fn windows_and_freezes() {
    let berlin = |open: &str| format!("windows: {{zone: Europe/Berlin, open: {open}}}");
    check_step(
        "windows: {zone: Europe/Berlim, open: daily}",
        "12:21 S0220",
        &["did you mean `Europe/Berlin`?"],
    );
    check_step("windows: {zone: Berlin, open: daily}", "12:21 S0220", &["did you mean `Europe/Berlin`?"]);
    check_step(&berlin("[]"), "12:42 S0212", &["an empty list"]);
    check_step(&berlin("\"Moon 22:00-04:00\""), "12:42 S0221", &["days such as", "`Moon`"]);
    check_step(
        &berlin("\"Mon 22:00-25:00\""),
        "12:42 S0221",
        &["a time of day from 00:00 to 24:00", "`25:00`"],
    );
    check_step(&berlin("\"Mon 22:00-22:00\""), "12:42 S0222", &["ends after it starts", "22:00 to 22:00"]);
    check_step(&berlin("\"2026-02-30 22:00-23:00\""), "12:42 S0221", &["a date such as", "`2026-02-30`"]);
    check_step(&berlin("\"2026-03-29 02:00-03:00\""), "12:14 S0222", &["windows that never open"]);
    check_step(
        &berlin("\"daily 22:00-22:30\""),
        "12:14 S0223",
        &["at least 1h, the timeout of `patch`", "30m"],
    );
    check_step("windows: sometimes", "12:14 S0206", &["`always`, or windows such as"]);
    let frozen = |more: &str| format!("freezes: [{{reason: x, {more}}}]");
    check_step(
        &frozen("from: 12-20, to: 01-03"),
        "12:15 S0224",
        &["no `zone`", "write for example `zone: UTC`"],
    );
    check_step(&frozen("from: 02-30, to: 03-03, zone: UTC"), "12:15 S0221", &["`02-30`"]);
    check_step(
        &frozen("from: 2026-12-20, to: 2026-12-19, zone: UTC"),
        "12:49 S0222",
        &["ends after it starts"],
    );
    check_step(&frozen("from: 2026-12-20, to: 2029-12-19, zone: UTC"), "12:49 S0222", &["at most 366 days"]);
    check_step(
        &frozen("from: 01-01, to: 12-31, zone: UTC"),
        "10:5 S0222",
        &["closed by every year 01-01 to 12-31"],
    );
}

#[test]
fn a_window_is_long_enough_when_the_timeout_says_so() {
    let windows = "windows: {zone: UTC, open: \"daily 22:00-22:30\"}";
    let short = "timeouts: {patch: 30m}";
    let text = BASE.replace("    title: C\n", &format!("    title: C\n    {windows}\n    {short}\n"));
    assert_eq!(complaints(&text), []);
}

#[test]
fn what_is_no_yaml_or_too_much_of_it() {
    check("    title: A", "\ttitle: A", "6:1 S0201", &["a tab", "indent with spaces"]);
    check("title: T", "title: \"T", "3:1 S0201", &["a closing quotation mark may be missing"]);
    check("title: T", "title: !secret T", "2:16 S0201", &["without a tag"]);
    check("machines: m1", "machines: *-haproxy-01", "9:19 S0201", &["in quotation marks"]);
    check_text(&format!("{BASE}---\n{BASE}"), "16:1 S0201", &["one document"]);
    let mut bytes = BASE.as_bytes().to_vec();
    bytes[14] = 0xff;
    let problems = load("f.yaml", &bytes).expect_err("no UTF-8");
    assert_eq!(
        short(&problems.0[0]),
        ("2:3 S0201".to_owned(), "expected text in UTF-8, found the byte 0xff".to_owned())
    );
    let huge = format!("{BASE}# {}\n", "x".repeat(2 * 1024 * 1024));
    check_text(&huge, "1:1 S0202", &["a file of at most 1024 KiB", "KiB"]);
    check_text(&format!("a: {}", "[".repeat(100_000)), "1:52 S0202", &["at most 24 levels"]);
    let deep: String = (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check_text(&deep, "24:24 S0202", &["at most 24 levels"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..10 {
        let before = format!("*a{}, ", at - 1).repeat(10);
        bomb.push_str(&format!("a{at}: &a{at} [{}]\n", before.trim_end_matches(", ")));
    }
    let found = complaints(&bomb);
    assert!(found[0].0.ends_with("S0202") && found[0].1.contains("at most 100000 values"), "{found:?}");
    check_text("a: &a [*a]", "1:8 S0201", &["one of what it stands in"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_order() {
    let text = BASE
        .replace("title: T", "titel: T")
        .replace("machines: m1", "machines: m1\n        parallel: 0\n        reboot: sometimes")
        .replace("    title: C\n", "    title: C\n    after: x\n    budget: 200%\n");
    let places: Vec<String> = complaints(&text).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["2:1 S0204", "10:19 S0208", "11:17 S0215", "14:12 S0210", "15:13 S0208"]);
}

#[test]
fn a_problem_behind_an_alias_is_said_once() {
    let text = BASE
        .replace("machines: m1", "retry: &r {attempts: 0}\n        machines: m1")
        .replace("machines: m2", "machines: m2\n        retry: *r");
    let places: Vec<String> = complaints(&text).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["9:30 S0208"]);
}

fn folder(all: &[(&str, &str)]) -> Vec<String> {
    match load_folder(&files(all)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn files_are_checked_against_each_other() {
    let other = BASE.replace("pipeline: p", "pipeline: q");
    let gated =
        |gate: &str| other.replace("    title: A\n", &format!("    title: A\n    gates: [{{{gate}}}]\n"));
    assert_eq!(folder(&[("p.yaml", BASE), ("q.yaml", &gated("succeeded: p"))]), Vec::<String>::new());
    let unknown = folder(&[("p.yaml", BASE), ("q.yaml", &gated("succeeded: pp"))]);
    assert_eq!(
        unknown,
        [
            "q.yaml:7:25: expected the name of a pipeline that there is, found `pp` [S0230]\n  hint: did you mean `p`?"
        ]
    );
    let step = folder(&[("p.yaml", BASE), ("q.yaml", &gated("soak: 1h, since: end of b, pipeline: p"))]);
    assert_eq!(step.len(), 1, "{step:?}");
    assert!(
        step[0].starts_with("q.yaml:7:31: expected a step of pipeline `p`: a, c, found `b` [S0230]"),
        "{step:?}"
    );
    let twice = folder(&[("p.yaml", BASE), ("q.yaml", BASE)]);
    assert_eq!(
        twice,
        [
            "q.yaml:1:11: expected a name that no other pipeline has, found `p` [S0232]\n  hint: p.yaml:1 has it already"
        ]
    );
}

#[test]
fn pipelines_that_wait_for_each_other() {
    let waiting = |name: &str, step: &str, gate: &str| {
        let text = BASE.replace("pipeline: p", &format!("pipeline: {name}"));
        text.replace(
            &format!("    title: {step}\n"),
            &format!("    title: {step}\n    gates: [{{{gate}}}]\n"),
        )
    };
    let circle = folder(&[
        ("p.yaml", &waiting("p", "A", "succeeded: q")),
        ("q.yaml", &waiting("q", "A", "succeeded: p")),
    ]);
    assert!(
        !circle.is_empty()
            && circle.iter().all(|problem| problem.contains("[S0231]") && problem.contains("p/a")),
        "{circle:?}"
    );
    // The first step of p soaks on nothing of q that waits for it: no circle.
    let p = waiting("p", "C", "soak: 1h, since: end of a, pipeline: q");
    let q = waiting("q", "C", "soak: 1h, since: end of a, pipeline: p");
    assert_eq!(folder(&[("p.yaml", &p), ("q.yaml", &q)]), Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_read_makes_no_further_problems() {
    let other = BASE
        .replace("pipeline: p", "pipeline: q")
        .replace("    title: A\n", "    title: A\n    gates: [{succeeded: p}]\n");
    let broken = folder(&[("p.yaml", "pipeline: [p"), ("q.yaml", &other)]);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("p.yaml:"), "{broken:?}");
}
