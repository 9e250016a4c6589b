//! A computer that was down for hours: what waits says so, and goes on after one word of an admin.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smith_api::{AcceptClock, Exempt, NewToken, Start};
use smith_domain::actor::Actor;
use smith_domain::build::BuildEvent;
use smith_domain::decide::{BuildCommand, Command, decide};
use smith_domain::event::Event;
use smith_domain::fleet::text::parse_fleet;
use smith_domain::fleet::{Exemption, FleetCommand, ObservePolicy, Reading, Selector, SourceName};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use smith_domain::time::{Now, Span, Timestamp};
use smith_journal::{Entry, Ledger as _, SqliteStore, StoreLedger};

use super::keeper::Keeper;
use super::{Caller, Environments, Kind, RequestRules, Site};
use crate::core::{Core, Life, Start as Begin, start};
use crate::desk::BuiltIn;
use crate::driver::Executor;

/// How long the computer was down.
const DOWN: Span = Span::hours(3);

fn wall() -> Timestamp {
    Timestamp(jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap().as_millisecond())
}

/// A pipeline that may start machines from an hour ago until in two hours, by the clock on the wall.
fn pipeline() -> String {
    let civil = |at: Timestamp| at.to_string()[..16].replace('T', " ");
    let (from, to) = (civil(wall() - Span::hours(1)), civil(wall() + Span::hours(2)));
    format!(
        "pipeline: tonight\ntitle: tonight\nowner: role:operator\nsteps:\n  - step: patch\n    title: tonight\n    change: none\n    \
         windows: {{zone: UTC, open: [\"{from} - {to}\"]}}\n    bags: [{{bag: all, machines: environment=prod}}]\n"
    )
}

/// The journal of a driver that recorded its last events before the computer went down.
fn before(journal: &Path, events: Vec<Event>) {
    let mut ledger = StoreLedger::new(SqliteStore::open(journal).unwrap());
    ledger.take("before", wall() - Span::hours(4)).unwrap();
    ledger.open().unwrap();
    let entry = |event| Entry { at: wall() - DOWN, actor: Arc::from("smith"), event };
    ledger.append(&State::default(), events.into_iter().map(entry).collect()).unwrap();
}

fn observe(text: &str) -> Command {
    let machines = parse_fleet(text).unwrap();
    let count = u32::try_from(machines.len()).unwrap();
    let reading = Reading::new([(SourceName::new("text").unwrap(), count)].into(), machines).unwrap();
    let (confirmed, policy) = (BTreeSet::new(), ObservePolicy::default());
    Command::Fleet(FleetCommand::Observe { reading, confirmed, policy })
}

fn site(folder: &Path, events: Vec<Event>) -> (Life, Site) {
    std::fs::create_dir(folder.join("pipelines")).unwrap();
    std::fs::write(folder.join("pipelines/tonight.yaml"), pipeline()).unwrap();
    let journal = folder.join("journal.db");
    before(&journal, events);
    let executors = |core: &Core| -> Box<dyn Executor + Send> { Box::new(BuiltIn::new(core.clone())) };
    let life = start(Begin { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
    let (core, pipelines) = (life.core().clone(), Arc::new(folder.join("pipelines")));
    let (requests, keeper) = (Arc::new(RequestRules::default()), Arc::new(Keeper::new([])));
    (life, Site { core, pipelines, requests, weeks: Arc::default(), keeper })
}

/// An admin accepts the clock as it is seen now.
async fn accept_now(site: &Site) {
    let (ahead, reason) = (site.clock().unwrap().ahead, "the host was down".to_owned());
    site.accept_clock(&Caller::admin("root"), &AcceptClock { ahead, reason }).await.unwrap();
}

fn who(name: &str, roles: &[&str]) -> Caller {
    let actor = roles.iter().fold(Actor::person(name), |actor, role| actor.with_role(*role));
    Caller { actor, environments: Environments::All, key: None }
}

#[tokio::test]
async fn after_hours_of_downtime_one_word_of_an_admin_opens_windows_again() {
    let folder = tempfile::tempdir().unwrap();
    let verified = BuildEvent::Verified { build: BuildNumber(724) };
    let (_life, site) = site(folder.path(), vec![verified.into()]);
    let clock = site.clock().unwrap();
    assert!(clock.differs && (10_790..10_900).contains(&clock.ahead), "{clock:?}");
    assert!(clock.text.starts_with("the clock of the controller is 3h"), "{clock:?}");
    let lines = site.attention();
    assert!(lines.len() == 1 && lines[0].contains("`smith clock accept`"), "{lines:?}");
    let is_told = site.core.read(|state| {
        state.notices.iter().any(|notice| notice.text.starts_with("the clock of the controller is 3h"))
    });
    assert!(is_told, "people are told");
    // Schedules go by the time that has passed.
    assert!(site.schedule_time().unwrap().earlier() < wall() - Span::mins(179));

    let verified = Command::Build(BuildCommand::Verified { build: BuildNumber(725) });
    site.core.submit(Actor::smith(), verified).await.unwrap();
    site.core.submit(Actor::smith(), observe("web-1 env=prod")).await.unwrap();
    let (config, step, reason) = ("tonight".to_owned(), None, None);
    site.start(&who("ana", &["operator"]), &Start { build: 725, config, step, reason }).await.unwrap();
    let why = site.why_project(1).unwrap().join("; ");
    assert!(why.contains("the clock of the controller is 3h"), "{why}");

    let said = |reason: &str| AcceptClock { ahead: clock.ahead, reason: reason.to_owned() };
    let refused = site.accept_clock(&who("ana", &["operator"]), &said("it is right")).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::Forbidden, "S0413"), "{refused}");
    let some = Caller { environments: Environments::These(vec!["dev".to_owned()]), ..who("eve", &["admin"]) };
    assert_eq!(site.accept_clock(&some, &said("it is right")).await.unwrap_err().code, "S0414");
    let root = Caller::admin("root");
    assert_eq!(site.accept_clock(&root, &said(" ")).await.unwrap_err().code, "S0417");
    let moved = AcceptClock { ahead: clock.ahead - 60, ..said("it was so a minute ago") };
    assert_eq!(site.accept_clock(&root, &moved).await.unwrap_err().code, "S0106");
    let clock = site.accept_clock(&root, &said("the host was down")).await.unwrap();
    assert!(!clock.differs && clock.ahead == 0, "{clock:?}");
    assert!(site.attention().is_empty());
    assert!(site.schedule_time().unwrap().earlier() > wall() - Span::mins(1));
    let asked = site.until(Duration::from_secs(20), |state| {
        state.rollouts.iter().next()?.jobs.at_work().next().map(drop)
    });
    asked.await.expect("the window is open, so the machine is asked");
}

