//! A week from the build to the last region, and what happens when a link of it does not hold.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for the variants that its story is about")]

mod again;

use std::collections::BTreeMap;

use crate::access::{AccessCommand, Digest, MASTER};
use crate::actor::Actor;
use crate::change::{ChangeCommand, ChangeState, TrainForm};
use crate::cycle::{CycleCommand, CycleEvent, CycleState, Link, LinkState, Wait, WeekPlan, waits};
use crate::decide::{BuildCommand, Command, Rejection, decide};
use crate::errand::{ErrandEvent, ErrandId, ErrandKind, ErrandOutcome};
use crate::event::Event;
use crate::id::{BagName, BuildNumber, ChangeId, CycleId, PipelineName, StepName};
use crate::notice::NoticeEvent;
use crate::pipeline::{
    Actions, Amount, Bag, Budget, ChangeRule, Gate, IfEmpty, Parallel, Phase, Pipeline, RetryRule, Revisit,
    SoakFrom, Step, Timeouts, Who,
};
use crate::plan::plan;
use crate::rollout::{RolloutCommand, Scope};
use crate::state::State;
use crate::time::{Now, Span, Timestamp};

const START: Timestamp = Timestamp(1_795_132_800_000);
const CYCLE: CycleId = CycleId(1);
const BUILD: BuildNumber = BuildNumber(725);

fn name(text: &str) -> PipelineName {
    PipelineName::new(text).expect("a name")
}

fn who(text: &str) -> Who {
    Who(vec![text.to_owned()])
}

fn form() -> TrainForm {
    let text = str::to_owned;
    TrainForm {
        squad: text("conductors"),
        service: text("redpill"),
        title: text("Update prod from {prod} to {build}"),
        environment: Vec::new(),
        details: text("Tested in {epic}"),
        risk: text("low"),
        deployment_impact: text("small"),
        deployment_method: text("automated"),
        planned_start: text("now"),
        planned_end: text("now + 1h"),
        stage_deploy_date: text("{stage-date}"),
        vendored_or_non_built: true,
        security_only: true,
        backout_plan: text("Revert to {prod}"),
    }
}

fn week() -> WeekPlan {
    let step = StepName::new("only").expect("a name");
    WeekPlan {
        name: "weekly".to_owned(),
        owner: who("olga"),
        recipe: "noble".to_owned(),
        channel: "prod".to_owned(),
        regions: vec!["ap-south".to_owned(), "us-south".to_owned()],
        test: Some(name("test")),
        gates: vec![
            Gate::Soak { pipeline: None, step, from: SoakFrom::End, length: Span::hours(24) },
            Gate::Approval { name: "go".to_owned(), who: who("bob"), count: 1 },
        ],
        train: Some(Box::new(form())),
        rule: ChangeRule::Approve { who: who("bob"), count: 1 },
        canary: Some(name("canary")),
        rollouts: vec![name("east"), name("west")],
    }
}

/// A pipeline that is over at once: its bag selects nothing and may.
fn pipeline(of: &str) -> Box<Pipeline> {
    let bag = Bag {
        name: BagName::new("none").expect("a name"),
        select: crate::fleet::Selector::parse("nobody").expect("a selector"),
        take: None,
        actions: Actions::PATCH,
        parallel: Parallel::AtMost(1),
        limits: Vec::new(),
        revisit: Revisit::Skip,
        if_empty: IfEmpty::Allow,
        retry: RetryRule::default(),
        timeouts: Timeouts::default(),
    };
    let step = Step {
        id: StepName::new("only").expect("a name"),
        title: "Only".to_owned(),
        after: Vec::new(),
        gates: Vec::new(),
        exclusive: None,
        calendar: crate::calendar::Calendar::default(),
        budget: Budget { failures: Amount::Count(0), environments: BTreeMap::new(), all_failing: 0 },
        limits: Vec::new(),
        change: ChangeRule::None,
        phases: vec![Phase { title: "All".to_owned(), each: None, bags: vec![bag] }],
    };
    let title = of.to_owned();
    Box::new(Pipeline { name: name(of), title, owner: who("olga"), limits: Vec::new(), steps: vec![step] })
}

