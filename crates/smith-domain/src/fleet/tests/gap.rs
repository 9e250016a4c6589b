use proptest::prelude::*;

use super::*;
use crate::fleet::text::fleet_from_text;

fn bag(name: &str, text: &str) -> Coverage {
    Coverage { name: name.into(), select: select(text) }
}

fn exempt(fleet: &mut Fleet, text: &str, until: i64) {
    let terms = Exemption {
        select: select(text),
        reason: "being replaced".into(),
        owner: "ann".into(),
        until: Timestamp(until),
    };
    for event in fleet.decide(FleetCommand::Exempt(terms), Timestamp(0)).unwrap() {
        fleet.evolve(&event, Timestamp(0));
    }
}

#[test]
fn every_machine_is_in_a_bag_or_exempt() {
    let all = "web-[1-4]\ndb-[1-3]\nlab-1\nlab-2\ngone-1";
    let mut fleet = fleet_from_text(all, Timestamp(0)).unwrap();
    exempt(&mut fleet, "db-1 web-1", 100);
    exempt(&mut fleet, "lab-*", 50);
    exempt(&mut fleet, "gone-*", 100);
    exempt(&mut fleet, "db-2", 50);
    fleet.observe_text(&all.replace("gone-1", ""), Timestamp(1)).unwrap();
    let bags = [bag("webs", "web-*"), bag("later", "web-1 web-2 db-2"), bag("none", "mail-*")];
    let report = gaps(&fleet, &bags, Timestamp(60));
    assert_eq!((report.present, report.covered, report.exempt), (9, 5, 2));
    assert_eq!(names(&fleet, report.uncovered.clone()), "db-3 lab-1 lab-2");
    let expired: Vec<(u32, String)> =
        report.expired.iter().map(|(id, missed)| (id.0, names(&fleet, missed.iter().copied()))).collect();
    assert_eq!(expired, [(1, "lab-1 lab-2".to_owned()), (3, String::new())]);
    assert_eq!(report.idle_exemptions, [ExemptionId(2)]);
    let both: Vec<String> = report
        .exempt_and_covered
        .iter()
        .map(|one| format!("{} {} {}", fleet.machine(one.machine).name(), one.exemption, one.bag))
        .collect();
    assert_eq!(both, ["web-1 exemption-0 webs"]);
    assert_eq!(report.empty, ["none"]);
    assert!(!report.is_closed() && !report.is_tidy());
    assert_eq!(
        report.to_string(),
        "9 machines: 5 in a bag, 2 exempt, 3 neither; 2 expired and 1 idle exemptions, 1 machines exempt and in a bag, 1 empty bags"
    );
    // Before their end, the exemptions hold.
    let report = gaps(&fleet, &bags, Timestamp(49));
    assert_eq!(names(&fleet, report.uncovered), "db-3");
    let closed = gaps(&fleet, &[bag("all", "all")], Timestamp(0));
    assert!(closed.is_closed());
}

#[test]
fn an_exemption_ends_at_its_end() {
    let mut fleet = fleet_from_text("web-1", Timestamp(0)).unwrap();
    exempt(&mut fleet, "web-1", 50);
    assert!(gaps(&fleet, &[], Timestamp(49)).is_closed());
    assert!(!gaps(&fleet, &[], Timestamp(50)).is_closed());
}

proptest! {
    #[test]
    fn no_machine_is_lost_and_no_bag_is_wronged(
        bags in prop::collection::vec(prop::collection::vec(0u32..12, 1..4), 0..5),
        exempted in prop::collection::vec((0u32..12, 1i64..100), 0..4),
    ) {
        let mut fleet = fleet_from_text("m-[0-9]", Timestamp(0)).unwrap();
        for (n, until) in exempted.iter().filter(|(n, _)| *n < 10) {
            exempt(&mut fleet, &format!("m-{n}"), *until);
        }
        let coverage: Vec<Coverage> = bags
            .iter()
            .enumerate()
            .map(|(nth, ns)| {
                let text: Vec<String> = ns.iter().map(|n| format!("m-{n}")).collect();
                bag(&format!("b{nth}"), &text.join(" "))
            })
            .collect();
        let report = gaps(&fleet, &coverage, Timestamp(50));
        let covered = |n: u32| bags.iter().any(|ns| ns.contains(&n));
        let exempt = |n: u32| exempted.iter().any(|(m, until)| *m == n && *until > 50);
        let missed: Vec<MachineId> = (0..10).filter(|n| !covered(*n) && !exempt(*n)).map(MachineId).collect();
        prop_assert_eq!(&report.uncovered, &missed);
        prop_assert_eq!(report.covered, (0..10).filter(|n| covered(*n)).count());
        let empty: Vec<String> = bags
            .iter()
            .enumerate()
            .filter(|(_, ns)| ns.iter().all(|n| *n >= 10))
            .map(|(nth, _)| format!("b{nth}"))
            .collect();
        prop_assert_eq!(&report.empty, &empty);
        prop_assert_eq!(report, gaps(&fleet, &coverage, Timestamp(50)));
    }
}

#[test]
fn exemptions_that_have_ended_make_room_for_others() {
    let mut fleet = fleet_from_text("web-1", Timestamp(0)).unwrap();
    for number in 0..MAX_EXEMPTIONS {
        exempt(&mut fleet, "web-1", if number == 7 { 50 } else { 100 });
    }
    let terms = Exemption {
        select: Selector::parse("web-1").unwrap(),
        reason: "the vendor patches it".to_owned(),
        owner: "ana".to_owned(),
        until: Timestamp(200),
    };
    let full = fleet.decide(FleetCommand::Exempt(terms.clone()), Timestamp(49));
    assert!(matches!(full, Err(FleetRejection::TooManyExemptions { .. })), "{full:?}");
    let events = fleet.decide(FleetCommand::Exempt(terms), Timestamp(50)).unwrap();
    assert!(
        matches!(
            events.as_slice(),
            [
                FleetEvent::ExemptionEnded { exemption: ExemptionId(7), .. },
                FleetEvent::ExemptionGranted { .. }
            ]
        ),
        "{events:?}"
    );
}
