//! A disk that becomes full at each stage of a create and of a sync: said as what it is, nothing half, nothing twice.
//!
//! The store lies on a small file system in memory, in a namespace of the test's own: it ends with the process, whatever
//! happens. The test runs itself in there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::SignedDuration;
use smith_repo::code::DISK_FULL;
use smith_repo::create::CreateError;
use smith_repo::fetch::{Fetcher, Silent};
use smith_repo::fsck::{Checked, Report, check};
use smith_repo::mirror::{Depth, Mode, Pull, sync};
use smith_repo::name::BuildNumber;
use smith_repo::retention::{Roots, Wish, empty_trash, plan, purge};
use smith_repo::store::Store;

use crate::world::{Outcome, World, listing, short, told};

/// Says that the test is the one inside.
const INSIDE: &str = "SMITH_TEST_SMALL_DISK";

/// A file system with nothing in it; pages of 4 KiB.
const SMALLEST: u64 = 16 << 10;

/// Each try has so much more room, in percent: it becomes full in another place.
const STEP: u64 = 12;

const ROOM: u64 = 64 << 20;

/// Whether this process may mount; if not, it runs again where it may, and the answer is that it has.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn is_inside(test: &str) -> Outcome<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(true);
    }
    let can = |flags: &str| {
        let probe = ["sh", "-c", "mount -t tmpfs -o size=16k tmpfs /mnt"];
        let tried = Command::new("unshare").arg(flags).args(probe).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    // Whoever is not root may be it in a namespace of users.
    let Some(flags) = ["-m", "-rm"].into_iter().find(|flags| can(flags)) else {
        println!("skipped: nothing can be mounted on this machine");
        return Ok(false);
    };
    let output = Command::new("unshare")
        .arg(flags)
        .arg(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    Ok(false)
}

struct Disk<'a> {
    folder: &'a Path,
}

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, size: u64) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], folder)?;
        Ok(Self { folder })
    }

    fn make_room(&self) -> Outcome {
        mount(&["-o", &format!("remount,size={ROOM}")], self.folder)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder).status();
    }
}

fn mount(args: &[&str], folder: &Path) -> Outcome {
    let status = Command::new("mount").args(args).arg(folder).status()?;
    if status.success() { Ok(()) } else { Err("it cannot be mounted".into()) }
}

fn look(world: &World, store: &Store) -> Outcome<Report> {
    let grace = SignedDuration::from_hours(24);
    Ok(check(&Checked { store, depth: Depth::Full, keyring: None, grace, now: world.now })?)
}

/// Nothing is damaged or half, and what is left has a hash for a name.
fn is_consistent(world: &World, store: &Store) -> Outcome<BTreeSet<String>> {
    let report = look(world, store)?;
    assert!(report.is_sound(), "{:?}", report.damage);
    let there = listing(store.root())?;
    let half: Vec<&String> = there.keys().filter(|path| path.contains(".tmp-")).collect();
    assert!(half.is_empty(), "{half:?}");
    let whole = |path: &String| {
        let hex = path.strip_prefix("objects/sha256/").map(|rest| rest.replace('/', ""));
        hex.or_else(|| path.strip_prefix("incoming/").map(str::to_owned))
    };
    Ok(there.keys().filter_map(whole).collect())
}

fn code_of_create(error: Box<dyn std::error::Error>) -> Outcome<&'static str> {
    let error = error.downcast::<CreateError>()?;
    error.code().ok_or_else(|| told(&*error).into())
}

