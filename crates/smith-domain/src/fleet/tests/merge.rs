use proptest::prelude::*;

use super::*;
use crate::id::AttrName;

fn attr(name: &str) -> AttrName {
    AttrName::new(name).unwrap()
}

#[test]
fn the_strongest_source_is_believed_attribute_by_attribute() {
    let sources = [
        source("scan", 1, "prod-dal10-carrier3-worker-1 10.0.0.9 rack=r9 os=noble host-key=AAAA"),
        source("cmdb", 5, "prod-dal10-carrier3-worker-1 role=gateway rack=r1"),
    ];
    let reading = reading(&sources);
    let [facts] = reading.machines() else { panic!("one machine") };
    let said: Vec<String> = facts
        .attrs
        .iter()
        .map(|(name, value)| format!("{name}={value} ({})", facts.origin_of(name).unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            "cluster=prod-dal10-carrier3 (name-pattern)",
            "environment=prod (name-pattern)",
            "number=1 (name-pattern)",
            "os=noble (scan)",
            "rack=r1 (cmdb)",
            "region=us-south (name-pattern)",
            "role=gateway (cmdb)",
            "zone=dal10 (name-pattern)",
        ]
    );
    let sources: Vec<&str> = facts.sources.iter().map(SourceName::as_str).collect();
    assert_eq!(sources, ["cmdb", "scan", "name-pattern"]);
    assert_eq!((facts.addresses_from, facts.host_key_from), (1, 1));
    assert_eq!(facts.host_key.as_deref(), Some("AAAA"));
    assert_eq!(reading.warnings(), []);
}

#[test]
fn a_region_follows_a_zone_that_a_source_says() {
    let reading = reading(&[source("cmdb", 0, "bastion zone=lon04\nprod-dal10-infra-web-1 zone=syd05")]);
    let region = |at: usize| reading.machines()[at].attrs.get(&attr("region")).cloned();
    assert_eq!(region(0).as_deref(), Some("uk-south"));
    assert_eq!(region(1).as_deref(), Some("ap-south"));
}

#[test]
fn what_is_doubtful_is_said() {
    let sources = [
        source("a", 1, "web-1 10.0.0.1 host-key=A\nweb-2 10.0.0.1\nprod-xyz01-infra-web-1 10.0.0.1"),
        source("b", 1, "web-1 host-key=B"),
    ];
    let warnings: Vec<String> = reading(&sources).warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "expected one machine at 10.0.0.1, found prod-xyz01-infra-web-1, web-1, web-2",
            "expected one host key for web-1, found two: a is believed, not b",
            "expected a pattern for every name, found none for web-1, web-2",
            "expected a region for zone xyz01, found none, needed for prod-xyz01-infra-web-1",
        ]
    );
}

#[test]
fn what_cannot_be_used_is_refused() {
    let naming = Naming::conventional();
    let twice = source("a", 1, "web-1");
    let mut same = source("a", 1, "web-1\nweb-2");
    same.machines[1].name = same.machines[0].name.clone();
    let mut long = source("a", 1, "web-1 rack=x");
    long.machines[0].attrs.insert(attr("rack"), "x".repeat(MAX_VALUE + 1));
    for (sources, message) in [
        (vec![twice.clone(), twice], "expected each source once, found a twice"),
        (vec![same], "expected each machine once in source a, found web-1 twice"),
        (vec![long], "expected at most 256 bytes of an attribute for web-1 in source a, found 257"),
        (
            vec![source("name-pattern", 1, "web-1")],
            "expected a source name other than name-pattern, which stands",
        ),
        (
            vec![source("a", 1, "web-1 names=x")],
            "expected a label for web-1 in source a, found AttrName(\"names\")",
        ),
    ] {
        let error = merge(sources, &naming).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.code(), "S0130");
    }
}

proptest! {
    /// For each attribute: of the sources that say it, the first one of the greatest precedence.
    #[test]
    fn precedence_decides(
        said in prop::collection::vec((0i32..3, prop::collection::btree_map("[abc]", "[xyz]", 0..3)), 1..5),
    ) {
        let sources: Vec<SourceReading> = said
            .iter()
            .enumerate()
            .map(|(nth, (precedence, attrs))| {
                let attrs: Vec<String> = attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                source(&format!("s{nth}"), *precedence, &format!("m {}", attrs.join(" ")))
            })
            .collect();
        let reading = merge(sources.clone(), &Naming::default()).unwrap();
        let facts = &reading.machines()[0];
        for name in ["a", "b", "c"] {
            let mut best: Option<(i32, usize, &String)> = None;
            for (nth, (precedence, attrs)) in said.iter().enumerate() {
                if let Some(value) = attrs.get(name)
                    && best.is_none_or(|(known, _, _)| *precedence > known)
                {
                    best = Some((*precedence, nth, value));
                }
            }
            prop_assert_eq!(facts.attrs.get(&attr(name)), best.map(|(_, _, value)| value));
            let origin = facts.origin_of(&attr(name)).map(|source| source.to_string());
            prop_assert_eq!(origin, best.map(|(_, nth, _)| format!("s{nth}")));
        }
        prop_assert_eq!(facts.sources.len(), sources.len());
    }
}
