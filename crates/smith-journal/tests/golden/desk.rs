//! Examples of what happens to changes, tickets and errands.

use smith_domain::change::{ChangeEvent, Closing, Evidence, Subject, TaskMove, TrainForm};
use smith_domain::errand::{ErrandEvent, ErrandId, ErrandOutcome};
use smith_domain::event::Event;
use smith_domain::id::{BuildNumber, ChangeId, PipelineName, RolloutId, TaskId, TicketId, TrainId};
use smith_domain::pipeline::{ChangeRule, Who};
use smith_domain::ticket::{TicketEvent, TicketKind};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn drafted(subject: Subject, rule: ChangeRule, tasks: &[&str]) -> ChangeEvent {
    ChangeEvent::Drafted {
        change: ChangeId(4),
        subject,
        title: "Patch prod with build 725".to_owned(),
        by: "ann".to_owned(),
        rule,
        tasks: texts(tasks),
    }
}

fn changes() -> Vec<ChangeEvent> {
    let change = ChangeId(4);
    let (by, reason) = (|| "bob".to_owned(), || "a broken switch".to_owned());
    let approve = ChangeRule::Approve { who: Who(texts(&["bob", "role:sre-lead"])), count: 2 };
    let train = Subject::Train { train: TrainId(1), region: "us-south".to_owned() };
    let closed = |how, test_url: Option<&str>, test_passed| ChangeEvent::Closed {
        change,
        how,
        evidence: Evidence {
            summary: "done: 3 machines".to_owned(),
            test_url: test_url.map(str::to_owned),
            test_passed,
        },
    };
    let raised = |reason| ChangeEvent::TrainRaised {
        train: TrainId(1),
        form: Box::new(form()),
        by: by(),
        channel: None,
        reason,
    };
    let moved = |to| ChangeEvent::TaskMoved { task: TaskId(11), to };
    vec![
        drafted(Subject::Step { rollout: RolloutId(12), step: 1 }, approve, &["canary", "rest"]),
        drafted(train, ChangeRule::Record, &[]),
        drafted(Subject::Step { rollout: RolloutId(12), step: 0 }, ChangeRule::None, &[]),
        ChangeEvent::Raised { change, number: "CHG0268453".to_owned(), tasks: texts(&["CTASK0348812"]) },
        ChangeEvent::Refused { change, reason: reason() },
        ChangeEvent::Approved { change, by: by(), reason: None },
        ChangeEvent::Approved { change, by: by(), reason: Some(reason()) },
        ChangeEvent::Rejected { change, by: by(), reason: reason() },
        ChangeEvent::Revoked { change, by: by(), reason: reason() },
        ChangeEvent::Begun { change, reason: None },
        ChangeEvent::Begun { change, reason: Some(reason()) },
        moved(TaskMove::Begin),
        moved(TaskMove::Complete),
        moved(TaskMove::CompleteWithFailures),
        moved(TaskMove::Cancel),
        closed(Closing::Successful, Some("https://tests/1"), Some(true)),
        closed(Closing::WithFailures, None, None),
        closed(Closing::Unsuccessful, Some("https://tests/2"), Some(false)),
        ChangeEvent::Cancelled { change, reason: reason() },
        raised(None),
        raised(Some(reason())),
        ChangeEvent::TrainRaised {
            train: TrainId(1),
            form: Box::new(form()),
            by: by(),
            channel: Some("stage".to_owned()),
            reason: None,
        },
    ]
}

pub(super) fn form() -> TrainForm {
    let text = str::to_owned;
    TrainForm {
        squad: text("netscan"),
        service: text("patching"),
        title: text("Promote build 725"),
        environment: texts(&["us-south", "eu-de"]),
        details: text("two lines\nof details"),
        risk: text("low"),
        deployment_impact: text("small"),
        deployment_method: text("automated"),
        planned_start: text("2026-11-20 01:00"),
        planned_end: text("2026-11-20 05:00"),
        stage_deploy_date: text("2026-11-19"),
        vendored_or_non_built: true,
        security_only: false,
        backout_plan: text("the build before"),
    }
}

fn tickets() -> Vec<TicketEvent> {
    let ticket = TicketId(3);
    let drafted = |kind, parent: Option<u32>| TicketEvent::Drafted {
        ticket,
        kind,
        title: "BUILD #725 : Tracking".to_owned(),
        parent: parent.map(TicketId),
    };
    let step = TicketKind::Step {
        rollout: RolloutId(12),
        step: 1,
        pipeline: PipelineName::new("buildTestDevToStage").expect("a name"),
        build: BuildNumber(725),
    };
    let closed = |replaced_by: Option<u32>| TicketEvent::Closed {
        ticket,
        reason: "run again".to_owned(),
        replaced_by: replaced_by.map(TicketId),
    };
    vec![
        drafted(TicketKind::Epic { build: BuildNumber(725) }, None),
        drafted(step, Some(0)),
        TicketEvent::Raised { ticket, number: "org/repo#17".to_owned() },
        TicketEvent::Commented { ticket, text: "halted: why".to_owned() },
        closed(None),
        closed(Some(5)),
    ]
}

fn errands() -> Vec<ErrandEvent> {
    let errand = ErrandId(8);
    let reported = |outcome| ErrandEvent::Reported { errand, outcome };
    let reason = || "503".to_owned();
    vec![
        ErrandEvent::Asked { errand, attempt: 2 },
        reported(ErrandOutcome::Raised { number: "CHG0268453".to_owned(), tasks: texts(&["CTASK1"]) }),
        reported(ErrandOutcome::Done),
        reported(ErrandOutcome::Refused { reason: reason() }),
        reported(ErrandOutcome::Failed { reason: reason() }),
        reported(ErrandOutcome::Told { note: "3 of 3".to_owned() }),
        reported(ErrandOutcome::Built { build: BuildNumber(725), note: "12 new".to_owned() }),
    ]
}

pub(super) fn examples() -> Vec<Event> {
    let changes = changes().into_iter().map(Event::from);
    let tickets = tickets().into_iter().map(Event::from);
    changes.chain(tickets).chain(errands().into_iter().map(Event::from)).collect()
}
