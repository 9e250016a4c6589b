//! Examples of what happens to fleets, builds and drivers.

use smith_domain::build::BuildEvent;
use smith_domain::event::{DriverEvent, Event};
use smith_domain::fleet::{
    Exemption, ExemptionId, FleetEvent, KnownMachine, MachineFacts, Selector, ShrunkSource, SourceName,
};
use smith_domain::id::{AttrName, BuildNumber, ChangeId, MachineId, MachineName};
use smith_domain::time::Timestamp;

fn attr(name: &str) -> AttrName {
    AttrName::new(name).expect("a name")
}

fn plain(name: &str) -> MachineFacts {
    MachineFacts::named(MachineName::new(name).expect("a name"))
}

/// Everything that can be known about a machine.
fn full() -> MachineFacts {
    let source = |name: &str| SourceName::new(name).expect("a name");
    let attrs = [
        ("environment", "prod"),
        ("region", "us-south"),
        ("zone", "dal10"),
        ("cluster", "carrier3"),
        ("rack", "r 12"),
    ];
    MachineFacts {
        addresses: vec!["10.0.0.1".parse().expect("an address"), "fd00::1".parse().expect("an address")],
        attrs: attrs.into_iter().map(|(name, value)| (attr(name), value.to_owned())).collect(),
        host_key: Some("ssh-ed25519 AAAA".to_owned()),
        sources: vec![source("netbox"), source("name-pattern")],
        origin: vec![0, 0, 0, 0, 1],
        addresses_from: 0,
        host_key_from: 1,
        ..plain("prod-dal10-carrier3-worker-1001")
    }
}

fn shrunk(
    source: SourceName,
    (was, is, lost): (u32, Option<u32>, u32),
    machines: &[u32],
    fingerprint: &str,
) -> ShrunkSource {
    let machines = machines.iter().map(|id| MachineId(*id)).collect();
    ShrunkSource { source, was, is, lost, machines, fingerprint: fingerprint.to_owned() }
}

pub(super) fn examples() -> Vec<Event> {
    let known = |id, facts| KnownMachine { id: MachineId(id), facts };
    let source = || SourceName::new("netbox").expect("a name");
    let fleet = [
        FleetEvent::MachinesJoined { machines: vec![full(), plain("bastion")] },
        FleetEvent::MachinesChanged { machines: vec![known(7, full())] },
        FleetEvent::MachinesLeft { machines: vec![MachineId(3), MachineId(9)] },
        FleetEvent::MachinesReturned { machines: vec![known(3, plain("bastion"))] },
        FleetEvent::SourceRead { source: source(), machines: 12_000 },
        FleetEvent::SourceDropped { source: source() },
        FleetEvent::SourcesShrank {
            sources: vec![
                shrunk(source(), (100, Some(50), 50), &[], ""),
                shrunk(SourceName::new("cmdb").expect("a name"), (7, None, 7), &[], ""),
            ],
        },
        FleetEvent::SourcesShrank {
            sources: vec![shrunk(source(), (4, Some(2), 2), &[0, 3], "9f86d081884c7d65")],
        },
        FleetEvent::SourceConfirmed {
            source: source(),
            reason: "the rack was taken down".to_owned(),
            lost: String::new(),
        },
        FleetEvent::SourceConfirmed {
            source: source(),
            reason: "the rack was taken down".to_owned(),
            lost: "9f86d081884c7d65".to_owned(),
        },
        FleetEvent::ExemptionGranted {
            exemption: ExemptionId(2),
            terms: Exemption {
                select: Selector::parse("rack=r12 and not env=dev").expect("a selector"),
                reason: "broken fan".to_owned(),
                owner: "team \"a\"".to_owned(),
                until: Timestamp(1_795_158_878_123),
            },
        },
        FleetEvent::ExemptionEnded { exemption: ExemptionId(2), reason: "fan replaced".to_owned() },
    ];
    let set = |change: Option<u32>, reason: Option<&str>| BuildEvent::ChannelSet {
        channel: "prod".to_owned(),
        region: "us-south".to_owned(),
        build: BuildNumber(725),
        change: change.map(ChangeId),
        reason: reason.map(str::to_owned),
    };
    let build = [
        BuildEvent::Verified { build: BuildNumber(725) },
        BuildEvent::Withdrawn { build: BuildNumber(724), reason: "bad kernel".to_owned() },
        set(None, None),
        set(Some(4), None),
        set(None, Some("back, it does harm")),
    ];
    let (wall, steady) = (Timestamp(1_795_158_878_123), Timestamp(1_795_158_000_000));
    let driver = [
        DriverEvent::Began { tenure: 3, owner: "host-1 4711".to_owned() },
        DriverEvent::ClockJumped { wall, steady },
        DriverEvent::ClockAccepted { wall, steady: Timestamp(-5), reason: None },
        DriverEvent::ClockAccepted { wall, steady, reason: Some("the battery was changed".to_owned()) },
    ];
    let fleet = fleet.into_iter().map(Event::from);
    fleet.chain(build.into_iter().map(Event::from)).chain(driver.into_iter().map(Event::from)).collect()
}