/// The outside does everything at once that it is not told to fail at.
struct Week {
    state: State,
    journal: Vec<(Timestamp, Event)>,
    now: Timestamp,
    fails: Vec<Link>,
    /// These never come to an end.
    hangs: Vec<Link>,
    /// Rollouts are said to be started and are not.
    lies: bool,
    /// So often the check does not work.
    flaky: u32,
    numbers: u32,
}

impl Week {
    fn begun() -> Self {
        let mut week = Self::empty();
        week.say("ann", start(week.plan(), None)).expect("started");
        week
    }

    fn empty() -> Self {
        let (state, journal, fails, hangs) = (State::default(), Vec::new(), Vec::new(), Vec::new());
        Self { state, journal, now: START, fails, hangs, lies: false, flaky: 0, numbers: 0 }
    }

    fn plan(&self) -> WeekPlan {
        week()
    }

    fn say(&mut self, by: &str, command: impl Into<Command>) -> Result<(), Rejection> {
        let events = decide(&self.state, &Actor::person(by), command.into(), Now::same(self.now))?;
        events.into_iter().for_each(|event| self.record(event));
        self.settle();
        Ok(())
    }

    fn cycle(&mut self, by: &str, command: CycleCommand) -> Result<(), String> {
        self.say(by, Command::Cycle(command)).map_err(|error| error.to_string())
    }

    fn record(&mut self, event: Event) {
        self.state.evolve(&event, self.now);
        self.journal.push((self.now, event));
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            let planned = plan(&self.state, Now::same(self.now));
            if planned.events.is_empty() {
                return;
            }
            let asked: Vec<ErrandId> = planned.events.iter().filter_map(asked).collect();
            planned.events.into_iter().for_each(|event| self.record(event));
            for errand in asked {
                self.answer(errand);
            }
        }
        panic!("the plan does not come to rest");
    }

    fn answer(&mut self, errand: ErrandId) {
        let Some(kind) = self.state.errands.get(errand).map(|errand| errand.kind) else { return };
        if matches!(kind, ErrandKind::Link(_, link) if self.hangs.contains(&link)) {
            return;
        }
        let outcome = match kind {
            ErrandKind::Link(_, link) if self.fails.contains(&link) => {
                ErrandOutcome::Refused { reason: "503".to_owned() }
            }
            ErrandKind::Link(_, Link::Check) if self.flaky > 0 => {
                self.flaky -= 1;
                ErrandOutcome::Failed { reason: "502".to_owned() }
            }
            ErrandKind::Link(_, Link::Build) => {
                let _known = self.tell(Command::Build(BuildCommand::Verified { build: BUILD }));
                ErrandOutcome::Built { build: BUILD, note: "2 new".to_owned() }
            }
            ErrandKind::Link(id, Link::Channel) => {
                let train = self.state.cycles.get(id).and_then(|cycle| cycle.train);
                let changes =
                    train.and_then(|train| self.state.changes.train(train)).map(|t| t.changes.clone());
                for (at, region) in ["ap-south", "us-south"].into_iter().enumerate() {
                    let (channel, region) = ("prod".to_owned(), region.to_owned());
                    let change = changes.as_ref().and_then(|all| self.state.changes.get(all[at]));
                    let (change, reason) = (change.map(|one| one.name()), Some("the week".to_owned()));
                    let set = BuildCommand::SetChannel { channel, region, build: BUILD, change, reason };
                    self.tell(Command::Build(set)).expect("set");
                }
                ErrandOutcome::Told { note: "2 of 2 mirrors verified".to_owned() }
            }
            ErrandKind::Link(id, link) => {
                let pipeline = self.state.cycles.get(id).and_then(|cycle| cycle.plan.pipeline(link).cloned());
                if let Some(of) = pipeline.filter(|_| !self.lies) {
                    let (pipeline, scope) = (self::pipeline(of.as_str()), Scope::Pipeline);
                    let start = RolloutCommand::Start { pipeline, build: BUILD, scope, reason: None };
                    self.tell(Command::Rollout(start)).expect("started");
                }
                ErrandOutcome::Done
            }
            ErrandKind::RaiseChange(_) | ErrandKind::RaiseTicket(_) => {
                self.numbers += 1;
                ErrandOutcome::Raised { number: format!("N{}", self.numbers), tasks: Vec::new() }
            }
            _ => ErrandOutcome::Done,
        };
        self.tell(Command::ErrandReport { errand, outcome }).expect("reported");
    }

    fn tell(&mut self, command: Command) -> Result<(), Rejection> {
        let events = decide(&self.state, &Actor::smith(), command, Now::same(self.now))?;
        events.into_iter().for_each(|event| self.record(event));
        Ok(())
    }

    fn pass(&mut self, span: Span) {
        self.now = self.now + span;
        self.settle();
    }

    fn approve_changes(&mut self) {
        let raised = self.state.changes.iter().filter(|change| change.state == ChangeState::Raised);
        let numbers: Vec<String> = raised.filter_map(|change| change.number.clone()).collect();
        for number in numbers {
            self.say("bob", Command::Change(ChangeCommand::Approve { number, reason: None }))
                .expect("approved");
        }
    }

    fn go(&mut self) {
        let go = CycleCommand::ApproveGate { cycle: CYCLE, gate: "go".to_owned(), reason: None };
        self.cycle("bob", go).expect("approved");
    }

    fn one(&self) -> &crate::cycle::Cycle {
        self.state.cycles.get(CYCLE).expect("the cycle")
    }

    fn rerun(&mut self, link: Link) {
        self.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link, reason: None }).expect("run again");
    }

    /// Its channel failed before anything moved.
    fn with_a_channel_that_failed() -> Self {
        let mut week = Self::to_the_trains();
        week.fails = vec![Link::Channel];
        week.approve_changes();
        assert!(matches!(week.one().link(Link::Channel), LinkState::Failed { .. }));
        week.fails.clear();
        week
    }

    fn has_moved(&self) -> bool {
        self.state.builds.in_channel("prod", "ap-south").is_some()
    }

    fn waits(&self) -> Vec<String> {
        waits(&self.state, self.one()).iter().map(ToString::to_string).collect()
    }

    /// Up to the gates' soak and word.
    fn to_the_trains() -> Self {
        let mut week = Self::begun();
        week.pass(Span::hours(24));
        week.go();
        week
    }

    fn told(&self) -> Vec<&str> {
        let texts = self.journal.iter().filter_map(|(_, event)| match event {
            Event::Notice(NoticeEvent::Posted { text, .. }) => Some(text.as_str()),
            _ => None,
        });
        texts.filter(|text| text.starts_with("cycle") || text.starts_with("schedule")).collect()
    }
}

