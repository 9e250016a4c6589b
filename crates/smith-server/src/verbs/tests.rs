//! Verbs on a real journal, with a fleet and pipelines and nobody outside.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smith_api::{
    AuditQuery, Decision, NewToken, PageQuery, PatchRequest, ProjectQuery, RaiseTrain, SetChannel, Skip,
    Start, StartTrain,
};
use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{FleetCommand, ObservePolicy};
use smith_domain::id::{BuildNumber, RolloutId};
use smith_domain::rollout::{CauseKind, JobState, Outcome, RolloutCommand, Work};
use smith_domain::state::State;
use smith_domain::time::Span;

use super::access::digest;
use super::{Caller, Environments, Keeper, Key, Kind, RequestRules, Site};
use crate::answers::step_evidence;
use crate::core::{Core, Life, Start as Begin, start};
use crate::desk::BuiltIn;
use crate::driver::Executor;
use crate::inventory::{load, load_config};

const FLEET: &str = "machines:
  - {name: dev-mon01-infra-test-01, environment: dev, region: us-south, cluster: dev-infra}
  - {name: prod-syd01-carrier1-worker-1001, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-syd01-carrier1-worker-1002, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-dal10-carrier3-worker-11, environment: prod, region: us-south, cluster: prod-carrier3}
";

const PIPELINE: &str = "pipeline: devOnly
title: dev
owner: role:operator
steps:
  - step: patchDev
    title: dev machines
    bags: [{bag: dev, machines: environment=dev}]
";

const TRAIN: &str = "Squad: conductors
Service: redpill
Title: prod from 724 to 725
Environment: ap-south us-south
Details: |
 tested
Risk: low
PlannedStartTime: now
PlannedEndTime: now + 1h
StageDeployDate: 2024-03-28
BackoutPlan: revert
";

async fn site(folder: &Path) -> (Life, Site) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    std::fs::create_dir(folder.join("pipelines")).unwrap();
    write("pipelines/devOnly.yaml", PIPELINE);
    write("sources.yaml", "sources:\n  - {name: a, file: fleet.yaml}\n");
    write("fleet.yaml", FLEET);
    let executors = |core: &Core| -> Box<dyn Executor + Send> { Box::new(BuiltIn::new(core.clone())) };
    let journal = folder.join("journal.db");
    let life = start(Begin { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
    let core = life.core().clone();
    let config = load_config(&folder.join("sources.yaml")).unwrap();
    let reading = load(&config, folder).unwrap();
    let observe =
        FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy: ObservePolicy::default() };
    core.submit(Actor::smith(), Command::Fleet(observe)).await.unwrap();
    let verified = BuildCommand::Verified { build: BuildNumber(725) };
    core.submit(Actor::smith(), Command::Build(verified)).await.unwrap();
    let pipelines = Arc::new(folder.join("pipelines"));
    let (requests, weeks) = (Arc::new(RequestRules::default()), Arc::default());
    let keeper = Arc::new(Keeper::new(["dora".to_owned()]));
    (life, Site { core, pipelines, requests, weeks, keeper })
}

fn who(name: &str, roles: &[&str]) -> Caller {
    let actor = roles.iter().fold(Actor::person(name), |actor, role| actor.with_role(*role));
    Caller { actor, environments: Environments::All, key: None }
}

fn patch(build: &str, machines: &str) -> PatchRequest {
    let (build, machines) = (build.to_owned(), machines.to_owned());
    PatchRequest { build, machines, outage: 0, cross_region: false, reason: None }
}

fn config(build: u32, config: &str, step: Option<&str>) -> Start {
    Start { build, config: config.to_owned(), step: step.map(str::to_owned), reason: None }
}

