//! `cargo xtask mutants`: breaks the rules of rollouts and changes on purpose and sees whether a test notices.

use crate::failure::Failure;
use crate::process::{cargo, probe, run as run_command};

/// The files where a rule that no test holds would hurt a fleet: limits, budgets, gates, order, procedure, approval.
const FILES: [&str; 6] = [
    "crates/smith-domain/src/rollout/limit*.rs",
    "crates/smith-domain/src/rollout/budget*.rs",
    "crates/smith-domain/src/rollout/plan/gate*.rs",
    "crates/smith-domain/src/rollout/schedule*.rs",
    "crates/smith-domain/src/rollout/machine*.rs",
    "crates/smith-domain/src/change/*.rs",
];

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if probe(&mut cargo(["mutants", "--version"])).is_none() {
        return Err(Failure::Missing {
            what: "cargo-mutants".to_owned(),
            hint: "install it with `cargo install cargo-mutants --locked`".to_owned(),
        });
    }
    let files = FILES.iter().flat_map(|file| ["--file", file]);
    run_command(cargo(["mutants", "-p", "smith-domain"]).args(files).args(args))
}
