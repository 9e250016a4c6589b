//! What the agent is asked for, made of what the driver asks for.

use smith_agent::protocol::{self, Attach, Follow, Health, Job, Name, NameError, Patch, Reboot, VERSION};
use smith_domain::fleet::{Fleet, WellKnown};
use smith_domain::id::{BuildNumber, MachineId, RolloutId};
use smith_domain::rollout::Action;
use smith_domain::time::Timestamp;
use thiserror::Error;

use super::executor::Settings;

/// An action as the driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub rollout: RolloutId,
    /// When the rollout was started, which tells it from one of the same number in a journal that was lost.
    pub of: Timestamp,
    pub machine: MachineId,
    pub serial: u16,
    pub action: Action,
    pub build: BuildNumber,
    pub tenure: u64,
}

/// The machine that a build is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub machine: String,
    pub region: Option<String>,
}

impl Wanted {
    pub fn of(fleet: &Fleet, machine: MachineId) -> Self {
        let name = fleet.get(machine).map_or_else(|| machine.to_string(), |one| one.name().to_owned());
        let region = fleet.attr(machine, WellKnown::Region.id()).map(|symbol| fleet.text(symbol).to_owned());
        Self { machine: name, region }
    }
}

/// Says where a machine finds a build and whose signature it must believe. It looks at disks, so it may take as long as these like.
pub trait BuildAccess: Send + Sync {
    fn patch_for(&self, wanted: &Wanted, build: BuildNumber) -> Result<Patch, NoBuild>;
}

/// Why a machine cannot be given a build.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no mirror can give build {build} to {machine}: {why}")]
pub struct NoBuild {
    pub build: BuildNumber,
    pub machine: String,
    pub why: String,
}

/// The name under which the action is done once, in the whole life of the machine. Machines remember names for longer than a
/// server may remember rollouts: where its data folder was lost, or an older copy of it is used, numbers are given again.
pub fn name_of(controller: &Name, asked: &Asked) -> Result<Name, NameError> {
    let Asked { rollout, of, machine, serial, .. } = asked;
    format!("{controller}-r{}-{:x}-m{}-s{serial}", rollout.0, of.0, machine.0).parse()
}

/// The job that does it. `limit_s` is what the driver grants; `now` is the controller's clock in seconds since 1970.
pub fn job_for(
    settings: &Settings,
    asked: &Asked,
    patch: impl FnOnce() -> Result<Patch, NoBuild>,
    limit_s: u32,
    now: u64,
) -> Result<Job, NoBuild> {
    let action = match asked.action {
        Action::Check => protocol::Action::Check(patch()?),
        Action::Patch => protocol::Action::Patch(Patch { dead_man: settings.dead_man, ..patch()? }),
        Action::Drain => protocol::Action::Drain,
        Action::Undrain => protocol::Action::Undrain,
        Action::Reboot => protocol::Action::Reboot(Reboot {
            back_within_s: limit_s,
            dead_man: settings.dead_man,
            now: Some(now),
        }),
        Action::Health => protocol::Action::Health(Health {
            now: Some(now),
            skew_max_s: settings.skew_max_s,
            settle_s: settings.settle_s,
        }),
    };
    named(settings, asked, limit_s, action)
}

/// The question what became of it. It also shuts the name: a copy of the job that is still on its way is not done any more.
pub(super) fn seek_for(settings: &Settings, asked: &Asked, limit_s: u32) -> Result<Job, NoBuild> {
    let to = name_of(&settings.controller, asked).map_err(|error| no_name(asked, &error))?;
    named(settings, asked, limit_s, protocol::Action::Attach(Attach { to, from: 0, follow: Follow::ToEnd }))
}

fn named(settings: &Settings, asked: &Asked, limit_s: u32, action: protocol::Action) -> Result<Job, NoBuild> {
    let id = name_of(&settings.controller, asked).map_err(|error| no_name(asked, &error))?;
    let fence = protocol::Fence { controller: settings.controller.clone(), tenure: asked.tenure };
    Ok(Job { protocol: VERSION, id, fence: Some(fence), limit_s, action })
}

fn no_name(asked: &Asked, error: &NameError) -> NoBuild {
    NoBuild { build: asked.build, machine: asked.machine.to_string(), why: error.to_string() }
}
