//! A store that is not what it was: damaged below its names, or held by somebody who does not let go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_repo::hash::Sha256;

use crate::world::{Leaves, Outcome, World, listing};

type Make = fn(&Path) -> std::io::Result<()>;

/// What takes the place of something, until it is put back.
struct Damage {
    place: PathBuf,
    aside: PathBuf,
    is_new: bool,
}

impl Damage {
    /// Puts something else there; what was there is kept.
    fn of(world: &World, place: &str, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Outcome<Self> {
        let (place, aside) = (world.path("store").join(place), world.path("aside"));
        let is_new = fs::symlink_metadata(&place).is_err();
        if !is_new {
            fs::rename(&place, &aside)?;
        }
        make(&place)?;
        Ok(Self { place, aside, is_new })
    }

    fn mend(self) -> Outcome {
        match self.place.is_dir() {
            true => fs::remove_dir_all(&self.place)?,
            false => fs::remove_file(&self.place)?,
        }
        if !self.is_new {
            fs::rename(&self.aside, &self.place)?;
        }
        Ok(())
    }
}

/// The newest package of the next state, which is not in the store.
fn next(world: &mut World) -> Outcome<Sha256> {
    let draft = world.draft();
    let (_, bytes) = draft.debs.first().ok_or("no package")?;
    let hash = Sha256::of(bytes);
    world.server.serve(draft.lay(&world.theirs)?);
    Ok(hash)
}

#[test]
fn a_store_that_is_damaged_is_not_built_upon() -> Outcome {
    let mut world = World::new()?;
    let recipe = world.recipe()?;
    let (file, folder): (Make, Make) = (|path| fs::write(path, "what is this"), |path| fs::create_dir(path));
    // The words and the lists of the build before, the folders that a run writes to, and a part that is none.
    let cases: [(&str, Make); 7] = [
        ("builds/1/build.json", file),
        ("builds/1/manifest.zst", file),
        ("builds/1/manifest.zst", folder),
        ("incoming", file),
        ("partial", file),
        ("leases", file),
        ("partial/HASH", folder),
    ];
    for (place, make) in cases {
        let wanted = next(&mut world)?;
        let place = place.replace("HASH", &wanted.hex());
        let damage = Damage::of(&world, &place, make)?;
        // Other packages may have come before the one that cannot be written.
        let leaves = if place.starts_with("partial") { Leaves::Wanted } else { Leaves::Nothing };
        world.refuses_recipe(&recipe, "S0382", leaves).map_err(|error| format!("{place}: {error}"))?;
        damage.mend()?;
        // What the next build is made of must be good, and the first stays the newest: a build after it would be read.
        world.is_good().map_err(|error| format!("{place}: {error}"))?;
    }
    next(&mut world)?;
    world.succeeds(&recipe)
}

#[test]
fn an_object_under_a_wrong_name_is_told_apart_from_a_good_one() -> Outcome {
    let mut world = World::new()?;
    let recipe = world.recipe()?;
    // What a run that was killed left has another content than its name says: it is not taken in.
    let wanted = next(&mut world)?;
    fs::write(world.path("store/incoming").join(wanted.hex()), "another")?;
    fs::write(world.path("store/partial").join(wanted.hex()), "another")?;
    world.succeeds(&recipe)
}

#[test]
fn a_store_that_somebody_holds_is_left_as_it_is() -> Outcome {
    let mut world = World::new()?;
    let recipe = world.recipe()?;
    let holder = world.store()?;
    let hasty = world.store()?.with_patience(Duration::ZERO);
    for _ in 0..2 {
        next(&mut world)?;
        let held = holder.lock_now()?;
        world.refuses_in(&hasty, &recipe, "S0383", Leaves::Nothing)?;
        assert_eq!(fs::read_to_string(world.path("store/lock"))?.trim(), std::process::id().to_string());
        drop(held);
        world.create_in(&hasty, &recipe)?;
        world.is_good()?;
    }
    // Nothing is new; the list of builds is under the lock too.
    let before = listing(&world.path("store"))?;
    let held = holder.lock_now()?;
    world.refuses_in(&hasty, &recipe, "S0383", Leaves::Nothing)?;
    drop(held);
    world.create_in(&hasty, &recipe)?;
    assert_eq!(listing(&world.path("store"))?, before);
    Ok(())
}
