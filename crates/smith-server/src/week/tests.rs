//! Links on a real store with two mirrors, each failing once and done again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_domain::cycle::{Link, WeekPlan};
use smith_domain::errand::ErrandId;
use smith_domain::id::{BuildNumber, CycleId};
use smith_domain::pipeline::{ChangeRule, Who};
use smith_repo::mirror::{Mirror, Mode as Doing, Place, add_mirror};
use smith_repo::name::MirrorName;
use smith_repo::pgp::{KeyFolder, KeyKind, KeyRequest, Passphrase};
use smith_repo::store::Store;

use super::build::Making;
use super::channel::{Papers, switch};
use super::compare::{check, diff};
use super::job::{Change, Job, Region};
use super::mirrors::{sync, verified};
use super::off::Off;
use super::shop::{Shop, Trouble, now};
use super::slots::Slots;
use super::witness::{Ending, Seen, Witness};
use crate::driver::Mode;

#[path = "../../../smith-repo/src/fixture/deb.rs"]
mod archive;

pub(crate) const REGIONS: [(&str, &str); 2] = [("syd-01", "ap-south"), ("dal-01", "us-south")];

/// A store with a key and two mirrors, and a recipe of one package of our own.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("store")).unwrap();
        let request = KeyRequest {
            kind: KeyKind::Ed25519,
            user_id: "A <a@b>".to_owned(),
            made_at: now(),
            expires_at: None,
        };
        KeyFolder::new(&store.keys()).generate(&request, &Passphrase::None).unwrap();
        for (name, region) in REGIONS {
            let mirror = Mirror {
                name: MirrorName::new(name).unwrap(),
                region: MirrorName::new(region).unwrap(),
                sources: Vec::new(),
                place: Place::Directory { path: folder.path().join(name) },
                labels: Default::default(),
                bandwidth: None,
            };
            add_mirror(&store, mirror, Doing::Do).unwrap();
        }
        let world = Self { folder, store };
        world.package("1.0");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the recipe finds from now on.
    pub(crate) fn package(&self, version: &str) {
        let control = format!(
            "Package: alpha\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\nDescription: a\n long\n"
        );
        let deb = archive::ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &archive::tar(&[("./control", control.as_bytes())])),
            ("data.tar", &archive::tar(&[("./usr/share/alpha", version.as_bytes())])),
        ]);
        fs::create_dir_all(self.path("debs")).unwrap();
        fs::write(self.path("debs/alpha.deb"), deb).unwrap();
    }

    pub(crate) fn recipe(&self) {
        let text = "local:\n  - {local: site, folder: debs, suite: stable}\n";
        fs::write(self.path("recipe.yaml"), text).unwrap();
    }

    pub(super) fn shop(&self) -> Shop {
        Shop::new(self.store.root(), None)
    }

    fn build(&self, job: &Job) -> Result<(u32, String), Trouble> {
        let (shop, folder, data) = (self.shop(), Ok(self.folder.path()), self.path("data"));
        Making { shop: &shop, folder, data: &data, off: &wanted() }.run(job)
    }

    fn sync(&self, job: &Job) -> Result<String, Trouble> {
        sync(&self.shop(), job, (&Slots::new(Duration::ZERO), &wanted()))
    }

    /// Builds of two versions, both on all mirrors.
    pub(super) fn with_two_builds() -> Self {
        let world = Self::new();
        world.recipe();
        for (number, version) in [(1, "1.0"), (2, "2.0")] {
            world.package(version);
            assert_eq!(world.build(&job(Link::Build, number)).unwrap().0, number);
            world.sync(&job(Link::Sync, number)).unwrap();
        }
        world
    }
}

/// Somebody waits for it.
fn wanted() -> Off {
    Off::new(&Ending::default(), || false)
}

/// A link of the cycle that has this number, and a build of the same.
pub(super) fn job(link: Link, number: u32) -> Job {
    let plan = WeekPlan {
        name: "prod".to_owned(),
        owner: Who(vec!["role:operator".to_owned()]),
        recipe: "recipe.yaml".to_owned(),
        channel: "prod".to_owned(),
        regions: REGIONS.iter().map(|(_, region)| (*region).to_owned()).collect(),
        test: None,
        gates: Vec::new(),
        train: None,
        rule: ChangeRule::None,
        canary: None,
        rollouts: Vec::new(),
    };
    let region = |(at, (_, name)): (usize, &(&str, &str))| Region {
        name: (*name).to_owned(),
        points_to: number.checked_sub(1).filter(|before| *before > 0).map(BuildNumber),
        change: Some(Change { number: format!("CHG{at}"), approved_by: vec!["ana".to_owned()] }),
    };
    let regions = REGIONS.iter().enumerate().map(region).collect();
    let (errand, mode, by) = (ErrandId(number), Mode::Act, "bob".to_owned());
    Job { errand, cycle: CycleId(number), link, mode, plan, by, made: Some(BuildNumber(number)), regions }
}

