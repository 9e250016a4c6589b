//! Fleets made to measure: names, zones and regions as people know them, clusters of uneven sizes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use smith_domain::fleet::{Fleet, FleetEvent, MachineFacts, Selector, WellKnown};
use smith_domain::id::MachineName;
use smith_domain::pipeline::Pipeline;
use smith_domain::time::Timestamp;

use crate::rng::Rng;

/// How large a fleet is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub machines: u32,
    pub clusters: u32,
    pub seed: u64,
}

/// A place where clusters stand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    environment: &'static str,
    region: &'static str,
    zone: &'static str,
}

/// Zones with their regions; the regions with three zones are the multi-zone ones.
const ZONES: [(&str, &str); 22] = [
    ("syd01", "ap-south"),
    ("syd04", "ap-south"),
    ("syd05", "ap-south"),
    ("tok02", "ap-north"),
    ("tok04", "ap-north"),
    ("fra02", "eu-central"),
    ("fra04", "eu-central"),
    ("fra05", "eu-central"),
    ("mad02", "eu-es"),
    ("mad04", "eu-es"),
    ("lon04", "uk-south"),
    ("lon05", "uk-south"),
    ("lon06", "uk-south"),
    ("osa21", "jp-osa"),
    ("tor01", "ca-tor"),
    ("wdc04", "us-east"),
    ("wdc06", "us-east"),
    ("dal10", "us-south"),
    ("dal12", "us-south"),
    ("dal13", "us-south"),
    ("sao01", "br-sao"),
    ("par04", "eu-fr2"),
];

/// Environments beside production, and where they stand.
const OTHERS: [(&str, &str, &str); 4] = [
    ("dev", "mon01", "ca-tor"),
    ("prestage", "mon01", "ca-tor"),
    ("stgiks", "dal10", "us-south"),
    ("support", "wdc04", "us-east"),
];

/// Of a hundred machines of a whole fleet, so many are not in production.
const OTHERS_PERCENT: u64 = 6;

fn places() -> Vec<Place> {
    let prod = ZONES.iter().map(|(zone, region)| Place { environment: "prod", region, zone });
    let others = OTHERS.iter().map(|(environment, zone, region)| Place { environment, region, zone });
    prod.chain(others).collect()
}

/// Machines that the pipelines can select, spread over the places that they speak of, in the order of their names.
pub fn generate(shape: &Shape, pipelines: &[Pipeline]) -> Vec<MachineFacts> {
    let selectors: Vec<&Selector> = pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.steps)
        .flat_map(|step| &step.phases)
        .flat_map(|phase| &phase.bags)
        .map(|bag| &bag.select)
        .collect();
    let places = spoken_of(&selectors);
    let named = named(&selectors);
    let rng = Rng::new(shape.seed).named("fleet");
    let wanted = shape.machines.saturating_sub(u32::try_from(named.len()).unwrap_or(0)).max(1);
    let clusters = shares(&places, shape.clusters.clamp(1, wanted));
    let total: u32 = clusters.iter().map(|(_, count)| *count).sum();
    let sizes = sizes(&mut rng.named("sizes"), wanted, total);
    let mut machines = Vec::with_capacity(shape.machines as usize);
    let mut size = sizes.into_iter();
    let mut carriers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (place, count) in clusters {
        for _ in 0..count {
            let carrier = carriers.entry((place.environment, place.zone)).or_insert(0);
            *carrier += 1;
            cluster(&mut machines, &place, *carrier, size.next().unwrap_or(1));
        }
    }
    machines.extend(named);
    machines
}

/// The places of which some selector takes a machine of some role.
fn spoken_of(selectors: &[&Selector]) -> Vec<Place> {
    let mut spoken = Vec::new();
    for place in places() {
        let mut probe = Vec::new();
        cluster(&mut probe, &place, 1, 8);
        let mut fleet = Fleet::default();
        fleet.evolve(&FleetEvent::MachinesJoined { machines: probe }, Timestamp(0));
        if selectors.iter().any(|selector| !fleet.select(selector).is_empty()) {
            spoken.push(place);
        }
    }
    if spoken.is_empty() { places() } else { spoken }
}

