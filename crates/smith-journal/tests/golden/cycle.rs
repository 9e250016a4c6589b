//! Examples of what happens to cycles and schedules.

use smith_domain::cycle::{CycleEvent, Link, WeekPlan};
use smith_domain::event::Event;
use smith_domain::id::{BuildNumber, CycleId, PipelineName, TrainId};
use smith_domain::pipeline::{ChangeRule, Who};
use smith_domain::time::Timestamp;

use super::{desk, rollout};

const LINKS: [Link; 12] = [
    Link::Build,
    Link::Diff,
    Link::Check,
    Link::Sync,
    Link::Verify,
    Link::Epic,
    Link::Test,
    Link::Gates,
    Link::Trains,
    Link::Channel,
    Link::Canary,
    Link::Region(1),
];

fn name(text: &str) -> PipelineName {
    PipelineName::new(text).expect("a name")
}

/// As little as a week can say.
fn plain() -> WeekPlan {
    WeekPlan {
        name: "weekly".to_owned(),
        owner: Who(vec!["role:sre".to_owned()]),
        recipe: "noble".to_owned(),
        channel: "prod".to_owned(),
        regions: vec!["ap-south".to_owned()],
        test: None,
        gates: Vec::new(),
        train: None,
        rule: ChangeRule::None,
        canary: None,
        rollouts: Vec::new(),
    }
}

fn full() -> WeekPlan {
    WeekPlan {
        test: Some(name("buildTestDevToStage")),
        gates: rollout::gates(),
        train: Some(Box::new(desk::form())),
        rule: ChangeRule::Approve { who: Who(vec!["bob".to_owned()]), count: 1 },
        canary: Some(name("canary")),
        rollouts: vec![name("east"), name("west")],
        ..plain()
    }
}

pub(super) fn examples() -> Vec<Event> {
    let (cycle, build, due) = (CycleId(3), BuildNumber(725), Timestamp(1_795_158_878_123));
    let reason = || "a broken mirror".to_owned();
    let started = |plan: WeekPlan, due, build, reason| CycleEvent::Started {
        cycle,
        plan: Box::new(plan),
        by: "ann".to_owned(),
        due,
        build,
        reason,
    };
    let link = Link::Sync;
    let approved = |reason| CycleEvent::GateApproved { cycle, gate: 1, by: "bob".to_owned(), reason };
    let mut events = vec![
        started(plain(), None, None, None),
        started(full(), Some(due), None, None),
        started(plain(), None, Some(build), Some(reason())),
        CycleEvent::BuildMade { cycle, build },
    ];
    events.extend(LINKS.map(|link| CycleEvent::LinkBegun { cycle, link }));
    events.extend([
        CycleEvent::LinkDone { cycle, link, note: "3 of 3 mirrors".to_owned() },
        CycleEvent::LinkDone { cycle, link, note: String::new() },
        CycleEvent::LinkFailed { cycle, link, reason: reason() },
        CycleEvent::LinkRerun { cycle, link, reason: None },
        CycleEvent::LinkRerun { cycle, link, reason: Some(reason()) },
        CycleEvent::LinkSkipped { cycle, link, reason: reason() },
        CycleEvent::GateOpened { cycle, gate: 1 },
        approved(None),
        approved(Some(reason())),
        CycleEvent::TrainRaised { cycle, train: TrainId(1) },
        CycleEvent::Ended { cycle },
        CycleEvent::Stopped { cycle, reason: reason() },
        CycleEvent::Missed { schedule: "weekly".to_owned(), due },
    ]);
    events.into_iter().map(Event::from).collect()
}
