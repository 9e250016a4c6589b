//! Trains: one change for each region, started and completed together.

use super::*;

pub(super) fn form(regions: &[&str]) -> TrainForm {
    TrainForm {
        squad: "netscan".to_owned(),
        service: "patching".to_owned(),
        title: "Promote build 725".to_owned(),
        environment: regions.iter().map(|region| (*region).to_owned()).collect(),
        details: "details".to_owned(),
        risk: "low".to_owned(),
        deployment_impact: String::new(),
        deployment_method: String::new(),
        planned_start: "now".to_owned(),
        planned_end: "later".to_owned(),
        stage_deploy_date: "yesterday".to_owned(),
        vendored_or_non_built: true,
        security_only: false,
        backout_plan: "the build before".to_owned(),
    }
}

fn raise(changes: &Changes, form: TrainForm) -> Result<Vec<ChangeEvent>, ChangeRejection> {
    let raise =
        ChangeCommand::RaiseTrain { form: Box::new(form), rule: approve_by(1), channel: None, reason: None };
    decide(changes, &Actor::person("ann"), &raise)
}

/// Trains with a change for each of these regions, numbered by the desk and approved by bob.
fn approved(regions: &[&str]) -> Changes {
    let mut changes = Changes::default();
    for event in raise(&changes, form(regions)).unwrap() {
        changes.evolve(&event, AT);
    }
    for number in 0..u32::try_from(regions.len()).unwrap() {
        changes.evolve(&raised(number), AT);
        changes.evolve(
            &ChangeEvent::Approved { change: ChangeId(number), by: "bob".to_owned(), reason: None },
            AT,
        );
    }
    changes
}

fn numbers(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}

fn start(names: &[&str]) -> ChangeCommand {
    ChangeCommand::StartTrain { numbers: numbers(names), reason: None }
}

#[test]
fn a_train_drafts_a_change_for_each_region() {
    let before = fold([drafted(0, step(), ChangeRule::Record, &[])]);
    let events = raise(&before, form(&["us-south", "eu-de"])).unwrap();
    let draft = |change, region: &str| ChangeEvent::Drafted {
        change: ChangeId(change),
        subject: train(region),
        title: format!("Promote build 725 ({region})"),
        by: "ann".to_owned(),
        rule: approve_by(1),
        tasks: Vec::new(),
    };
    let raised = ChangeEvent::TrainRaised {
        train: TrainId(0),
        form: Box::new(form(&["us-south", "eu-de"])),
        by: "ann".to_owned(),
        channel: None,
        reason: None,
    };
    assert_eq!(events, [raised, draft(1, "us-south"), draft(2, "eu-de")]);
    let mut changes = before;
    events.iter().for_each(|event| changes.evolve(event, AT));
    let train = changes.train(TrainId(0)).unwrap();
    assert_eq!((&train.changes, train.by.as_str()), (&vec![ChangeId(1), ChangeId(2)], "ann"));
    assert_eq!((changes.trains().count(), changes.next_train()), (1, TrainId(1)));
    assert_eq!(changes.train(TrainId(1)), None);
}

#[test]
fn a_field_that_is_empty_is_named_the_first_of_them() {
    type Empty = fn(&mut TrainForm);
    let fields: [(&str, Empty); 10] = [
        ("Environment", |form| form.environment.clear()),
        ("Squad", |form| form.squad = " ".to_owned()),
        ("Service", |form| form.service.clear()),
        ("Title", |form| form.title.clear()),
        ("Details", |form| form.details.clear()),
        ("Risk", |form| form.risk.clear()),
        ("PlannedStartTime", |form| form.planned_start.clear()),
        ("PlannedEndTime", |form| form.planned_end.clear()),
        ("StageDeployDate", |form| form.stage_deploy_date.clear()),
        ("BackoutPlan", |form| form.backout_plan.clear()),
    ];
    let mut all_empty = form(&["x"]);
    for (field, empty) in fields.iter().rev() {
        let mut one_empty = form(&["x"]);
        empty(&mut one_empty);
        empty(&mut all_empty);
        for form in [one_empty, all_empty.clone()] {
            assert_eq!(raise(&Changes::default(), form), Err(ChangeRejection::FieldMissing { field }));
        }
    }
}

#[test]
fn a_region_stands_in_a_train_once() {
    let found = raise(&Changes::default(), form(&["us-south", "eu-de", "us-south"]));
    assert_eq!(found, Err(ChangeRejection::RegionTwice { region: "us-south".to_owned() }));
}

#[test]
fn all_named_changes_are_started_or_none() {
    let changes = approved(&["us-south", "eu-de", "jp-tok"]);
    let ann = Actor::person("ann");
    let begun = |change| ChangeEvent::Begun { change: ChangeId(change), reason: None };
    assert_eq!(decide(&changes, &ann, &start(&["CHG0000102", "CHG0000100"])), Ok(vec![begun(2), begun(0)]));
    assert_eq!(refused(&changes, &ann, &start(&[])), "no change was named, expected at least one number");
    assert_eq!(
        refused(&changes, &ann, &start(&["CHG0000100", "CHG0000101", "CHG0000100"])),
        "CHG0000100 was named twice, expected each once"
    );
    assert_eq!(
        refused(&changes, &ann, &start(&["CHG0000100", "CHG0000109"])),
        "no change has the number CHG0000109, expected one of the open changes (did you mean CHG0000100?)"
    );
    let mut changes = changes;
    changes.evolve(&begun(1), AT);
    assert_eq!(
        refused(&changes, &ann, &start(&["CHG0000100", "CHG0000101"])),
        "CHG0000101 is in progress, expected an approved one"
    );
}

#[test]
fn a_train_is_completed_with_evidence_that_says_whether_the_tests_passed() {
    let mut changes = approved(&["us-south", "eu-de"]);
    for change in 0..2 {
        changes.evolve(&ChangeEvent::Begun { change: ChangeId(change), reason: None }, AT);
    }
    let complete = |evidence: Evidence| {
        let numbers = numbers(&["CHG0000100", "CHG0000101"]);
        decide(&changes, &Actor::person("ann"), &ChangeCommand::CompleteTrain { numbers, evidence })
    };
    for (passed, how) in [(true, Closing::Successful), (false, Closing::Unsuccessful)] {
        let evidence = evidence(Some("https://tests/1"), Some(passed));
        let closed =
            |change| ChangeEvent::Closed { change: ChangeId(change), how, evidence: evidence.clone() };
        assert_eq!(complete(evidence.clone()), Ok(vec![closed(0), closed(1)]));
    }
    for evidence in [evidence(None, None), evidence(Some("u"), None), evidence(None, Some(true))] {
        let missing = ChangeRejection::EvidenceMissing { number: "CHG0000100".to_owned() };
        assert_eq!(complete(evidence), Err(missing));
    }
}

#[test]
fn the_words_of_a_train_have_a_bound() {
    let refused = |form: TrainForm| raise(&Changes::default(), form).expect_err("too much").to_string();
    let regions: Vec<String> = (0..257).map(|number| number.to_string()).collect();
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    assert_eq!(refused(form(&regions)), "the train has 257 regions, expected at most 256");
    let long = "r".repeat(101);
    assert_eq!(refused(form(&[&long])), "Environment has 101 bytes, expected at most 100");
    let long = TrainForm { details: "x".repeat(16_385), ..form(&["us-south"]) };
    assert_eq!(refused(long), "Details has 16385 bytes, expected at most 16384");
}
