//! Which machines a lab has: names, environments, regions and roles as large fleets have them.
//!
//! The same shape gives the same machines, and a larger shape those and more, so that a lab can grow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::{MachineName, is_name};

/// The regions that a lab may have, each with the zone that its machines are in.
const REGIONS: [(&str, &str); 6] = [
    ("ap-south", "syd01"),
    ("us-south", "dal10"),
    ("eu-central", "fra02"),
    ("us-east", "wdc06"),
    ("ap-north", "tok02"),
    ("eu-west", "lon04"),
];

/// Clusters are of these environments in turn, production first, so that a lab of one cluster has it.
const ENVIRONMENTS: [&str; 4] = ["prod", "stage", "dev", "prestage"];

/// The addresses of a lab's network less those that are kept for the computer itself and for mirrors.
pub(crate) const MACHINES_MAX: usize = 240;

/// Which machines are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Shape(Shape),
    /// Just these.
    These(Vec<Planned>),
}

/// So many machines with names as large fleets have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub clusters: usize,
    /// Of each cluster.
    pub machines: usize,
    pub regions: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    #[error("expected at least one cluster with one machine, found {clusters} with {machines}")]
    Empty { clusters: usize, machines: usize },
    #[error("expected at most {MACHINES_MAX} machines in a lab, found {found}")]
    TooMany { found: usize },
    #[error("expected 1 to {} regions, found {found}", REGIONS.len())]
    Regions { found: usize },
    #[error("expected each machine once, found {name} twice")]
    Twice { name: MachineName },
    #[error("expected small letters, digits and dashes as the {what} of {name}, found {found:?}")]
    Word { name: MachineName, what: &'static str, found: String },
}

/// What is told about a machine besides its address and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub name: MachineName,
    pub environment: String,
    pub region: String,
    pub zone: String,
    pub cluster: String,
    pub role: String,
    pub number: String,
}

impl Wish {
    pub(crate) fn machines(&self) -> Result<Vec<Planned>, ShapeError> {
        match self {
            Self::Shape(shape) => shape.machines(),
            Self::These(machines) => {
                check(machines)?;
                Ok(machines.clone())
            }
        }
    }
}

/// What is said of machines stands in the inventory, where only plain words are safe.
fn check(machines: &[Planned]) -> Result<(), ShapeError> {
    let found = machines.len();
    if found == 0 {
        return Err(ShapeError::Empty { clusters: 0, machines: 0 });
    }
    if found > MACHINES_MAX {
        return Err(ShapeError::TooMany { found });
    }
    let mut names = BTreeSet::new();
    for machine in machines {
        if !names.insert(&machine.name) {
            return Err(ShapeError::Twice { name: machine.name.clone() });
        }
        let Planned { name, environment, region, zone, cluster, role, number } = machine;
        let words = [
            ("environment", environment),
            ("region", region),
            ("zone", zone),
            ("cluster", cluster),
            ("role", role),
            ("number", number),
        ];
        if let Some((what, found)) = words.into_iter().find(|(_, word)| !is_name(word)) {
            return Err(ShapeError::Word { name: name.clone(), what, found: found.clone() });
        }
    }
    Ok(())
}

impl Shape {
    pub(crate) fn machines(&self) -> Result<Vec<Planned>, ShapeError> {
        let Self { clusters, machines, regions } = *self;
        if clusters == 0 || machines == 0 {
            return Err(ShapeError::Empty { clusters, machines });
        }
        let found = clusters.saturating_mul(machines);
        if found > MACHINES_MAX {
            return Err(ShapeError::TooMany { found });
        }
        if !(1..=REGIONS.len()).contains(&regions) {
            return Err(ShapeError::Regions { found: regions });
        }
        let mut carriers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut planned = Vec::with_capacity(found);
        for cluster in 0..clusters {
            let (region, zone) = REGIONS[cluster % regions];
            let environment = ENVIRONMENTS[cluster / regions % ENVIRONMENTS.len()];
            let carrier = carriers.entry((environment, zone)).or_default();
            *carrier += 1;
            let cluster = format!("{environment}-{zone}-carrier{carrier}");
            for (role, number) in roles(machines) {
                // Made of the words above, which are all names.
                let Ok(name) = format!("{cluster}-{role}-{number}").parse() else { continue };
                planned.push(Planned {
                    name,
                    environment: environment.to_owned(),
                    region: region.to_owned(),
                    zone: zone.to_owned(),
                    cluster: cluster.clone(),
                    role: role.to_owned(),
                    number,
                });
            }
        }
        Ok(planned)
    }
}

