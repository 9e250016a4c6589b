use proptest::prelude::*;

use super::*;
use crate::id::{AttrName, MachineName};
use crate::pipeline::Amount;
use crate::time::Span;

#[test]
fn machines_come_change_go_and_return() {
    let mut fleet = Fleet::default();
    let events = observe(&mut fleet, &[source("cmdb", 1, "web-10\nweb-2\nweb-1 rack=r1")], 10).unwrap();
    assert_eq!(told(&fleet, &events), ["joined web-1 web-2 web-10", "read cmdb 3"]);
    assert_eq!(fleet.find("web-2"), Some(MachineId(1)));

    let events = observe(&mut fleet, &[source("cmdb", 1, "web-10\nweb-3\nweb-1 rack=r2")], 20).unwrap();
    assert_eq!(told(&fleet, &events), ["joined web-3", "changed web-1", "left web-2", "read cmdb 3"]);
    assert_eq!((fleet.len(), fleet.present_count()), (4, 3));
    assert!(!fleet.is_present(MachineId(1)));
    assert_eq!(names(&fleet, fleet.select(&Selector::all())), "web-1 web-3 web-10");

    let events =
        observe(&mut fleet, &[source("cmdb", 1, "web-10\nweb-2\nweb-3\nweb-1 rack=r2")], 30).unwrap();
    assert_eq!(told(&fleet, &events), ["returned web-2", "read cmdb 4"]);
    let back = fleet.machine(MachineId(1));
    assert_eq!(
        (back.seen_at(), back.changed_at(), back.presence()),
        (Timestamp(10), Timestamp(30), Presence::Present)
    );
    assert_eq!(names(&fleet, fleet.select(&Selector::all())), "web-1 web-2 web-3 web-10");
}

#[test]
fn nothing_new_is_noted_now_and_then() {
    let mut fleet = Fleet::default();
    let sources = [source("a", 1, "web-1"), source("b", 2, "web-1 rack=r1")];
    observe(&mut fleet, &sources, 0).unwrap();
    assert_eq!(fleet.confirmed_at(MachineId(0)), Some(Timestamp(0)));
    assert_eq!(told(&fleet, &observe(&mut fleet.clone(), &sources, 1).unwrap()), Vec::<String>::new());
    let later = i64::try_from(READ_NOTED_EVERY.0).unwrap();
    let events = observe(&mut fleet, &sources, later).unwrap();
    assert_eq!(told(&fleet, &events), ["read a 1", "read b 1"]);
    assert_eq!(fleet.confirmed_at(MachineId(0)), Some(Timestamp(0) + Span(READ_NOTED_EVERY.0)));
}

/// `web-1` to `web-N`.
fn webs(n: u32) -> String {
    format!("web-[1-{n}]")
}

#[test]
fn machines_with_much_to_say_are_written_in_more_and_smaller_events() {
    // As much as one machine may have: sixty-four labels whose every sign takes six bytes in JSON.
    let machine = |number: usize| {
        let mut seen = SeenMachine::named(MachineName::new(format!("web-{number}")).unwrap());
        for label in 0..64 {
            seen.attrs.insert(AttrName::new(format!("label-{label}")).unwrap(), "\u{1}".repeat(MAX_VALUE));
        }
        seen
    };
    let name = SourceName::new("cmdb").unwrap();
    let heavy = SourceReading { name, precedence: 0, machines: (0..200).map(machine).collect() };
    let mut fleet = Fleet::default();
    let events = observe(&mut fleet, &[heavy], 0).unwrap();
    assert_eq!(fleet.present_count(), 200);
    let sizes: Vec<usize> = events.iter().map(|event| serde_json::to_vec(event).unwrap().len()).collect();
    assert!(sizes.len() > 5 && sizes.iter().all(|size| *size <= crate::size::EVENT_MAX), "{sizes:?}");
}

