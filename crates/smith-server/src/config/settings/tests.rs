//! Settings as people write them, and as they get them wrong.

use std::path::Path;

use smith_domain::pipeline::{ChangeRule, Who};

use super::{
    HeaderFrom, HttpListen, IfMissed, Settings, SettingsError, Signal, Subjects, Target, load_settings,
};
use crate::verbs::Environments;

const WHOLE: &str = "site: syd
data: data
listen: {socket: run/smith.sock, group: smith, http: 127.0.0.1:0}
inventory: sources.yaml
inventory-every: 30s
pipelines: pipelines
store: /srv/smith
mirrors: {syd-01: http://10.0.0.5:8080/, default: http://10.0.0.6:8080}
ssh: {identity: keys/controller, sessions: 100, handshakes: 8}
machines: {dead-man: 5m, skew: 10s, settle: 90s}
requests:
  owner: role:sre-oncall
  approve: {prod: role:sre-lead, stage: [role:sre-lead, ana]}
  drain: yes
people:
  - {uid: 1000, name: ana, roles: [operator, sre-lead], environments: dev}
notify:
  - {about: [call, halted], command: [/usr/local/bin/page, --now]}
  - {webhook: https://chat.example/hook}
  - {about: change-waits, mail: sre@example.org}
store-passphrase-file: keys/passphrase
weeks:
  - week: prod
    owner: role:sre-oncall
    recipe: recipes/ubuntu.yaml
    channel: prod
    regions: [ap-south, us-south]
    test: buildTestDevToStage
    gates:
      - {soak: 24h, since: end of stage}
      - {approval: go, who: role:sre-lead}
      - {succeeded: support}
    change: {approve: role:sre-lead}
    train:
      Squad: conductors
      Service: redpill
      Title: Update the smith-patching prod symlink from {prod} to {build}
      Details: |
        Testing has been completed from dev to stage in {epic}
      Risk: low
      PlannedStartTime: now
      PlannedEndTime: now + 1h
      StageDeployDate: '{stage-date}'
      SecurityOnly: true
      BackoutPlan: Revert to previous value
    canary: rebootProductionAPSouth
    rollouts: [rebootProductionUSSouth, supportOnly]
    profiles: profiles
    schedule: {cron: 0 3 * * SUN, zone: Europe/London, if-missed: skip, within: 2h}
telemetry:
  endpoint: https://collector.example:4318/
  headers: {X-Scope-OrgID: sre}
  header-files: {authorization: keys/collector}
  service: smith-syd
  interval: 30s
  signals: [traces]
";

fn loaded(text: &str) -> Result<Settings, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smith.yaml");
    std::fs::write(&path, text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    load_settings(Some(&path)).map_err(|error| match error {
        SettingsError::Mistakes { problems, .. } => {
            problems.0.iter().map(|one| one.to_string().replace(&prefix, "")).collect()
        }
        SettingsError::Read { .. } => panic!("{error}"),
    })
}

#[test]
fn without_a_file_there_are_defaults() {
    let settings = load_settings(None).unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.listen.socket, Path::new("/run/smith/smith.sock"));
    assert_eq!(loaded("site: smith\n").unwrap(), Settings::default());
}

#[test]
fn paths_are_whole_also_where_the_file_was_named_from_here() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let path = folder.path().join("smith.yaml");
    std::fs::write(&path, "data: data\nstore: store\n").unwrap();
    let named = path.strip_prefix(std::env::current_dir().unwrap()).unwrap_or(&path);
    assert!(named.is_relative(), "{named:?}");
    let settings = load_settings(Some(named)).unwrap();
    assert!(settings.data.is_absolute() && settings.data.ends_with("data"), "{:?}", settings.data);
    assert!(settings.store.unwrap().is_absolute());
}

fn approve(who: &str) -> ChangeRule {
    ChangeRule::Approve { who: Who(vec![who.to_owned()]), count: 1 }
}

