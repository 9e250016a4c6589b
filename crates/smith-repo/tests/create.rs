//! A build from an upstream of real package files: made, made again, made of a changed world, refused where the upstream is
//! not what it should be, and read by the machine's own apt.

mod world;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use smith_repo::create::{CreateError, Created, IfUnchanged, Manner};
use smith_repo::manifest::BuildInfo;
use smith_repo::name::{BuildNumber, SuiteName};
use smith_repo::select::Pattern;
use smith_repo::upstream::{Fault, Recipe, Replay, Rule, RuleKind};

use world::{Outcome, World, has, local_folder};

const TOOLS: [&str; 3] = ["dpkg-deb", "apt-get", "gpgv"];

fn create(world: &World, recipe: &Recipe) -> Outcome<Created> {
    world.create(recipe, Manner::default())
}

fn made(world: &World, recipe: &Recipe) -> Outcome<BuildInfo> {
    world.made(recipe, Manner::default())
}

fn is_good(world: &World) -> Outcome {
    world.is_good(&world.store)
}

/// Why it is refused; there is no build more than before, and what there is is good.
fn refusal(world: &World, recipe: &Recipe) -> Outcome<Fault> {
    let before = world.store.builds_present()?;
    let error = create(world, recipe).err().ok_or("a build was made")?;
    assert_eq!(world.store.builds_present()?, before);
    is_good(world)?;
    let error = *error.downcast::<CreateError>()?;
    let text = error.to_string();
    let CreateError::Upstream(refused) = error else {
        return Err(format!("another error: {text}").into());
    };
    Ok(*refused.fault)
}

fn versions(world: &World, number: BuildNumber) -> Outcome<Vec<String>> {
    let list = world.packages(number)?;
    Ok(list.packages().iter().map(|one| format!("{} {}", one.name, one.version)).collect())
}

/// Every file below a folder with its content's length and place on the disk, links as what they say.
fn tree(folder: &Path, below: &Path, found: &mut BTreeSet<(String, u64, u64)>) -> Outcome {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(below)?.display().to_string();
        let there = fs::symlink_metadata(&path)?;
        if there.is_symlink() {
            found.insert((format!("{name} -> {}", fs::read_link(&path)?.display()), 0, 0));
        } else if there.is_dir() {
            tree(&path, below, found)?;
        } else if !name.starts_with("build.json") && !name.starts_with("from-") {
            let is_list = name.ends_with(".zst") && !name.contains('/');
            found.insert((name, there.len(), if is_list { 0 } else { there.ino() }));
        }
    }
    Ok(())
}

#[test]
fn a_build_is_whole_and_the_same_world_gives_the_same_build() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let recipe = world.recipe()?;
    let first = made(&world, &recipe)?;
    assert_eq!((first.number, first.package_count, first.parent), (BuildNumber(1), 3, None));
    is_good(&world)?;
    assert_eq!(versions(&world, first.number)?, ["alpha 1.0-1", "beta 2.0", "gamma 1:3.0~rc1"]);
    assert!(matches!(create(&world, &recipe)?, Created::Unchanged(info) if info.number == first.number));
    let Created::Made { info: second, .. } =
        world.create_but(&recipe, Manner::default(), |create| create.if_unchanged = IfUnchanged::Build)?
    else {
        return Err("no second build".into());
    };
    assert_eq!((second.number, second.parent), (BuildNumber(2), Some(BuildNumber(1))));
    assert_eq!((second.manifest, second.packages), (first.manifest, first.packages));
    let (mut one, mut two) = (BTreeSet::new(), BTreeSet::new());
    for (number, found) in [(first.number, &mut one), (second.number, &mut two)] {
        let folder = world.store.build(number);
        tree(&folder, &folder, found)?;
    }
    // Hard links of the same objects: not only alike but the same.
    assert_eq!(one, two);
    Ok(())
}

#[test]
fn a_changed_world_makes_another_build_and_rules_keep_what_was() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = world.recipe()?;
    let first = made(&world, &recipe)?;
    world.package("beta", "2.1", "")?;
    world.package("delta", "1", "")?;
    world.publish(10)?;
    let second = made(&world, &recipe)?;
    assert_eq!(versions(&world, second.number)?, ["alpha 1.0-1", "beta 2.1", "delta 1", "gamma 1:3.0~rc1"]);
    assert_eq!(versions(&world, first.number)?, ["alpha 1.0-1", "beta 2.0", "gamma 1:3.0~rc1"]);
    world.package("beta", "2.2", "")?;
    world.publish(20)?;
    let rule = |kind, package| Rule { kind, package: Pattern::new(package), reason: "a bug".to_owned() };
    recipe.rules = vec![rule(RuleKind::Hold, "beta"), rule(RuleKind::Exclude, "gamma")];
    let third = made(&world, &recipe)?;
    assert_eq!(versions(&world, third.number)?, ["alpha 1.0-1", "beta 2.1", "delta 1"]);
    let changes: Vec<String> = third
        .changes
        .iter()
        .map(|change| format!("{} {}: {}", change.kind, change.package, change.reason))
        .collect();
    assert_eq!(changes, ["hold beta: a bug", "exclude gamma: a bug"]);
    is_good(&world)
}