#[test]
fn a_source_may_lose_a_tenth() {
    let mut fleet = Fleet::default();
    observe(&mut fleet, &[source("cmdb", 1, &webs(100))], 0).unwrap();
    let error = observe(&mut fleet, &[source("cmdb", 1, &webs(89))], 1).unwrap_err();
    let FleetRejection::SourcesShrank { shrunk } = &error else { panic!("{error}") };
    let expected = Shrunk {
        source: SourceName::new("cmdb").unwrap(),
        was: 100,
        is: Some(89),
        lost: 11,
        machines: (89..100).map(MachineId).collect(),
        fingerprint: shrunk[0].fingerprint.clone(),
        allowed: Amount::Percent(10),
    };
    assert_eq!(shrunk.as_slice(), [expected]);
    assert_eq!(
        error.to_string(),
        "expected every source to keep its machines, found that cmdb had 100 and has 89, without 11 of them, at most 10% may go"
    );
    assert!(error.hint().unwrap().contains("`confirm source`): cmdb"));
    assert_eq!(fleet.present_count(), 100);
    observe(&mut fleet, &[source("cmdb", 1, &webs(90))], 2).unwrap();
    assert_eq!(fleet.present_count(), 90);
    observe_confirmed(&mut fleet, &[source("cmdb", 1, &webs(3))], &["cmdb"], 3).unwrap();
    assert_eq!(fleet.present_count(), 3);
    // A tenth of three is nothing, and yet one machine may go.
    observe(&mut fleet, &[source("cmdb", 1, &webs(2))], 4).unwrap();
    assert_eq!(fleet.present_count(), 2);
}

#[test]
fn other_machines_of_the_same_number_are_a_loss() {
    let mut fleet = Fleet::default();
    observe(&mut fleet, &[source("cmdb", 1, &webs(20))], 0).unwrap();
    let error = observe(&mut fleet, &[source("cmdb", 1, "db-[1-20]")], 1).unwrap_err();
    assert!(error.to_string().contains("had 20 and has 20, without 20 of them"), "{error}");
}

#[test]
fn a_source_that_says_it_holds_less_is_taken_at_its_word() {
    let mut fleet = Fleet::default();
    observe(&mut fleet, &[source("cmdb", 1, &webs(20))], 0).unwrap();
    let counts = [(SourceName::new("cmdb").unwrap(), 5)].into();
    let machines = reading(&[source("cmdb", 1, &webs(20))]).into_machines();
    let reading = Reading::new(counts, machines).unwrap();
    let policy = ObservePolicy::default();
    let command = FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy };
    let error = fleet.decide(command, Timestamp(1)).unwrap_err();
    assert!(error.to_string().contains("had 20 and has 5, without 15 of them"), "{error}");
}

#[test]
fn an_empty_or_missing_source_is_never_believed() {
    let mut fleet = Fleet::default();
    let both = [source("cmdb", 1, &webs(30)), source("lab", 1, "lab-1")];
    observe(&mut fleet, &both, 0).unwrap();
    let empty = [source("cmdb", 1, &webs(30)), source("lab", 1, "")];
    let error = observe(&mut fleet, &empty, 1).unwrap_err();
    assert!(error.to_string().ends_with("lab had 1 and has none"), "{error}");
    let error = observe(&mut fleet, &both[..1], 1).unwrap_err();
    assert!(error.to_string().ends_with("lab had 1 and was not read"), "{error}");
    // Another source's word does not help.
    assert!(observe_confirmed(&mut fleet, &both[..1], &["cmdb"], 1).is_err());
    let events = observe_confirmed(&mut fleet, &both[..1], &["lab"], 1).unwrap();
    assert_eq!(told(&fleet, &events), ["left lab-1", "read cmdb 30", "dropped lab"]);
    observe(&mut fleet, &both[..1], 2).unwrap();
}

#[test]
fn a_machine_that_a_second_source_keeps_is_lost_for_the_first() {
    let mut fleet = Fleet::default();
    observe(&mut fleet, &[source("cmdb", 2, &webs(30)), source("scan", 1, &webs(30))], 0).unwrap();
    let error =
        observe(&mut fleet, &[source("cmdb", 2, &webs(20)), source("scan", 1, &webs(30))], 1).unwrap_err();
    assert!(error.to_string().contains("cmdb had 30 and has 20"), "{error}");
    assert!(!error.to_string().contains("scan"), "{error}");
}

#[test]
fn events_are_cut_into_chunks() {
    let mut fleet = Fleet::default();
    let events = observe(&mut fleet, &[source("cmdb", 1, &webs(2001))], 0).unwrap();
    let joined: Vec<usize> = events
        .iter()
        .filter_map(|event| {
            if let FleetEvent::MachinesJoined { machines } = event { Some(machines.len()) } else { None }
        })
        .collect();
    assert_eq!(joined, [1000, 1000, 1]);
    assert_eq!(fleet.len(), 2001);
}