#[test]
fn every_key_is_understood() {
    let settings = loaded(WHOLE).unwrap();
    assert_eq!(settings.site, "syd");
    assert!(settings.data.ends_with("data") && settings.data.is_absolute());
    assert_eq!(settings.listen.http, HttpListen::At("127.0.0.1:0".parse().unwrap()));
    assert_eq!(settings.listen.group.as_deref(), Some("smith"));
    assert_eq!(settings.mirrors["syd-01"], "http://10.0.0.5:8080");
    assert_eq!(settings.machines.dead_man.unwrap().0, 300_000);
    assert_eq!(settings.requests.approve["stage"].to_string(), "role:sre-lead, ana");
    let ana = &settings.people[0];
    assert_eq!((ana.uid, &ana.environments), (1000, &Environments::These(vec!["dev".to_owned()])));
    assert_eq!(settings.notify[0].to, Target::Command(vec!["/usr/local/bin/page".into(), "--now".into()]));
    assert_eq!(settings.notify[1].about, Subjects::All);
    let week = &settings.weeks[0];
    let links: Vec<String> = week.plan.links().iter().map(ToString::to_string).collect();
    assert!(
        links.ends_with(&["canary".to_owned(), "region-1".to_owned(), "region-2".to_owned()]),
        "{links:?}"
    );
    assert_eq!((week.plan.gates.len(), week.plan.rule.clone()), (3, approve("role:sre-lead")));
    assert!(week.plan.train.as_ref().is_some_and(|form| form.security_only && !form.vendored_or_non_built));
    assert!(week.profiles.as_ref().is_some_and(|path| path.ends_with("profiles") && path.is_absolute()));
    let schedule = week.schedule.as_ref().unwrap();
    assert_eq!(
        (schedule.if_missed, schedule.within.0, schedule.words()),
        (IfMissed::Skip, 7_200_000, "0 3 * * 0 Europe/London".to_owned())
    );
    let telemetry = settings.telemetry.unwrap();
    assert_eq!(telemetry.endpoint, "https://collector.example:4318");
    assert_eq!((telemetry.service.as_str(), telemetry.interval.0), ("smith-syd", 30_000));
    assert_eq!(telemetry.signals, [Signal::Traces].into());
    assert_eq!(telemetry.headers["x-scope-orgid"], HeaderFrom::Text("sre".to_owned()));
    let HeaderFrom::File(file) = &telemetry.headers["authorization"] else { panic!("{telemetry:?}") };
    assert!(file.is_absolute() && file.ends_with("keys/collector"), "{file:?}");
}

#[test]
fn telemetry_needs_an_endpoint_and_nothing_else() {
    let telemetry = loaded("telemetry: {endpoint: 'http://127.0.0.1:4318'}\n").unwrap().telemetry.unwrap();
    assert_eq!((telemetry.service.as_str(), telemetry.interval.0), ("smith", 60_000));
    assert_eq!(telemetry.signals, [Signal::Traces, Signal::Metrics].into());
    assert!(telemetry.headers.is_empty());
    assert_eq!(loaded("site: smith\n").unwrap().telemetry, None);
}