#[test]
fn an_upstream_that_is_not_what_it_should_be_is_refused_and_leaves_no_trace() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let recipe = world.recipe()?;
    made(&world, &recipe)?;
    world.package("beta", "2.1", "")?;
    world.publish(10)?;
    let in_release = world.path("up/dists/stable/InRelease");
    let good = fs::read(&in_release)?;

    let text = String::from_utf8(good.clone())?;
    fs::write(&in_release, text.replace("Components: main", "Components: evil"))?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::Signature(_)));
    fs::write(&in_release, &good[..good.len() / 2])?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::Signature(_)));
    fs::remove_file(&in_release)?;
    fs::remove_file(world.path("up/dists/stable/Release.gpg"))?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::Signature(_)));
    fs::remove_file(world.path("up/dists/stable/Release"))?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::NoRelease));

    let mut other = world.recipe()?;
    other.upstreams[0].keyrings = vec![world.path("ours.gpg")];
    world.publish(10)?;
    assert!(matches!(refusal(&world, &other)?, Fault::Signature(_)));
    let mut wrong = world.recipe()?;
    wrong.upstreams[0].suites = vec![SuiteName::new("testing")?];
    fs::rename(world.path("up/dists/stable"), world.path("up/dists/testing"))?;
    assert!(matches!(refusal(&world, &wrong)?, Fault::WrongSuite { .. }));

    // An index that is not the one that was signed, in both of its places.
    world.publish(10)?;
    for entry in walk(&world.path("up/dists/stable/main"))? {
        let mut bytes = fs::read(&entry)?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        fs::write(&entry, bytes)?;
    }
    assert!(matches!(refusal(&world, &recipe)?, Fault::IndexHash { .. }));

    // The world as it was before what was seen, and one that has expired.
    world.publish(20)?;
    made(&world, &recipe)?;
    world.publish(5)?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::Older { .. }));
    let replayed = world.create_but(&recipe, Manner::default(), |create| create.replay = Replay::Allow)?;
    assert!(matches!(replayed, Created::Made { .. }));
    world.publish(-24 * 8)?;
    assert!(matches!(refusal(&world, &recipe)?, Fault::Expired { .. }));
    Ok(())
}

fn walk(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(walk(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[test]
fn a_name_that_the_build_before_has_lost_is_made_again() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let recipe = world.recipe()?;
    made(&world, &recipe)?;
    let names = walk(&world.store.root().join("pool"))?;
    let beta = names.iter().find(|path| path.display().to_string().contains("beta")).ok_or("no beta")?;
    fs::remove_file(beta)?;
    world.package("alpha", "1.0-2", "Depends: beta\n")?;
    world.publish(1)?;
    assert_eq!(made(&world, &recipe)?.number, BuildNumber(2));
    is_good(&world)
}

#[test]
fn a_package_file_that_is_missing_or_damaged_stops_the_build_and_the_next_run_goes_on() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let recipe = world.recipe()?;
    let debs: Vec<PathBuf> = walk(&world.path("up/pool"))?;
    let victim = debs.iter().find(|path| path.display().to_string().contains("beta")).ok_or("no beta")?;
    let good = fs::read(victim)?;
    for bad in [None, Some(&good[..good.len() - 1]), Some(b"not a package".as_slice())] {
        match bad {
            None => fs::remove_file(victim)?,
            Some(bytes) => fs::write(victim, bytes)?,
        }
        let error = create(&world, &recipe).err().ok_or("a build was made")?;
        let error = error.downcast::<CreateError>()?;
        assert!(
            matches!(*error, CreateError::Objects { wanted: 3, ref failed } if failed.len() == 1),
            "{error}"
        );
        assert_eq!(world.store.builds_present()?, []);
    }
    fs::write(victim, &good)?;
    let info = made(&world, &recipe)?;
    assert_eq!(info.package_count, 3);
    is_good(&world)
}

#[test]
fn apt_takes_a_build_and_a_folder_of_our_own_packages() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = world.recipe()?;
    fs::create_dir_all(world.path("own"))?;
    world.package("agent", "9.0", "Depends: alpha\n")?;
    fs::rename(world.path("debs/agent.deb"), world.path("own/agent.deb"))?;
    recipe.local = vec![local_folder("site", world.path("own"), "stable")?];
    let info = made(&world, &recipe)?;
    assert_eq!(info.package_count, 4);
    let (apt, build) = (world.apt("")?, world.store.build(info.number));
    let source = |upstream| format!("file:{}/{upstream} stable main", build.display());
    apt.sources(&[("deb", &source("debian")), ("deb", &source("site"))])?;
    apt.updates_quietly()?;
    let (is_good, text) = apt.run(&["-s", "install", "agent"])?;
    for package in ["Inst agent (9.0 ", "Inst alpha (1.0-1 ", "Inst beta (2.0 "] {
        assert!(is_good && text.contains(package), "{text}");
    }
    let (is_good, text) = apt.run(&["download", "agent", "beta"])?;
    assert!(is_good && apt.down.join("beta_2.0_all.deb").exists(), "{text}");
    Ok(())
}
