//! Removing a lab: everything with its mark, and nothing else.

use std::fs;
use std::path::Path;

use crate::cgroup::Groups;
use crate::error::{Doing as _, LabError};
use crate::name::LabName;
use crate::net;
use crate::place::Place;
use crate::state::{Held, State};

/// Ends the processes, then removes links, groups and files. Mounts are the processes' own and go with them. Interrupted, the next
/// call goes on; the state goes last.
pub(crate) fn down(place: &Place, name: &LabName) -> Result<(), LabError> {
    let _held = Held::take(place, name)?;
    let folder = place.lab(name);
    let unfinished = folder.state().with_extension("new");
    let state = match State::load(place, name) {
        Ok(state) => state,
        // Interrupted before anything was made, or after all was removed.
        Err(LabError::NoLab { .. }) => {
            let _ = fs::remove_file(&unfinished);
            return fs::remove_dir(folder.path()).doing("removing", folder.path());
        }
        Err(error) => return Err(error),
    };
    net::check(&state)?;
    Groups::of(&state)?.end()?;
    for member in &state.machines {
        net::unplug(&state, member.slot)?;
    }
    net::remove_bridge(&state)?;
    refuse_mounts(folder.path())?;
    for entry in fs::read_dir(folder.path()).doing("reading", folder.path())?.flatten() {
        let path = entry.path();
        if path != folder.state() {
            remove(&path)?;
        }
    }
    fs::remove_file(folder.state()).doing("removing", &folder.state())?;
    fs::remove_dir(folder.path()).doing("removing", folder.path())
}

/// A lab mounts nothing that others see. If something is mounted in its folder, somebody else did it, and what is in there is theirs.
pub(crate) fn refuse_mounts(path: &Path) -> Result<(), LabError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).doing("reading", table)?;
    let mounts = text.lines().filter_map(|line| line.split(' ').nth(4));
    match mounts.map(Path::new).find(|mount| mount.starts_with(path)) {
        Some(mount) => {
            let found = format!("something mounted at {}", mount.display());
            Err(LabError::Foreign { what: "mount in the folder of a lab".to_owned(), found })
        }
        None => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), LabError> {
    let is_dir = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) }.doing("removing", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_that_was_interrupted_before_it_was_written_down_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path().join("labs"), dir.path().join("cache")).unwrap();
        let name: LabName = "lab".parse().unwrap();
        let folder = place.lab(&name);
        fs::create_dir_all(folder.path()).unwrap();
        fs::write(folder.state().with_extension("new"), "{\"for").unwrap();
        down(&place, &name).unwrap();
        assert!(!folder.path().exists());
        assert!(matches!(down(&place, &name), Err(LabError::NoLab { .. })));
    }

    #[test]
    fn what_is_mounted_in_a_lab_is_seen() {
        assert!(refuse_mounts(Path::new("/proc")).is_err());
        let dir = tempfile::tempdir().unwrap();
        assert!(refuse_mounts(dir.path()).is_ok());
    }
}
