//! Budgets: how many machines of a step may fail before it halts.
//!
//! A budget is hard: a machine is started only while failed, lost and running machines together are at most what is
//! allowed, so that even if all that run fail the step ends at most one over.

use serde::{Deserialize, Serialize};

use crate::pipeline::{Amount, Budget};
use crate::rollout::event::Halt;
use crate::rollout::limit::GaugeId;

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
    /// What people have granted on top.
    pub granted: u32,
}

impl BudgetLine {
    /// How many may fail.
    pub fn allowed(&self) -> u32 {
        self.amount.of(self.machines).saturating_add(self.granted)
    }

    /// How many machines may have failed, be lost or run at once: the one that starts last may be the one too many.
    pub fn cap(&self) -> u32 {
        self.allowed().saturating_add(1)
    }

    pub fn is_spent(&self) -> bool {
        self.failed + self.lost > self.allowed()
    }

    /// Somebody lets the step go on: the lines that are spent may have so many more failures, the others what they had.
    pub fn grant(&mut self, more: u32) {
        if self.is_spent() {
            self.granted = self.granted.saturating_add(more);
        }
    }
}

/// The lines of a budget, each with the amount that is its own.
pub fn lines(budget: &Budget) -> Vec<(Option<String>, Amount)> {
    let own = budget.environments.iter().map(|(name, amount)| (Some(name.clone()), *amount));
    own.chain([(None, budget.failures)]).collect()
}

/// Why the step must halt, if it must. `grants` counts what people have granted in all.
pub fn verdict(budget: &Budget, lines: &[BudgetLine], grants: u32, proven: u32) -> Option<Halt> {
    if let Some(line) = lines.iter().find(|line| line.is_spent()) {
        return Some(Halt::BudgetSpent {
            environment: line.environment.clone(),
            failed: line.failed,
            lost: line.lost,
            allowed: line.allowed(),
        });
    }
    let bad: u32 = lines.iter().map(|line| line.failed + line.lost).sum();
    // A machine that had nothing to do says nothing of the build. A grant is somebody's word that the failures are known;
    // from then on only the budget counts.
    let suspicious = budget.all_failing > 0 && bad >= budget.all_failing && proven == 0 && grants == 0;
    suspicious.then_some(Halt::EverythingFails { failed: bad })
}
