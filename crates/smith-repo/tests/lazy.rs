//! Lazy builds by the machine's own apt: it updates from a store that has no package file, and installs from it.

mod world;

use std::fs;

use smith_repo::create::{Bring, CreateError, Manner, Signing};
use smith_repo::fetch::Silent;
use smith_repo::lazy::{Here, fetch, here};
use smith_repo::mirror::{Scope, ServeLimits, Serving, verify};
use smith_repo::name::BuildNumber;
use smith_repo::select::Pattern;
use smith_repo::upstream::{Rule, RuleKind};

use world::{Outcome, World, has};

const LAZY: Manner = Manner { signing: Signing::Here, bring: Bring::OnFirstUse };

const TOOLS: [&str; 3] = ["apt-get", "dpkg-deb", "gpgv"];

#[test]
fn apt_gets_what_nobody_had_brought() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let info = world.made(&world.recipe()?, LAZY)?;
    assert_eq!((info.lazy_count, info.package_count), (3, 3));
    assert_eq!(here(&world.store, info.number)?, Some(Here { here: 0, of: 3 }));
    world.is_sound()?;
    let any = ([127, 0, 0, 1], 0).into();
    let serving = Serving::start_fetching(&world.store, any, ServeLimits::default(), world.fetcher()?)?;
    let apt = world.apt(&format!("http://{}/builds/{}/debian", serving.address(), info.number))?;
    apt.updates_quietly()?;
    let (is_good, text) = apt.run(&["download", "beta"])?;
    assert!(is_good, "{text}");
    assert_eq!(fs::read(apt.down.join("beta_2.0_all.deb"))?, fs::read(world.path("debs/beta.deb"))?);
    assert_eq!(here(&world.store, info.number)?, Some(Here { here: 1, of: 3 }));
    world.is_sound()?;
    // The upstream moves on, and no longer has one of them.
    let gone = world.path("up/pool/main/g/gamma");
    fs::rename(&gone, world.path("elsewhere"))?;
    let (is_good, text) = apt.run(&["download", "gamma"])?;
    assert!(!is_good && text.contains("404"), "{text}");
    assert!(fetch(&world.store, info.number, &world.fetcher()?, &[], &Silent).is_err());
    assert_eq!(here(&world.store, info.number)?, Some(Here { here: 2, of: 3 }));
    fs::rename(world.path("elsewhere"), &gone)?;
    let fetched = fetch(&world.store, info.number, &world.fetcher()?, &[], &Silent)?;
    assert_eq!((fetched.of, fetched.objects), (3, 1));
    world.is_good(&world.store)
}

#[test]
fn the_indexes_are_those_of_a_whole_build_and_what_is_kept_is_found_where_it_was() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (world, other) = (World::with_key()?, World::with_key()?);
    let mut recipe = world.recipe()?;
    let first = world.made(&recipe, LAZY)?;
    let whole = other.made(&other.recipe()?, Manner::default())?;
    assert_eq!(first.packages, whole.packages);
    // The repository moves; what is held stays where it was.
    fs::create_dir_all(world.path("old"))?;
    let mut held = recipe.clone();
    held.upstreams[0].uris = vec![format!("file://{}", world.path("new").display())];
    held.rules =
        vec![Rule { kind: RuleKind::Hold, package: Pattern::new("beta"), reason: "a bug".to_owned() }];
    world.package("beta", "2.1", "")?;
    world.publish(10)?;
    fs::rename(world.path("up"), world.path("new"))?;
    fs::remove_dir_all(world.path("new/pool/main/b"))?;
    fs::create_dir_all(world.path("up/pool/main/b/beta"))?;
    world.package("beta", "2.0", "")?;
    world.lay_pool("beta")?;
    let second = world.made(&held, LAZY)?;
    let fetched = fetch(&world.store, second.number, &world.fetcher()?, &[], &Silent)?;
    assert_eq!((fetched.of, fetched.objects), (3, 3));
    assert!(verify(&world.store, &[second.number], &Scope::FULL)?.is_good());
    // A whole build after lazy ones brings what they left.
    held.rules.clear();
    recipe.upstreams[0].uris = held.upstreams[0].uris.clone();
    world.package("beta", "2.2", "")?;
    fs::rename(world.path("new"), world.path("up2"))?;
    let _ = fs::remove_dir_all(world.path("up"));
    world.publish(20)?;
    recipe.upstreams[0].uris = vec![format!("file://{}", world.path("up").display())];
    let third = world.made(&recipe, Manner::default())?;
    assert_eq!((third.number, third.lazy_count), (BuildNumber(3), 0));
    assert!(verify(&world.store, &[third.number], &Scope::FULL)?.is_good());
    Ok(())
}

#[test]
fn a_secret_is_not_told_to_mirrors() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].uris.push("http://user:secret@127.0.0.1:1/debian".to_owned());
    let refused = world.create(&recipe, LAZY).err().ok_or("it was made")?.downcast::<CreateError>()?;
    assert!(matches!(*refused, CreateError::Password { .. }), "{refused}");
    let info = world.made(&recipe, Manner::default())?;
    assert_eq!(info.upstreams[0].uris[1], "http://user@127.0.0.1:1/debian");
    let words = fs::read_to_string(world.store.build(info.number).join("build.json"))?;
    assert!(!words.contains("secret"), "{words}");
    Ok(())
}
