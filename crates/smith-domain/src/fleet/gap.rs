//! The gap check: every machine is in a bag or explicitly exempt.

use std::fmt;

use crate::id::MachineId;
use crate::time::Timestamp;

use super::event::ExemptionId;
use super::selector::{Matcher, Selector};
use super::state::Fleet;

/// Something that patches machines: a bag, under a name that people find again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    pub name: String,
    pub select: Selector,
}

/// What the gap check found. Machines stand in the natural order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GapReport {
    pub present: usize,
    /// Machines in a bag.
    pub covered: usize,
    /// Machines under an exemption that holds.
    pub exempt: usize,
    /// In no bag, and under no exemption that holds. These are missed.
    pub uncovered: Vec<MachineId>,
    /// Exemptions past their end, with the machines they were for that nothing else covers.
    pub expired: Vec<(ExemptionId, Vec<MachineId>)>,
    /// Exemptions for machines that are not there (any more).
    pub idle_exemptions: Vec<ExemptionId>,
    /// Machines that are both exempt and in a bag: the bag wins, so somebody is mistaken.
    pub exempt_and_covered: Vec<ExemptAndCovered>,
    /// Bags that match no machine that is present.
    pub empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExemptAndCovered {
    pub machine: MachineId,
    pub exemption: ExemptionId,
    /// The first bag that has the machine.
    pub bag: String,
}

impl GapReport {
    /// No machine is missed. The rest of the report is untidiness.
    pub fn is_closed(&self) -> bool {
        self.uncovered.is_empty()
    }

    /// Nothing at all is to be done.
    pub fn is_tidy(&self) -> bool {
        self.is_closed()
            && self.expired.is_empty()
            && self.idle_exemptions.is_empty()
            && self.exempt_and_covered.is_empty()
            && self.empty.is_empty()
    }
}

struct Granted {
    id: ExemptionId,
    matcher: Matcher,
    holds: Holds,
    used: bool,
    missed: Vec<MachineId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    Expired,
}

/// Looks at every machine that is present. Costs a walk over the fleet, mostly one bag for each machine.
pub fn gaps(fleet: &Fleet, bags: &[Coverage], now: Timestamp) -> GapReport {
    let matchers: Vec<Matcher> = bags.iter().map(|bag| bag.select.compile(fleet)).collect();
    let mut matched = vec![false; bags.len()];
    let mut exemptions: Vec<Granted> = fleet
        .exemptions()
        .map(|(id, granted)| Granted {
            id,
            matcher: granted.terms.select.compile(fleet),
            holds: if granted.terms.until > now { Holds::Yes } else { Holds::Expired },
            used: false,
            missed: Vec::new(),
        })
        .collect();
    let mut report = GapReport::default();
    let mut likely = 0;
    for machine in fleet.in_name_order().filter(|id| fleet.is_present(*id)) {
        report.present += 1;
        // Neighbours are mostly in the same bag. A bag that has no machine yet is asked even where one was found.
        let mut covered = matchers.get(likely).is_some_and(|matcher| matcher.matches(fleet, machine));
        if covered {
            matched[likely] = true;
        }
        for (bag, matcher) in matchers.iter().enumerate() {
            if (!covered || !matched[bag]) && matcher.matches(fleet, machine) {
                matched[bag] = true;
                (covered, likely) = (true, bag);
            }
        }
        report.covered += usize::from(covered);
        judge(fleet, machine, covered.then_some(matchers.as_slice()), bags, &mut exemptions, &mut report);
    }
    for exemption in exemptions {
        if exemption.holds == Holds::Expired {
            report.expired.push((exemption.id, exemption.missed));
        } else if !exemption.used {
            report.idle_exemptions.push(exemption.id);
        }
    }
    let unmatched = bags.iter().zip(matched).filter(|(_, matched)| !matched);
    report.empty = unmatched.map(|(bag, _)| bag.name.clone()).collect();
    report
}

/// `covering` has the bags' matchers where one of them has the machine.
fn judge(
    fleet: &Fleet,
    machine: MachineId,
    covering: Option<&[Matcher]>,
    bags: &[Coverage],
    exemptions: &mut [Granted],
    report: &mut GapReport,
) {
    let mut exempt = false;
    for exemption in exemptions.iter_mut() {
        if !exemption.matcher.matches(fleet, machine) {
            continue;
        }
        exemption.used = true;
        if exemption.holds == Holds::Expired {
            continue;
        }
        exempt = true;
        let first = covering.and_then(|all| all.iter().position(|matcher| matcher.matches(fleet, machine)));
        if let Some(bag) = first.and_then(|at| bags.get(at)) {
            let (exemption, bag) = (exemption.id, bag.name.clone());
            report.exempt_and_covered.push(ExemptAndCovered { machine, exemption, bag });
        }
    }
    report.exempt += usize::from(exempt);
    if exempt || covering.is_some() {
        return;
    }
    report.uncovered.push(machine);
    for exemption in exemptions.iter_mut().filter(|exemption| exemption.holds == Holds::Expired) {
        if exemption.matcher.matches(fleet, machine) {
            exemption.missed.push(machine);
        }
    }
}

impl fmt::Display for GapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GapReport { present, covered, exempt, uncovered, .. } = self;
        write!(f, "{present} machines: {covered} in a bag, {exempt} exempt, {} neither; ", uncovered.len())?;
        write!(
            f,
            "{} expired and {} idle exemptions, {} machines exempt and in a bag, {} empty bags",
            self.expired.len(),
            self.idle_exemptions.len(),
            self.exempt_and_covered.len(),
            self.empty.len()
        )
    }
}
