//! A site with a real journal and the built-in desk, with nobody at the machines.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{FleetCommand, ObservePolicy};
use smith_domain::id::BuildNumber;
use smith_domain::rollout::{Outcome, RebootNeed, Work};
use smith_domain::state::State;

use crate::bot::Bot;
use crate::config::settings::load_settings;
use crate::core::{Core, Life, Start, start};
use crate::desk::BuiltIn;
use crate::driver::{Effect, Executor, Input, Target};
use crate::inventory::{load, load_config};
use crate::verbs::{Caller, Denied, Environments, RequestRules, Site};

const FLEET: &str = "machines:
  - {name: dev-mon01-infra-test-01, environment: dev, region: us-south, cluster: dev-infra}
  - {name: prod-syd05-carrier1-worker-1005, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-syd05-carrier1-worker-1006, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-dal10-carrier3-worker-11, environment: prod, region: us-south, cluster: prod-carrier3}
";

const PIPELINE: &str = "pipeline: buildTestDevToStage
title: Validate a build from dev to stage
owner: role:operator
steps:
  - step: patchDev
    title: dev machines
    bags: [{bag: dev, machines: environment=dev}]
  - step: rebootStgiksOnly
    title: remainder of stage
    gates: [{approval: go on, who: [role:approver]}]
    bags: [{bag: south, machines: prod-dal10-carrier3-worker-11}]
";

const SETTINGS: &str = "weeks:
  - week: prod
    owner: role:operator
    recipe: recipe.yaml
    channel: prod
    regions: [us-south]
    test: buildTestDevToStage
    gates: [{approval: go, who: role:approver}]
    change: none
  - week: trial
    owner: role:operator
    recipe: recipe.yaml
    channel: trial
    regions: [ap-south]
    change: none
    schedule: {cron: 0 3 * * SUN, zone: Europe/London}
";

pub(super) struct Town {
    pub(super) bot: Bot,
    pub(super) site: Site,
    _life: Life,
    _folder: tempfile::TempDir,
}

/// Every machine does what it is asked at once.
struct Obliging {
    core: Core,
    desk: BuiltIn,
}

impl Executor for Obliging {
    fn start(&mut self, state: &State, effect: Effect) {
        if let Target::Machine { rollout, machine, serial, action, .. } = effect.target {
            let outcome = match action {
                smith_domain::rollout::Action::Check => Outcome::Found(Work::Install),
                smith_domain::rollout::Action::Patch => Outcome::Patched(RebootNeed::Needed),
                smith_domain::rollout::Action::Drain
                | smith_domain::rollout::Action::Reboot
                | smith_domain::rollout::Action::Health
                | smith_domain::rollout::Action::Undrain => Outcome::Done,
            };
            let command = smith_domain::rollout::RolloutCommand::Report {
                rollout,
                machine,
                serial,
                outcome,
                took: smith_domain::time::Span::mins(1),
                note: None,
                packages: None,
            };
            self.core.tell(Input { actor: Actor::smith(), command: Command::Rollout(command), tag: 0 });
        } else {
            self.desk.start(state, effect);
        }
    }
}

pub(super) async fn town() -> Town {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("pipelines")).unwrap();
    write("pipelines/buildTestDevToStage.yaml", PIPELINE);
    write("sources.yaml", "sources:\n  - {name: a, file: fleet.yaml}\n");
    write("fleet.yaml", FLEET);
    write("smith.yaml", SETTINGS);
    let executors = |core: &Core| -> Box<dyn Executor + Send> {
        Box::new(Obliging { core: core.clone(), desk: BuiltIn::new(core.clone()) })
    };
    let journal = folder.path().join("journal.db");
    let life = start(Start { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
    let core = life.core().clone();
    let config = load_config(&folder.path().join("sources.yaml")).unwrap();
    let reading = load(&config, folder.path()).unwrap();
    let observe =
        FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy: ObservePolicy::default() };
    core.submit(Actor::smith(), Command::Fleet(observe)).await.unwrap();
    let verified = BuildCommand::Verified { build: BuildNumber(725) };
    core.submit(Actor::smith(), Command::Build(verified)).await.unwrap();
    let pipelines = Arc::new(folder.path().join("pipelines"));
    let site = Site {
        core,
        pipelines,
        requests: Arc::new(RequestRules::default()),
        weeks: Arc::new(load_settings(Some(&folder.path().join("smith.yaml"))).unwrap().weeks),
        keeper: Arc::default(),
    };
    Town { bot: Bot::new(site.clone()), site, _life: life, _folder: folder }
}

pub(super) fn who(name: &str, roles: &[&str]) -> Caller {
    let actor = roles.iter().fold(Actor::person(name), |actor, role| actor.with_role(*role));
    Caller { actor, environments: Environments::All, key: None }
}

impl Town {
    pub(super) async fn ana(&self, line: &str) -> String {
        self.say(&who("ana", &["operator"]), line).await
    }

    pub(super) async fn cy(&self, line: &str) -> String {
        self.say(&who("cy", &["approver"]), line).await
    }

    pub(super) async fn say(&self, caller: &Caller, line: &str) -> String {
        self.bot.say(caller, line).await.unwrap_or_else(|denied| panic!("{line}: {denied}"))
    }

    pub(super) async fn refused(&self, line: &str) -> Denied {
        let caller = who("ana", &["operator", "approver", "admin"]);
        self.bot.say(&caller, line).await.expect_err(line)
    }

    /// Says a line again whenever something was recorded, until the answer is what is waited for.
    pub(super) async fn until(&self, line: &str, wanted: &str) -> String {
        let mut news = self.site.core.view().listen();
        let mut last = String::new();
        let seen = async {
            loop {
                last = self.ana(line).await;
                if last.contains(wanted) {
                    return;
                }
                news.recv().await.expect("a server");
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), seen).await;
        assert!(found.is_ok(), "{line}: expected {wanted}, found {last}");
        last
    }
}
