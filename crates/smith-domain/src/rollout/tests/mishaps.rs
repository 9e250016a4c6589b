//! What went wrong once, told as it went: machines that vanish, clocks that jump, answers that do not fit.

use super::*;
use crate::actor::Actor;
use crate::decide::{BuildCommand, Command};
use crate::errand::{ErrandId, ErrandKind, ErrandOutcome};
use crate::id::{BuildNumber, RolloutId};
use crate::pipeline::{Amount, ChangeRule, SoakFrom};
use crate::rollout::tests::rules::{phase, soak};
use crate::rollout::tests::world::Desk;
use crate::rollout::{CauseKind, Halt, Outcome, RolloutCommand, StepState, Work};
use crate::time::Span;

fn one_at_a_time(select: &str) -> crate::pipeline::Pipeline {
    one_step(vec![bag("all", select).at_most(1)])
}

fn report(world: &World, name: &str, serial: u16, outcome: Outcome) -> RolloutCommand {
    let machine = world.machine(name);
    RolloutCommand::Report {
        rollout: RolloutId(1),
        machine,
        serial,
        outcome,
        took: Span::mins(1),
        note: None,
        packages: None,
    }
}

fn open_errand(world: &World, is: fn(&ErrandKind) -> bool) -> Vec<ErrandId> {
    world.state.errands.open().filter(|(_, errand)| is(&errand.kind)).map(|(id, _)| id).collect()
}

#[test]
fn a_failed_machine_that_leaves_has_still_failed() {
    let pipeline = one_at_a_time("*").first(|step| step.failures(Amount::Count(1)));
    let mut world = World::new("a1\na2\na3\na4\nz", &[pipeline]);
    world.script(
        "always * patch held-package
         start p
         until 8m
         leave a1
         until 16m
         leave a2
         until 1d",
    );
    let story = world.story();
    assert!(story.contains("halted"), "{story}");
    assert!(!story.contains("start a3"), "{story}");
}

#[test]
fn a_machine_that_vanishes_at_work_counts_as_lost_until_it_is_taken_anew() {
    let pipeline = one_at_a_time("*").first(|step| step.failures(Amount::Count(0)));
    let mut world = World::new("a1\na2", &[pipeline]);
    world.script(
        "start p
         until 2m
         leave a1
         until 1h",
    );
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    assert!(
        matches!(rollout.step(0).state, StepState::Halted(Halt::BudgetSpent { lost: 1, .. })),
        "{}",
        world.story()
    );
}

#[test]
fn a_canary_that_vanishes_has_proven_nothing() {
    let steps = vec![
        step("one", vec![phase(vec![bag("a", "canary")])]),
        step("two", vec![phase(vec![bag("b", "b*")])]).after(&[0]).gated(soak(
            None,
            "one",
            SoakFrom::End,
            Span::hours(1),
        )),
    ];
    let mut world = World::new("canary\nb1\nb2", &[pipeline("p", steps)]);
    world.script(
        "start p
         until 30s
         leave canary
         until 2d",
    );
    assert!(!world.story().contains("start b1"), "{}", world.story());
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    assert!(
        matches!(rollout.step(0).state, StepState::Halted(Halt::NothingLeft { gone: 1 })),
        "{}",
        world.story()
    );
    // Without a word of somebody it halts again; with one it goes on.
    world.script(
        "resume one +1
         until 3d",
    );
    assert!(world.story().contains("start b1"), "{}", world.story());
}

#[test]
fn a_halted_step_does_not_soak() {
    let steps = vec![
        step("one", vec![phase(vec![bag("c", "c*").at_most(1)])]).failures(Amount::Count(0)),
        step("two", vec![phase(vec![bag("b", "b")])]).gated(soak(
            None,
            "one",
            SoakFrom::Start,
            Span::hours(1),
        )),
    ];
    let mut world = World::new("c1\nc2\nb", &[pipeline("p", steps)]);
    world.script(
        "always c1 patch held-package
         always c2 patch held-package
         start p
         until 2h",
    );
    assert!(!world.story().contains("start b"), "{}", world.story());
}

#[test]
fn the_newest_run_of_a_pipeline_counts_for_a_soak_and_no_older_one() {
    let stage = one_step(vec![bag("all", "a*")]).named("stage");
    let gated = step("s", vec![phase(vec![bag("b", "b*")])]).gated(soak(
        Some("stage"),
        "s",
        SoakFrom::End,
        Span::hours(24),
    ));
    let mut world = World::new("a[1-3]\nb", &[stage, pipeline("prod", vec![gated])]);
    world.script(
        "start stage
         until 25h
         always * patch held-package
         start stage
         until 25h5m
         #2 abort
         until 26h
         start prod
         until 3d",
    );
    assert!(!world.story().contains("#3 start b"), "{}", world.story());
}

