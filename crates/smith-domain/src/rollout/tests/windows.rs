//! Windows: when machines may be started. Stories begin on a Friday at midnight, UTC.
//!
//! A machine is believed to take seven minutes before any was seen (check 15 s, patch 6 min, health check 45 s).

use super::*;
use crate::time::Timestamp;

fn nightly(windows: &[&str]) -> crate::pipeline::Pipeline {
    one_step(vec![bag("all", "*").at_most(1)]).first(|step| step.open(windows))
}

#[test]
fn nothing_starts_before_the_window_opens() {
    check(
        "a",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         run",
        "0s window closes
         2h window opens
         2h start a
         2h10m done a
         2h10m succeeded",
    );
}

#[test]
fn the_last_machine_starts_while_it_still_fits() {
    // From 02:00 to 02:25: the third would start at 02:20, when five minutes are left.
    check(
        "a[1-3]",
        &[nightly(&["daily 02:00-02:25"])],
        "start p
         until 23h
         until 1d3h",
        "0s window closes
         2h window opens
         2h start a1
         2h10m done a1
         2h10m start a2
         2h18m window closes
         2h20m done a2
         1d2h window opens
         1d2h start a3
         1d2h10m done a3
         1d2h10m succeeded",
    );
}

#[test]
fn a_window_that_is_too_short_for_a_machine_never_starts_one() {
    let world = play("a", &[nightly(&["daily 02:00-02:06"])], "start p\nuntil 3d");
    assert!(!world.story().contains("start"), "{}", world.story());
    assert!(!world.story().contains("window opens"), "{}", world.story());
}

#[test]
fn what_runs_is_finished_after_the_window() {
    check(
        "a[1-2]",
        &[nightly(&["daily 02:00-02:12"])],
        "always a1 check reboot-only
         answer a1 check install
         answer a1 health silent
         start p
         until 2h9m
         report a1 done
         until 3h",
        "0s window closes
         2h window opens
         2h start a1
         2h5m window closes
         2h9m done a1",
    );
}

#[test]
fn a_wall_clock_that_is_set_forward_opens_no_window() {
    check(
        "a",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 30m
         wall +2h
         until 1h55m
         wall +0s
         until 2h1m",
        "0s window closes
         2h window opens
         2h start a",
    );
}

#[test]
fn a_wall_clock_that_is_behind_opens_no_window_until_both_agree() {
    check(
        "a",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 30m
         wall -1h
         until 3h30m",
        "0s window closes
         3h window opens
         3h start a
         3h10m done a
         3h10m succeeded",
    );
}

#[test]
fn a_wall_clock_that_is_set_back_before_the_window_closes_it() {
    check(
        "a[1-3]",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 2h5m
         wall -1h
         until 2h50m
         wall +0s
         until 2h56m",
        "0s window closes
         2h window opens
         2h start a1
         2h5m window closes
         2h10m done a1
         2h50m window opens
         2h50m start a2",
    );
}

#[test]
fn a_wall_clock_that_is_set_forward_past_the_window_closes_it() {
    check(
        "a[1-3]",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 2h5m
         wall +3h
         until 4h",
        "0s window closes
         2h window opens
         2h start a1
         2h5m window closes
         2h10m done a1
         4h window closes",
    );
}

#[test]
fn an_accepted_clock_is_what_windows_follow_from_then_on() {
    // The clock was an hour slow: what was taken for 00:30 is 01:30.
    check(
        "a",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 30m
         wall +1h
         accept-clock
         until 1h1m",
        "0s window closes
         30m window closes
         1h window opens
         1h start a",
    );
}

#[test]
fn a_clock_that_is_accepted_while_a_window_is_open_closes_it_where_it_is_not_open() {
    // The clock was three hours fast: what was taken for 02:05 is 23:05 of the day before.
    check(
        "a[1-2]",
        &[nightly(&["daily 02:00-04:00"])],
        "start p
         until 2h5m
         wall -3h
         accept-clock
         until 4h59m
         until 5h1m",
        "0s window closes
         2h window opens
         2h start a1
         2h5m window closes
         2h5m window closes
         2h10m done a1
         5h window opens
         5h start a2",
    );
}

#[test]
fn two_windows_that_overlap_are_one() {
    check(
        "a[1-3]",
        &[nightly(&["daily 02:00-02:15", "daily 02:10-02:40"])],
        "start p
         until 3h",
        "0s window closes
         2h window opens
         2h start a1
         2h10m done a1
         2h10m start a2
         2h20m done a2
         2h20m start a3
         2h30m done a3
         2h30m succeeded",
    );
}

#[test]
fn a_machine_that_just_fits_is_started_and_one_millisecond_later_not() {
    // Seven minutes before the end of the window at 02:25 is 02:18.
    for (at, starts) in [(-1, true), (0, true), (1, false)] {
        let mut world = World::new("a", &[nightly(&["daily 02:00-02:25"])]);
        let pause = crate::rollout::RolloutCommand::Pause { rollout: crate::id::RolloutId(1), reason: None };
        let unpause =
            crate::rollout::RolloutCommand::Unpause { rollout: crate::id::RolloutId(1), reason: None };
        world.script("start p");
        world.rollout("ann", pause);
        world.until(Timestamp(world::START.0 + (2 * 60 + 18) * 60_000 + at));
        world.rollout("ann", unpause);
        assert_eq!(world.story().contains("start a"), starts, "{at}: {}", world.story());
        world.finish();
    }
}

#[test]
fn a_pipeline_without_windows_does_not_mind_the_clock() {
    check(
        "a[1-2]",
        &[one_step(vec![bag("all", "*").at_most(1)])],
        "start p
         until 5m
         wall -9d
         until 12m",
        "0s start a1
         10m done a1
         10m start a2",
    );
}

#[test]
fn a_window_in_the_past_never_opens_and_does_not_spin() {
    let world = play("a", &[nightly(&["2026-11-01 02:00 - 2026-11-01 04:00"])], "start p\nrun");
    assert_eq!(world.story(), "0s window closes");
}

#[test]
fn a_window_that_is_exactly_as_long_as_a_machine_takes_starts_one() {
    let world = play("a[1-2]", &[nightly(&["daily 02:00-02:07"])], "start p\nuntil 2h");
    assert_eq!(world.story(), "0s window closes\n2h window opens\n2h start a1");
}

#[test]
fn the_next_look_is_when_a_window_opens_or_when_nothing_fits_any_more() {
    let at = |minutes: i64, millis: i64| Timestamp(world::START.0 + minutes * 60_000 + millis);
    let mut world = World::new("a[1-3]", &[nightly(&["daily 02:00-04:00"])]);
    world.script("start p\nuntil 1h");
    assert_eq!(world.settle(), Some(at(120, 0)));
    // At 03:53 the last machine fits, a millisecond later none.
    world.script("always * check silent\nuntil 2h5m");
    let plan = crate::plan::plan(&world.state, world.clock());
    let wakes: Vec<_> = plan.wake.into_iter().map(|wake| (wake.at, wake.why)).collect();
    assert_eq!(wakes, [(at(130, 0), crate::plan::WakeFor::Machine)], "the check's answer is overdue first");
    world.script("pause\nreport a1 mismatch\nuntil 2h30m");
    assert_eq!(world.settle(), Some(at(233, 1)));
}
