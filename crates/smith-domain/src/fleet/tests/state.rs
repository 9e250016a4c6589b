use super::*;
use crate::fleet::text::{fleet_from_text, parse_fleet};
use crate::id::AttrName;

#[test]
fn attributes_are_read_by_number_and_by_name() {
    let text = "prod-dal10-carrier3-worker-1001 rack=r1\nlab-1";
    let fleet = fleet_from_text(text, Timestamp(0)).unwrap();
    let id = fleet.find("prod-dal10-carrier3-worker-1001").unwrap();
    let rack = AttrName::new("rack").unwrap();
    assert_eq!(fleet.attr_text(id, &rack), Some("r1"));
    assert_eq!(fleet.attr(id, fleet.attr_id(&rack).unwrap()), fleet.symbol("r1"));
    assert_eq!(fleet.attr(id, AttrId::CLUSTER).map(|symbol| fleet.text(symbol)), Some("prod-dal10-carrier3"));
    assert_eq!(fleet.attr(fleet.find("lab-1").unwrap(), AttrId::CLUSTER), None);
    assert_eq!(fleet.attr(MachineId(7), AttrId::CLUSTER), None);
    assert_eq!(fleet.attr_id(&AttrName::new("shelf").unwrap()), None);
    assert_eq!(fleet.find("lab"), None);
}

#[test]
fn an_address_belongs_to_machines_that_are_present() {
    let mut fleet = fleet_from_text("web-1 10.0.0.1 fe80::1\nweb-2 10.0.0.2", Timestamp(0)).unwrap();
    let found = |fleet: &Fleet, address: &str| names(fleet, fleet.find_address(address.parse().unwrap()));
    assert_eq!((found(&fleet, "10.0.0.1"), found(&fleet, "fe80::1")), ("web-1".into(), "web-1".into()));
    fleet.observe_text("web-2 10.0.0.1", Timestamp(1)).unwrap();
    assert_eq!((found(&fleet, "10.0.0.1"), found(&fleet, "10.0.0.2")), ("web-2".into(), String::new()));
    fleet.observe_text("web-2 10.0.0.1\nweb-1 10.0.0.1", Timestamp(2)).unwrap();
    assert_eq!(found(&fleet, "10.0.0.1"), "web-1 web-2");
}

#[test]
fn a_change_is_told_once() {
    let mut fleet = fleet_from_text("web-[1-3]", Timestamp(0)).unwrap();
    assert_eq!(names(&fleet, fleet.changed_since(0)), "web-1 web-2 web-3");
    let cursor = fleet.cursor();
    assert_eq!(fleet.changed_since(cursor).count(), 0);
    fleet.observe_text("web-[1-3] rack=r1", Timestamp(1)).unwrap();
    fleet.observe_text("web-1 rack=r1\nweb-2\nweb-4", Timestamp(2)).unwrap();
    assert_eq!(names(&fleet, fleet.changed_since(cursor)), "web-1 web-4 web-2 web-3");
    assert_eq!(fleet.changed_since(fleet.cursor() + 1).count(), 0);
}

#[test]
fn a_cursor_that_is_too_old_gives_every_machine() {
    let mut fleet = fleet_from_text("web-[1-3]", Timestamp(0)).unwrap();
    let cursor = fleet.cursor();
    for turn in 0..3000i64 {
        let rack = turn % 2;
        fleet.observe_text(&format!("web-[1-2] rack=r{rack}\nweb-3"), Timestamp(turn)).unwrap();
    }
    assert_eq!(names(&fleet, fleet.changed_since(cursor)), "web-1 web-2 web-3");
    assert_eq!(names(&fleet, fleet.changed_since(fleet.cursor() - 4)), "web-1 web-2");
}