#[test]
fn a_withdrawn_build_is_put_on_no_further_machine() {
    let mut world = World::new("a[1-3]", &[one_at_a_time("*")]);
    world.script(
        "start p
         until 5m",
    );
    let withdraw = BuildCommand::Withdraw { build: BuildNumber(725), reason: "eats disks".to_owned() };
    world.command(&Actor::person("ann"), &Command::Build(withdraw));
    world.script("until 1d");
    let story = world.story();
    assert!(story.contains("done a1") && !story.contains("start a2"), "{story}");
    assert!(story.contains("eats disks"), "{story}");
}

#[test]
fn a_grant_is_for_the_environment_that_is_spent() {
    let phases = vec![phase(vec![bag("s", "s*").at_most(1)]), phase(vec![bag("p", "p*").at_most(1)])];
    let step = step("s", phases).failures_in("stage", Amount::Count(0)).failures_in("prod", Amount::Count(0));
    let mut world =
        World::new("s1 env=stage\ns2 env=stage\np1 env=prod\np2 env=prod", &[pipeline("p", vec![step])]);
    world.script(
        "answer s1 patch held-package
         always p1 patch held-package
         always p2 patch held-package
         start p
         until 10m
         resume s +1
         until 1d",
    );
    let story = world.story();
    assert!(story.contains("start p1") && !story.contains("start p2"), "{story}");
}

#[test]
fn a_machine_with_nothing_to_do_does_not_speak_for_the_build() {
    let pipeline = one_at_a_time("*").first(|step| step.all_failing(3));
    let mut world = World::new("a[1-7]", &[pipeline]);
    world.script(
        "always a1 check nothing
         always * patch held-package
         start p
         until 1d",
    );
    let story = world.story();
    assert!(story.contains("halted") && !story.contains("start a5"), "{story}");
}

#[test]
fn a_clock_that_jumps_within_a_window_does_not_lose_the_night() {
    for glitch in ["+24h", "+1h25m"] {
        let pipeline = one_at_a_time("*").first(|step| step.open(&["daily 02:00-04:00"]));
        let mut world = World::new("a[1-9]", &[pipeline]);
        world.script(&format!(
            "start p
             until 2h32m
             wall {glitch}
             until 2h33m
             wall +0s
             until 3h"
        ));
        let story = world.story();
        let after = story.lines().filter(|line| line.contains("start") && line.starts_with("2h4"));
        assert!(after.count() > 0, "{glitch}: {story}");
    }
}

#[test]
fn an_answer_that_took_longer_than_it_can_have_teaches_nothing_absurd() {
    let windowed = one_at_a_time("*").first(|step| step.open(&["daily 22:00-04:00"])).named("p");
    let mut world = World::new("a[1-9]", &[windowed, one_at_a_time("*").named("q")]);
    world.script(
        "always a1 check silent
         start q
         until 5m",
    );
    for took in [Span::hours(24 * 365 * 100), Span(u64::MAX)] {
        let RolloutCommand::Report { rollout, machine, serial, .. } =
            report(&world, "a1", 1, Outcome::Found(Work::Install))
        else {
            panic!("a report");
        };
        let outcome = Outcome::Found(Work::Install);
        world.rollout(
            "smith",
            RolloutCommand::Report { rollout, machine, serial, outcome, took, note: None, packages: None },
        );
    }
    world.script(
        "until 20h
         start p
         until 2d",
    );
    assert!(world.story().contains("#2 start"), "{}", world.story());
}

#[test]
fn a_note_is_of_the_failure_that_it_was_given_with() {
    let mut world = World::new("a\nb", &[one_step(vec![bag("all", "*")])]);
    world.script(
        "always * check silent
         start p
         until 1m",
    );
    let failed = |serial, cause, note: Option<String>| RolloutCommand::Report {
        rollout: RolloutId(1),
        machine: world.machine("a"),
        serial,
        outcome: Outcome::Failed(cause),
        took: Span::mins(1),
        note,
        packages: None,
    };
    // A note of megabytes is cut to its end, where errors stand.
    let first = failed(1, CauseKind::DiskFull, Some("x".repeat(5_000_000) + "disk full"));
    let second = failed(2, CauseKind::HeldPackage, None);
    world.rollout("smith", first);
    let notes = |world: &World| world.state.rollouts.get(RolloutId(1)).expect("started").notes.clone();
    let kept = notes(&world);
    assert!(kept.values().all(|note| note.ends_with("disk full") && note.len() < 10_000), "{kept:?}");
    world.script("retry");
    world.rollout("smith", second);
    assert!(notes(&world).is_empty(), "{:?}", notes(&world));
}

#[test]
fn an_errand_is_done_when_it_is_and_not_when_something_else_is_answered() {
    let recorded = one_step(vec![bag("all", "*")]).first(|step| step.change(ChangeRule::Record));
    let mut world = World::new("a", &[recorded]);
    world.desk = Desk::Silent;
    world.script(
        "start p
         until 5s",
    );
    for errand in open_errand(&world, |kind| matches!(kind, ErrandKind::RaiseChange(_))) {
        world.errand_answer(errand.0, ErrandOutcome::Done);
    }
    world.desk = Desk::Prompt;
    world.script("until 1d");
    assert!(world.story().contains("start a"), "{}", world.story());
}

