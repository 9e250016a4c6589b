//! Budgets: how many machines of a step may fail before it halts.
//!
//! A budget is hard: a machine is started only while failed, lost and running machines together are at most what is
//! allowed, so that even if all that run fail the step ends at most one over.

use serde::{Deserialize, Serialize};

use crate::pipeline::{Amount, Budget};
use crate::rollout::event::Halt;
use crate::rollout::limit::GaugeId;
use crate::rollout::state::Tally;

/// The budget of one step for one environment, or for all environments without one of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine {
    pub environment: Option<String>,
    pub amount: Amount,
    pub gauge: GaugeId,
    /// Machines that the budget is for: what a percentage is a percentage of.
    pub machines: u32,
    pub failed: u32,
    pub lost: u32,
}

impl BudgetLine {
    /// How many may fail.
    pub fn allowed(&self, grants: u32) -> u32 {
        self.amount.of(self.machines).saturating_add(grants)
    }

    /// How many machines may have failed, be lost or run at once: the one that starts last may be the one too many.
    pub fn cap(&self, grants: u32) -> u32 {
        self.allowed(grants).saturating_add(1)
    }

    pub fn is_spent(&self, grants: u32) -> bool {
        self.failed + self.lost > self.allowed(grants)
    }
}

/// The lines of a budget, each with the amount that is its own.
pub fn lines(budget: &Budget) -> Vec<(Option<String>, Amount)> {
    let own = budget.environments.iter().map(|(name, amount)| (Some(name.clone()), *amount));
    own.chain([(None, budget.failures)]).collect()
}

/// Why the step must halt, if it must.
pub fn verdict(budget: &Budget, lines: &[BudgetLine], grants: u32, tally: &Tally) -> Option<Halt> {
    if let Some(line) = lines.iter().find(|line| line.is_spent(grants)) {
        return Some(Halt::BudgetSpent {
            environment: line.environment.clone(),
            failed: line.failed,
            lost: line.lost,
            allowed: line.allowed(grants),
        });
    }
    let bad = tally.failed + tally.lost;
    // A grant is somebody's word that the failures are known; from then on only the budget counts.
    let suspicious = budget.all_failing > 0 && bad >= budget.all_failing && tally.done == 0 && grants == 0;
    suspicious.then_some(Halt::EverythingFails { failed: bad })
}
