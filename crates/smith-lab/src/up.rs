//! Making a lab: what is lacking is made, what is there is left as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base;
use crate::cgroup::Groups;
use crate::dress::Dress;
use crate::error::{Doing as _, LabError};
use crate::fault::{self, Fault};
use crate::fleet::Wish;
use crate::keeper;
use crate::keys::{self, Keys};
use crate::lab::Lab;
use crate::layer;
use crate::machine::{self, Condition};
use crate::name::{LabName, MachineName, Suite};
use crate::net::{self, Choosing, Subnet};
use crate::place::{Folder, Place};
use crate::preflight::{enough_inotify, preflight};
use crate::state::{Held, Member, Stage, State};
use crate::upstream::Upstream;
use crate::{disk, inventory};

/// One boot takes half a second alone; this is for one of many on a busy computer.
pub(crate) const BOOT_MAX: Duration = Duration::from_secs(60);

/// Hears what is being done, from several threads.
pub(crate) type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// What a lab should be.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub machines: Wish,
    pub suite: Suite,
    /// The archive of the base in place of that of this computer's apt.
    pub mirror: Option<String>,
    pub subnet: Option<Subnet>,
    /// A binary, or a package that ends in `.deb`.
    pub agent: Option<PathBuf>,
    /// The public key of a controller in place of one that the lab makes.
    pub controller: Option<PathBuf>,
    /// How many machines are made and booted at the same time.
    pub at_once: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Machines that were made and booted now.
    pub made: usize,
    /// Machines that were there and are booted now.
    pub booted: usize,
    /// Machines that ran before.
    pub running: usize,
}

/// Makes the lab, or what is lacking of it.
///
/// # Errors
/// If something on this computer is in the way. What was made until then stays and is taken up by the next call, or removed by
/// [`Lab::down`].
pub(crate) fn up(
    place: &Place,
    name: &LabName,
    wanted: &Wanted,
    progress: Progress<'_>,
) -> Result<(Lab, Made), LabError> {
    preflight()?;
    let planned = wanted.machines.machines()?;
    enough_inotify(planned.len())?;
    let folder = place.lab(name);
    let _held = open(place, name)?;
    let upstream = Upstream::find(&wanted.suite, wanted.mirror.as_deref())?;
    let choosing = Choosing::begin()?;
    let mut state = remember(place, name, wanted, &upstream)?;
    let known: BTreeSet<MachineName> = state.machines.iter().map(|member| member.name().clone()).collect();
    for planned in planned.into_iter().filter(|planned| !known.contains(&planned.name)) {
        let used: BTreeSet<u8> = state.machines.iter().map(|member| member.slot).collect();
        let Some(slot) = (0..240).find(|slot| !used.contains(slot)) else { return Err(LabError::NoSubnet) };
        state.machines.push(Member::planned(planned, slot));
    }
    net::check(&state)?;
    state.save(&folder)?;
    net::ensure_bridge(&state)?;
    drop(choosing);
    let base = base::ensure(place, &state.base, &wanted.suite, &upstream, progress)?;
    let layer = wanted.agent.as_deref().map(|agent| layer::ensure(&folder, &base, agent)).transpose()?;
    let keys = keys::ensure(&folder, wanted.controller.as_deref())?;
    keeper::write_script(&folder)?;
    let yard =
        Yard { groups: Groups::of(&state)?, folder, base, layer, keys, state: Mutex::new(state), progress };
    let made = yard.start_all(wanted.at_once);
    let state = yard.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    inventory::write(&state, &yard.folder)?;
    Ok((Lab::of(place, state), made?))
}

/// Takes the folder of the lab, and refuses one that holds anything else than a lab.
fn open(place: &Place, name: &LabName) -> Result<Held, LabError> {
    let folder = place.lab(name);
    let path = folder.path();
    fs::create_dir_all(path).doing("making", path)?;
    let held = Held::take(place, name)?;
    if !folder.state().exists() {
        // A state that was being written when the computer went down is all that may be here.
        let unfinished = folder.state().with_extension("new");
        let mut entries = fs::read_dir(path).doing("reading", path)?.flatten();
        if let Some(other) = entries.find(|entry| entry.path() != unfinished) {
            let found = other.path().display().to_string();
            return Err(LabError::Foreign { what: format!("file in the folder of lab {name}"), found });
        }
    }
    Ok(held)
}

/// The lab as it is known, or a new one; it keeps its release and network for as long as it is there.
fn remember(place: &Place, name: &LabName, wanted: &Wanted, upstream: &Upstream) -> Result<State, LabError> {
    let key = base::key(&wanted.suite, upstream);
    let state = match State::load(place, name) {
        Ok(state) => state,
        Err(LabError::NoLab { .. }) => {
            let subnet = wanted.subnet.map_or_else(Subnet::find, Ok)?;
            return State::new(name.clone(), subnet, wanted.suite.clone(), key);
        }
        Err(error) => return Err(error),
    };
    let differs = |what, there: String, wanted: String| Err(LabError::Differs { what, there, wanted });
    if state.base != key {
        return differs("the base", state.base, key);
    }
    match wanted.subnet {
        Some(subnet) if subnet != state.subnet => {
            differs("the network", state.subnet.to_string(), subnet.to_string())
        }
        Some(_) | None => Ok(state),
    }
}

