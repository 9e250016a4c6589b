//! Source packages of what is in a build: filtered with it, checked, and fetched by the machine's own apt; and what a suite
//! does not offer is said.

mod world;

use std::fs;

use smith_repo::create::{Bring, CreateError, Created, Manner};
use smith_repo::fetch::Silent;
use smith_repo::hash::Sha256;
use smith_repo::lazy::fetch;
use smith_repo::manifest::Area;
use smith_repo::mirror::Held;
use smith_repo::name::{BuildNumber, PartName};
use smith_repo::select::Pattern;
use smith_repo::upstream::{Fault, Recipe, Rule, RuleKind, Wanted};

use world::{Apt, Outcome, World, has, lay};

const TOOLS: [&str; 3] = ["apt-get", "dpkg-deb", "gpgv"];

const INDEX: &str = "main/source/Sources";

/// Two files of a source package, and its stanza.
fn source(world: &World, folder: &str, name: &str, version: &str) -> Outcome<String> {
    let mut sums = String::new();
    for (file, content) in [
        (format!("{name}_{version}.dsc"), format!("the words of {name} {version}")),
        (format!("{name}_{version}.tar.xz"), format!("the code of {name} {version}")),
    ] {
        lay(&world.path("up").join(folder).join(&file), content.as_bytes())?;
        sums.push_str(&format!(" {} {} {file}\n", Sha256::of(content.as_bytes()), content.len()));
    }
    Ok(format!(
        "Package: {name}\nFormat: 3.0 (native)\nBinary: {name}\nArchitecture: all\nVersion: {version}\nDirectory: {folder}\n\
         Checksums-Sha256:\n{sums}\n"
    ))
}

fn recipe(world: &World) -> Outcome<Recipe> {
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].extras.sources = Wanted::Yes;
    Ok(recipe)
}

/// An apt that knows a build with its sources.
fn apt(world: &World, build: BuildNumber) -> Outcome<Apt> {
    let apt = world.apt("")?;
    let source = format!("file:{}/debian stable main", world.store.build(build).display());
    apt.sources(&[("deb", &source), ("deb-src", &source)])?;
    apt.updates_quietly()?;
    Ok(apt)
}

fn pool(world: &World, build: BuildNumber) -> Outcome<Vec<String>> {
    let held = Held::read(&world.store, build)?;
    let pool = held.manifest.files().iter().filter(|file| file.area == Area::Pool);
    let names = pool.map(|file| file.path.to_string()).filter(|path| !path.ends_with(".deb"));
    Ok(names.collect())
}

#[test]
fn apt_fetches_the_sources_of_what_was_taken() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let sources = [
        source(&world, "pool/main/a/alpha", "alpha", "1.0-1")?,
        // Where no pool is, and where another one's name is that of ours for such files.
        source(&world, "elsewhere/b", "beta", "2.0")?,
        source(&world, "pool/other/b", "beta", "1.9")?,
        source(&world, "pool/main/z/zeta", "zeta", "1")?,
    ];
    world.publish_with(1, &[(INDEX, sources.concat().into_bytes())])?;
    let mut recipe = recipe(&world)?;
    recipe.upstreams[0].filter.packages = vec![Pattern::new("alpha"), Pattern::new("beta")];
    let Created::Made { info, idle } = world.create(&recipe, Manner::default())? else {
        return Err("nothing is new".into());
    };
    assert_eq!(idle, Vec::<String>::new());
    world.is_good(&world.store)?;
    assert_eq!(
        pool(&world, info.number)?,
        [
            "debian/main/a/alpha/alpha_1.0-1.dsc",
            "debian/main/a/alpha/alpha_1.0-1.tar.xz",
            "debian/other/elsewhere/b/beta_2.0.dsc",
            "debian/other/elsewhere/b/beta_2.0.tar.xz",
        ]
    );
    let apt = apt(&world, info.number)?;
    for (name, version) in [("alpha", "1.0-1"), ("beta", "2.0")] {
        let (is_good, text) =
            apt.run(&["source", "--download-only", "--allow-unauthenticated=false", name])?;
        assert!(is_good, "{text}");
        let dsc = fs::read_to_string(apt.down.join(format!("{name}_{version}.dsc")))?;
        assert_eq!(dsc, format!("the words of {name} {version}"));
    }
    let (is_good, text) = apt.run(&["source", "--download-only", "zeta"])?;
    assert!(!is_good && text.contains("Unable to find a source package for zeta"), "{text}");
    Ok(())
}

