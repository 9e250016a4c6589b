//! Where a build comes from: what is said of it is what the upstream has, line by line.

mod world;

use std::fs;
use std::io::Read as _;

use smith_repo::create::{Bring, Manner, Signing};
use smith_repo::hash::Sha256;
use smith_repo::manifest::BuildState;
use smith_repo::name::BuildNumber;
use smith_repo::provenance::{Evidence, Signature, Trail, package_provenance, provenance};
use smith_repo::retention::{Roots, Wish, archive, plan, purge};
use smith_repo::select::Pattern;
use smith_repo::upstream::{Rule, RuleKind};

use world::{Outcome, World, has, local_folder};

const INDEX: &str = "main/binary-amd64/Packages.xz";

const TOOLS: [&str; 1] = ["dpkg-deb"];

/// The upstream's index, packed and not.
fn index(world: &World) -> Outcome<(Vec<u8>, String)> {
    let packed = fs::read(world.path("up/dists/stable").join(INDEX))?;
    let mut text = String::new();
    liblzma::read::XzDecoder::new(&*packed).read_to_string(&mut text)?;
    Ok((packed, text))
}

#[test]
fn a_build_says_what_it_was_made_from_and_by_whom() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = world.recipe()?;
    let first = world.made(&recipe, Manner::default())?;
    world.publish(10)?;
    recipe.rules =
        vec![Rule { kind: RuleKind::Exclude, package: Pattern::new("gamma"), reason: "a bug".to_owned() }];
    let second = world.made(&recipe, Manner::default())?;
    let found = provenance(&world.store, second.number, world.now)?;
    assert_eq!((found.parents.as_slice(), found.state), (&[first.number][..], BuildState::Ready));
    let ours = world.ours.list(world.now)?.remove(0).fingerprint.to_string();
    assert!(matches!(&found.signature, Signature::Good { signers, .. } if *signers == [ours.clone()]));
    let suite = &found.suites[0];
    let theirs = world.theirs.list(world.now)?.remove(0).fingerprint.to_string();
    assert_eq!((&suite.suite.signers, suite.evidence), (&vec![theirs.clone()], Evidence::Same));
    let (packed, _) = index(&world)?;
    assert_eq!(suite.suite.indexes.get(INDEX), Some(&Sha256::of(&packed)));
    let text = found.to_text();
    for expected in
        [&ours, &theirs, "exclude gamma", "because a bug", "Release         of", "builds before   1"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // What is kept of the upstream is compared with what the build says of it.
    let kept = world.store.build(second.number).join(&suite.kept_at);
    fs::remove_file(&kept)?;
    assert_eq!(provenance(&world.store, second.number, world.now)?.suites[0].evidence, Evidence::Missing);
    fs::copy(world.store.build(first.number).join(&suite.kept_at), &kept)?;
    assert_eq!(provenance(&world.store, second.number, world.now)?.suites[0].evidence, Evidence::Another);
    // Words that were changed are not believed.
    let words = world.store.build(second.number).join("build.json");
    let text = fs::read_to_string(&words)?;
    fs::write(&words, text.replace("a bug", "a wish"))?;
    let found = provenance(&world.store, second.number, world.now)?;
    assert!(matches!(found.signature, Signature::NotBelieved { .. }), "{:?}", found.signature);
    fs::write(&words, text)?;
    // Of an archived build, and of one that nobody has signed yet.
    archive(&world.store, &[first.number], &Roots::default(), world.now)?;
    let found = provenance(&world.store, first.number, world.now)?;
    assert_eq!((found.state, found.suites[0].evidence), (BuildState::Archived, Evidence::Same));
    world.publish(20)?;
    let manner = Manner { signing: Signing::Elsewhere, bring: Bring::Now };
    let third = world.made(&recipe, manner)?.number;
    assert_eq!(provenance(&world.store, third, world.now)?.signature, Signature::Waiting);
    assert!(provenance(&world.store, BuildNumber(9), world.now).is_err());
    Ok(())
}

#[test]
fn a_package_is_followed_to_the_line_that_named_it() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = world.recipe()?;
    world.package("agent", "9.0", "")?;
    fs::create_dir_all(world.path("own"))?;
    fs::rename(world.path("debs/agent.deb"), world.path("own/agent.deb"))?;
    recipe.local = vec![local_folder("site", world.path("own"), "stable")?];
    let (packed, text) = index(&world)?;
    let first = world.made(&recipe, Manner::default())?;
    recipe.rules =
        vec![Rule { kind: RuleKind::Hold, package: Pattern::new("beta"), reason: "a bug".to_owned() }];
    for hours in [10, 20] {
        world.package("beta", &format!("2.{hours}"), "")?;
        world.publish(hours)?;
        world.made(&recipe, Manner::default())?;
    }
    let one = |build: u32, name: &str| -> Outcome<Vec<Trail>> {
        let found = package_provenance(&world.store, BuildNumber(build), &Pattern::new(name))?;
        assert_eq!(found.len(), 1);
        Ok(found[0].trail.clone())
    };
    for name in ["alpha", "beta", "gamma"] {
        let trail = one(1, name)?;
        let [Trail::Upstream { index, line, index_sha256, release, addresses, .. }] = &trail[..] else {
            return Err(format!("another trail: {trail:?}").into());
        };
        let named = text.lines().nth(usize::try_from(*line)? - 1).ok_or("no such line")?;
        assert_eq!(named, format!("Package: {name}"));
        assert_eq!((index.as_str(), *index_sha256), (INDEX, Some(Sha256::of(&packed))));
        assert_eq!(*release, Some(first.upstreams[0].release));
        assert!(fs::metadata(addresses[0].trim_start_matches("file://"))?.is_file());
    }
    assert_eq!(one(3, "agent")?, []);
    // Kept twice, and still known where from.
    let trail = one(3, "beta")?;
    assert!(
        matches!(
            &trail[..],
            [
                Trail::Kept { build: BuildNumber(2), .. },
                Trail::Kept { build: BuildNumber(1), .. },
                Trail::Upstream { build: BuildNumber(1), .. }
            ]
        ),
        "{trail:?}"
    );
    assert_eq!(trail[2..], one(1, "beta")?);
    archive(&world.store, &[BuildNumber(1)], &Roots::default(), world.now)?;
    assert_eq!(one(3, "beta")?, trail);
    let away = plan(&world.store, &Wish::These(vec![BuildNumber(1)]), &Roots::default())?;
    purge(&world.store, &away, &Roots::default(), world.now)?;
    assert_eq!(one(3, "beta")?[2..], [Trail::Lost { build: BuildNumber(1) }]);
    let found = package_provenance(&world.store, BuildNumber(3), &Pattern::new("*"))?;
    assert_eq!(found.len(), 4);
    let text: String = found.iter().map(|one| one.to_text()).collect();
    for expected in
        ["build 1 is no longer here", "from a folder of our own", "address         file://", ", line "]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    Ok(())
}
