//! A lab that is there, and what can be done with it.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::cgroup::Groups;
use crate::down;
use crate::error::{Doing as _, LabError};
use crate::fault::{self, Fault};
use crate::keys;
use crate::machine::{self, Condition};
use crate::name::{LabName, MachineName};
use crate::net::Subnet;
use crate::place::{Folder, Place};
use crate::reload::reload;
use crate::state::{Held, Stage, State};
use crate::up::{self, Made, Wanted};

#[derive(Debug, Clone)]
pub struct Lab {
    place: Place,
    state: State,
}

/// A machine as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub name: MachineName,
    pub condition: Condition,
    pub address: Ipv4Addr,
    pub region: String,
    pub cluster: String,
    pub role: String,
    pub faults: BTreeSet<Fault>,
    pub boot_id: Option<String>,
    /// In bytes; pages that several machines share are counted in parts.
    pub memory: u64,
    pub host_key: Option<String>,
}

impl Lab {
    pub(crate) fn of(place: &Place, state: State) -> Self {
        Self { place: place.clone(), state }
    }

    /// Makes the lab, or what is lacking of it.
    ///
    /// # Errors
    /// If something on this computer is in the way. What was made until then is taken up by the next call, or removed by
    /// [`Lab::down`].
    pub fn up(
        place: &Place,
        name: &LabName,
        wanted: &Wanted,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<(Self, Made), LabError> {
        up::up(place, name, wanted, progress)
    }

    /// # Errors
    /// If there is no such lab.
    pub fn open(place: &Place, name: &LabName) -> Result<Self, LabError> {
        Ok(Self::of(place, State::load(place, name)?))
    }

    /// Removes the lab, also one that is half made or half removed.
    ///
    /// # Errors
    /// If there is none, or something that is not the lab's has its names; then nothing is touched.
    pub fn down(place: &Place, name: &LabName) -> Result<(), LabError> {
        down::down(place, name)
    }

    /// All machines as they are now.
    ///
    /// # Errors
    /// If this computer has lost the cgroups by which machines are found.
    pub fn machines(&self) -> Result<Vec<Seen>, LabError> {
        let groups = Groups::of(&self.state)?;
        let seen = self.state.machines.iter().map(|member| {
            let name = member.name();
            let condition = match member.stage {
                Stage::Planned => Condition::Planned,
                Stage::Made => machine::condition(&groups, name),
            };
            Seen {
                name: name.clone(),
                condition,
                address: self.state.subnet.machine(member.slot),
                region: member.planned.region.clone(),
                cluster: member.planned.cluster.clone(),
                role: member.planned.role.clone(),
                faults: member.faults.clone(),
                boot_id: machine::leader(&groups, name).and_then(machine::Leader::boot_id),
                memory: machine::memory(&groups, name),
                host_key: member.host_key.clone(),
            }
        });
        Ok(seen.collect())
    }

    /// Breaks a machine. A fault that it has is broken again, so that it surely is.
    ///
    /// # Errors
    /// If the machine does not run, or this computer cannot bring the fault about.
    pub fn break_machine(&self, machine: &MachineName, fault: Fault) -> Result<(), LabError> {
        let _held = Held::take(&self.place, &self.state.name)?;
        fault::break_machine(&mut State::load(&self.place, &self.state.name)?, &self.folder(), machine, fault)
    }

    /// Undoes a fault, or all that the machine has, and gives those that it had.
    ///
    /// # Errors
    /// If a fault could not be undone; it is still known then.
    pub fn heal(&self, machine: &MachineName, fault: Option<Fault>) -> Result<BTreeSet<Fault>, LabError> {
        let _held = Held::take(&self.place, &self.state.name)?;
        fault::heal(&mut State::load(&self.place, &self.state.name)?, &self.folder(), machine, fault)
    }

    /// Makes a machine anew from the base: same name and address, no faults, another host key.
    ///
    /// # Errors
    /// If it could not be made; then `up` makes it.
    pub fn reload(
        &mut self,
        machine: &MachineName,
        agent: Option<&Path>,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<(), LabError> {
        self.state = reload(&self.place, &self.state.name, machine, agent, progress)?;
        Ok(())
    }

    /// `ssh` to a machine as its administrator, believing only the host key that the lab gave it.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn ssh(&self, machine: &MachineName) -> Result<Command, LabError> {
        let member = self.state.member(machine)?;
        if member.host_key.is_none() {
            let found = Condition::Planned.word();
            return Err(LabError::NotRunning { name: machine.clone(), found });
        }
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-l", "root", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]);
        command.args(["-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"]);
        // A session ends soon after its machine or its network.
        command.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", self.folder().known_hosts().display()));
        command.arg("-i").arg(keys::admin(&self.folder()));
        command.arg(self.state.subnet.machine(member.slot).to_string());
        Ok(command)
    }

    #[must_use]
    pub fn name(&self) -> &LabName {
        &self.state.name
    }

    /// Where this computer is in the lab's network.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.state.subnet
    }

    /// The file that `smith --inventory` takes.
    #[must_use]
    pub fn inventory(&self) -> PathBuf {
        self.folder().inventory().join("sources.yaml")
    }

    /// The key that can do nothing but talk to the agent.
    #[must_use]
    pub fn controller_key(&self) -> PathBuf {
        keys::controller(&self.folder())
    }

    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.folder().known_hosts()
    }

    fn folder(&self) -> Folder {
        self.place.lab(&self.state.name)
    }
}

/// The labs that are there.
///
/// # Errors
/// If the folder of labs cannot be read.
pub fn labs(place: &Place) -> Result<Vec<LabName>, LabError> {
    let entries = match fs::read_dir(place.dir()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("reading", place.dir()),
    };
    let mut names: Vec<LabName> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    names.retain(|name| place.lab(name).state().exists());
    names.sort();
    Ok(names)
}