/// Machines that a selector names one by one.
fn named(selectors: &[&Selector]) -> Vec<MachineFacts> {
    let mut named: Vec<MachineFacts> = Vec::new();
    for selector in selectors {
        let Ok(name) = MachineName::new(selector.to_string()) else { continue };
        let parts: Vec<&str> = name.as_str().split('-').collect();
        let [environment, zone, .., number] = parts.as_slice() else { continue };
        if named.iter().any(|facts| facts.name == name) {
            continue;
        }
        let region = ZONES.iter().find(|(other, _)| other == zone).map_or("ca-tor", |(_, region)| *region);
        let place = [("environment", *environment), ("zone", *zone), ("region", region)];
        let cluster = format!("{environment}-{zone}-infra");
        let rest = [("cluster", cluster.as_str()), ("role", "test"), ("number", *number)];
        let mut facts = MachineFacts::named(name.clone());
        for (attr, value) in place.into_iter().chain(rest) {
            set(&mut facts, attr, value);
        }
        named.push(facts);
    }
    named
}

fn set(facts: &mut MachineFacts, attr: &str, value: &str) {
    if let Some(known) = WellKnown::ALL.into_iter().find(|known| known.name() == attr) {
        facts.attrs.insert(known.attr(), value.to_owned());
    }
}

/// How many clusters stand where. Production has most of them.
fn shares(places: &[Place], clusters: u32) -> Vec<(Place, u32)> {
    let others = places.iter().filter(|place| place.environment != "prod").count() as u64;
    let prods = places.len() as u64 - others;
    let clusters = u64::from(clusters).max(places.len() as u64);
    let for_others = match (prods, others) {
        (0, _) => clusters,
        (_, 0) => 0,
        _ => (clusters * OTHERS_PERCENT / 100).max(others),
    };
    let (mut other, mut prod) = (0, 0);
    places
        .iter()
        .map(|place| {
            let (at, whole, all) = if place.environment == "prod" {
                prod += 1;
                (prod, clusters - for_others, prods)
            } else {
                other += 1;
                (other, for_others, others)
            };
            let share = whole * at / all - whole * (at - 1) / all;
            (place.clone(), u32::try_from(share).unwrap_or(u32::MAX))
        })
        .collect()
}

/// Uneven sizes that add up: a few clusters are ten times as large as most.
fn sizes(rng: &mut Rng, machines: u32, clusters: u32) -> Vec<u32> {
    let weights: Vec<u64> = (0..clusters).map(|_| rng.log_between(4, 40)).collect();
    let whole: u64 = weights.iter().sum::<u64>().max(1);
    let mut given = 0;
    let mut sum = 0;
    weights
        .into_iter()
        .map(|weight| {
            sum += weight;
            let upto = u64::from(machines) * sum / whole;
            let size = upto - given;
            given = upto;
            u32::try_from(size).unwrap_or(u32::MAX)
        })
        .collect()
}

/// One cluster: masters, a pair of proxies, and workers.
fn cluster(machines: &mut Vec<MachineFacts>, place: &Place, carrier: u32, size: u32) {
    let Place { environment, region, zone } = place;
    let cluster = format!("{environment}-{zone}-carrier{carrier}");
    let masters = if size >= 8 { 3 } else { 1 };
    let proxies = if size >= 6 { 2 } else { 0 };
    for at in 0..size {
        let (role, number) = if at < masters {
            ("master", format!("{:02}", at + 1))
        } else if at < masters + proxies {
            ("haproxy", format!("{:02}", at - masters + 1))
        } else {
            ("worker", format!("{}", 1001 + at - masters - proxies))
        };
        let Ok(name) = MachineName::new(format!("{cluster}-{role}-{number}")) else { continue };
        let mut facts = MachineFacts::named(name);
        let address = u32::try_from(machines.len()).unwrap_or(0) + 0x0a00_0001;
        facts.addresses = vec![IpAddr::V4(Ipv4Addr::from(address))];
        let attrs = [
            ("environment", *environment),
            ("region", *region),
            ("zone", *zone),
            ("cluster", cluster.as_str()),
            ("role", role),
            ("number", number.as_str()),
        ];
        for (attr, value) in attrs {
            set(&mut facts, attr, value);
        }
        machines.push(facts);
    }
}
