//! Tries of one action, and the waits between them.

use super::*;
use crate::pipeline::{Reboot, RetryRule};
use crate::rollout::CauseKind;
use crate::time::Span;

#[test]
fn a_failure_that_may_pass_is_tried_again_after_waits_that_double() {
    // First wait two minutes, then four, eight, and never more than fifteen.
    check(
        "a",
        &[one_step(vec![bag("all", "*").attempts(6)])],
        "answer a check unreachable x5
         watch a
         start p
         run",
        "0s start a
         0s ask check a
         3m ask check a
         8m ask check a
         17m ask check a
         33m ask check a
         49m ask check a
         50m ask patch a
         57m ask health a
         59m done a
         59m succeeded",
    );
}

#[test]
fn after_the_last_try_it_has_failed() {
    check(
        "a",
        &[one_step(vec![bag("all", "*").attempts(3)])],
        "always a check unreachable
         start p
         run",
        "0s start a
         9m failed at check (unreachable) a
         9m succeeded",
    );
}

#[test]
fn a_success_in_between_starts_the_counting_anew() {
    check(
        "a",
        &[one_step(vec![bag("all", "*").attempts(2)])],
        "answer a check unreachable
         answer a patch busy
         answer a health unhealthy
         watch a
         start p
         run",
        "0s start a
         0s ask check a
         3m ask check a
         4m ask patch a
         13m ask patch a
         20m ask health a
         24m ask health a
         26m done a
         26m succeeded",
    );
}

#[test]
fn a_cause_may_have_a_number_of_tries_of_its_own() {
    check(
        "a
         b",
        &[one_step(vec![
            bag("all", "*")
                .attempts(1)
                .attempts_for(CauseKind::Busy, 2)
                .attempts_for(CauseKind::Unhealthy, 1),
        ])],
        "always a patch busy
         always b patch mirror-unreachable
         start p
         run",
        "0s start a b
         8m failed at patch (mirror-unreachable) b
         17m failed at patch (busy) a
         17m succeeded",
    );
}

#[test]
fn causes_that_cannot_go_away_by_themselves_are_never_tried_again() {
    use CauseKind as C;
    let never = [
        C::KeyRefused,
        C::AgentOld,
        C::BadSignature,
        C::HeldPackage,
        C::RemovalRefused,
        C::DiskFull,
        C::Mismatch,
        C::OldKernel,
        C::Lost,
    ];
    for cause in C::ALL {
        let world = play(
            "a",
            &[one_step(vec![bag("all", "*").attempts(5)])],
            &format!(
                "answer a patch {}\nstart p\nuntil 9m",
                if cause == C::Lost { "lost" } else { cause.word() }
            ),
        );
        let over = world.job(1, "a").has_ended();
        assert_eq!(over, never.contains(&cause), "{cause}");
    }
}

#[test]
fn the_first_wait_is_never_longer_than_the_longest() {
    let mut all = bag("all", "*");
    all.retry = RetryRule { attempts: 2, first: Span::mins(20), longest: Span::mins(5), ..all.retry };
    check(
        "a",
        &[one_step(vec![all])],
        "answer a check busy
         watch a
         start p
         until 7m",
        "0s start a
         0s ask check a
         6m ask check a
         7m ask patch a",
    );
}

#[test]
fn a_harmless_failure_gives_the_slot_back() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*")]).limited(limit("cluster", 1))],
        "answer a1 patch held-package
         start p
         run",
        "0s start a1
         8m failed at patch (held-package) a1
         8m start a2
         18m done a2
         18m succeeded",
    );
}

#[test]
fn a_drained_machine_that_fails_harmlessly_is_undrained_first() {
    let world = play(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*").drained()]).limited(limit("cluster", 1))],
        "answer a1 patch disk-full
         watch a1
         start p
         until 11m",
    );
    let story = world.story();
    let lines: Vec<&str> = story.lines().collect();
    assert_eq!(
        lines[..5],
        ["0s start a1", "0s ask check a1", "1m ask drain a1", "2m ask patch a1", "9m ask undrain a1"]
    );
    assert!(lines[5].starts_with("10m failed"), "{}", lines[5]);
    assert_eq!(lines[6], "10m start a2");
}

#[test]
fn a_failure_after_a_try_that_may_have_changed_something_is_not_harmless() {
    // The package's script failed first; that the disk is full now says nothing of what was done then.
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*").attempts(3)]).limited(limit("cluster", 1))],
        "answer a1 patch package-failed
         answer a1 patch disk-full
         start p
         run",
        "0s start a1
         17m failed at patch (disk-full) a1
         17m held up by a1",
    );
}

#[test]
fn a_machine_that_may_be_half_drained_is_undrained_before_it_is_let_go() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*").drained().attempts(2)]).limited(limit("cluster", 1))],
        "answer a1 drain interrupted
         answer a1 drain drain-refused
         watch a1
         start p
         until 7m",
        "0s start a1
         0s ask check a1
         1m ask drain a1
         4m ask drain a1
         5m ask undrain a1
         6m failed at drain (drain-refused) a1
         6m start a2",
    );
}

#[test]
fn a_refused_drain_leaves_everything_as_it_was() {
    check(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*").drained()]).limited(limit("cluster", 1))],
        "answer a1 drain drain-refused
         start p
         until 3m",
        "0s start a1
         2m failed at drain (drain-refused) a1
         2m start a2",
    );
}

#[test]
fn a_machine_that_came_back_with_the_old_kernel_stays_disturbed() {
    let world = play(
        "a[1-2] cluster=one",
        &[one_step(vec![bag("all", "*").rebooted(Reboot::IfNeeded)]).limited(limit("cluster", 1))],
        "answer a1 patch reboot-needed
         answer a1 reboot old-kernel
         start p
         run",
    );
    assert_eq!(
        world.story(),
        "0s start a1
13m failed at reboot (old-kernel) a1
13m held up by a1"
    );
    assert!(world.is_disturbed("a1"));
}

#[test]
fn a_retry_of_a_drained_machine_that_needs_nothing_more_puts_it_back_into_service() {
    // The first try left it drained; the second one finds everything installed.
    check(
        "a",
        &[one_step(vec![bag("all", "*").drained()])
            .first(|step| step.failures(crate::pipeline::Amount::Count(0)))],
        "answer a patch mismatch
         start p
         until 1h
         watch a
         answer a check nothing
         retry
         resume s 0
         run",
        "0s start a
         9m failed at patch (mismatch) a
         9m halted: the failure budget is spent: 1 failed, 0 lost, 0 allowed
         1h again a
         1h start a
         1h ask check a
         1h1m ask health a
         1h3m ask undrain a
         1h4m already so a
         1h4m succeeded",
    );
}