fn asked(event: &Event) -> Option<ErrandId> {
    match event {
        Event::Errand(ErrandEvent::Asked { errand, .. }) => Some(*errand),
        _ => None,
    }
}

fn start(plan: WeekPlan, due: Option<Timestamp>) -> Command {
    Command::Cycle(CycleCommand::Start { plan: Box::new(plan), due, build: None, reason: None })
}

#[test]
fn a_week_goes_from_the_build_to_the_last_region() {
    let mut week = Week::begun();
    assert_eq!(
        week.waits(),
        ["the soak of only ends 2026-11-21T00:00:00Z", "\"go\" waits for 1 of bob to approve it"]
    );
    assert_eq!(week.told().len(), 0);
    week.pass(Span::hours(24));
    assert_eq!(week.told(), ["cycle 1 (weekly, build 725 to prod) waits for bob to approve \"go\""]);
    week.go();
    let titles: Vec<&str> = week.state.changes.iter().map(|change| change.title.as_str()).collect();
    assert_eq!(
        titles,
        ["Update prod from none to 725 (ap-south)", "Update prod from none to 725 (us-south)"]
    );
    let train = week.state.changes.trains().next().expect("a train");
    assert_eq!(
        (train.form.stage_deploy_date.as_str(), train.form.details.as_str()),
        ("2026-11-20", "Tested in N1")
    );
    assert_eq!(week.state.builds.in_channel("prod", "ap-south"), None, "not before the changes are approved");
    week.approve_changes();
    assert_eq!(week.one().state, CycleState::Ended { at: week.now });
    assert_eq!(week.state.builds.in_channel("prod", "us-south"), Some(BUILD));
    for change in week.state.changes.iter() {
        let ChangeState::Closed { evidence, .. } = &change.state else { panic!("{change:?}") };
        assert_eq!(evidence.summary, "channel prod points to build 725. 2 of 2 mirrors verified");
    }
    assert_eq!(week.state.rollouts.iter().count(), 4);
    assert_eq!(week.told().last(), Some(&"cycle 1 (weekly, build 725 to prod) is complete"));
    assert!(week.state.cycles.active().next().is_none());
    let mut folded = State::default();
    week.journal.iter().for_each(|(at, event)| folded.evolve(event, *at));
    assert_eq!(folded, week.state);
}