#[tokio::test]
async fn a_request_for_production_gets_a_change_that_somebody_else_must_approve() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let ana = who("ana", &["operator", "approver"]);
    let started = site.request(&ana, &patch("725", "prod-syd01-carrier1-worker-*")).await.unwrap();
    assert_eq!((started.project, started.change.as_deref()), (1, Some("CHG0000001")));
    let change = site.change("CHG0000001").unwrap();
    assert_eq!((change.state.as_str(), change.approvals_missing), ("waiting for approval", 1));
    let own = site.approve(&ana, "CHG0000001", &Decision::default()).await.unwrap_err();
    assert_eq!((own.kind, own.code), (Kind::Forbidden, "S0409"), "{own}");
    let bob = who("bob", &["operator"]);
    let unentitled = site.approve(&bob, "CHG0000001", &Decision::default()).await.unwrap_err();
    assert_eq!((unentitled.kind, unentitled.code), (Kind::Forbidden, "S0413"), "{unentitled}");
    let approved = site.approve(&who("cy", &["approver"]), "CHG0000001", &Decision::default()).await.unwrap();
    assert_eq!(approved.approvals, ["cy"]);
    let refused = AuditQuery { actor: Some("bob".to_owned()), ..AuditQuery::default() };
    let refused = site.audit(&refused).await.unwrap();
    assert_eq!(refused.items.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(), ["access.refused"]);
    let under = AuditQuery { change: Some("CHG0000001".to_owned()), ..AuditQuery::default() };
    assert!(site.audit(&under).await.unwrap().items.iter().any(|line| line.words.contains("approved by cy")));
}

#[tokio::test]
async fn requests_name_machines_that_exist_in_one_region_and_builds_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let ana = who("ana", &["operator"]);
    let code = async |request: PatchRequest| site.request(&ana, &request).await.unwrap_err().code;
    assert_eq!(code(patch("725", "prod-*")).await, "S0113");
    assert_eq!(code(patch("725", "prod-syd01-carrier1-worker-1009")).await, "S0111");
    assert_eq!(code(patch("726", "dev-mon01-infra-test-01")).await, "S0406");
    assert_eq!(code(patch("prod", "dev-mon01-infra-test-01")).await, "S0406");
    assert_eq!(code(patch("725", "environment=")).await, "S0417");
    assert_eq!(site.projects(&ProjectQuery::default()).unwrap().items, []);
    site.request(&ana, &patch("725", "dev-mon01-infra-test-01")).await.unwrap();
    site.request(&ana, &patch("725", "dev-mon01-infra-test-01")).await.unwrap();
    let names = site.projects(&ProjectQuery::default()).unwrap().items;
    let names: Vec<&str> = names.iter().map(|line| line.pipeline.as_str()).collect();
    assert_eq!(names, ["smith-patch-1", "smith-patch-2"]);
}

#[tokio::test]
async fn a_key_makes_one_project_of_a_request_however_often_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let keyed = |body: &str| Caller {
        key: Some(Key { key: "k1".to_owned(), digest: digest(body.as_bytes()) }),
        ..who("ana", &["operator"])
    };
    let request = config(725, "devOnly", None);
    let first = site.start(&keyed("a"), &request).await.unwrap();
    let second = site.start(&keyed("a"), &request).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.text, "starting project ID: 1 patch 725 onto config devOnly");
    let other = site.start(&keyed("b"), &request).await.unwrap_err();
    assert_eq!((other.kind, other.code), (Kind::Conflict, "S0415"), "{other}");
    assert_eq!(site.projects(&ProjectQuery::default()).unwrap().items.len(), 1);
    let refused = AuditQuery { actor: Some("ana".to_owned()), ..AuditQuery::default() };
    assert!(site.audit(&refused).await.unwrap().items.iter().any(|line| line.kind == "access.refused"));
}

