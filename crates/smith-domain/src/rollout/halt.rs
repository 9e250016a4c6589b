//! Halts and calls in words.

use std::fmt;

use crate::rollout::event::Halt;

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::BudgetSpent { environment, failed, lost, allowed } => {
                write!(f, "the failure budget is spent: {failed} failed, {lost} lost, {allowed} allowed")?;
                match environment {
                    Some(environment) => write!(f, " in {environment}"),
                    None => Ok(()),
                }
            }
            Halt::EverythingFails { failed } => {
                write!(f, "every machine so far has failed ({failed}), the build is suspected")
            }
            Halt::NothingSelected { bag } => write!(f, "bag {bag} selects no machine"),
            Halt::Overlap { machine, bags: [a, b] } => {
                write!(f, "machine {machine} is selected by both {a} and {b}")
            }
            Halt::ChangeRefused { reason } => f.write_str(reason),
            Halt::BuildWithdrawn { reason } => write!(f, "the build was withdrawn: {reason}"),
            Halt::NothingLeft { gone } => {
                write!(
                    f,
                    "every machine of the step has left the fleet or is not selected any more ({gone}), the build is proven on none"
                )
            }
            Halt::TooManyRuns { phase, found } => {
                write!(
                    f,
                    "phase {} would have {found} runs, expected at most {} whose names fit into 2 MiB",
                    phase + 1,
                    u16::MAX
                )
            }
        }
    }
}
