//! The packages of a machine in a few figures.

use smith_agent::protocol::{Failure, Kernel};

use super::drive;
use super::sane::is_sane;
use crate::kernel;
use crate::op::Host;

/// What the facts of a machine say of its packages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    pub(crate) architecture: String,
    pub(crate) kernel: Kernel,
    pub(crate) packages: u32,
    pub(crate) packages_sha256: String,
    pub(crate) holds: Vec<String>,
    /// The first lines of `dpkg --audit`.
    pub(crate) audit: Vec<String>,
}

pub(crate) fn facts(host: &Host) -> Result<Summary, Failure> {
    let machine = drive::machine(host)?;
    Ok(Summary {
        architecture: machine.native.clone(),
        kernel: kernel::of(host, &machine),
        packages: u32::try_from(machine.packages.len()).unwrap_or(u32::MAX),
        packages_sha256: machine.digest(),
        holds: machine.holds(),
        audit: if is_sane(host, &machine) { Vec::new() } else { drive::audit(&host.path("/"))? },
    })
}