#[tokio::test]
async fn a_request_that_was_carried_out_gets_its_first_answer_whatever_would_be_said_now() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let keyed = |name: &str, key: &str, roles: &[&str]| Caller {
        key: Some(Key { key: key.to_owned(), digest: digest(key.as_bytes()) }),
        ..who(name, roles)
    };
    let (ana, cy) = (["operator", "admin"], ["approver"]);
    let start = config(725, "devOnly", None);
    let machines = patch("725", "prod-syd01-carrier1-worker-*");
    let reboot = patch("", "dev-mon01-infra-test-01");
    let first = site.start(&keyed("ana", "a", &ana), &start).await.unwrap();
    let second = site.request(&keyed("ana", "b", &ana), &machines).await.unwrap();
    let third = site.reboot(&keyed("ana", "c", &ana), &reboot).await.unwrap();
    let yes = &Decision::default();
    site.approve(&keyed("cy", "d", &cy), "CHG0000002", yes).await.unwrap();
    let why = smith_api::Reasoned { reason: None };
    site.pause(&keyed("ana", "e", &ana), 1, &why).await.unwrap();
    site.withdraw(&keyed("ana", "f", &ana), 725, "bad").await.unwrap();
    // The config is gone, the build withdrawn, and nobody of them may anything any more.
    std::fs::remove_file(folder.path().join("pipelines/devOnly.yaml")).unwrap();
    assert_eq!(site.start(&keyed("ana", "a", &[]), &start).await.unwrap().project, first.project);
    assert_eq!(site.request(&keyed("ana", "b", &[]), &machines).await.unwrap().project, second.project);
    assert_eq!(site.reboot(&keyed("ana", "c", &[]), &reboot).await.unwrap().project, third.project);
    assert_eq!(site.approve(&keyed("cy", "d", &[]), "CHG0000002", yes).await.unwrap().approvals, ["cy"]);
    assert_eq!(site.pause(&keyed("ana", "e", &[]), 1, &why).await.unwrap().state, "paused");
    assert_eq!(site.withdraw(&keyed("ana", "f", &[]), 725, "bad").await.unwrap().state, "withdrawn");
    let new = site.withdraw(&keyed("ana", "g", &[]), 725, "bad").await.unwrap_err();
    assert_eq!((new.kind, new.code), (Kind::Forbidden, "S0413"), "{new}");
    let reused = Caller { key: keyed("ana", "z", &[]).key, ..who("ana", &[]) };
    let reused = Caller { key: reused.key.map(|key| Key { key: "a".to_owned(), ..key }), ..reused };
    assert_eq!(
        site.start(&reused, &start).await.unwrap_err().code,
        "S0415",
        "another request under a known key"
    );
}

#[tokio::test]
async fn a_config_or_step_that_is_not_there_is_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let ana = who("ana", &["operator"]);
    let slip = site.start(&ana, &config(725, "devOnyl", None)).await.unwrap_err();
    assert_eq!((slip.code, slip.hint.as_deref()), ("S0404", Some("did you mean devOnly?")));
    let slip = site.start(&ana, &config(725, "devOnly", Some("patchDve"))).await.unwrap_err();
    assert_eq!((slip.code, slip.hint.as_deref()), ("S0403", Some("did you mean patchDev?")));
    let title = site.start(&ana, &config(725, "devOnly", Some("patchDev : other"))).await.unwrap_err();
    assert_eq!(title.code, "S0403");
    let step = site.start(&ana, &config(725, "devOnly", Some("patchDev : dev machines"))).await.unwrap();
    assert_eq!(step.project, 1);
    assert_eq!(site.project(2).unwrap_err().code, "S0401");
    assert_eq!(site.change("CHG0000009").unwrap_err().hint.as_deref(), Some("did you mean CHG0000001?"));
}

#[tokio::test]
async fn a_token_lets_its_holder_in_for_its_roles_and_environments_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let root = Caller::admin("root");
    let request = NewToken {
        name: "ci".to_owned(),
        roles: vec!["operator".to_owned()],
        environments: vec!["dev".to_owned()],
        days: Some(1),
        owner: None,
    };
    let made = site.issue_token(&root, &request).await.unwrap();
    let ci = site.bearer(&made.secret).unwrap();
    assert_eq!((ci.name(), &ci.environments), ("ci", &Environments::These(vec!["dev".to_owned()])));
    let elsewhere = site.request(&ci, &patch("725", "prod-dal10-carrier3-worker-11")).await.unwrap_err();
    assert_eq!((elsewhere.kind, elsewhere.code), (Kind::Forbidden, "S0414"), "{elsewhere}");
    site.request(&ci, &patch("725", "dev-mon01-infra-test-01")).await.unwrap();
    assert_eq!(site.issue_token(&ci, &request).await.unwrap_err().code, "S0413");
    let journal = std::fs::read(site.core.journal()).unwrap();
    let secret = made.secret.as_bytes();
    assert!(!journal.windows(secret.len()).any(|bytes| bytes == secret), "the secret is kept nowhere");
    // What its holder may not touch, its holder may not rule about either, and nobody hands on more than they have.
    site.request(&who("ana", &["operator"]), &patch("725", "prod-dal10-carrier3-worker-11")).await.unwrap();
    let number = site.changes(&Default::default()).unwrap().items.pop().unwrap().number;
    let dev = Caller { environments: ci.environments.clone(), ..who("dev", &["admin"]) };
    assert_eq!(site.approve(&dev, &number, &Decision::default()).await.unwrap_err().code, "S0414");
    let wide = NewToken { environments: Vec::new(), ..request.clone() };
    assert_eq!(site.issue_token(&dev, &wide).await.unwrap_err().code, "S0414");
    assert_eq!(site.withdraw(&dev, 725, "bad").await.unwrap_err().code, "S0414");
    site.revoke_token(&root, made.token, "left").await.unwrap();
    assert_eq!(site.bearer(&made.secret).unwrap_err().kind, Kind::Unknown);
    assert_eq!(site.bearer("smith_0").unwrap_err().code, "S0412");
}