#[test]
fn a_link_that_fails_is_told_and_holds_up_what_comes_after_it() {
    let mut week = Week::empty();
    week.fails = vec![Link::Sync];
    week.say("ann", start(self::week(), None)).expect("started");
    let waits = "sync failed: 503; olga may run it again, leave it out or stop the cycle";
    assert_eq!(week.waits(), [waits]);
    assert_eq!(week.told(), ["cycle 1 (weekly, build 725 to prod): sync failed: 503; olga is to look"]);
    assert_eq!(*week.one().link(Link::Verify), LinkState::Waiting);
    let early = CycleCommand::ApproveGate { cycle: CYCLE, gate: "go".to_owned(), reason: None };
    let early = week.cycle("bob", early).expect_err("nothing is tested");
    assert_eq!(early, "gates is waiting, expected under way, after the test");
    week.fails.clear();
    week.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link: Link::Sync, reason: None }).expect("again");
    assert!(week.one().link(Link::Test).is_behind());
}

#[test]
fn a_link_that_fails_for_a_while_is_tried_again_before_anybody_is_told() {
    let mut week = Week::empty();
    week.flaky = 2;
    week.say("ann", start(self::week(), None)).expect("started");
    assert_eq!(week.waits(), ["check is under way since 2026-11-20T00:00:00Z, 502"]);
    week.pass(Span::secs(15));
    week.pass(Span::secs(30));
    assert!(week.one().link(Link::Check).is_behind());
    assert_eq!(week.told().len(), 0);
    let mut week = Week::empty();
    week.flaky = 3;
    week.say("ann", start(self::week(), None)).expect("started");
    week.pass(Span::secs(15));
    week.pass(Span::secs(30));
    let told =
        "cycle 1 (weekly, build 725 to prod): check failed: given up after 3 tries: 502; olga is to look";
    assert_eq!(week.told(), [told]);
}

#[test]
fn builds_and_syncs_have_hours_and_desks_minutes() {
    assert_eq!(ErrandKind::Link(CYCLE, Link::Build).deadline(), Span::hours(12));
    assert_eq!(ErrandKind::Link(CYCLE, Link::Sync).deadline(), Span::hours(24));
    assert_eq!(ErrandKind::RaiseChange(ChangeId(0)).deadline(), Span::mins(2));
}

#[test]
fn an_aborted_rollout_fails_its_link_and_a_new_one_is_started_on_a_rerun() {
    let mut week = Week::empty();
    week.lies = true;
    week.say("ann", start(self::week(), None)).expect("started");
    let why = "test failed: expected a rollout of test with build 725 to be started, found none; \
               olga may run it again, leave it out or stop the cycle";
    assert_eq!(week.waits(), [why]);
    week.lies = false;
    week.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link: Link::Test, reason: None }).expect("again");
    assert_eq!(week.state.rollouts.iter().count(), 1);
    // One that is done may be run again, and the gates are shut until the new one has soaked.
    week.pass(Span::hours(24));
    week.go();
    assert!(week.one().link(Link::Gates).is_behind());
    week.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link: Link::Test, reason: None }).expect("again");
    assert_eq!(week.state.rollouts.iter().count(), 2);
    assert!(matches!(week.one().link(Link::Gates), LinkState::Begun { .. }));
    week.approve_changes();
    assert_eq!(week.state.builds.in_channel("prod", "ap-south"), None);
    week.pass(Span::hours(24));
    week.go();
    assert_eq!(week.state.builds.in_channel("prod", "ap-south"), Some(BUILD));
}