/// What a driver records of a command while both clocks agree.
fn recorded(state: &mut State, command: Command, at: Timestamp) -> Vec<Event> {
    let events = decide(state, &Actor::smith(), command, Now::same(at)).unwrap();
    events.iter().for_each(|event| state.evolve(event, at));
    events
}

#[tokio::test]
async fn an_exemption_ends_by_the_calendar_whatever_time_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut state, down) = (State::default(), wall() - DOWN);
    let mut events = recorded(&mut state, observe("old-1 env=dev\nold-2 env=dev\nold-3 env=dev"), down);
    for (machine, until) in [("old-1", wall() - Span::hours(1)), ("old-2", wall() + Span::hours(1))] {
        let (select, owner) = (Selector::parse(machine).unwrap(), "ana".to_owned());
        let terms = Exemption { select, reason: "the vendor patches it".to_owned(), owner, until };
        events.extend(recorded(&mut state, Command::Fleet(FleetCommand::Exempt(terms)), down));
    }
    let (_life, site) = site(folder.path(), events);
    let root = Caller::admin("root");
    let exempt = async |until: Timestamp| {
        let (select, reason, owner) = ("old-3".to_owned(), "a test".to_owned(), "ana".to_owned());
        site.exempt(&root, &Exempt { select, reason, owner, until: until.to_string() }).await
    };
    // One ended while the computer was down: whether or not the clock is believed, nobody leaves it out any longer.
    for _ in 0..2 {
        let gaps = site.gaps().await.unwrap();
        assert_eq!((gaps.missed, gaps.exempt), (vec!["old-1".to_owned(), "old-3".to_owned()], 1));
        let past = exempt(wall() - Span::mins(1)).await.unwrap_err();
        assert_eq!((past.kind, past.code), (Kind::Invalid, "S0103"), "{past}");
        accept_now(&site).await;
    }
    let listed: Vec<(u32, bool)> = site.exemptions().iter().map(|one| (one.exemption, one.holds)).collect();
    assert_eq!(listed, [(0, false), (1, true)]);
    let made = exempt(wall() + Span::secs(90)).await.unwrap();
    assert_eq!((made.holds, made.in_bags), (true, Some(0)));
    assert!(made.until.parse::<jiff::Timestamp>().unwrap() > jiff::Timestamp::now());
    assert_eq!(site.gaps().await.unwrap().missed, ["old-1"]);
}

#[tokio::test]
async fn a_token_lasts_as_many_days_as_were_asked_for_by_the_accepted_clock() {
    let folder = tempfile::tempdir().unwrap();
    let verified = BuildEvent::Verified { build: BuildNumber(724) };
    let (_life, site) = site(folder.path(), vec![verified.into()]);
    let root = Caller::admin("root");
    accept_now(&site).await;
    let (name, roles) = ("ci".to_owned(), vec!["operator".to_owned()]);
    let request = NewToken { name, roles, environments: Vec::new(), days: Some(1), owner: None };
    let made = site.issue_token(&root, &request).await.unwrap();
    assert_eq!(site.bearer(&made.secret).unwrap().name(), "ci");
    let expires: jiff::Timestamp = site.tokens(&root).unwrap()[0].expires.clone().unwrap().parse().unwrap();
    let day = wall() + Span::hours(24);
    let off = day.0.abs_diff(expires.as_millisecond());
    assert!(off < 60_000, "it ends {off} ms off");
}