#[test]
fn a_call_that_is_refused_is_made_again() {
    let pipeline = one_at_a_time("*").first(|step| step.failures(Amount::Count(0)));
    let mut world = World::new("a\nb", &[pipeline]);
    world.desk = Desk::Silent;
    world.script(
        "always a patch held-package
         start p
         until 9m",
    );
    let is_call = |kind: &ErrandKind| matches!(kind, ErrandKind::Call(..));
    let calls = open_errand(&world, is_call);
    assert_eq!(calls.len(), 1);
    world
        .errand_answer(calls[0].0, ErrandOutcome::Refused { reason: "unknown escalation policy".to_owned() });
    assert_eq!(open_errand(&world, is_call), calls);
}

#[test]
fn a_number_that_another_change_has_is_not_taken() {
    let approve = || ChangeRule::Approve { who: rules::people(&["bob"]), count: 1 };
    let p = one_step(vec![bag("all", "a")]).first(|step| step.change(approve()));
    let q = one_step(vec![bag("all", "b")]).first(|step| step.change(approve())).named("q");
    let mut world = World::new("a\nb", &[p, q]);
    world.desk = Desk::Silent;
    world.script(
        "start p
         start q
         until 5s",
    );
    let raises = open_errand(&world, |kind| matches!(kind, ErrandKind::RaiseChange(_)));
    assert_eq!(raises.len(), 2);
    for errand in &raises {
        let number = "CHG7".to_owned();
        world.errand_answer(errand.0, ErrandOutcome::Raised { number, tasks: Vec::new() });
    }
    // The second is asked again instead of taking the number away from the first.
    assert_eq!(open_errand(&world, |kind| matches!(kind, ErrandKind::RaiseChange(_))), [raises[1]]);
    world.desk = Desk::Prompt;
    world.script(
        "change approve CHG7 by bob
         until 1d",
    );
    assert!(world.story().contains("start a"), "{}", world.story());
}

#[test]
fn a_machine_of_a_share_that_was_away_is_taken_when_it_is_back() {
    let share = one_step(vec![bag("x", "*").taking(Amount::Percent(100)).at_most(1)]);
    let mut world = World::new("a1\na2\na3\na4", &[share]);
    world.script(
        "start p
         until 5m
         leave a4
         until 6m
         join a4
         run",
    );
    assert!(world.story().contains("start a4"), "{}", world.story());
}

#[test]
fn the_queue_of_a_lane_does_not_grow_with_every_call_back() {
    let mut world = World::new("a[1-3]", &[one_at_a_time("*"), one_step(vec![bag("all", "a3")]).named("q")]);
    world.script(
        "start p
         until 1m
         pause
         until 1h",
    );
    for hour in 2..80 {
        world.script(&format!("start q\nuntil {hour}h"));
    }
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    let lane = world.state.schedule.lane(rollout.step(0).runs[0].lanes[0]);
    assert!(lane.jobs().count() < 30, "{}", lane.jobs().count());
    assert_eq!(lane.waiting(), 2);
    // Whoever waits is still in it.
    world.script(
        "unpause
         run",
    );
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    assert_eq!((rollout.tally().done, rollout.has_ended()), (3, true), "{}", world.story());
}

#[test]
fn machines_of_which_something_else_is_known_now_wait_in_lanes_of_their_own() {
    let mut fleet: Vec<String> = (0..20).map(|number| format!("x{number} cluster=x")).collect();
    fleet.extend((0..5).map(|number| format!("y{number} cluster=y")));
    let pipeline = one_step(vec![bag("all", "*")]).limited(limit("cluster,rack", 1));
    let mut world = World::new(&fleet.join("\n"), &[pipeline]);
    world.script(
        "always x0 patch mismatch
         start p
         until 30s",
    );
    // The inventory learns the racks. Cluster x is held up by its first machine for ever, cluster y is not.
    let racked: Vec<String> = fleet.iter().map(|line| format!("{line} rack=r2")).collect();
    world.set_fleet(&racked);
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    assert!(rollout.step(0).again.is_empty(), "beside the lanes only so many are looked at");
    world.script("until 52m");
    for number in 0..5 {
        assert!(world.story().contains(&format!("done y{number}")), "{}", world.story());
    }
    assert!(!world.story().contains("start x1"), "{}", world.story());
}

#[test]
fn lost_machines_make_a_build_suspect_like_failed_ones() {
    let pipeline = one_at_a_time("*").first(|step| step.all_failing(2));
    let mut world = World::new("a[1-5]", &[pipeline]);
    world.script(
        "always a1 patch mismatch
         always a2 patch silent
         start p
         until 2d",
    );
    let rollout = world.state.rollouts.get(RolloutId(1)).expect("started");
    let suspect = matches!(rollout.step(0).state, StepState::Halted(Halt::EverythingFails { failed: 2 }));
    assert!(suspect, "{}", world.story());
}
