//! Breaks and heals one machine.
//!
//! A fault is written down before it is brought about, and forgotten after it is undone; both can be done again at any time.

use std::collections::BTreeSet;
use std::fs;

use crate::cgroup::Groups;
use crate::error::{Doing as _, LabError};
use crate::machine::{self, Condition, Leader};
use crate::name::MachineName;
use crate::place::Folder;
use crate::state::{Member, Stage, State};
use crate::up::BOOT_MAX;

use super::kind::{Fault, Means};
use super::outside::{self, Direction};

pub(crate) fn break_machine(
    state: &mut State,
    folder: &Folder,
    name: &MachineName,
    fault: Fault,
) -> Result<(), LabError> {
    let groups = Groups::of(state)?;
    let member = state.member(name)?.clone();
    // Nothing can be done to a machine that does not run, and then nothing is written down either.
    let leader = running(&groups, &member)?;
    if let Some(known) = state.member_mut(name) {
        known.faults.insert(fault);
    }
    state.save(folder)?;
    let at = At { groups: &groups, folder, state, member: &member };
    let Err(error) = apply(&at, leader, fault, Direction::Break) else { return Ok(()) };
    // Half a fault is none. If that cannot be undone either, it stays known, to be healed.
    let had_it = member.faults.contains(&fault);
    if !had_it && apply(&at, leader, fault, Direction::Heal).is_ok() {
        if let Some(known) = state.member_mut(name) {
            known.faults.remove(&fault);
        }
        state.save(folder)?;
    }
    Err(error)
}

pub(crate) fn heal(
    state: &mut State,
    folder: &Folder,
    name: &MachineName,
    fault: Option<Fault>,
) -> Result<BTreeSet<Fault>, LabError> {
    let groups = Groups::of(state)?;
    let member = state.member(name)?.clone();
    let mut healed = BTreeSet::new();
    // What holds the machine down is undone first, for the others are undone on the machine.
    let mut faults: Vec<Fault> =
        member.faults.iter().copied().filter(|known| fault.is_none_or(|fault| fault == *known)).collect();
    faults.sort_by_key(|fault| matches!(fault.means(), Means::Script(_)));
    for fault in faults {
        let at = At { groups: &groups, folder, state, member: &member };
        undo(&at, fault).map_err(|source| LabError::NotHealed {
            name: name.clone(),
            fault,
            source: Box::new(source),
        })?;
        if let Some(known) = state.member_mut(name) {
            known.faults.remove(&fault);
        }
        state.save(folder)?;
        healed.insert(fault);
    }
    Ok(healed)
}

/// Brings about again what a machine's disk does not keep.
pub(crate) fn restore(
    groups: &Groups,
    folder: &Folder,
    state: &State,
    member: &Member,
) -> Result<(), LabError> {
    let at = At { groups, folder, state, member };
    for fault in &member.faults {
        match fault.means() {
            Means::Packets | Means::Share => {
                apply(&at, running(groups, member)?, *fault, Direction::Break)?;
            }
            Means::Script(_) | Means::Keeper => {}
        }
    }
    Ok(())
}

struct At<'a> {
    groups: &'a Groups,
    folder: &'a Folder,
    state: &'a State,
    member: &'a Member,
}

fn undo(at: &At<'_>, fault: Fault) -> Result<(), LabError> {
    let name = at.member.name();
    let is_down = machine::condition(at.groups, name) == Condition::Down;
    if fault.means() == Means::Keeper && is_down {
        let held = at.folder.machine(name).held();
        fs::remove_file(&held).doing("removing", &held)?;
        machine::await_leader(at.groups, name, BOOT_MAX)?;
        return Ok(());
    }
    apply(at, running(at.groups, at.member)?, fault, Direction::Heal)
}

fn running(groups: &Groups, member: &Member) -> Result<Leader, LabError> {
    let name = member.name();
    machine::leader(groups, name).ok_or_else(|| LabError::NotRunning {
        name: name.clone(),
        found: match member.stage {
            Stage::Planned => Condition::Planned.word(),
            Stage::Made => machine::condition(groups, name).word(),
        },
    })
}

fn apply(at: &At<'_>, leader: Leader, fault: Fault, direction: Direction) -> Result<(), LabError> {
    let name = at.member.name();
    match fault.means() {
        Means::Script(script) => {
            let what = format!("{fault} on {name}");
            leader.run(&what, script, &[direction.word()])?;
            Ok(())
        }
        Means::Keeper => {
            let held = at.folder.machine(name).held();
            match direction {
                Direction::Break => fs::write(&held, "").doing("writing", &held),
                Direction::Heal => match fs::remove_file(&held) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(error).doing("removing", &held)
                    }
                    Ok(()) | Err(_) => Ok(()),
                },
            }
        }
        Means::Packets => outside::packets(leader, direction),
        Means::Share => outside::share(at.groups, at.state, at.member, leader, direction),
    }
}