#[test]
fn everything_has_all_sources_and_a_lazy_build_leaves_them() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let sources = [
        source(&world, "pool/main/a/alpha", "alpha", "1.0-1")?,
        source(&world, "pool/other/z", "zeta", "1")?,
        source(&world, ".", "root", "1")?,
    ];
    world.publish_with(1, &[(INDEX, sources.concat().into_bytes())])?;
    let recipe = recipe(&world)?;
    let manner = Manner { bring: Bring::OnFirstUse, ..Manner::default() };
    let Created::Made { info, idle } = world.create(&recipe, manner)? else {
        return Err("nothing is new".into());
    };
    assert_eq!(idle, ["the sources of 2 packages are in no index: beta 2.0, gamma 1:3.0~rc1"]);
    assert_eq!(info.lazy_count, 9);
    assert_eq!(
        pool(&world, info.number)?[2..],
        [
            "debian/other/pool/other/z/zeta_1.dsc",
            "debian/other/pool/other/z/zeta_1.tar.xz",
            "debian/other/root_1.dsc",
            "debian/other/root_1.tar.xz",
        ]
    );
    let fetched = fetch(&world.store, info.number, &world.fetcher()?, &[], &Silent)?;
    assert_eq!((fetched.of, fetched.objects), (9, 9));
    world.is_good(&world.store)?;
    let apt = apt(&world, info.number)?;
    for name in ["alpha", "zeta", "root"] {
        let (is_good, text) = apt.run(&["source", "--download-only", name])?;
        assert!(is_good, "{text}");
    }
    Ok(())
}

#[test]
fn what_is_held_keeps_its_sources_and_what_is_not_right_is_refused() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = recipe(&world)?;
    recipe.upstreams[0].filter.packages = vec![Pattern::new("*a")];
    let alpha = source(&world, "pool/main/a/alpha", "alpha", "1.0-1")?;
    let old = source(&world, "pool/main/b/beta", "beta", "2.0")?;
    world.publish_with(1, &[(INDEX, [alpha.clone(), old].concat().into_bytes())])?;
    world.made(&recipe, Manner::default())?;
    world.package("beta", "2.1", "")?;
    let new = source(&world, "pool/main/b/beta", "beta", "2.1")?;
    world.publish_with(2, &[(INDEX, [alpha, new.clone()].concat().into_bytes())])?;
    let hold = Rule { kind: RuleKind::Hold, package: Pattern::new("beta"), reason: "a bug".to_owned() };
    recipe.rules = vec![hold];
    let second = world.made(&recipe, Manner::default())?;
    let beta = |number| -> Outcome<Vec<String>> {
        Ok(pool(&world, number)?.into_iter().filter(|path| path.contains("beta")).collect())
    };
    assert_eq!(beta(second.number)?[0], "debian/main/b/beta/beta_2.0.dsc");
    // A file that is not the one whose hash was signed, and an index with a path that leads out.
    recipe.rules.clear();
    fs::write(world.path("up/pool/main/b/beta/beta_2.1.dsc"), "another")?;
    let refused = world.create(&recipe, Manner::default()).err().ok_or("made")?.downcast::<CreateError>()?;
    assert!(matches!(*refused, CreateError::Objects { ref failed, .. } if failed.len() == 1), "{refused}");
    let evil = new.replace("Directory: pool", "Directory: ../pool");
    world.publish_with(3, &[(INDEX, evil.into_bytes())])?;
    let refused = world.create(&recipe, Manner::default()).err().ok_or("made")?.downcast::<CreateError>()?;
    let CreateError::Upstream(refused) = *refused else { return Err("another error".into()) };
    assert!(matches!(*refused.fault, Fault::Record { .. }), "{}", refused.fault);
    assert_eq!(world.store.builds_present()?.len(), 2);
    Ok(())
}

#[test]
fn what_a_suite_does_not_offer_is_said_and_a_mistake_is_refused() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::with_key()?;
    let mut recipe = recipe(&world)?;
    recipe.upstreams[0].extras.translations = vec!["de".to_owned(), "en".to_owned()];
    recipe.upstreams[0].extras.contents = Wanted::Yes;
    world.publish_with(1, &[("main/i18n/Translation-en", b"Package: alpha\n".to_vec())])?;
    let Created::Made { info, idle } = world.create(&recipe, Manner::default())? else {
        return Err("nothing is new".into());
    };
    let absent = ["main/source/Sources", "main/i18n/Translation-de", "main/Contents-amd64"];
    assert_eq!(info.upstreams[0].absent, absent);
    assert_eq!(idle, [format!("upstream debian, suite stable does not offer {}", absent.join(", "))]);
    // No suite has it: a name that was mistyped.
    recipe.upstreams[0].architectures.push(PartName::new("amd46")?);
    let refused = world.create(&recipe, Manner::default()).err().ok_or("made")?.to_string();
    assert!(refused.contains("upstream debian, suite stable"), "{refused}");
    Ok(())
}