#[test]
fn a_rollout_that_is_there_already_is_taken() {
    let mut week = Week::empty();
    week.say("ann", Command::Build(BuildCommand::Verified { build: BUILD })).expect("verified");
    let (pipeline, scope) = (pipeline("test"), Scope::Pipeline);
    let by_hand = RolloutCommand::Start { pipeline, build: BUILD, scope, reason: None };
    week.say("ann", Command::Rollout(by_hand)).expect("started");
    let plan = Box::new(self::week());
    let start = CycleCommand::Start { plan, due: None, build: Some(BUILD), reason: None };
    week.cycle("ann", start).expect("started");
    assert!(week.one().link(Link::Test).is_behind());
    assert_eq!(week.state.rollouts.iter().count(), 1);
}

#[test]
fn a_rejected_train_fails_and_is_raised_anew() {
    let mut week = Week::to_the_trains();
    let reason = "wrong week".to_owned();
    let number = week.state.changes.iter().next().and_then(|change| change.number.clone()).expect("raised");
    week.say("bob", Command::Change(ChangeCommand::Reject { number, reason })).expect("rejected");
    assert_eq!(
        week.waits(),
        ["trains failed: N3 was rejected by bob: wrong week; \
          olga may run it again, leave it out or stop the cycle"]
    );
    week.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link: Link::Trains, reason: None }).expect("again");
    let states: Vec<&str> = week.state.changes.iter().map(|change| change.state.word()).collect();
    assert_eq!(states, ["rejected", "cancelled", "waiting for approval", "waiting for approval"]);
    week.approve_changes();
    assert_eq!(week.one().state, CycleState::Ended { at: week.now });
}

#[test]
fn a_channel_that_did_not_move_is_not_believed_and_its_changes_stay_open_until_the_cycle_stops() {
    let mut week = Week::to_the_trains();
    week.fails = vec![Link::Channel];
    week.approve_changes();
    assert!(matches!(week.one().link(Link::Channel), LinkState::Failed { .. }));
    assert!(week.state.changes.iter().all(|change| change.state == ChangeState::Begun));
    let stop = |reason: &str| CycleCommand::Stop { cycle: CYCLE, reason: reason.to_owned() };
    let missing = week.cycle("ann", stop(" ")).expect_err("a reason");
    assert_eq!(missing, "a reason is missing, expected a sentence that says why");
    week.cycle("ann", stop("a broken mirror")).expect("stopped");
    assert!(week.state.changes.iter().all(|change| change.state.has_ended()));
    assert_eq!(week.told().last(), Some(&"cycle 1 (weekly, build 725 to prod) was stopped: a broken mirror"));
    let again = week.cycle("ann", stop("again")).expect_err("it has ended");
    assert_eq!(again, "cycle 1 has ended, expected one that runs");
}

#[test]
fn a_withdrawn_build_goes_no_further() {
    let mut week = Week::to_the_trains();
    let withdraw = BuildCommand::Withdraw { build: BUILD, reason: "bad kernel".to_owned() };
    week.say("ann", Command::Build(withdraw)).expect("withdrawn");
    week.approve_changes();
    assert_eq!(week.state.builds.in_channel("prod", "ap-south"), None);
    assert!(matches!(week.one().link(Link::Channel), LinkState::Failed { .. }), "{:?}", week.waits());
}

#[test]
fn what_people_must_say_yes_to_is_neither_left_out_nor_said_by_the_wrong_people() {
    let mut week = Week::begun();
    let skip = |link| CycleCommand::Skip { cycle: CYCLE, link, reason: "in a hurry".to_owned() };
    for link in [Link::Gates, Link::Trains] {
        let why = week.cycle("ann", skip(link)).expect_err("not left out");
        assert_eq!(why, format!("{link} cannot be left out: people approve it, or the cycle is stopped"));
    }
    let go = |gate: &str| CycleCommand::ApproveGate { cycle: CYCLE, gate: gate.to_owned(), reason: None };
    let own = week.cycle("ann", go("go")).expect_err("her own");
    assert_eq!(own, "ann started cycle 1 and cannot approve it, expected somebody else of bob");
    let other = week.cycle("zoe", go("go")).expect_err("not entitled");
    assert_eq!(other, "zoe may not approve go, expected one of bob");
    let unknown = week.cycle("bob", go("no")).expect_err("unknown");
    assert_eq!(unknown, "cycle 1 has no approval named no, expected one of go");
    week.go();
    let twice = week.cycle("bob", go("go")).expect_err("twice");
    assert_eq!(twice, "bob has approved go already, expected another of bob");
}

