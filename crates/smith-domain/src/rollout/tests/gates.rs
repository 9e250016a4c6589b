//! What must hold before a step opens.

use super::*;
use crate::pipeline::{Gate, SoakFrom};
use crate::rollout::tests::rules::{approval, phase, soak};
use crate::time::Span;

fn one_and_two(gate: Gate) -> crate::pipeline::Pipeline {
    pipeline(
        "p",
        vec![
            step("one", vec![phase(vec![bag("a", "a")])]),
            step("two", vec![phase(vec![bag("b", "b")])]).after(&[0]).gated(gate),
        ],
    )
}

const TWO: &str = "a\nb";

#[test]
fn a_soak_counts_from_the_end_of_a_step() {
    check(
        TWO,
        &[one_and_two(soak(None, "one", SoakFrom::End, Span::hours(2)))],
        "start p
         run",
        "0s open one
         0s start a
         10m done a
         10m end one
         2h10m open two
         2h10m start b
         2h20m done b
         2h20m end two
         2h20m succeeded",
    );
}

#[test]
fn a_soak_counts_from_the_start_of_a_step() {
    check(
        TWO,
        &[one_and_two(soak(None, "one", SoakFrom::Start, Span::hours(2)))],
        "start p
         until 2h5m",
        "0s open one
         0s start a
         10m done a
         10m end one
         2h open two
         2h start b",
    );
}

#[test]
fn a_soak_opens_at_its_very_end_and_not_a_millisecond_before() {
    let mut world = World::new(TWO, &[one_and_two(soak(None, "one", SoakFrom::End, Span::hours(1)))]);
    world.script("start p\nuntil 1h9m");
    let end = crate::time::Timestamp(world::START.0 + 70 * 60_000);
    world.until(crate::time::Timestamp(end.0 - 1));
    assert!(!world.story().contains("open two"));
    world.until(end);
    assert!(world.story().contains("1h10m open two"), "{}", world.story());
    world.finish();
}

#[test]
fn a_wall_clock_that_is_set_forward_or_back_moves_no_soak() {
    for jump in ["+5h", "-5h"] {
        let script = format!("start p\nuntil 30m\nwall {jump}\nuntil 40m\naccept-clock\nuntil 2h15m");
        check(
            TWO,
            &[one_and_two(soak(None, "one", SoakFrom::End, Span::hours(2)))],
            &script,
            "0s open one
             0s start a
             10m done a
             10m end one
             2h10m open two
             2h10m start b",
        );
    }
}

#[test]
fn a_soak_after_a_step_of_another_pipeline_with_the_same_build() {
    let canary = pipeline("canary", vec![step("only", vec![phase(vec![bag("a", "a")])])]);
    let prod = one_step(vec![bag("b", "b")])
        .first(|step| step.gated(soak(Some("canary"), "only", SoakFrom::End, Span::hours(1))));
    check(
        TWO,
        &[canary, prod],
        "start p
         start canary build 726
         until 2h
         start canary
         run",
        "0s #2 start a
         10m #2 done a
         10m #2 succeeded
         2h #3 start a
         2h10m #3 done a
         2h10m #3 succeeded
         3h10m #1 start b
         3h20m #1 done b
         3h20m #1 succeeded",
    );
}

#[test]
fn an_aborted_step_soaks_nothing_and_the_one_before_it_counts() {
    let canary = pipeline("canary", vec![step("only", vec![phase(vec![bag("a", "a")])])]);
    let prod = one_step(vec![bag("b", "b")])
        .first(|step| step.gated(soak(Some("canary"), "only", SoakFrom::Start, Span::hours(1))));
    check(
        TWO,
        &[canary, prod],
        "start canary
         until 1m
         abort
         until 15m
         start p
         until 5h
         start canary
         until 6h30m",
        "0s #1 start a
         10m #1 stopped a
         10m #1 aborted
         5h #3 start a
         5h10m #3 done a
         5h10m #3 succeeded
         6h #2 start b
         6h10m #2 done b
         6h10m #2 succeeded",
    );
}

#[test]
fn the_newest_run_of_the_other_step_counts() {
    let canary = pipeline("canary", vec![step("only", vec![phase(vec![bag("a", "a")])])]);
    let prod = one_step(vec![bag("b", "b")])
        .first(|step| step.gated(soak(Some("canary"), "only", SoakFrom::End, Span::hours(2))));
    check(
        TWO,
        &[canary, prod],
        "start canary
         run
         start p
         until 1h
         start canary
         until 4h",
        "0s #1 start a
         10m #1 done a
         10m #1 succeeded
         1h #3 start a
         1h10m #3 done a
         1h10m #3 succeeded
         3h10m #2 start b
         3h20m #2 done b
         3h20m #2 succeeded",
    );
}

#[test]
fn a_step_that_is_run_again_by_itself_soaks_from_the_rollout_that_ran_the_step_before() {
    check(
        TWO,
        &[one_and_two(soak(None, "one", SoakFrom::End, Span::hours(1)))],
        "start p
         run
         start p step 1
         until 2h",
        "0s #1 open one
         0s #1 start a
         10m #1 done a
         10m #1 end one
         1h10m #1 open two
         1h10m #1 start b
         1h20m #1 done b
         1h20m #1 end two
         1h20m #1 succeeded
         1h20m #2 open two
         1h20m #2 start b
         1h30m #2 done b
         1h30m #2 end two
         1h30m #2 succeeded",
    );
}