#[test]
fn impossible_events_change_nothing() {
    let fleet = fleet_from_text("web-1", Timestamp(0)).unwrap();
    let mut same = fleet.clone();
    let facts = parse_fleet("web-9").unwrap().remove(0);
    for event in [
        FleetEvent::MachinesLeft { machines: vec![MachineId(9)] },
        FleetEvent::MachinesChanged { machines: vec![KnownMachine { id: MachineId(9), facts }] },
        FleetEvent::ExemptionEnded { exemption: ExemptionId(4), reason: "x".into() },
        FleetEvent::SourceDropped { source: SourceName::new("none").unwrap() },
    ] {
        same.evolve(&event, Timestamp(1));
    }
    assert_eq!(same, fleet);
    same.evolve(&FleetEvent::MachinesLeft { machines: vec![MachineId(0), MachineId(0)] }, Timestamp(1));
    assert_eq!(same.present_count(), 0);
    // A known name gives no second number.
    let facts = parse_fleet("web-1").unwrap().remove(0);
    same.evolve(&FleetEvent::MachinesJoined { machines: vec![facts] }, Timestamp(2));
    assert_eq!((same.len(), same.present_count()), (1, 1));
}

#[test]
fn a_snapshot_in_a_wrong_order_is_refused() {
    let fleet = fleet_from_text("web-1\nweb-2", Timestamp(0)).unwrap();
    let text = serde_json::to_string(&fleet).unwrap();
    assert_eq!(serde_json::from_str::<Fleet>(&text).unwrap(), fleet);
    for wrong in ["[1,0]", "[0]", "[0,0]", "[0,2]"] {
        let damaged = text.replace("\"by_name\":[0,1]", &format!("\"by_name\":{wrong}"));
        assert_ne!(damaged, text);
        assert!(serde_json::from_str::<Fleet>(&damaged).is_err(), "{wrong}");
    }
}

/// The shape of what is journaled. A change here is a change of what old journals hold.
#[test]
fn events_keep_their_shape() {
    let facts = parse_fleet("prod-dal10-infra-web-1 10.0.0.1 rack=r1").unwrap().remove(0);
    let facts_json = r#"{"name":"prod-dal10-infra-web-1","addresses":["10.0.0.1"],"attrs":{"cluster":"prod-dal10-infra","environment":"prod","number":"1","rack":"r1","region":"us-south","role":"web","zone":"dal10"},"host_key":null,"sources":["text","name-pattern"],"origin":[1,1,1,0,1,1,1],"addresses_from":0,"host_key_from":0}"#;
    let terms =
        Exemption { select: select("web-*"), reason: "old".into(), owner: "ann".into(), until: Timestamp(5) };
    let cmdb = SourceName::new("cmdb").unwrap();
    let known = vec![KnownMachine { id: MachineId(3), facts: facts.clone() }];
    for (event, json) in [
        (FleetEvent::MachinesJoined { machines: vec![facts] }, format!(r#"{{"machines-joined":{{"machines":[{facts_json}]}}}}"#)),
        (
            FleetEvent::MachinesChanged { machines: known.clone() },
            format!(r#"{{"machines-changed":{{"machines":[{{"id":3,"facts":{facts_json}}}]}}}}"#),
        ),
        (
            FleetEvent::MachinesReturned { machines: known },
            format!(r#"{{"machines-returned":{{"machines":[{{"id":3,"facts":{facts_json}}}]}}}}"#),
        ),
        (FleetEvent::MachinesLeft { machines: vec![MachineId(3)] }, r#"{"machines-left":{"machines":[3]}}"#.into()),
        (FleetEvent::SourceRead { source: cmdb.clone(), machines: 7 }, r#"{"source-read":{"source":"cmdb","machines":7}}"#.into()),
        (FleetEvent::SourceDropped { source: cmdb }, r#"{"source-dropped":{"source":"cmdb"}}"#.into()),
        (
            FleetEvent::ExemptionGranted { exemption: ExemptionId(0), terms },
            r#"{"exemption-granted":{"exemption":0,"terms":{"select":"web-*","reason":"old","owner":"ann","until":5}}}"#.into(),
        ),
        (
            FleetEvent::ExemptionEnded { exemption: ExemptionId(0), reason: "done".into() },
            r#"{"exemption-ended":{"exemption":0,"reason":"done"}}"#.into(),
        ),
    ] {
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<FleetEvent>(&json).unwrap(), event);
        let bytes = postcard::to_allocvec(&event).unwrap();
        assert_eq!(postcard::from_bytes::<FleetEvent>(&bytes).unwrap(), event);
    }
}
