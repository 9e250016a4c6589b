//! A whole week on a server: from a build to the last pipeline, with links that fail and are run again.

use std::fs;
use std::time::Duration;

use smith_api::{PageQuery, StartCycle};
use smith_domain::actor::Actor;
use smith_domain::time::Timestamp;
use tokio::runtime::Handle;

use super::fixture;
use super::schedule::look;
use super::tests::World;
use crate::config::settings::load_settings;
use crate::serve::{Served, serve};
use crate::verbs::{Caller, Environments, Site};

/// Longer than a link takes on a slow machine, and shorter than anybody wants to wait.
const PATIENCE: Duration = Duration::from_secs(60);

fn server(world: &World) -> Served {
    fs::create_dir_all(world.path("pipelines")).unwrap();
    let gates = "{soak: 1s, since: end of patch}, {approval: go, who: role:lead}";
    let week = fixture::week("recipe.yaml", "ap-south, us-south", gates);
    let schedule = "    schedule: {cron: 0 3 * * SUN, zone: Europe/London}\n";
    let settings = format!("data: data\nstore: store\npipelines: pipelines\n{week}{schedule}");
    fs::write(world.path("smith.yaml"), settings).unwrap();
    fixture::PIPELINES.iter().for_each(|name| pipeline(world, name));
    let settings = load_settings(Some(&world.path("smith.yaml"))).unwrap();
    serve(&settings, &Handle::current(), |_| {}).unwrap()
}

fn pipeline(world: &World, name: &str) {
    fs::write(world.path(&format!("pipelines/{name}.yaml")), fixture::pipeline(name)).unwrap();
}

fn who(name: &str, roles: &[&str]) -> Caller {
    let actor = roles.iter().fold(Actor::person(name), |actor, role| actor.with_role(*role));
    Caller { actor, environments: Environments::All, key: None }
}

fn start(week: &str) -> StartCycle {
    StartCycle { week: week.to_owned(), build: None, reason: None }
}