#[test]
fn exemptions_need_a_reason_an_owner_and_an_end() {
    let mut fleet = Fleet::default();
    observe(&mut fleet, &[source("cmdb", 1, "web-1\nweb-2")], 0).unwrap();
    let terms = |select_text: &str, reason: &str, owner: &str, until: i64| {
        FleetCommand::Exempt(Exemption {
            select: select(select_text),
            reason: reason.into(),
            owner: owner.into(),
            until: Timestamp(until),
        })
    };
    for (command, message) in [
        (terms("web-1", " ", "ann", 9), "expected a reason, found nothing"),
        (terms("web-1", "old", "", 9), "expected an owner, found nothing"),
        (
            terms("web-1", "old", "ann", 5),
            "expected an end in the future, found 1970-01-01T00:00:00Z, and it is 1970",
        ),
        (terms("web-9", "old", "ann", 9), "expected a selector that matches a machine, found \"web-9\""),
        (
            FleetCommand::EndExemption { exemption: ExemptionId(0), reason: "done".into() },
            "expected an exemption that holds, found exemption-0",
        ),
    ] {
        let error = fleet.decide(command, Timestamp(5)).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
    for (nth, command) in
        [terms("web-1", "old", "ann", 9), terms("web-2", "new", "bob", 9)].into_iter().enumerate()
    {
        let events = fleet.decide(command, Timestamp(5)).unwrap();
        assert_eq!(told(&fleet, &events), [format!("granted exemption-{nth} web-{}", nth + 1)]);
        fleet.evolve(&events[0], Timestamp(5));
    }
    let end = FleetCommand::EndExemption { exemption: ExemptionId(1), reason: "patched".into() };
    let events = fleet.decide(end, Timestamp(6)).unwrap();
    fleet.evolve(&events[0], Timestamp(6));
    assert_eq!(fleet.exemptions().map(|(id, _)| id).collect::<Vec<_>>(), [ExemptionId(0)]);
    // A number is not given twice.
    let events = fleet.decide(terms("web-2", "again", "bob", 9), Timestamp(6)).unwrap();
    assert_eq!(told(&fleet, &events), ["granted exemption-2 web-2"]);
}

/// Two sources with machines from a small set, so that readings overlap.
fn sources() -> impl Strategy<Value = Vec<SourceReading>> {
    let machines = || prop::collection::btree_map("[ab]-[0-9]", ("r[0-2]", prop::option::of(1u8..4)), 0..8);
    (machines(), machines()).prop_map(|(first, second)| {
        let text = |machines: std::collections::BTreeMap<String, (String, Option<u8>)>| {
            let line = |(name, (rack, ip)): (String, (String, Option<u8>))| {
                format!("{name} rack={rack} {}", ip.map_or(String::new(), |n| format!("10.0.0.{n}")))
            };
            machines.into_iter().map(line).collect::<Vec<_>>().join("\n")
        };
        vec![source("one", 2, &text(first)), source("two", 1, &text(second))]
    })
}

proptest! {
    #[test]
    fn the_fold_of_the_events_is_the_reading(readings in prop::collection::vec(sources(), 1..6)) {
        let mut fleet = Fleet::default();
        let mut journal: Vec<(FleetEvent, Timestamp)> = Vec::new();
        for (at, sources) in (1i64..).zip(&readings) {
            let cursor = fleet.cursor();
            let before = fleet.clone();
            let events = observe_confirmed(&mut fleet, sources, &["one", "two"], at).unwrap();
            journal.extend(events.into_iter().map(|event| (event, Timestamp(at))));
            let expected = reading(sources);
            let found: Vec<MachineFacts> =
                fleet.select(&Selector::all()).into_iter().filter_map(|id| fleet.facts(id)).collect();
            prop_assert_eq!(found.as_slice(), expected.machines());
            prop_assert_eq!(fleet.present_count(), expected.machines().len());
            // Twice the same reading is no news.
            prop_assert_eq!(observe_confirmed(&mut fleet.clone(), sources, &["one", "two"], at).unwrap(), []);
            // What changed is exactly what the log says.
            let mut changed: Vec<MachineId> = fleet.changed_since(cursor).collect();
            changed.sort();
            let differs = |id: &MachineId| before.get(*id).map(|_| (before.facts(*id), before.is_present(*id)))
                != Some((fleet.facts(*id), fleet.is_present(*id)));
            let all = (0..u32::try_from(fleet.len()).unwrap()).map(MachineId);
            prop_assert_eq!(changed, all.filter(differs).collect::<Vec<_>>());
            for facts in expected.machines() {
                for address in &facts.addresses {
                    prop_assert!(fleet.find_address(*address).contains(&fleet.find(facts.name.as_str()).unwrap()));
                }
            }
        }
        let mut again = Fleet::default();
        journal.iter().for_each(|(event, at)| again.evolve(event, *at));
        prop_assert_eq!(&again, &fleet);
        let bytes = postcard::to_allocvec(&fleet).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Fleet>(&bytes).unwrap(), again);
    }
}
