//! A channel is set under a change that is for it and in progress, or by an admin who says why.

use crate::access::ADMIN;
use crate::actor::Actor;
use crate::build::BuildEvent;
use crate::change::{ChangeCommand, ChangeEvent, TrainForm};
use crate::decide::{BuildCommand, Command, decide};
use crate::event::Event;
use crate::id::{BuildNumber, ChangeId};
use crate::pipeline::ChangeRule;
use crate::state::State;
use crate::time::{Now, Timestamp};

const BUILD: BuildNumber = BuildNumber(725);

fn tell(state: &mut State, actor: &Actor, command: Command) -> Result<Vec<Event>, String> {
    let now = Now::same(Timestamp(1));
    let events = decide(state, actor, command, now).map_err(|error| error.to_string())?;
    events.iter().for_each(|event| state.evolve(event, now.steady));
    Ok(events)
}

/// Two builds, and a train of two regions whose changes are approved: CHG0 for ap-south, CHG1 for us-south.
fn world(channel: Option<&str>) -> State {
    let (mut state, smith) = (State::default(), Actor::smith());
    for build in [BuildNumber(724), BUILD] {
        tell(&mut state, &smith, Command::Build(BuildCommand::Verified { build })).expect("verified");
    }
    let text = |text: &str| text.to_owned();
    let form = TrainForm {
        squad: text("conductors"),
        service: text("redpill"),
        title: text("from 724 to 725"),
        environment: vec![text("ap-south"), text("us-south")],
        details: text("tested"),
        risk: text("low"),
        deployment_impact: String::new(),
        deployment_method: String::new(),
        planned_start: text("now"),
        planned_end: text("now + 1h"),
        stage_deploy_date: text("2026-11-19"),
        vendored_or_non_built: false,
        security_only: false,
        backout_plan: text("revert"),
    };
    let (form, channel) = (Box::new(form), channel.map(text));
    let raise = ChangeCommand::RaiseTrain { form, rule: ChangeRule::Record, channel, reason: None };
    tell(&mut state, &Actor::person("ana"), Command::Change(raise)).expect("raised");
    for at in 0..2 {
        let raised =
            ChangeEvent::Raised { change: ChangeId(at), number: format!("CHG{at}"), tasks: Vec::new() };
        state.evolve(&raised.into(), Timestamp(1));
    }
    state
}

fn begin(state: &mut State, number: &str) {
    let start = ChangeCommand::StartTrain { numbers: vec![number.to_owned()], reason: None };
    tell(state, &Actor::person("ana"), Command::Change(start)).expect("begun");
}

fn set(state: &mut State, region: &str, change: Option<&str>) -> Result<Vec<Event>, String> {
    let (channel, region, change) = ("prod".to_owned(), region.to_owned(), change.map(str::to_owned));
    let set = BuildCommand::SetChannel { channel, region, build: BUILD, change, reason: None };
    tell(state, &Actor::person("ana").with_role("operator"), Command::Build(set))
}

#[test]
fn a_channel_is_set_under_a_change_for_exactly_its_region_that_is_in_progress() {
    let mut state = world(None);
    let approved = set(&mut state, "ap-south", Some("CHG0"));
    assert_eq!(approved, Err("CHG0 is approved, expected a change in progress".to_owned()));
    begin(&mut state, "CHG0");
    let other = set(&mut state, "us-south", Some("CHG0"));
    let why =
        "CHG0 is for channel prod of ap-south, expected a change of a train for channel prod of us-south";
    assert_eq!(other, Err(why.to_owned()));
    let events = set(&mut state, "ap-south", Some("CHG0")).expect("set");
    assert!(
        matches!(events.as_slice(), [Event::Build(BuildEvent::ChannelSet { change: Some(ChangeId(0)), .. })]),
        "{events:?}"
    );
    assert!(set(&mut state, "ap-south", Some("CHG7")).expect_err("unknown").starts_with("no change has"));
}

#[test]
fn a_train_is_for_one_channel() {
    let mut state = world(Some("stage"));
    begin(&mut state, "CHG0");
    let why =
        "CHG0 is for channel stage of ap-south, expected a change of a train for channel prod of ap-south";
    assert_eq!(set(&mut state, "ap-south", Some("CHG0")), Err(why.to_owned()));
}

#[test]
fn without_a_change_only_an_admin_sets_a_channel_and_says_why() {
    let mut state = world(None);
    let why = "ana may not set channel prod of us-south without a change, expected the number of one that is in progress, \
               or an admin";
    assert_eq!(set(&mut state, "us-south", None), Err(why.to_owned()));
    let set = |reason: Option<&str>| BuildCommand::SetChannel {
        channel: "prod".to_owned(),
        region: "us-south".to_owned(),
        build: BUILD,
        change: None,
        reason: reason.map(str::to_owned),
    };
    let root = Actor::person("root").with_role(ADMIN);
    let silent = tell(&mut state, &root, Command::Build(set(None))).expect_err("no reason");
    assert!(silent.starts_with("a reason is missing"), "{silent}");
    tell(&mut state, &root, Command::Build(set(Some("the mirror was rebuilt")))).expect("set");
    assert_eq!(state.builds.in_channel("prod", "us-south"), Some(BUILD));
}

#[test]
fn what_was_led_back_is_recorded_also_after_its_change_was_taken_back() {
    let mut state = world(None);
    begin(&mut state, "CHG0");
    set(&mut state, "ap-south", Some("CHG0")).expect("set");
    let cancelled =
        ChangeEvent::Revoked { change: ChangeId(0), by: "cy".to_owned(), reason: "no".to_owned() };
    state.evolve(&cancelled.into(), Timestamp(2));
    assert!(set(&mut state, "ap-south", Some("CHG0")).is_err());
    let back = |region: &str| BuildCommand::LeadBack {
        channel: "prod".to_owned(),
        region: region.to_owned(),
        build: BuildNumber(724),
        change: Some("CHG0".to_owned()),
        reason: "back-out of cycle 1".to_owned(),
    };
    tell(&mut state, &Actor::smith(), Command::Build(back("ap-south"))).expect("recorded");
    assert_eq!(state.builds.in_channel("prod", "ap-south"), Some(BuildNumber(724)));
    assert!(tell(&mut state, &Actor::smith(), Command::Build(back("us-south"))).is_err());
}