#[test]
fn whoever_gave_the_approvers_token_out_is_told_to_have_started_the_cycle() {
    let mut week = Week::empty();
    let issue = AccessCommand::IssueToken {
        name: "bob".to_owned(),
        roles: vec!["approver".to_owned()],
        environments: Vec::new(),
        expires: None,
        digest: Digest::new("a".repeat(64)).expect("a digest"),
        owner: None,
    };
    let root = Actor::person("root").with_role(MASTER);
    let events = decide(&week.state, &root, Command::Access(issue), Now::same(START)).expect("issued");
    events.into_iter().for_each(|event| week.record(event));
    week.say("root", start(self::week(), None)).expect("started");
    let go = CycleCommand::ApproveGate { cycle: CYCLE, gate: "go".to_owned(), reason: None };
    let no = week.cycle("bob", go).expect_err("root may have kept the secret");
    assert_eq!(
        no,
        "root, who gave bob's token out, started cycle 1, and bob cannot approve it, expected somebody else of bob"
    );
}

#[test]
fn a_schedule_starts_a_cycle_once_and_one_that_was_missed_is_told_once() {
    let mut week = Week::empty();
    let due = Some(START);
    week.say("smith", start(self::week(), due)).expect("started");
    let twice = week.say("smith", start(self::week(), due)).expect_err("known");
    assert_eq!(
        twice.to_string(),
        "schedule weekly was dealt with for 2026-11-20T00:00:00Z, expected a later time than 2026-11-20T00:00:00Z"
    );
    let running = week.say("ann", start(self::week(), None)).expect_err("one at a time");
    assert_eq!(running.to_string(), "cycle 1 is at work on channel prod, expected it to have ended");
    for _ in 0..2 {
        let (schedule, due) = ("weekly".to_owned(), START + Span::hours(168));
        week.cycle("smith", CycleCommand::Missed { schedule, due }).expect("noticed");
    }
    assert_eq!(week.told(), ["schedule weekly was missed: it was due 2026-11-27T00:00:00Z and nobody drove"]);
    assert_eq!(week.state.cycles.last_due("weekly"), Some(START + Span::hours(168)));
}

#[test]
fn a_plan_that_cannot_work_is_refused() {
    let refused =
        |plan: WeekPlan| Week::empty().say("ann", start(plan, None)).expect_err("refused").to_string();
    let regions = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
    assert_eq!(
        refused(WeekPlan { regions: regions(0), ..week() }),
        "the plan has 0 regions, expected 1 to 256"
    );
    assert_eq!(
        refused(WeekPlan { regions: regions(257), ..week() }),
        "the plan has 257 regions, expected 1 to 256"
    );
    assert_eq!(
        refused(WeekPlan { channel: "a\nb".to_owned(), ..week() }),
        "the plan's channel has 3 bytes, expected 1 to 100 in one line"
    );
    assert_eq!(
        refused(WeekPlan { canary: Some(name("test")), ..week() }),
        "\"test\" stands twice in the plan's pipelines, expected each once"
    );
    assert_eq!(
        refused(WeekPlan { test: None, ..week() }),
        "the soak after only names no pipeline and the plan has no test, expected one of them"
    );
    assert_eq!(
        refused(WeekPlan { train: None, ..week() }),
        "the plan's changes need approval or a record and it has no train, expected the form of one"
    );
    let empty = Box::new(TrainForm { squad: String::new(), ..form() });
    assert_eq!(
        refused(WeekPlan { train: Some(empty), ..week() }),
        "the train's field Squad is empty, expected a value"
    );
}

