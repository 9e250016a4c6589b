//! A machine made anew from the base, as when hardware is reinstalled: same name and address, another host key.

use std::path::Path;
use std::sync::Mutex;

use crate::base;
use crate::cgroup::Groups;
use crate::error::LabError;
use crate::inventory;
use crate::keys;
use crate::layer;
use crate::name::{LabName, MachineName};
use crate::place::Place;
use crate::state::{Held, Member, Stage, State};
use crate::up::{Progress, Yard};

/// With the agent that is given, or the one that the machine had.
pub(crate) fn reload(
    place: &Place,
    name: &LabName,
    machine: &MachineName,
    agent: Option<&Path>,
    progress: Progress<'_>,
) -> Result<State, LabError> {
    let _held = Held::take(place, name)?;
    let folder = place.lab(name);
    let mut state = State::load(place, name)?;
    let member = state.member(machine)?.clone();
    let base = base::path(place, &state.base);
    let layer = match agent {
        Some(agent) => Some(layer::ensure(&folder, &base, agent)?),
        None => member.layer.clone(),
    };
    // Said before anything is removed: interrupted, the machine is one that is still to be made.
    let fresh = Member { layer: layer.clone(), ..Member::planned(member.planned, member.slot) };
    if let Some(known) = state.member_mut(machine) {
        *known = Member { stage: Stage::Planned, ..fresh.clone() };
    }
    state.save(&folder)?;
    let groups = Groups::of(&state)?;
    let keys = keys::ensure(&folder, None)?;
    let yard = Yard { groups, folder, base, layer, keys, state: Mutex::new(state), progress };
    yard.make(&fresh)?;
    let state = yard.state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    inventory::write(&state, &yard.folder)?;
    Ok(state)
}