/// Waits until a link is in a state, and answers its note.
async fn until(site: &Site, link: &str, state: &str) -> String {
    let mut news = site.core.view().listen();
    let found = async {
        loop {
            let cycle = site.cycle(1).unwrap();
            let one = cycle.links.iter().find(|one| one.link == link).unwrap();
            if one.state == state {
                return one.note.clone().unwrap_or_default();
            }
            let _ = tokio::time::timeout(Duration::from_millis(200), news.recv()).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, found).await;
    waited.unwrap_or_else(|_| panic!("{link} is not {state}: {:#?}", site.cycle(1)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_goes_from_a_build_to_the_last_pipeline() {
    let world = World::new();
    let served = server(&world);
    let site = served.site();
    let (ana, lead) = (who("ana", &["operator"]), who("bob", &["approver", "operator", "lead"]));
    let slip = site.start_cycle(&ana, &start("prdo")).await.unwrap_err();
    assert_eq!((slip.code, slip.hint.as_deref()), ("S0440", Some("did you mean prod?")));
    assert_eq!(site.start_cycle(&who("eve", &[]), &start("prod")).await.unwrap_err().code, "S0413");
    assert_eq!(site.cycle(1).unwrap_err().hint.as_deref(), Some("no week was started yet"));
    // The channel serves whatever machines there are in its regions, and of those nobody knows anything yet.
    let environments = Environments::These(["dev", "canary", "rest"].map(str::to_owned).into());
    let some = Caller { environments, ..ana.clone() };
    assert_eq!(site.start_cycle(&some, &start("prod")).await.unwrap_err().code, "S0414");
    // A recipe with a mistake is for a person.
    fs::write(world.path("recipe.yaml"), "locla: []\n").unwrap();
    assert_eq!(site.start_cycle(&ana, &start("prod")).await.unwrap().cycle, 1);
    assert!(until(site, "build", "failed").await.contains("recipe.yaml:1:1"));
    world.recipe();
    let slip = site.rerun_link(&ana, 1, "biuld", None).await.unwrap_err();
    assert_eq!((slip.code, slip.hint.as_deref()), ("S0440", Some("did you mean build?")));
    site.rerun_link(&ana, 1, "build", None).await.unwrap();
    assert!(until(site, "build", "done").await.starts_with("build 1, 1 package"));
    assert_eq!(until(site, "sync", "done").await, "2 of 2 mirrors");
    assert_eq!(until(site, "verify", "done").await, "2 of 2 mirrors");
    assert_eq!(until(site, "test", "done").await, "project 1 is complete: 0 machines, pass 0, failed 0");
    // Whoever started it cannot say yes to it.
    until(site, "gates", "under way").await;
    let own = who("ana", &["approver", "lead"]);
    assert_eq!(site.approve_cycle_gate(&own, 1, None, None).await.unwrap_err().code, "S0409");
    site.approve_cycle_gate(&lead, 1, None, Some("looks good".to_owned())).await.unwrap();
    until(site, "trains", "under way").await;
    // The canary's file is gone by the time that the channel has moved.
    fs::remove_file(world.path("pipelines/canary.yaml")).unwrap();
    for number in ["CHG0000001", "CHG0000002"] {
        numbered(site, number).await;
        site.approve(&lead, number, &Default::default()).await.unwrap();
    }
    let note = until(site, "channel", "done").await;
    assert_eq!(note, "build 1 is served by 2 mirrors in 2 regions");
    assert_eq!(site.change("CHG0000001").unwrap().state, "closed");
    assert!(until(site, "canary", "failed").await.contains("expected the name of a config"));
    pipeline(&world, "canary");
    site.rerun_link(&ana, 1, "canary", Some("it is back".to_owned())).await.unwrap();
    until(site, "region-1", "done").await;
    assert_eq!(site.cycles(&PageQuery::default()).unwrap().items[0].state, "complete");
    let evidence = fs::read_to_string(world.path("data/evidence/smith-prod-symlink-1-evidence.txt")).unwrap();
    assert!(evidence.contains("region ap-south under CHG0000001, approved by bob"), "{evidence}");
    let project = written(&world, "project-1-patch.md").await;
    assert!(
        project.starts_with("# Project 1 step patch: dev\n\n- **Pipeline**: dev\n- **Build**: 1\n"),
        "{project}"
    );
    assert!(project.contains("- **Started by**: ana\n- **Reason**: test of cycle 1\n"), "{project}");
    assert!(project.contains("0 machines: pass 0, failed 0"), "{project}");
    assert!(written(&world, "project-3-patch.json").await.contains("\"pipeline\": \"rest\""));
    assert_eq!(site.stop_cycle(&ana, 1, "enough").await.unwrap_err().code, "S0440");
}

/// A document is written soon after what it is about was recorded.
async fn written(world: &World, name: &str) -> String {
    let path = world.path("data/evidence").join(name);
    let there = async {
        loop {
            match fs::read_to_string(&path) {
                Ok(text) => return text,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("{name} was not written"))
}

/// A change gets its number from the desk.
async fn numbered(site: &Site, number: &str) {
    let mut news = site.core.view().listen();
    while site.change(number).is_err() {
        let waited = tokio::time::timeout(PATIENCE, news.recv()).await;
        assert!(waited.is_ok(), "{number} is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_starts_a_week_once_and_a_link_can_be_left_out() {
    let world = World::new();
    let served = server(&world);
    let site = served.site();
    let week = site.weeks[0].clone();
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let now = jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    let now = Timestamp(now.as_millisecond());
    let schedule = week.schedule.as_ref().unwrap();
    let sunday = schedule.after(now).unwrap();
    let since = at("2020-01-01T00:00:00Z").max(schedule.before(now).unwrap());
    // A pipeline that is not there keeps the week from starting, and what is too late then was missed.
    fs::remove_file(world.path("pipelines/rest.yaml")).unwrap();
    let why = look(site, &week, since, sunday).await.unwrap_err();
    assert!(why.starts_with("week prod, due ") && why.contains("\"rest\""), "{why}");
    pipeline(&world, "rest");
    look(site, &week, since, sunday).await.unwrap();
    look(site, &week, since, sunday).await.unwrap();
    let cycle = site.cycle(1).unwrap();
    assert_eq!((cycle.by.as_str(), site.cycles(&PageQuery::default()).unwrap().items.len()), ("smith", 1));
    // A week later the first still runs, and a day later it was missed.
    let next = schedule.after(sunday).unwrap();
    let why = look(site, &week, since, next).await.unwrap_err();
    assert!(why.contains("cycle 1 is at work on channel prod"), "{why}");
    look(site, &week, since, next + smith_domain::time::Span::hours(24)).await.unwrap();
    assert_eq!(site.core.read(|state| state.cycles.last_due("prod")), Some(next));
    let ana = who("ana", &["operator"]);
    assert_eq!(site.skip_link(&ana, 1, "dev", "").await.unwrap_err().code, "S0440");
    site.skip_link(&ana, 1, "dev", "tested by hand").await.unwrap();
    let skipped = site.cycle(1).unwrap().links.into_iter().find(|one| one.link == "test").unwrap();
    assert_eq!((skipped.state.as_str(), skipped.note.as_deref()), ("skipped", Some("tested by hand")));
    site.stop_cycle(&ana, 1, "enough").await.unwrap();
    let stopped = site.cycle(1).unwrap();
    assert_eq!(stopped.state, "stopped");
    let at_work: Vec<_> = stopped.links.iter().filter(|link| link.state == "under way").collect();
    assert!(at_work.is_empty(), "{at_work:?}");
    assert!(stopped.links.iter().any(|link| link.state == "stopped"), "{:?}", stopped.links);
    // Whoever is at work for it still finds that nobody waits.
    let is_link = |state: &smith_domain::state::State| {
        let mut open = state.errands.open();
        open.any(|(_, errand)| matches!(errand.kind, smith_domain::errand::ErrandKind::Link(..)))
    };
    assert!(!site.core.read(is_link));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_in_the_middle_goes_on_and_makes_no_second_build() {
    let world = World::new();
    world.recipe();
    let served = server(&world);
    served.site().start_cycle(&who("ana", &["operator"]), &start("prod")).await.unwrap();
    // The link is under way by now, or done already: either way its answer may be lost.
    tokio::task::spawn_blocking(move || served.end()).await.unwrap();
    let served = server(&world);
    until(served.site(), "gates", "under way").await;
    assert_eq!(served.site().cycle(1).unwrap().build, Some(1));
    assert_eq!(world.store.builds_present().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_revoked_while_its_channel_waits_moves_nothing_more() {
    let world = World::new();
    world.recipe();
    let served = server(&world);
    let site = served.site();
    let (ana, lead) = (who("ana", &["operator"]), who("bob", &["approver", "operator", "lead"]));
    site.start_cycle(&ana, &start("prod")).await.unwrap();
    until(site, "gates", "under way").await;
    // One mirror is away for a moment, so the first try moves nothing.
    fs::rename(world.path("dal-01"), world.path("away")).unwrap();
    site.approve_cycle_gate(&lead, 1, None, None).await.unwrap();
    for number in ["CHG0000001", "CHG0000002"] {
        numbered(site, number).await;
        site.approve(&lead, number, &Default::default()).await.unwrap();
    }
    let troubled = async {
        let is_troubled = |state: &smith_domain::state::State| {
            state.errands.open().any(|(_, errand)| errand.trouble.is_some())
        };
        while !site.core.read(is_troubled) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, troubled).await.unwrap();
    let given = smith_api::Decision { reason: Some("the vendor called".to_owned()) };
    site.revoke(&lead, "CHG0000002", &given).await.unwrap();
    fs::rename(world.path("away"), world.path("dal-01")).unwrap();
    let why = until(site, "channel", "failed").await;
    assert!(why.contains("dal-01 was not moved: CHG0000002 is revoked"), "{why}");
    let channels = site.channels();
    let named: Vec<&str> = channels.iter().map(|one| one.region.as_str()).collect();
    assert_eq!(named, ["ap-south"], "{channels:?}");
    assert_eq!(super::tests::channel_of(&world, "dal-01"), None);
}