#[tokio::test]
async fn nobody_approves_by_another_token_what_they_have_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let (root, ana) = (Caller::admin("root"), who("ana", &["admin"]));
    let token = async |issuer: &Caller, name: &str, role: &str| {
        let request = NewToken {
            name: name.to_owned(),
            roles: vec![role.to_owned()],
            environments: Vec::new(),
            days: None,
            owner: None,
        };
        site.issue_token(issuer, &request).await.map(|made| site.bearer(&made.secret).unwrap())
    };
    let (deploy, yes) =
        (token(&ana, "deploy", "operator").await.unwrap(), token(&ana, "yes", "approver").await.unwrap());
    let cy = token(&root, "cy", "approver").await.unwrap();
    site.request(&deploy, &patch("725", "prod-syd01-carrier1-worker-*")).await.unwrap();
    for one in [&ana, &yes] {
        let own = site.approve(one, "CHG0000001", &Decision::default()).await.unwrap_err();
        assert_eq!((own.kind, own.code), (Kind::Forbidden, "S0409"), "{own}");
    }
    site.approve(&cy, "CHG0000001", &Decision::default()).await.unwrap();
    site.request(&ana, &patch("725", "prod-dal10-carrier3-worker-11")).await.unwrap();
    assert_eq!(site.approve(&yes, "CHG0000002", &Decision::default()).await.unwrap_err().code, "S0409");
    // A name that is somebody's is nobody else's.
    for (name, code) in [("dora", "S0417"), ("smith", "S0417"), ("ana", "S0417"), ("cy", "S0418")] {
        assert_eq!(token(&ana, name, "approver").await.unwrap_err().code, code, "{name}");
    }
    let owners = site.tokens(&root).unwrap().into_iter().map(|one| one.owner).collect::<Vec<_>>();
    assert_eq!(owners, ["ana", "ana", "cy"]);
}

/// Answers the action that a machine of the first project was asked for, as soon as it was.
async fn answer(site: &Site, machine: &str, outcome: Outcome, note: Option<&str>) {
    let id = site.core.read(|state| state.fleet.find(machine).unwrap());
    let asked = site.until(Duration::from_secs(10), |state| {
        let job = state.rollouts.get(RolloutId(1))?.job_of(id)?;
        matches!(job.state, JobState::Active(_)).then_some(job.serial)
    });
    let asked = asked.await;
    let serial = asked.unwrap_or_else(|| panic!("{machine} is not asked: {:#?}", site.project(1)));
    let (rollout, note) = (RolloutId(1), note.map(str::to_owned));
    let took = Span::secs(3);
    let report = RolloutCommand::Report { rollout, machine: id, serial, outcome, took, note, packages: None };
    site.core.submit(Actor::smith(), Command::Rollout(report)).await.unwrap();
}