#[test]
fn mistakes_have_their_places() {
    let wrong = |from: &str, to: &str| loaded(&WHOLE.replace(from, to)).unwrap_err().join("\n");
    for (from, to, expected) in [
        ("site: syd", "site: Syd", "smith.yaml:1:7: expected a name of at most 32"),
        ("127.0.0.1:0", "0.0.0.0:80", "found `0.0.0.0:80` [S0208]\n  hint: put a proxy"),
        ("inventory-every: 30s", "inventory-every: 30", "expected a length of time"),
        ("mirrors: {syd-01: http://10.0.0.5:8080/", "mirrors: {syd-01: http://u:p@h", "an address such as"),
        ("sessions: 100", "sesions: 100", "did you mean `sessions`?"),
        ("about: [call, halted]", "about: [call, haltde]", "did you mean `halted`?"),
        ("mail: sre@example.org", "mail: a@b, webhook: x", "found several"),
        ("uid: 1000, ", "", "the key `uid` in a person"),
        ("drain: yes", "drain: perhaps", "expected `yes` or `no`"),
        ("0 3 * * SUN", "0 3 * * SON", "smith.yaml:49:22: expected when, as `0 3 * * SUN`"),
        ("0 3 * * SUN", "0 0 3 * * SUN", "expected when, as `0 3 * * SUN`"),
        ("0 3 * * SUN", "0 3 30 2 *", "a pattern that matches some time"),
        ("Europe/London", "Europe/Lonodn", "did you mean `Europe/London`?"),
        ("if-missed: skip", "if-missed: skp", "did you mean `skip`?"),
        ("soak: 24h, since: end of stage", "soak: 24h", "smith.yaml:30:9: expected the key `since`"),
        ("approval: go", "aproval: go", "did you mean `approval`?"),
        (
            "[ap-south, us-south]",
            "[ap-south, ap-south]",
            "smith.yaml:23:5: expected a week that can be started",
        ),
        ("Squad: conductors", "Sqad: conductors", "did you mean `Squad`?"),
        ("Squad: conductors", "Environment: eu", "the regions are those of the week"),
        ("      Risk: low\n", "", "Risk"),
        ("    channel: prod\n", "", "the key `channel` in a week"),
        ("  endpoint: https://collector.example:4318/\n", "", "the key `endpoint` in telemetry"),
        (
            "https://collector",
            "collector",
            "smith.yaml:51:13: expected an address such as http://127.0.0.1:4318",
        ),
        ("4318/", "4318/v1/traces", "hint: the server adds `/v1/traces` and `/v1/metrics` itself"),
        (
            "https://collector",
            "https://u:p@collector",
            "found one with a user [S0207]\n  hint: a user and a password",
        ),
        ("X-Scope-OrgID", "Content-Type", "smith.yaml:52:13: expected the name of a header that the server"),
        ("X-Scope-OrgID", "a header", "found `a header`"),
        (
            "X-Scope-OrgID",
            "Authorization",
            "smith.yaml:53:18: expected each header once, found `authorization`",
        ),
        ("OrgID: sre", "OrgID: 'é'", "hint: secrets go into `header-files`"),
        ("interval: 30s", "interval: 2h", "at most 1h, found `2h` [S0208]"),
        ("signals: [traces]", "signals: [trace]", "did you mean `traces`?"),
        ("signals: [traces]", "signals: []", "expected `traces`, `metrics` or both, in a list"),
        ("header-files:", "headers-files:", "did you mean `header-files`?"),
    ] {
        let found = wrong(from, to);
        assert!(found.contains(expected), "{to}: {found}");
    }
}

#[test]
fn fragments_add_and_never_contradict() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("smith.d")).unwrap();
    write("smith.yaml", "site: syd\n");
    write("smith.d/10-store.yaml", "store: builds\n");
    write("smith.d/ignored.txt", "site: other\n");
    let path = folder.path().join("smith.yaml");
    let settings = load_settings(Some(&path)).unwrap();
    assert_eq!(settings.store.unwrap(), folder.path().join("builds"), "paths are meant from the settings");
    write("smith.d/20-more.yaml", "# a line\nsite: other\n");
    let error = load_settings(Some(&path)).unwrap_err();
    let SettingsError::Mistakes { problems, .. } = error else { panic!("{error}") };
    let text = problems.to_string();
    assert!(
        text.contains("20-more.yaml:2:1: expected each key in one file, found `site` again [S0203]"),
        "{text}"
    );
    assert!(text.contains("smith.yaml:1 has it already"), "{text}");
}

#[test]
fn the_examples_of_the_reference_are_understood() {
    for (page, keys) in [
        (include_str!("../../../../../docs/reference/settings.md"), 15),
        (include_str!("../../../../../docs/reference/week.md"), 1),
    ] {
        let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let top = example.lines().filter(|line| line.starts_with(char::is_alphabetic)).count();
        assert_eq!(top, keys, "{example}");
        let settings = loaded(example).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
        assert_eq!(settings.weeks[0].plan.name, "prod");
    }
}