/// The roles within a cluster: from three machines on there is a master, from six on one that balances load.
fn roles(machines: usize) -> impl Iterator<Item = (&'static str, String)> {
    let masters = usize::from(machines >= 3);
    let balancers = usize::from(machines >= 6);
    let workers = machines - masters - balancers;
    let first = (1..=masters).map(|number| ("master", format!("{number:02}")));
    let second = (1..=balancers).map(|number| ("haproxy", format!("{number:02}")));
    first.chain(second).chain((1001..=1000 + workers).map(|number| ("worker", number.to_string())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(clusters: usize, machines: usize, regions: usize) -> Vec<String> {
        let shape = Shape { clusters, machines, regions };
        shape.machines().unwrap().into_iter().map(|planned| planned.name.to_string()).collect()
    }

    #[test]
    fn names_are_those_of_a_large_fleet() {
        assert_eq!(
            names(3, 3, 2),
            [
                "prod-syd01-carrier1-master-01",
                "prod-syd01-carrier1-worker-1001",
                "prod-syd01-carrier1-worker-1002",
                "prod-dal10-carrier1-master-01",
                "prod-dal10-carrier1-worker-1001",
                "prod-dal10-carrier1-worker-1002",
                "stage-syd01-carrier1-master-01",
                "stage-syd01-carrier1-worker-1001",
                "stage-syd01-carrier1-worker-1002",
            ]
        );
        assert_eq!(names(5, 1, 1)[4], "prod-syd01-carrier2-worker-1001");
    }

    #[test]
    fn a_lab_that_grows_keeps_its_machines() {
        for machines in 1..12 {
            let small: BTreeSet<String> = names(3, machines, 2).into_iter().collect();
            let large: BTreeSet<String> = names(4, machines + 1, 2).into_iter().collect();
            assert_eq!(small.len(), 3 * machines);
            assert!(small.is_subset(&large), "{small:?} {large:?}");
        }
    }

    #[test]
    fn machines_that_are_named_are_those_and_no_others() {
        let shape = Shape { clusters: 1, machines: 2, regions: 1 };
        let two = shape.machines().unwrap();
        assert_eq!(Wish::These(two.clone()).machines(), Ok(two.clone()));
        let name = two[0].name.clone();
        let twice = vec![two[0].clone(), two[1].clone(), two[0].clone()];
        assert_eq!(Wish::These(twice).machines(), Err(ShapeError::Twice { name: name.clone() }));
        let odd = Planned { role: "a: b".to_owned(), ..two[0].clone() };
        let (what, found) = ("role", "a: b".to_owned());
        assert_eq!(Wish::These(vec![odd]).machines(), Err(ShapeError::Word { name, what, found }));
        assert!(Wish::These(Vec::new()).machines().is_err());
        assert!(Wish::These(vec![two[1].clone(); MACHINES_MAX + 1]).machines().is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |clusters, machines, regions| Shape { clusters, machines, regions }.machines().is_err();
        assert!(refused(0, 1, 1) && refused(1, 0, 1) && refused(1, 1, 0) && refused(1, 1, 7));
        assert!(refused(61, 4, 1) && !refused(60, 4, 6));
        assert!(refused(usize::MAX, 2, 1));
    }
}
