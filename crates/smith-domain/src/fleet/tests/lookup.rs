use super::*;
use crate::fleet::text::fleet_from_text;

const FLEET: &str = "
    prod-dal10-carrier3-worker-[1001-1003]
    prod-lon04-carrier3-worker-[01-03] 
    prod-lon04-carrier1-haproxy01 10.1.0.1
    lab-1
    lab-2
";

fn lookup(text: &str, cross_region: CrossRegion) -> Result<String, LookupRejection> {
    let mut fleet = fleet_from_text(FLEET, Timestamp(0)).unwrap();
    fleet.observe_text(&FLEET.replace("lab-2", ""), Timestamp(1)).unwrap();
    let found = fleet.lookup(&select(text), cross_region)?;
    Ok(names(&fleet, found))
}

#[test]
fn machines_are_found() {
    for (text, found) in [
        (
            "prod-lon04-carrier3-worker-*",
            "prod-lon04-carrier3-worker-01 prod-lon04-carrier3-worker-02 prod-lon04-carrier3-worker-03",
        ),
        (
            "10.1.0.1 prod-lon04-carrier3-worker-01",
            "prod-lon04-carrier1-haproxy01 prod-lon04-carrier3-worker-01",
        ),
        ("lab-1", "lab-1"),
        ("prod-* region=us-south number=1001", "prod-dal10-carrier3-worker-1001"),
        // What is left out need not exist.
        ("lab-* and not lab-77", "lab-1"),
    ] {
        assert_eq!(lookup(text, CrossRegion::Refuse).unwrap(), found, "{text}");
    }
    assert_eq!(lookup("all", CrossRegion::Allow).unwrap().split(' ').count(), 8);
}

#[test]
fn refusals_say_what_was_found_and_what_may_have_been_meant() {
    for (text, message, hint) in [
        (
            "prod-dal10-carrier3-wroker-1001",
            "expected machines that exist, found prod-dal10-carrier3-wroker-1001, which no machine has",
            "did you mean prod-dal10-carrier3-worker-1001",
        ),
        ("lab-2 lab-1", "expected machines that exist, found lab-2, which has left the fleet", ""),
        (
            "prod-lon04-carrier3-worker-[01-04]",
            "expected machines that exist, found prod-lon04-carrier3-worker-04, which",
            "worker-01",
        ),
        ("lab-1 prod-lon02-*", "expected machines that exist, found prod-lon02-*, which matches nothing", ""),
        ("/lab/", "expected machines that exist, found /lab/, which matches nothing", ""),
        ("10.1.0.2", "expected machines that exist, found 10.1.0.2, which no machine has", ""),
        (
            "x y z u v w",
            "expected machines that exist, found x, which no machine has; y, which no machine has; z, which no machine has; u, which no machine has; v, which no machine has; and 1 more",
            "",
        ),
        (
            "env=prdo",
            "expected at least one machine, found none that matches environment=prdo",
            "no machine has environment=prdo; did you mean prod?",
        ),
        (
            "rgion=x",
            "expected at least one machine, found none that matches rgion=x",
            "no machine has an attribute rgion; did you mean region?",
        ),
        (
            "env=prod and lab-1",
            "expected at least one machine, found none that matches environment=prod and lab-1",
            "",
        ),
        (
            "prod-*-carrier3-*",
            "expected machines of one region, found us-south: prod-dal10-carrier3-worker-1001, prod-dal10-carrier3-worker-1002, \
             prod-dal10-carrier3-worker-1003; uk-south: prod-lon04-carrier3-worker-01, prod-lon04-carrier3-worker-02, prod-lon04-carrier3-worker-03",
            "one request for each region",
        ),
        (
            "lab-1 prod-lon04-carrier1-haproxy01",
            "expected machines of one region, found no known region: lab-1; uk-south: prod",
            "",
        ),
    ] {
        let error = lookup(text, CrossRegion::Refuse).unwrap_err();
        assert!(error.to_string().starts_with(message), "{text}: {error}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint), "{text}: hint {found:?}");
    }
}

#[test]
fn a_selector_reaches_wherever_it_may_ever_mean_a_machine() {
    let mut fleet = fleet_from_text(FLEET, Timestamp(0)).unwrap();
    let left = FLEET.replace("prod-lon04-carrier3-worker-[01-03]", "").replace("lab-2", "");
    fleet.observe_text(&left, Timestamp(1)).unwrap();
    let into = |environments: &[&str]| {
        Reach::Environments(environments.iter().map(|one| (*one).to_owned()).collect())
    };
    for (text, reach) in [
        ("prod-dal10-*", into(&["prod"])),
        ("prod-dal10-* or lab-1", into(&["", "prod"])),
        // It has left, and may come back.
        ("prod-lon04-carrier3-worker-01", into(&["prod"])),
        ("lab-2", into(&[""])),
        ("not environment=prod", into(&[""])),
        ("number=1001", into(&["prod"])),
        // It says itself where it reaches, whoever matches now.
        ("environment=dev", into(&["dev"])),
        ("environment=dev,stage role=worker", into(&["dev", "stage"])),
        ("environment=dev or environment=prod", into(&["dev", "prod"])),
        // Nobody knows yet whom it will mean.
        ("role=haproxy-new", Reach::Anywhere),
        ("lab-77", Reach::Anywhere),
        ("lab-1 lab-77", Reach::Anywhere),
        ("stage-*", Reach::Anywhere),
        ("environment=d*", Reach::Anywhere),
    ] {
        assert_eq!(fleet.reach(&select(text)), reach, "{text}");
    }
    assert_eq!(fleet.reach_of_region("us-south"), into(&["prod"]));
    assert_eq!(fleet.reach_of_region("eu-de"), Reach::Anywhere);
}
