//! Random fleets, rules, answers and interventions. The audit is the reference: it follows every event, and the world
//! asks it whenever nothing is left to plan. Here only the randomness is made, and the end is looked at.

use proptest::prelude::*;

use super::*;
use crate::pipeline::{Amount, Bag, Pipeline, Reboot, Step};
use crate::rollout::tests::rules::phase;
use crate::rollout::tests::world::Answer;
use crate::rollout::{Action, CauseKind, Outcome};
use crate::time::Span;

/// What somebody, or the world, does next.
#[derive(Debug, Clone)]
enum Deed {
    Minutes(u64),
    /// The next answer of a machine to an action.
    Answer(usize, Action, Answer),
    Say(&'static str, u32),
    Join(usize),
    Leave(usize),
    /// It is in another cluster from now on.
    Move(usize, usize),
    Machine(&'static str, u32, usize),
    Resume(u32, u32),
}

const NAMES: [&str; 10] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"];

fn line(at: usize, clusters: usize) -> String {
    let environment = if at.is_multiple_of(4) { "prod" } else { "dev" };
    let role = if at.is_multiple_of(3) { "web" } else { "db" };
    format!("{} cluster=c{} env={environment} role={role}", NAMES[at], at % clusters)
}

fn amounts() -> impl Strategy<Value = Amount> {
    prop_oneof![(0u32..4).prop_map(Amount::Count), (0u8..60).prop_map(Amount::Percent)]
}

fn limits() -> impl Strategy<Value = crate::pipeline::Limit> {
    let per = prop::sample::select(vec!["", "cluster", "role", "cluster,role", "environment"]);
    (per, amounts(), any::<bool>(), prop::sample::select(vec!["", "", "role=db", "m1,m2,m3"])).prop_map(
        |(per, max, running, within)| {
            let mut rule = limit(per, 1);
            rule.max = max;
            rule = if running { rule.running() } else { rule };
            if within.is_empty() { rule } else { rule.within(within) }
        },
    )
}

fn bags() -> impl Strategy<Value = Bag> {
    let selects = prop::sample::select(vec!["*", "*", "role=db", "cluster=c0", "m2,m3,m4"]);
    let takes = prop::option::weighted(0.2, amounts());
    (
        selects,
        takes,
        any::<bool>(),
        0u32..4,
        1u32..4,
        prop::sample::select(vec![Reboot::Never, Reboot::IfNeeded]),
        prop::option::weighted(0.3, limits()),
    )
        .prop_map(|(select, take, drained, parallel, attempts, reboot, limit)| {
            let mut made = bag("b", select).may_be_empty().attempts(attempts).rebooted(reboot);
            made = if drained { made.drained() } else { made };
            made = if parallel > 0 { made.at_most(parallel) } else { made };
            made = match take {
                Some(amount) => made.taking(amount),
                None => made,
            };
            match limit {
                Some(limit) => made.limited(limit),
                None => made,
            }
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let budget = (amounts(), prop::option::weighted(0.3, amounts()), 0u32..5);
    (prop::collection::vec(bags(), 1..3), any::<bool>(), budget).prop_map(|(bags, by_cluster, budget)| {
        let (failures, prod, all_failing) = budget;
        let mut phases: Vec<_> = bags.into_iter().map(|bag| phase(vec![bag])).collect();
        if by_cluster && let Some(first) = phases.pop() {
            phases.insert(0, each("cluster", first.bags));
        }
        let step = step("s", phases).failures(failures).all_failing(all_failing);
        match prod {
            Some(amount) => step.failures_in("prod", amount),
            None => step,
        }
    })
}

fn pipelines() -> impl Strategy<Value = Vec<Pipeline>> {
    let one = (steps(), prop::collection::vec(limits(), 0..3))
        .prop_map(|(step, limits)| limits.into_iter().fold(pipeline("p", vec![step]), Pipeline::limited));
    prop::collection::vec(one, 1..3)
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let machine = 0..NAMES.len();
    let action = prop::sample::select(Action::ALL.to_vec());
    let answer = prop_oneof![
        Just(Answer::Silent),
        Just(Answer::Says(Outcome::Lost)),
        Just(Answer::Says(Outcome::NotBegun)),
        prop::sample::select(CauseKind::ALL.to_vec()).prop_map(|cause| Answer::Says(Outcome::Failed(cause))),
    ];
    let deed = prop_oneof![
        6 => (1u64..30).prop_map(Deed::Minutes),
        8 => (machine.clone(), action, answer).prop_map(|(m, a, w)| Deed::Answer(m, a, w)),
        3 => (prop::sample::select(vec!["pause", "unpause", "unpause", "retry", "retry", "abort"]), 1u32..3)
            .prop_map(|(word, rollout)| Deed::Say(word, rollout)),
        1 => machine.clone().prop_map(Deed::Join),
        1 => machine.clone().prop_map(Deed::Leave),
        1 => (machine.clone(), 0usize..3).prop_map(|(machine, cluster)| Deed::Move(machine, cluster)),
        2 => (prop::sample::select(vec!["skip", "sign-off", "retry", "report"]), 1u32..3, machine)
            .prop_map(|(word, rollout, machine)| Deed::Machine(word, rollout, machine)),
        2 => (1u32..3, 0u32..2).prop_map(|(rollout, grant)| Deed::Resume(rollout, grant)),
    ];
    prop::collection::vec(deed, 0..30)
}

fn perform(world: &mut World, deed: &Deed, here: &mut [bool], clusters: usize) {
    let rollouts = u32::try_from(world.state.rollouts.iter().count()).unwrap();
    match deed {
        Deed::Minutes(minutes) => world.until(world.now + Span::mins(*minutes)),
        Deed::Answer(at, action, answer) => world.will(NAMES[*at], *action, *answer, 1),
        Deed::Say(word, rollout) => world.script(&format!("#{rollout} {word}")),
        Deed::Join(at) if !here[*at] => {
            here[*at] = true;
            world.join(&line(*at, clusters));
        }
        Deed::Leave(at) if here[*at] && here.iter().filter(|here| **here).count() > 1 => {
            here[*at] = false;
            world.leave(NAMES[*at]);
        }
        Deed::Move(at, cluster) if here[*at] => {
            let line = line(*at, clusters).replace(&format!("cluster=c{}", *at % clusters), "");
            world.change(NAMES[*at], &format!("{line} cluster=c{cluster}"));
        }
        Deed::Join(_) | Deed::Leave(_) | Deed::Move(..) => {}
        Deed::Machine("sign-off", _, at) => world.script(&format!("sign-off {}", NAMES[*at])),
        Deed::Machine("report", rollout, at) => {
            let known = world.state.fleet.find(NAMES[*at]);
            let job = known.and_then(|machine| {
                world.state.rollouts.get(crate::id::RolloutId(*rollout))?.job_of(machine).copied()
            });
            if job.is_some_and(|job| job.serial > 0) {
                world.script(&format!("#{rollout} report {} done", NAMES[*at]));
            }
        }
        Deed::Machine(word, rollout, at) => world.script(&format!("#{rollout} {word} {}", NAMES[*at])),
        Deed::Resume(rollout, grant) if *rollout <= rollouts => {
            world.script(&format!("#{rollout} resume s {grant}"));
        }
        Deed::Resume(..) => {}
    }
}

/// From now on everything goes well; people let every halted step go on and try everything again once.
fn mend(world: &mut World) {
    world.heal();
    // Twice: what was asked before, and is never answered, is lost during the first time.
    people_help(world);
    people_help(world);
    // What a rollout could not deal with in its own step, nobody will prove healthy but a person.
    world.script("sign-off *");
    world.run();
}

fn people_help(world: &mut World) {
    let all = u32::try_from(world.state.rollouts.iter().count()).unwrap();
    for rollout in 1..=all {
        for script in
            [format!("#{rollout} unpause"), format!("#{rollout} retry"), format!("#{rollout} resume s 100")]
        {
            world.script(&script);
        }
    }
    world.run();
}

proptest! {
    #[test]
    fn bounds_hold_work_goes_on_and_every_rollout_ends_once_faults_stop(
        pipelines in pipelines(),
        machines in 2usize..9,
        clusters in 1usize..4,
        same_build in any::<bool>(),
        deeds in deeds(),
    ) {
        let names = ["p", "q"];
        let pipelines: Vec<Pipeline> =
            pipelines.into_iter().zip(names).map(|(pipeline, name)| pipeline.named(name)).collect();
        let fleet: Vec<String> = (0..machines).map(|at| line(at, clusters)).collect();
        let mut here = [false; NAMES.len()];
        here[..machines].fill(true);
        let mut world = World::new(&fleet.join("\n"), &pipelines);
        for (at, pipeline) in pipelines.iter().enumerate() {
            let build = if at == 0 || same_build { 725 } else { 726 };
            world.script(&format!("start {} build {build}", pipeline.name));
        }
        for deed in &deeds {
            perform(&mut world, deed, &mut here, clusters);
        }
        mend(&mut world);
        for rollout in world.state.rollouts.iter() {
            prop_assert!(rollout.has_ended(), "it goes on for ever:\n{}", world.story());
            for job in rollout.jobs.iter() {
                prop_assert!(job.state.has_ended(), "{job:?}");
            }
        }
        world.finish();
    }
}