#[test]
fn a_create_on_a_full_disk_goes_on_when_there_is_room() -> Outcome {
    if !is_inside("disk::a_create_on_a_full_disk_goes_on_when_there_is_room")? {
        return Ok(());
    }
    let mut world = World::empty()?;
    let mut draft = world.draft();
    (0..12).for_each(|number| draft.add(&format!("more-{number}"), "1", 30_000 + 7_000 * number));
    let files = draft.lay(&world.theirs)?;
    let hash_of = |path: &str| files.get(path).map(|bytes| smith_repo::hash::Sha256::of(bytes).hex());
    let recipe = world.recipe()?;
    let (folder, mut size, mut failures) = (world.path("small"), SMALLEST, 0);
    loop {
        let disk = Disk::mount(&folder, size)?;
        world.server.serve(files.clone());
        size += size * STEP / 100;
        let root = folder.join("store");
        let failed = match Store::create(&root) {
            Ok(store) => match world.create_in(&store, &recipe) {
                Ok(_) => break,
                Err(error) => code_of_create(error)?,
            },
            Err(error) => error.code().ok_or("no code")?,
        };
        assert_eq!(failed, DISK_FULL);
        failures += 1;
        disk.make_room()?;
        let store = Store::create(&root)?;
        let came = is_consistent(&world, &store)?;
        world.server.serve(files.clone());
        world.create_in(&store, &recipe)?;
        for (path, range) in world.server.requests() {
            let came_before = hash_of(&path).is_some_and(|hash| came.contains(&hash));
            assert!(!path.contains("/pool/") || !came_before || range.is_some(), "{path} came twice");
        }
        let report = look(&world, &store)?;
        assert!(report.is_clean(), "{report:?}");
    }
    assert!(failures > 10, "{failures}");
    Ok(())
}

#[test]
fn a_sync_to_a_full_disk_goes_on_when_there_is_room() -> Outcome {
    if !is_inside("disk::a_sync_to_a_full_disk_goes_on_when_there_is_room")? {
        return Ok(());
    }
    let mut world = World::empty()?;
    let mut draft = world.draft();
    (0..12).for_each(|number| draft.add(&format!("more-{number}"), "1", 30_000 + 7_000 * number));
    world.server.serve(draft.lay(&world.theirs)?);
    world.succeeds(&world.recipe()?)?;
    let (folder, mut size, mut failures) = (world.path("small"), SMALLEST, 0);
    let (fetcher, sources) = (Fetcher::new(short())?, [world.path("store").display().to_string()]);
    let believe = |_: &[u8], _: &[u8]| Ok(Vec::new());
    loop {
        let disk = Disk::mount(&folder, size)?;
        size += size * STEP / 100;
        let root = folder.join("store");
        let bring = |store: &Store| {
            let pull =
                Pull { store, fetcher: &fetcher, sources: &sources, check: &believe, progress: &Silent };
            sync(&pull, BuildNumber(1), Mode::Do).map_err(Box::new)
        };
        let failed = match Store::create(&root) {
            Ok(store) => match bring(&store) {
                Ok(_) => break,
                Err(error) => error.code().ok_or_else(|| told(&*error))?,
            },
            Err(error) => error.code().ok_or("no code")?,
        };
        assert_eq!(failed, DISK_FULL);
        failures += 1;
        disk.make_room()?;
        let store = Store::create(&root)?;
        let came = is_consistent(&world, &store)?;
        let synced = bring(&store)?;
        assert_eq!(synced.missing, synced.objects - came.len() as u64, "something came twice");
        let report = look(&world, &store)?;
        assert!(report.is_clean(), "{report:?}");
    }
    assert!(failures > 10, "{failures}");
    Ok(())
}

#[test]
fn a_purge_makes_room_on_a_full_disk() -> Outcome {
    if !is_inside("disk::a_purge_makes_room_on_a_full_disk")? {
        return Ok(());
    }
    let mut world = World::empty()?;
    let folder = world.path("small");
    let _disk = Disk::mount(&folder, 2 << 20)?;
    let store = Store::create(&folder.join("store"))?;
    let recipe = world.recipe()?;
    for _ in 0..2 {
        world.publish()?;
        world.create_in(&store, &recipe)?;
    }
    // Every page that is free.
    let filler = folder.join("filler");
    assert!(fs::write(&filler, vec![1; 4 << 20]).is_err());
    world.publish()?;
    let error = world.create_in(&store, &recipe).err().ok_or("there was room")?;
    assert_eq!(code_of_create(error)?, DISK_FULL);
    is_consistent(&world, &store)?;
    let wish = plan(&store, &Wish::AllButNewest(1), &Roots::default())?;
    purge(&store, &wish, &Roots::default(), world.now)?;
    let freed = empty_trash(&store, SignedDuration::ZERO, world.now)?;
    assert!(freed > 40_000, "{freed}");
    is_consistent(&world, &store)?;
    assert_eq!(store.builds_present()?, [BuildNumber(2)]);
    fs::remove_file(&filler)?;
    world.create_in(&store, &recipe)?;
    let report = look(&world, &store)?;
    assert!(report.is_clean(), "{report:?}");
    Ok(())
}