#[test]
fn links_are_run_again_or_left_out_only_where_that_makes_sense() {
    let mut week = Week::begun();
    let rerun = |link| CycleCommand::Rerun { cycle: CYCLE, link, reason: None };
    let skip = |link| CycleCommand::Skip { cycle: CYCLE, link, reason: "by hand".to_owned() };
    let no = week.cycle("ann", rerun(Link::Region(7))).expect_err("no such link");
    assert!(no.starts_with("cycle 1 has no link region-8, expected one of build, diff, check, sync"), "{no}");
    let no = week.cycle("ann", rerun(Link::Build)).expect_err("done");
    assert_eq!(no, "build is done, expected failed or skipped");
    let no = week.cycle("ann", rerun(Link::Canary)).expect_err("waiting");
    assert_eq!(no, "canary is waiting, expected failed or skipped");
    let no = week.cycle("ann", skip(Link::Sync)).expect_err("done");
    assert_eq!(no, "sync is done, expected one that is not done");
    week.cycle("ann", skip(Link::Canary)).expect("left out");
    assert!(week.one().link(Link::Canary).is_behind());
    assert!(!waits(&week.state, week.one()).contains(&Wait::Next));
    assert!(!week.journal.iter().any(|(_, e)| matches!(e, Event::Cycle(CycleEvent::LinkFailed { .. }))));
}

fn ticked(week: &Week) -> Vec<String> {
    let items = crate::ticket::checklist(&week.state, BUILD);
    let line = |item: &crate::ticket::Item| {
        format!("[{}] {}", if item.done.is_some() { 'x' } else { ' ' }, item.text)
    };
    items.iter().map(line).collect()
}

#[test]
fn the_epics_check_list_ticks_itself() {
    let mut week = Week::begun();
    assert_eq!(
        ticked(&week),
        [
            "[x] build 725 is made, signed and verified",
            "[x] the difference to the build before is known",
            "[x] every kind of machine could install it",
            "[x] it is on all mirrors",
            "[x] the mirrors are verified",
            "[x] test only : Only (project 1) N2",
            "[ ] it has soaked and people said yes",
            "[ ] the trains are approved",
            "[ ] channel prod of ap-south points to it",
            "[ ] channel prod of us-south points to it",
            "[ ] canary is started",
            "[ ] east is started",
            "[ ] west is started",
        ]
    );
    week.pass(Span::hours(24));
    week.go();
    week.approve_changes();
    let lines = ticked(&week);
    assert!(lines.iter().all(|line| line.starts_with("[x]")), "{lines:?}");
    assert_eq!(lines[7], "[x] the trains are approved: N3, N4");
    assert_eq!(lines[10], "[x] the trains are closed with evidence: N3, N4");
    assert_eq!(lines[11], "[x] canary only : Only (project 2) N5");
}

#[test]
fn a_build_without_a_week_has_a_check_list_of_its_rollouts() {
    let mut week = Week::empty();
    assert_eq!(ticked(&week), ["[ ] build 725 is made, signed and verified"]);
    week.say("ann", Command::Build(BuildCommand::Verified { build: BUILD })).expect("verified");
    let (pipeline, scope) = (pipeline("hotfix"), Scope::Pipeline);
    let start = RolloutCommand::Start { pipeline, build: BUILD, scope, reason: None };
    week.say("ann", Command::Rollout(start)).expect("started");
    assert_eq!(
        ticked(&week),
        ["[x] build 725 is made, signed and verified", "[x] hotfix only : Only (project 1) N2"]
    );
}

#[test]
fn a_rollout_of_a_single_step_is_not_what_a_link_waits_for() {
    let mut week = Week::empty();
    week.lies = true;
    week.say("ann", start(self::week(), None)).expect("started");
    let (pipeline, scope) = (pipeline("test"), Scope::Step { step: 0 });
    let one_step = RolloutCommand::Start { pipeline, build: BUILD, scope, reason: None };
    week.say("ann", Command::Rollout(one_step)).expect("started");
    week.cycle("ann", CycleCommand::Rerun { cycle: CYCLE, link: Link::Test, reason: None }).expect("again");
    assert!(matches!(week.one().link(Link::Test), LinkState::Failed { .. }));
}