#[test]
fn an_approval_needs_two_others_who_are_entitled_by_name_or_role() {
    check(
        "a",
        &[one_step(vec![bag("a", "a")])
            .first(|step| step.gated(approval("go", &["bob", "ann", "role:lead"], 2)))],
        "start p
         until 1h
         approve s go by ann role lead
         approve s go by eve
         approve s go by eve role guest
         approve s stop by bob
         approve t go by bob
         approve s go by bob
         approve s go by bob
         until 2h
         approve s go by carl role lead
         approve s go by dora role lead
         run",
        "1h rejected: ann started project 1 and cannot approve it, expected somebody else of bob, ann, role:lead
         1h rejected: eve may not approve go, expected one of bob, ann, role:lead
         1h rejected: eve may not approve go, expected one of bob, ann, role:lead
         1h rejected: step s has no approval named stop, expected one of go
         1h rejected: the pipeline has no step t, expected one of s
         1h rejected: bob has approved go already, expected another of bob, ann, role:lead
         2h start a
         2h rejected: step s is open, expected it to be waiting for its gates
         2h10m done a
         2h10m succeeded",
    );
}

#[test]
fn an_approval_may_be_given_before_the_step_is_reached() {
    check(
        TWO,
        &[one_and_two(approval("go", &["bob"], 1))],
        "start p
         approve two go by bob
         until 15m",
        "0s open one
         0s start a
         10m done a
         10m end one
         10m open two
         10m start b",
    );
}

#[test]
fn every_gate_must_be_open() {
    let rule = one_step(vec![bag("b", "b")]).first(|step| {
        step.gated(approval("go", &["bob"], 1)).gated(soak(
            Some("canary"),
            "s",
            SoakFrom::End,
            Span::hours(1),
        ))
    });
    let canary = one_step(vec![bag("a", "a")]).named("canary");
    check(
        TWO,
        &[canary, rule],
        "start canary
         start p
         until 3h
         #2 approve s go by bob
         until 3h1m",
        "0s #1 start a
         10m #1 done a
         10m #1 succeeded
         3h #2 start b",
    );
}

#[test]
fn another_pipeline_must_have_succeeded_with_the_same_build_in_its_newest_rollout() {
    let canary = one_step(vec![bag("a", "a")]).named("canary");
    let after = Gate::Succeeded { pipeline: canary.name.clone() };
    let prod = one_step(vec![bag("b", "b")]).first(|step| step.gated(after));
    check(
        TWO,
        &[canary, prod],
        "start p
         start canary
         until 30s
         #2 abort
         start canary build 726
         until 1h
         start canary step 0
         until 2h
         start canary
         run",
        "0s #2 start a
         1m #2 stopped a
         1m #3 start a
         1m #2 aborted
         11m #3 done a
         11m #3 succeeded
         1h #4 start a
         1h10m #4 done a
         1h10m #4 succeeded
         2h #5 start a
         2h10m #5 done a
         2h10m #5 succeeded
         2h10m #1 start b
         2h20m #1 done b
         2h20m #1 succeeded",
    );
}

#[test]
fn steps_that_share_an_exclusive_name_never_run_at_the_same_time() {
    let rule =
        |name, select| one_step(vec![bag("all", select)]).named(name).first(|step| step.exclusive("network"));
    let other = one_step(vec![bag("all", "c")]).named("r").first(|step| step.exclusive("storage"));
    check(
        "a
         b
         c",
        &[rule("p", "a"), rule("q", "b"), other],
        "start p
         start q
         start r
         run",
        "0s #1 start a
         0s #3 start c
         10m #1 done a
         10m #3 done c
         10m #1 succeeded
         10m #3 succeeded
         10m #2 start b
         20m #2 done b
         20m #2 succeeded",
    );
}

#[test]
fn two_steps_that_become_ready_together_do_not_share_an_exclusive_name() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "a")])]).exclusive("x"),
        step("two", vec![phase(vec![bag("b", "b")])]).exclusive("x"),
    ];
    check(
        TWO,
        &[pipeline("p", steps)],
        "start p
         until 11m",
        "0s open one
         0s start a
         10m done a
         10m end one
         10m open two
         10m start b",
    );
}

#[test]
fn a_halted_step_keeps_its_exclusive_name_and_an_aborted_one_gives_it_back() {
    let rule = |name, select| {
        one_step(vec![bag("all", select)])
            .named(name)
            .first(|step| step.exclusive("network").failures(crate::pipeline::Amount::Count(0)))
    };
    check(
        TWO,
        &[rule("p", "a"), rule("q", "b")],
        "answer a patch mismatch
         start p
         start q
         until 1h
         abort
         until 1h5m",
        "0s #1 start a
         8m #1 failed at patch (mismatch) a
         8m #1 halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h #1 aborted
         1h #2 start b",
    );
}

#[test]
fn an_open_gate_stays_open_while_the_others_are_waited_for() {
    let world = play(
        TWO,
        &[pipeline(
            "p",
            vec![
                step("one", vec![phase(vec![bag("a", "a")])]),
                step("two", vec![phase(vec![bag("b", "b")])])
                    .after(&[0])
                    .gated(soak(None, "one", SoakFrom::End, Span::mins(30)))
                    .gated(approval("go", &["bob"], 1)),
            ],
        )],
        "start p
         until 3h",
    );
    let opened: Vec<_> =
        world.journal.iter().filter(|(_, event)| event.kind() == "rollout.gate-opened").collect();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].0.since(world::START), Span::mins(40));
}