#[tokio::test]
async fn the_evidence_of_a_step_names_every_machine_and_who_approved() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let (ana, cy) = (who("ana", &["operator"]), who("cy", &["approver"]));
    site.request(&ana, &patch("725", "prod-syd01-carrier1-worker-*")).await.unwrap();
    let now = || site.core.read(|state| step_evidence(state, state.rollouts.get(RolloutId(1))?, 0));
    assert_eq!(now(), None, "a step that has not ended has no evidence");
    site.approve(&cy, "CHG0000001", &Decision::default()).await.unwrap();
    let [first, second] = ["prod-syd01-carrier1-worker-1001", "prod-syd01-carrier1-worker-1002"];
    answer(&site, first, Outcome::Found(Work::Nothing), None).await;
    // Nothing is installed, and it is seen that it is healthy.
    answer(&site, first, Outcome::Done, None).await;
    let note = Some("key | of\nanother host");
    answer(&site, second, Outcome::Failed(CauseKind::KeyRefused), note).await;
    site.abort(&ana, 1, &Default::default()).await.unwrap();
    let closed = |state: &State| {
        let evidence = step_evidence(state, state.rollouts.get(RolloutId(1))?, 0)?;
        let is_closed = evidence.change.as_ref().is_some_and(|change| change.evidence.is_some());
        is_closed.then_some(evidence)
    };
    let evidence = site.until(Duration::from_secs(10), closed).await.unwrap();
    let outcomes: Vec<&str> = evidence.machines.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["pass", "failed"]);
    let text = evidence.to_markdown();
    assert!(text.starts_with("# Project 1 step patch: prod-syd01-carrier1-worker-1001 "), "{text}");
    assert!(text.contains("## Change CHG0000001\n") && text.contains("; approved by cy."), "{text}");
    assert!(text.contains("| CTASK0000001 |"), "{text}");
    assert!(text.contains("2 machines: pass 1, failed 1, lost 0"), "{text}");
    let row = text.lines().find(|line| line.starts_with(&format!("| {second} | failed |"))).unwrap();
    assert!(row.contains("key \\| of⏎another host"), "what a machine said stays in its cell: {row}");
    let json = serde_json::to_value(&evidence).unwrap();
    assert_eq!(json["machines"][0]["machine"], first);
}

#[tokio::test]
async fn evidence_tells_why_there_is_no_change_what_was_done_and_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let gated = TWICE.replace("change: none", "change: {approve: role:approver}");
    std::fs::write(folder.path().join("pipelines/gated.yaml"), gated.replace("twice", "gated")).unwrap();
    std::fs::write(folder.path().join("pipelines/twice.yaml"), TWICE).unwrap();
    let ana = who("ana", &["operator"]);
    let of = |rollout: u32, step: u16| {
        site.core.read(|state| step_evidence(state, state.rollouts.get(RolloutId(rollout))?, step))
    };
    site.start(&ana, &config(725, "twice", None)).await.unwrap();
    let [first, second] = ["prod-syd01-carrier1-worker-1001", "prod-syd01-carrier1-worker-1002"];
    let skip = Skip { machines: second.to_owned(), reason: "its disk | dies".to_owned() };
    answer(&site, first, Outcome::Found(Work::RebootOnly), None).await;
    site.skip(&ana, 1, &skip).await.unwrap();
    for _ in 0..4 {
        if of(1, 0).is_some() {
            break;
        }
        answer(&site, first, Outcome::Done, None).await;
    }
    let ended = site
        .until(Duration::from_secs(10), |state| step_evidence(state, state.rollouts.get(RolloutId(1))?, 0));
    let text = ended.await.unwrap().to_markdown();
    assert!(text.contains("\nThe policy demands no change for this step.\n"), "{text}");
    assert!(
        text.contains("| pass | project 1: done: it was at the build already, and was rebooted |"),
        "{text}"
    );
    // What somebody put into the file is neither shown nor listed.
    let evidence = site.data().join(crate::week::EVIDENCE);
    std::fs::create_dir_all(&evidence).unwrap();
    std::fs::write(evidence.join("project-1-patchDev.md"), format!("{text}\napproved by cy\n")).unwrap();
    std::fs::write(evidence.join("project-9-patchDev.md"), "approved by cy\n").unwrap();
    assert_eq!(site.evidence_document("project-1-patchDev.md").await.unwrap(), text.as_bytes());
    let listed = site.evidence(&PageQuery::default()).await.unwrap().items;
    let listed: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.sha256.clone())).collect();
    let sha256 = smith_journal::sha256(text.as_bytes()).to_string();
    assert_eq!(listed, [("project-1-patchDev.md", sha256)]);
    let foreign = site.evidence_document("project-9-patchDev.md").await.unwrap_err();
    assert_eq!((foreign.kind, foreign.code), (Kind::Broken, "S0452"), "{foreign}");
    assert!(text.contains("| skipped | project 1: skipped: its disk \\| dies |"), "{text}");
    let started = site.start(&ana, &config(725, "gated", Some("patchAgain"))).await.unwrap();
    let text = of(started.project, 0).unwrap().to_markdown();
    assert!(
        text.contains("\nNo change was raised: the step was not asked for. The policy demands a change approved by 1 of "),
        "{text}"
    );
    site.abort(&ana, started.project, &Default::default()).await.unwrap();
    // The second step is never reached.
    let started = site.start(&ana, &config(725, "gated", None)).await.unwrap();
    site.abort(&ana, started.project, &Default::default()).await.unwrap();
    let id = RolloutId(started.project);
    let ended = site.until(Duration::from_secs(10), |state| step_evidence(state, state.rollouts.get(id)?, 1));
    let text = ended.await.unwrap().to_markdown();
    let words = "\nNo change was raised: the rollout was aborted before one was raised. The policy demands ";
    assert!(text.contains(words), "{text}");
}