pub(super) fn looking(job: Job) -> Job {
    Job { mode: Mode::Seek, ..job }
}

pub(super) fn failed<T: std::fmt::Debug>(result: Result<T, Trouble>) -> String {
    match result.unwrap_err() {
        Trouble::Failed(why) => why,
        Trouble::Refused(why) => panic!("refused: {why}"),
    }
}

pub(super) fn channel_of(world: &World, mirror: &str) -> Option<u32> {
    let store = Store::open(&world.path(mirror)).unwrap();
    let name = smith_repo::name::ChannelName::new("prod").unwrap();
    smith_repo::channel::get(&store, &name).unwrap().map(|build| build.0)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_build_is_made_once_however_often_its_link_is_tried() {
    let world = World::new();
    assert!(failed(world.build(&job(Link::Build, 1))).starts_with("expected a recipe in "));
    fs::write(world.path("recipe.yaml"), "locla: []\n").unwrap();
    let refused = world.build(&job(Link::Build, 1)).unwrap_err();
    assert!(matches!(&refused, Trouble::Refused(why) if why.contains("recipe.yaml:1:1")), "{refused:?}");
    world.recipe();
    assert_eq!(failed(world.build(&looking(job(Link::Build, 1)))), "build was interrupted");
    let (number, note) = world.build(&job(Link::Build, 1)).unwrap();
    assert_eq!(number, 1);
    assert!(note.starts_with("build 1, 1 package, "), "{note}");
    // The world has moved on, and the answer of the first try was lost.
    world.package("2.0");
    assert_eq!(world.build(&looking(job(Link::Build, 1))).unwrap(), (1, note.clone()));
    assert_eq!(world.build(&job(Link::Build, 1)).unwrap(), (1, note));
    assert_eq!(world.store.builds_present().unwrap().len(), 1);
    // Another cycle makes its own, and one for which nothing is new takes what is there.
    assert_eq!(world.build(&job(Link::Build, 2)).unwrap().0, 2);
    let unchanged = world.build(&job(Link::Build, 3)).unwrap();
    assert_eq!(unchanged, (2, "nothing is new since build 2".to_owned()));
}

#[test]
fn a_sync_reaches_all_mirrors_or_names_those_that_it_did_not() {
    let world = World::new();
    world.recipe();
    world.build(&job(Link::Build, 1)).unwrap();
    // What is to be the store of one mirror is a file.
    fs::write(world.path("dal-01"), "in the way").unwrap();
    let why = failed(world.sync(&job(Link::Sync, 1)));
    assert!(why.starts_with("1 of 2 mirrors; dal-01: "), "{why}");
    assert_eq!(failed(world.sync(&looking(job(Link::Sync, 1)))), "sync was interrupted");
    assert!(
        failed(verified(&world.shop(), &job(Link::Verify, 1), &wanted()))
            .starts_with("1 of 2 mirrors; dal-01: ")
    );
    fs::remove_file(world.path("dal-01")).unwrap();
    assert_eq!(world.sync(&job(Link::Sync, 1)).unwrap(), "2 of 2 mirrors");
    assert_eq!(world.sync(&looking(job(Link::Sync, 1))).unwrap(), "2 of 2 mirrors");
    assert_eq!(verified(&world.shop(), &job(Link::Verify, 1), &wanted()).unwrap(), "2 of 2 mirrors");
}

#[test]
fn what_nobody_wants_any_more_is_broken_off() {
    let world = World::new();
    world.recipe();
    let nobody = || Off::new(&Ending::default(), || true);
    let (shop, data) = (world.shop(), world.path("data"));
    let making = Making { shop: &shop, folder: Ok(world.folder.path()), data: &data, off: &nobody() };
    let why = failed(making.run(&job(Link::Build, 1)));
    assert!(why.contains("called off"), "{why}");
    assert_eq!(world.store.builds_present().unwrap(), []);
    world.build(&job(Link::Build, 1)).unwrap();
    let slots = Slots::new(Duration::from_secs(60));
    let why = failed(sync(&shop, &job(Link::Sync, 1), (&slots, &nobody())));
    assert_eq!(why, "0 of 2 mirrors; dal-01: called off; syd-01: called off");
    assert_eq!(Store::open(&world.path("dal-01")).unwrap().builds_present().unwrap(), []);
    // Nor is a mirror waited for that another is at work on.
    let hangs = slots.take_now("dal-01").unwrap();
    assert!(failed(sync(&shop, &job(Link::Sync, 1), (&slots, &nobody()))).starts_with("0 of 2 mirrors; "));
    drop(hangs);
    world.sync(&job(Link::Sync, 1)).unwrap();
    let why = failed(verified(&shop, &job(Link::Verify, 1), &nobody()));
    assert_eq!(why, "0 of 2 mirrors; dal-01: called off; syd-01: called off");
}

#[test]
fn a_mirror_on_which_another_sync_hangs_is_told_of_and_the_others_get_the_build() {
    let world = World::new();
    world.recipe();
    world.build(&job(Link::Build, 1)).unwrap();
    let (slots, off) = (Slots::new(Duration::from_millis(10)), wanted());
    let hangs = slots.take_now("dal-01").unwrap();
    let why = failed(sync(&world.shop(), &job(Link::Sync, 1), (&slots, &off)));
    assert!(why.starts_with("1 of 2 mirrors; dal-01: another link has been at work on dal-01"), "{why}");
    drop(hangs);
    assert_eq!(sync(&world.shop(), &job(Link::Sync, 1), (&slots, &off)).unwrap(), "2 of 2 mirrors");
    assert!(slots.take_now("syd-01").is_some(), "nothing is held when it is done");
}

#[test]
fn a_file_that_is_damaged_on_a_mirror_is_found() {
    let world = World::with_two_builds();
    let mirror = Store::open(&world.path("syd-01")).unwrap();
    let found = smith_repo::create::packages_of(&mirror, smith_repo::name::BuildNumber(2)).unwrap();
    let object = mirror.object(&found.packages()[0].sha256);
    let content = fs::read(&object).unwrap();
    let swap = |bytes: &[u8]| {
        fs::remove_file(&object).unwrap();
        fs::write(&object, bytes).unwrap();
    };
    swap(&vec![0; content.len()]);
    let why = failed(verified(&world.shop(), &job(Link::Verify, 2), &wanted()));
    assert!(why.starts_with("1 of 2 mirrors; syd-01: "), "{why}");
    swap(&content);
    fs::remove_dir_all(world.path("syd-01/pool")).unwrap();
    let why = failed(verified(&world.shop(), &job(Link::Verify, 2), &wanted()));
    assert!(why.starts_with("1 of 2 mirrors; syd-01: "), "{why}");
}

#[test]
fn what_is_new_is_told_in_a_line_and_kept_in_lists() {
    let world = World::with_two_builds();
    let evidence = world.path("evidence");
    let first = diff(&world.shop(), &job(Link::Diff, 1), &evidence).unwrap();
    assert_eq!(first, "channel prod names no build yet, so everything is new");
    let second = diff(&world.shop(), &job(Link::Diff, 2), &evidence).unwrap();
    assert_eq!(second, "against build 1: 0 added, 0 removed, 1 upgraded, 0 downgraded");
    let text = read(&evidence.join("build-2-diff-prod-1.md"));
    assert!(text.contains("alpha") && text.contains("2.0"), "{text}");
    assert!(read(&evidence.join("build-2-diff-prod-1.json")).contains("\"upgraded\": 1"));
    let nobody = check(&world.shop(), &job(Link::Check, 2), None, &evidence).unwrap();
    assert_eq!(nobody, "no profiles of machines are known, so nothing was checked");
}

#[test]
fn a_region_without_a_mirror_is_for_a_person() {
    let world = World::with_two_builds();
    let mut job = job(Link::Channel, 2);
    job.regions[1].name = "eu-de".to_owned();
    let (look, ending) = (|_: &Region| Seen { points_to: None, against: None }, Ending::default());
    let witness = Witness { look: &look, record: &|_| Ok(()), ending: &ending };
    let (evidence, trail) = (world.path("evidence"), world.path("trail"));
    let papers = Papers { evidence: &evidence, trail: &trail };
    let refused = switch(&world.shop(), &job, witness, papers).unwrap_err();
    let why = "expected a mirror in region eu-de, found them in ap-south, us-south";
    assert_eq!(refused, Trouble::Refused(why.to_owned()));
}
