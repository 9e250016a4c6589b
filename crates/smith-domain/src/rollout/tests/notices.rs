//! What people are told of a rollout, in which words, and how often.

use crate::event::Event;
use crate::notice::NoticeEvent;
use crate::pipeline::{Amount, ChangeRule, Gate};
use crate::time::Span;

use super::rules::{self, bag, one_step};
use super::world::{World, play};

fn told(world: &World) -> Vec<&str> {
    let texts = world.journal.iter().filter_map(|(_, event)| match event {
        Event::Notice(NoticeEvent::Posted { text, .. }) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn the_begin_and_the_end_of_a_rollout_are_told_once() {
    let world = play("a", &[one_step(vec![bag("a", "a")])], "start p\nrun");
    assert_eq!(
        told(&world),
        [
            "starting project ID: 1 patch 725 onto config p, asked for by ann",
            "project 1 (patch 725 onto p) is complete: 1 machines, pass 1, failed 0, lost 0, skipped 0, gone 0",
        ]
    );
}

#[test]
fn a_change_that_waits_is_told_and_again_when_its_approval_is_revoked() {
    let approve = ChangeRule::Approve { who: rules::people(&["bob"]), count: 1 };
    let pipeline = one_step(vec![bag("a", "a")]).first(|step| step.change(approve));
    let mut world = World::new("a", &[pipeline]);
    world.script("start p\nuntil 1m");
    let waits = "CHG1 waits for approval by bob: Patch p with build 725: step s";
    assert_eq!(told(&world)[1..], [waits]);
    world.script("pause\nchange approve CHG1 by bob\nuntil 2m\nchange revoke CHG1 by bob\nuntil 3m");
    assert_eq!(told(&world)[1..], [waits, waits]);
    world.script("change approve CHG1 by bob\nunpause\nrun");
    assert_eq!(told(&world).len(), 4);
    world.finish();
}

#[test]
fn people_are_asked_for_their_word_once_nothing_else_is_missing() {
    let step = || crate::id::StepName::new("s").unwrap();
    let name = || crate::id::PipelineName::new("q").unwrap();
    let from = crate::pipeline::SoakFrom::End;
    let soak = Gate::Soak { pipeline: Some(name()), step: step(), from, length: Span::hours(1) };
    let go = |name: &str| Gate::Approval { name: name.to_owned(), who: rules::people(&["bob"]), count: 1 };
    let gated = one_step(vec![bag("a", "a")])
        .first(|rule| crate::pipeline::Step { gates: vec![go("good"), soak, go("go")], ..rule });
    let other = one_step(vec![bag("b", "b")]).named("q");
    let mut world = World::new("a\nb", &[gated, other]);
    let asked = |world: &World| told(world).iter().filter(|text| text.contains("approve")).count();
    world.script("start p\nstart q\nuntil 1h\n#1 approve s go by bob\nuntil 1h5m");
    assert_eq!(asked(&world), 0, "{:?}", told(&world));
    world.script("until 1h30m");
    let asks: Vec<&str> = told(&world).into_iter().filter(|text| text.contains("approve")).collect();
    assert_eq!(asks, ["project 1 (patch 725 onto p) step s waits for bob to approve \"good\""]);
    world.script("#1 approve s good by bob\nrun");
    assert_eq!(asked(&world), 1);
    world.finish();
}

#[test]
fn a_halt_is_told_with_the_machines_that_failed() {
    let rule = one_step(vec![bag("a", "a*")]).first(|step| step.failures(Amount::Count(0)));
    let world = play("a[1-2]", &[rule], "answer a1 patch mismatch\nstart p\nuntil 2h");
    let found = told(&world);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[1].starts_with(
            "project 1 (patch 725 onto p) step s halted: the failure budget is spent: 1 failed, 0 lost, \
             0 allowed; a1 failed at patch: "
        ),
        "{}",
        found[1]
    );
}