/// Where machines are made, several at a time.
pub(crate) struct Yard<'a> {
    pub(crate) groups: Groups,
    pub(crate) folder: Folder,
    pub(crate) base: PathBuf,
    pub(crate) layer: Option<String>,
    pub(crate) keys: Keys,
    pub(crate) state: Mutex<State>,
    pub(crate) progress: Progress<'a>,
}

enum Started {
    Made,
    Booted,
    Running,
}

impl Yard<'_> {
    fn start_all(&self, at_once: usize) -> Result<Made, LabError> {
        let members = self.locked(|state| state.machines.clone());
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..at_once.clamp(1, members.len().max(1)) {
                scope.spawn(|| {
                    while let Some(member) = members.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let started = self.start(member);
                        let has_failed = started.is_err();
                        results.lock().unwrap_or_else(PoisonError::into_inner).push(started);
                        if has_failed {
                            // Whatever is in the way is in the way of the others too.
                            next.store(members.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut made = Made { made: 0, booted: 0, running: 0 };
        for started in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match started? {
                Started::Made => made.made += 1,
                Started::Booted => made.booted += 1,
                Started::Running => made.running += 1,
            }
        }
        Ok(made)
    }

    fn start(&self, member: &Member) -> Result<Started, LabError> {
        let name = member.name();
        match member.stage {
            Stage::Made if machine::condition(&self.groups, name) != Condition::Stopped => {
                Ok(Started::Running)
            }
            Stage::Made => {
                self.boot(member)?;
                (self.progress)(&format!("{name} is up again"));
                Ok(Started::Booted)
            }
            Stage::Planned => {
                self.make(member)?;
                (self.progress)(&format!("{name} is up"));
                Ok(Started::Made)
            }
        }
    }

    /// Makes the machine from the beginning, whatever is left of an earlier try.
    pub(crate) fn make(&self, member: &Member) -> Result<(), LabError> {
        let name = member.name();
        let folder = self.folder.machine(name);
        self.groups.end_machine(name)?;
        if folder.path().exists() {
            fs::remove_dir_all(folder.path()).doing("removing", folder.path())?;
        }
        fs::create_dir_all(folder.path()).doing("making", folder.path())?;
        disk::make(&folder.disk())?;
        // One that was to be made anew when a reload was interrupted keeps the agent that the reload chose.
        let layer = self.layer.clone().or_else(|| member.layer.clone());
        let member = Member { layer, ..member.clone() };
        let waiting = keeper::start(&self.folder, &folder, name, &self.lower(&member), &self.groups)?;
        let (subnet, token) = self.locked(|state| (state.subnet, state.token));
        let dress = Dress { root: waiting.seen(&folder.root()), subnet, token, keys: &self.keys };
        let host_key = dress.put_on(&member, folder.path())?;
        self.plug(&member, &waiting)?;
        self.change(name, |known| {
            *known = Member { stage: Stage::Made, host_key: Some(host_key), ..member.clone() };
        })?;
        waiting.boot()?;
        self.await_up(&member)
    }

    /// Boots a machine whose disk is there and that does not run.
    pub(crate) fn boot(&self, member: &Member) -> Result<(), LabError> {
        let name = member.name();
        self.groups.end_machine(name)?;
        let folder = self.folder.machine(name);
        let waiting = keeper::start(&self.folder, &folder, name, &self.lower(member), &self.groups)?;
        self.plug(member, &waiting)?;
        waiting.boot()?;
        self.await_up(member)?;
        fault::restore(&self.groups, &self.folder, &self.locked(State::clone), member)
    }

    fn plug(&self, member: &Member, waiting: &keeper::Waiting) -> Result<(), LabError> {
        let state = self.locked(State::clone);
        net::plug(&state, member.slot, waiting.pid())
    }

    fn await_up(&self, member: &Member) -> Result<(), LabError> {
        let name = member.name();
        machine::await_leader(&self.groups, name, BOOT_MAX)
            .map_err(|error| self.with_console(name, error))?;
        if member.faults.iter().copied().any(Fault::silences) {
            return Ok(());
        }
        let address = self.locked(|state| state.subnet.machine(member.slot));
        machine::await_sshd(name, address, BOOT_MAX).map_err(|error| self.with_console(name, error))
    }

    fn with_console(&self, name: &MachineName, error: LabError) -> LabError {
        let console = keeper::tail(&self.folder.machine(name).console());
        let LabError::Silent { name, seconds, found } = error else { return error };
        let found = if console.is_empty() { found } else { format!("{found}; its console says: {console}") };
        LabError::Silent { name, seconds, found }
    }

    /// The trees below the machine's own, the uppermost first.
    fn lower(&self, member: &Member) -> String {
        let layer = member.layer.as_ref().map(|name| self.folder.layers().join(name));
        let trees = layer.iter().map(PathBuf::as_path).chain([self.base.as_path()]);
        trees.map(Path::to_string_lossy).collect::<Vec<_>>().join(":")
    }

    fn locked<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is known of a machine, on the disk too.
    pub(crate) fn change(
        &self,
        name: &MachineName,
        change: impl FnOnce(&mut Member),
    ) -> Result<(), LabError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = state.member_mut(name) {
            change(member);
        }
        state.save(&self.folder)?;
        // Whoever kills us finds each machine that runs in the inventory and among the known hosts.
        inventory::write(&state, &self.folder)
    }
}
