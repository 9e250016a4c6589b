//! Answers that do not come, come late, twice, or out of turn.

use super::*;

#[test]
fn an_answer_that_does_not_come_is_looked_for_three_times_and_then_the_machine_is_lost() {
    // A patch may take an hour; two minutes lie between two looks.
    check(
        "a
         b",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "answer a patch silent
         start p
         until 1h10m",
        "0s start a
         1h1m seek a 1
         1h3m seek a 2
         1h5m seek a 3
         1h7m lost at patch a
         1h7m start b",
    );
}

#[test]
fn an_answer_that_was_found_by_looking_counts() {
    check(
        "a",
        &[one_step(vec![bag("all", "*")])],
        "answer a patch silent
         start p
         until 1h4m
         report a not-needed
         run",
        "0s start a
         1h1m seek a 1
         1h3m seek a 2
         1h6m done a
         1h6m succeeded",
    );
}

#[test]
fn each_action_has_a_deadline_of_its_own() {
    for (action, first_look) in [("check", "10m"), ("patch", "1h1m"), ("health", "23m")] {
        let world = play(
            "a",
            &[one_step(vec![bag("all", "*")])],
            &format!("answer a {action} silent\nstart p\nuntil 2h"),
        );
        assert!(world.story().contains(&format!("{first_look} seek a 1")), "{action}: {}", world.story());
    }
}

#[test]
fn a_late_answer_brings_a_lost_machine_back_and_it_is_looked_at_anew() {
    check(
        "a
         b",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "answer a patch silent
         start p
         until 1h10m
         report a not-needed
         report a not-needed
         watch a
         run",
        "0s start a
         1h1m seek a 1
         1h3m seek a 2
         1h5m seek a 3
         1h7m lost at patch a
         1h7m start b
         1h10m again a
         1h17m done b
         1h17m start a
         1h17m ask check a
         1h18m ask patch a
         1h25m ask health a
         1h27m done a
         1h27m succeeded",
    );
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let rule = [one_step(vec![bag("all", "*")])];
    let mut world = World::new("a", &rule);
    world.script("start p\nuntil 5m");
    let before = (world.state.clone(), world.journal.len());
    // The check was answered already, the patch runs, and nothing with a third serial was asked.
    for (answer, serial) in [("install", 1), ("unreachable", 1), ("done", 3), ("done", 0)] {
        world.script(&format!("report a {answer} {serial}"));
        assert_eq!((world.state.clone(), world.journal.len()), before, "{answer} {serial}");
    }
    world.script("run");
    let before = world.state.clone();
    world.script("report a unreachable\nreport a lost\nreport a install 1");
    assert_eq!(world.state, before, "a machine that is done stays done");
    world.finish();
}

#[test]
fn a_machine_that_is_lost_is_not_lost_twice() {
    let rule = [one_step(vec![bag("all", "*"), bag("slow", "b").may_be_empty()])];
    let mut world = World::new("a[1-2]", &rule);
    world.script("answer a1 patch lost\nalways a2 patch silent\nstart p\nuntil 9m");
    let before = world.state.clone();
    world.script("report a1 lost");
    assert_eq!(world.state, before);
    world.finish();
}

#[test]
fn a_late_answer_after_the_end_of_the_step_changes_nothing() {
    let mut world = World::new("a", &[one_step(vec![bag("all", "*")])]);
    world.script("answer a patch lost\nstart p\nrun");
    let before = world.state.clone();
    world.script("report a not-needed");
    assert_eq!(world.state, before);
    assert!(world.is_disturbed("a"), "nobody has proven it healthy");
    world.finish();
}

#[test]
fn an_action_that_was_never_begun_is_asked_again_at_once() {
    check(
        "a",
        &[one_step(vec![bag("all", "*")])],
        "answer a patch not-begun x2
         watch a
         start p
         run",
        "0s start a
         0s ask check a
         1m ask patch a
         8m ask patch a
         15m ask patch a
         22m ask health a
         24m done a
         24m succeeded",
    );
}

#[test]
fn an_executor_that_never_begins_does_not_go_on_for_ever() {
    let world = play(
        "a",
        &[one_step(vec![bag("all", "*").attempts(2)])],
        "always a patch not-begun
         start p
         run",
    );
    assert!(world.story().ends_with("succeeded"), "{}", world.story());
    assert!(world.is_disturbed("a"), "what became of it is not known");
}

#[test]
fn an_answer_that_does_not_fit_the_check_is_no_proof_that_nothing_is_to_be_done() {
    for answer in ["done", "not-needed"] {
        let script = format!("answer a check {answer}\nwatch a\nstart p\nuntil 2m");
        check(
            "a",
            &[one_step(vec![bag("all", "*")])],
            &script,
            "0s start a
             0s ask check a
             1m ask patch a",
        );
    }
}

#[test]
fn an_answer_to_a_check_given_to_a_patch_leads_on_and_not_back() {
    for answer in ["nothing", "install", "reboot-only"] {
        let script = format!("answer a patch {answer}\nwatch a\nstart p\nrun");
        check(
            "a",
            &[one_step(vec![bag("all", "*").drained()])],
            &script,
            "0s start a
             0s ask check a
             1m ask drain a
             2m ask patch a
             9m ask health a
             11m ask undrain a
             12m done a
             12m succeeded",
        );
    }
}