/// The same machines twice, and nobody says yes to the second time.
const TWICE: &str = "pipeline: twice
title: twice
owner: role:operator
steps:
  - step: patchDev
    title: first
    change: none
    budget: 5
    bags: [{bag: all, machines: 'prod-syd01-carrier1-worker-*'}]
  - step: patchAgain
    title: second
    change: none
    budget: 5
    gates: [{approval: go on, who: role:approver}]
    bags: [{bag: all, machines: 'prod-syd01-carrier1-worker-*', revisit: again}]
";

#[tokio::test]
async fn a_failure_is_told_with_what_happened_in_its_own_step() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    std::fs::write(folder.path().join("pipelines/twice.yaml"), TWICE).unwrap();
    site.start(&who("ana", &["operator"]), &config(725, "twice", None)).await.unwrap();
    let [first, second] = ["prod-syd01-carrier1-worker-1001", "prod-syd01-carrier1-worker-1002"];
    answer(&site, first, Outcome::Found(Work::Nothing), None).await;
    answer(&site, first, Outcome::Done, None).await;
    answer(&site, second, Outcome::Failed(CauseKind::KeyRefused), Some("another host")).await;
    let ended = site
        .until(Duration::from_secs(10), |state| step_evidence(state, state.rollouts.get(RolloutId(1))?, 0));
    let evidence = ended.await.unwrap();
    let project = site.project(1).unwrap();
    // The machine itself waits for somebody who opens the second step.
    let why = site.why(second, Some(1)).unwrap().why;
    assert!(why.contains("waits for approval \"go on\""), "{why}");
    let failures: Vec<_> = project.failures.iter().map(|one| (one.machine.as_str(), &*one.step)).collect();
    assert_eq!(failures, [(second, "patchDev")]);
    let told = &project.failures[0].why;
    assert!(told.contains("another host") && !told.contains("go on"), "{told}");
    assert_eq!(evidence.machines[1].note, *told, "the evidence of a step tells the same");
    assert!(!evidence.machines[0].note.contains("go on"), "{evidence:?}");
}

#[tokio::test]
async fn a_train_has_a_change_for_each_region() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let raised = site
        .raise_train(&who("ana", &["operator"]), &RaiseTrain { template: TRAIN.to_owned(), reason: None })
        .await
        .unwrap();
    assert_eq!(raised.changes, ["CHG0000001", "CHG0000002"]);
    assert_eq!(site.change("CHG0000002").unwrap().region.as_deref(), Some("us-south"));
    let missing = RaiseTrain { template: TRAIN.replace("Risk: low\n", ""), reason: None };
    let missing = site.raise_train(&who("ana", &["operator"]), &missing).await.unwrap_err();
    assert_eq!((missing.kind, missing.code), (Kind::Invalid, "S0410"), "{missing}");
}

