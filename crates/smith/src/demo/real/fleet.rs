//! The machines of the demo: a few of each kind that the shipped pipelines speak of, in three clusters and two regions.

/// How many machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Twelve.
    Whole,
    /// One of each environment and region, for those who have little time.
    Small,
}

/// Before production there is one cluster with a machine of each environment; each region of production has a cluster with one
/// machine of each role. What a name does not say, or says otherwise, stands beside it.
const WHOLE: [&str; 12] = [
    "dev-mon01-infra-test-01 region=us-south cluster=mon01-carrier1",
    "dev-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1",
    "prestage-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1",
    "stgiks-mon01-carrier1-worker-1001 region=us-south cluster=mon01-carrier1",
    "prod-syd01-carrier1-master-01 region=ap-south",
    "prod-syd01-carrier1-worker-1001 region=ap-south",
    "prod-syd01-carrier1-haproxy01 region=ap-south",
    "prod-syd01-carrier1-haproxy02 region=ap-south",
    "prod-dal10-carrier1-master-01 region=us-south",
    "prod-dal10-carrier1-worker-1001 region=us-south",
    "prod-dal10-carrier1-haproxy01 region=us-south",
    "prod-dal10-carrier1-haproxy02 region=us-south",
];

const SMALL: [&str; 4] = [WHOLE[0], WHOLE[3], WHOLE[5], WHOLE[9]];

/// The machine that fails: of the last environment before production, so that production is seen to wait for it.
pub(super) const FAILS: &str = "stgiks-mon01-carrier1-worker-1001";

/// How it is broken.
pub(super) const FAULT: &str = "failing-postinst";

/// The regions of production with the mirror that serves each.
pub(super) const MIRRORS: [(&str, &str); 2] = [("syd01", "ap-south"), ("dal10", "us-south")];

impl Size {
    /// The fleet as a text, one machine a line.
    pub(super) fn text(self) -> String {
        self.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    pub(super) fn machines(self) -> Vec<&'static str> {
        self.lines().iter().filter_map(|line| line.split(' ').next()).collect()
    }

    fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Whole => &WHOLE,
            Self::Small => &SMALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use smith_domain::fleet::text::parse_fleet;
    use smith_domain::id::AttrName;

    use super::*;

    fn values(size: Size, attribute: &str) -> BTreeSet<String> {
        let machines = parse_fleet(&size.text()).unwrap();
        let name = AttrName::new(attribute).unwrap();
        machines.iter().map(|machine| machine.attrs[&name].clone()).collect()
    }

    #[test]
    fn twelve_machines_stand_in_three_clusters_and_two_regions() {
        assert_eq!(Size::Whole.machines().len(), 12);
        assert_eq!(values(Size::Whole, "cluster").len(), 3);
        assert_eq!(values(Size::Whole, "region").len(), 2);
        let environments = ["dev", "prestage", "prod", "stgiks"].map(str::to_owned);
        assert_eq!(values(Size::Whole, "environment"), environments.into());
    }

    #[test]
    fn a_small_fleet_has_each_region_and_the_machine_that_fails() {
        assert_eq!(values(Size::Small, "region").len(), 2);
        assert!(Size::Small.machines().contains(&FAILS) && Size::Whole.machines().contains(&FAILS));
        let regions: BTreeSet<String> = MIRRORS.iter().map(|(_, region)| (*region).to_owned()).collect();
        assert_eq!(values(Size::Whole, "region"), regions);
    }
}
