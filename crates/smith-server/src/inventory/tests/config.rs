use std::collections::BTreeSet;

use smith_domain::fleet::{Fleet, FleetCommand};
use smith_domain::pipeline::Amount;
use smith_domain::time::Timestamp;

use super::*;

const CONFIG: &str = r#"
sources:
  - {name: cmdb, file: cmdb.csv, precedence: 10}
  - name: lab
    file: lab/hosts
    format: ansible-ini
    precedence: -5
    labels: [rack, env]
    max-shrink: 50%
names:
  patterns:
    - "{environment}-{zone}-{cluster}-{role...}[-]{number}"
  attributes:
    cluster: "{environment}-{zone}-{cluster}"
zones:
  "dal*": us-south
  syd05: ap-south
max-shrink: 3
"#;

#[test]
fn what_is_configured() {
    let config = parse_config("sources.yaml", CONFIG.as_bytes()).unwrap();
    let lab = SourceName::new("lab").unwrap();
    assert_eq!(config.sources.len(), 2);
    assert_eq!((config.sources[1].precedence, config.sources[1].format), (-5, Some(Format::AnsibleIni)));
    assert_eq!(config.policy.max_shrink, Amount::Count(3));
    assert_eq!(config.policy.sources.get(&lab), Some(&Amount::Percent(50)));
    assert_eq!(config.naming.region_of("dal10"), Some("us-south"));
    assert!(config.naming.derive("prod-dal10-carrier1-haproxy01").is_some());
}

#[test]
fn problems_have_places() {
    for (text, expected) in [
        (
            "",
            "c.yaml:1:1: expected `sources`, `host-keys`, `names`, `zones` or `max-shrink`, found nothing [S0142]",
        ),
        ("zones: {}", "c.yaml:1:1: expected `sources`, found none [S0142]"),
        ("sources: []", "c.yaml:1:10: expected a list of at least one source, found a list [S0142]"),
        ("source: []", "c.yaml:1:1: expected `sources`, found none [S0142]"),
        ("sources:\n  - {name: a}", "c.yaml:2:5: expected a source with `file`, found one without [S0142]"),
        ("sources:\n  - {name: a b, file: x}", "c.yaml:2:12: expected a source name, found `a b` [S0143]"),
        (
            "sources:\n  - {name: a, file: x}\n  - {name: a, file: y}",
            "c.yaml:3:5: expected each source once, found a again [S0144]",
        ),
        (
            "sources:\n  - {name: a, file: x, format: xml}",
            "c.yaml:2:32: expected one of smith, csv, ansible-ini, ansible-yaml, ansible-json, http-sd, found `xml` [S0143]",
        ),
        (
            "sources:\n  - {name: a, file: x, precedence: high}",
            "c.yaml:2:36: expected a whole number, found `high` [S0143]",
        ),
        (
            "sources:\n  - {name: a, file: x, max-shrink: 200%}",
            "c.yaml:2:36: expected a number or a percentage, found `200%` [S0143]",
        ),
        (
            "sources:\n  - {name: a, file: x, labels: some}",
            "c.yaml:2:32: expected `all` or a list of labels, found `some` [S0143]",
        ),
        (
            "sources:\n  - {name: a, file: x, url: y}",
            "c.yaml:2:24: expected `name`, `file`, `format`, `precedence`, `labels` or `max-shrink`, found `url` [S0142]",
        ),
        (
            "sources: [{name: a, file: x}]\nnames:\n  patterns:\n    - '{zone'",
            "c.yaml:4:7: expected `}` in `{zone`, found the end [S0120]\n  hint: at character 6 of it",
        ),
        (
            "sources: [{name: a, file: x}]\nnames:\n  attributes: {cluster: '}'}",
            "c.yaml:3:25: expected `{` before it in `}`, found `}` [S0120]",
        ),
        (
            "sources: [{name: a, file: x}]\nzones: {d*l: x}",
            "c.yaml:2:9: expected a character of a zone in `d*l`, found '*' [S0120]",
        ),
    ] {
        let problems = parse_config("c.yaml", text.as_bytes()).unwrap_err();
        let found = problems.0[0].to_string();
        assert!(found.starts_with(expected), "{text:?}\n   found {found}\nexpected {expected}");
    }
}

#[test]
fn files_become_a_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sources.yaml");
    std::fs::write(&path, CONFIG).unwrap();
    std::fs::create_dir(folder.path().join("lab")).unwrap();
    std::fs::write(folder.path().join("cmdb.csv"), "name,ip\nprod-dal10-carrier3-worker-1001,10.0.0.1\n")
        .unwrap();
    let config = load_config(&path).unwrap();
    let error = load(&config, folder.path()).unwrap_err();
    assert!(matches!(&error, LoadError::Read { path, .. } if path.ends_with("lab/hosts")), "{error}");

    std::fs::write(folder.path().join("lab/hosts"), "lab-1 rack\n").unwrap();
    let error = load(&config, folder.path()).unwrap_err();
    assert_eq!(error.to_string(), "expected files without mistakes, found 1 in lab/hosts");
    assert_eq!(error.code(), "S0143");

    std::fs::write(folder.path().join("lab/hosts"), "lab-1 rack=r1 env=lab zone=syd05\n").unwrap();
    let reading = load(&config, folder.path()).unwrap();
    let mut fleet = Fleet::default();
    let policy = config.policy;
    let command = FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy };
    for event in fleet.decide(command, Timestamp(0)).unwrap() {
        fleet.evolve(&event, Timestamp(0));
    }
    for (select, name) in [
        ("region=us-south cluster=prod-dal10-carrier3 10.0.0.1", "prod-dal10-carrier3-worker-1001"),
        ("env=lab region=ap-south rack=r1", "lab-1"),
    ] {
        let found = fleet.select(&select.parse().unwrap());
        assert_eq!(found.iter().map(|id| fleet.machine(*id).name()).collect::<Vec<_>>(), [name], "{select}");
    }
}