#[tokio::test]
async fn a_channel_is_set_under_a_change_for_it_or_by_an_admin_who_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let (ana, cy) = (who("ana", &["operator"]), who("cy", &["approver"]));
    let to = |region: &str, change: Option<&str>, reason: Option<&str>| SetChannel {
        region: region.to_owned(),
        build: 725,
        change: change.map(str::to_owned),
        reason: reason.map(str::to_owned),
    };
    let bare = site.set_channel(&ana, "prod", &to("ap-south", None, Some("it is late"))).await.unwrap_err();
    assert_eq!((bare.kind, bare.code), (Kind::Forbidden, "S0413"), "{bare}");
    let root = Caller::admin("root");
    let silent = site.set_channel(&root, "prod", &to("ap-south", None, None)).await.unwrap_err();
    assert_eq!((silent.kind, silent.code), (Kind::Invalid, "S0417"), "{silent}");
    site.set_channel(&root, "prod", &to("ap-south", None, Some("a new mirror"))).await.unwrap();
    let lines = site.audit(&AuditQuery::default()).await.unwrap().items;
    let line = lines.iter().find(|line| line.kind == "build.channel-set").unwrap();
    assert!(line.words.ends_with("points to build 725, without a change: a new mirror"), "{}", line.words);
    site.raise_train(&ana, &RaiseTrain { template: TRAIN.to_owned(), reason: None }).await.unwrap();
    site.request(&ana, &patch("725", "prod-syd01-carrier1-worker-*")).await.unwrap();
    for number in ["CHG0000001", "CHG0000002", "CHG0000003"] {
        site.approve(&cy, number, &Decision::default()).await.unwrap();
    }
    let early = site.set_channel(&ana, "prod", &to("ap-south", Some("CHG0000001"), None)).await.unwrap_err();
    assert_eq!((early.kind, early.code), (Kind::Conflict, "S0408"), "{early}");
    let changes = vec!["CHG0000001".to_owned()];
    site.start_train(&ana, &StartTrain { changes, reason: None }).await.unwrap();
    for (region, change) in [("us-south", "CHG0000001"), ("ap-south", "CHG0000003")] {
        let other = site.set_channel(&ana, "prod", &to(region, Some(change), None)).await.unwrap_err();
        assert_eq!((other.kind, other.code), (Kind::Conflict, "S0408"), "{other}");
    }
    let stage = site.set_channel(&ana, "stage", &to("ap-south", Some("CHG0000001"), None)).await.unwrap_err();
    assert_eq!(stage.code, "S0408", "{stage}");
    site.set_channel(&ana, "prod", &to("ap-south", Some("CHG0000001"), None)).await.unwrap();
}

#[tokio::test]
async fn what_matches_nothing_yet_is_for_those_who_may_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    for (name, machines) in [("onlyDev", "environment=dev role=db"), ("unknown", "role=db")] {
        let text = PIPELINE
            .replace("devOnly", name)
            .replace("machines: environment=dev", &format!("machines: {machines}"));
        std::fs::write(folder.path().join(format!("pipelines/{name}.yaml")), text).unwrap();
    }
    let environments = Environments::These(vec!["dev".to_owned()]);
    let dev = Caller { environments, ..who("dev", &["operator"]) };
    let wide = site.start(&dev, &config(725, "unknown", None)).await.unwrap_err();
    assert_eq!((wide.kind, wide.code), (Kind::Forbidden, "S0414"), "{wide}");
    site.start(&dev, &config(725, "onlyDev", None)).await.unwrap();
    let vouch = |machines: &str| Skip { machines: machines.to_owned(), reason: "seen".to_owned() };
    let nobody = site.sign_off(&dev, &vouch("prod-gone-1")).await.unwrap_err();
    assert_eq!((nobody.kind, nobody.code), (Kind::Forbidden, "S0414"), "{nobody}");
    let mine = site.sign_off(&dev, &vouch("dev-mon01-infra-test-01")).await.unwrap_err();
    assert_eq!(mine.code, "S0402", "{mine}");
}

#[tokio::test]
async fn whoever_is_refused_again_and_again_does_not_fill_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (_life, site) = site(folder.path()).await;
    let (eve, bob) = (who("eve", &[]), who("bob", &[]));
    for _ in 0..50 {
        assert_eq!(site.withdraw(&eve, 725, "bad").await.unwrap_err().code, "S0413");
    }
    assert_eq!(site.withdraw(&bob, 725, "bad").await.unwrap_err().code, "S0413");
    let refused = async || {
        let lines = site.audit(&AuditQuery::default()).await.unwrap().items;
        let of_eve = lines.into_iter().filter(|line| line.kind == "access.refused");
        of_eve.map(|line| (line.by, line.words)).collect::<Vec<_>>()
    };
    let lines = refused().await;
    assert_eq!(lines.iter().map(|(by, _)| by.as_str()).collect::<Vec<_>>(), ["eve", "bob"]);
    site.note_refusals().await;
    let (by, words) = refused().await.pop().unwrap();
    assert_eq!(by, "eve");
    assert!(
        words.starts_with("refused 49 more times within a minute, at last: withdraw build 725"),
        "{words}"
    );
    site.note_refusals().await;
    assert_eq!(refused().await.len(), 3, "nothing is told twice");
}
