//! A computer that was down for hours: what waits says so, and goes on after one word of an admin.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smith_api::Start;
use smith_domain::actor::Actor;
use smith_domain::build::BuildEvent;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::text::parse_fleet;
use smith_domain::fleet::{FleetCommand, ObservePolicy, Reading, SourceName};
use smith_domain::id::BuildNumber;
use smith_domain::state::State;
use smith_domain::time::{Span, Timestamp};
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

/// The journal of a driver that recorded its last event before the computer went down.
fn before(journal: &Path) {
    let mut ledger = StoreLedger::new(SqliteStore::open(journal).unwrap());
    ledger.take("before", wall() - Span::hours(4)).unwrap();
    ledger.open().unwrap();
    let (at, actor) = (wall() - DOWN, Arc::from("smith"));
    let event = BuildEvent::Verified { build: BuildNumber(724) }.into();
    ledger.append(&State::default(), vec![Entry { at, actor, event }]).unwrap();
}

fn site(folder: &Path) -> (Life, Site) {
    std::fs::create_dir(folder.join("pipelines")).unwrap();
    std::fs::write(folder.join("pipelines/tonight.yaml"), pipeline()).unwrap();
    let journal = folder.join("journal.db");
    before(&journal);
    let executors = |core: &Core| -> Box<dyn Executor + Send> { Box::new(BuiltIn::new(core.clone())) };
    let life = start(Begin { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
    let (core, pipelines) = (life.core().clone(), Arc::new(folder.join("pipelines")));
    let (requests, keeper) = (Arc::new(RequestRules::default()), Arc::new(Keeper::new([])));
    (life, Site { core, pipelines, requests, weeks: Arc::default(), keeper })
}

fn who(name: &str, roles: &[&str]) -> Caller {
    let actor = roles.iter().fold(Actor::person(name), |actor, role| actor.with_role(*role));
    Caller { actor, environments: Environments::All, key: None }
}

#[tokio::test]
async fn after_hours_of_downtime_one_word_of_an_admin_opens_windows_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path());
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
    assert!(site.schedule_time().unwrap() < wall() - Span::mins(179));

    let verified = Command::Build(BuildCommand::Verified { build: BuildNumber(725) });
    site.core.submit(Actor::smith(), verified).await.unwrap();
    let machines = parse_fleet("web-1 env=prod").unwrap();
    let reading = Reading::new([(SourceName::new("text").unwrap(), 1)].into(), machines).unwrap();
    let (confirmed, policy) = (BTreeSet::new(), ObservePolicy::default());
    let observe = Command::Fleet(FleetCommand::Observe { reading, confirmed, policy });
    site.core.submit(Actor::smith(), observe).await.unwrap();
    let (config, step, reason) = ("tonight".to_owned(), None, None);
    site.start(&who("ana", &["operator"]), &Start { build: 725, config, step, reason }).await.unwrap();
    let why = site.why_project(1).unwrap().join("; ");
    assert!(why.contains("the clock of the controller is 3h"), "{why}");

    let refused = site.accept_clock(&who("ana", &["operator"]), "it is right").await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::Forbidden, "S0413"), "{refused}");
    let some = Caller { environments: Environments::These(vec!["dev".to_owned()]), ..who("eve", &["admin"]) };
    assert_eq!(site.accept_clock(&some, "it is right").await.unwrap_err().code, "S0414");
    let root = Caller::admin("root");
    assert_eq!(site.accept_clock(&root, " ").await.unwrap_err().code, "S0417");
    let clock = site.accept_clock(&root, "the host was down").await.unwrap();
    assert!(!clock.differs && clock.ahead == 0, "{clock:?}");
    assert!(site.attention().is_empty());
    assert!(site.schedule_time().unwrap() > wall() - Span::mins(1));
    let asked = site.until(Duration::from_secs(20), |state| {
        state.rollouts.iter().next()?.jobs.at_work().next().map(drop)
    });
    asked.await.expect("the window is open, so the machine is asked");
}
