//! What stands in an index that is signed and whole.

use smith_repo::name::SuiteName;

use crate::deb;
use crate::upstream::{Draft, stanza};
use crate::world::{Leaves, Outcome, World};

/// A change of the text of an index.
type Edit<'a> = (&'a [u8], &'a [u8]);

#[test]
fn each_flaw_of_a_stanza_has_its_code() -> Outcome {
    let mut world = World::new()?;
    let (large, mib) = ([b"Maintainer: ", &vec![b'a'; 10 << 20][..]].concat(), vec![b'a'; 1 << 20]);
    let many: Vec<u8> = (0..600).flat_map(|number| format!("X-{number}: y\n").into_bytes()).collect();
    let wide: Vec<u8> =
        (0..6).flat_map(|at| [format!("X-{at}: ").as_bytes(), &mib[..900_000], b"\n"].concat()).collect();
    let cases: Vec<(&str, Edit<'_>)> = vec![
        ("S0340", (b"Maintainer: A <a@b>", b"Maintainer A")),
        ("S0340", (b"Maintainer: A <a@b>", b": A")),
        ("S0340", (b"Maintainer: A <a@b>", b"Ma in: A")),
        ("S0340", (b"Package: beta", b" more\nPackage: beta")),
        ("S0340", (b"Maintainer: A <a@b>", b"Maintainer: A\nversion: 2")),
        ("S0340", (b"Description: beta\n long", b"Description: beta\n \n long")),
        ("S0341", (b"Maintainer: A <a@b>", &large)),
        ("S0341", (b"Maintainer: A <a@b>\n", &many)),
        ("S0341", (b"Maintainer: A <a@b>\n", &wide)),
        ("S0342", (b"Maintainer: A <a@b>", b"Depends: \xff\xfe")),
        ("S0342", (b"Package: beta", b"Package: bet\xc3")),
        ("S0343", (b"Version: 1\n", b"Version: 1\0\n")),
        ("S0343", (b"Description: beta", b"Description: be\0ta")),
        ("S0343", (b"Maintainer: A <a@b>", b"Section: \x1b[2Jadmin")),
        ("S0344", (b"Maintainer: A <a@b>\n", b"Maintainer: A <a@b>\r\n")),
        ("S0345", (b"Package: beta\n", b"")),
        ("S0345", (b"Version: 1\n", b"Version: $(id)\n")),
        ("S0345", (b"Architecture: amd64", b"Architecture: ../amd64")),
        ("S0345", (b"Package: beta", b"Package: ../beta")),
        ("S0345", (b"Size: 4", b"Size: -4")),
        ("S0345", (b"Size: 4", b"Size: 184467440737095516154")),
        ("S0345", (b"Size: 4", b"Size: 1844674407370955")),
        ("S0345", (b"SHA256: ", b"SHA1: ")),
        ("S0346", (b"Filename: pool/", b"Filename: ../../etc/")),
        ("S0346", (b"Filename: pool/", b"Filename: /etc/")),
        ("S0346", (b"Filename: pool/", b"Filename: pool/../../")),
        ("S0346", (b"Filename: pool/", b"Filename: pool\\..\\")),
    ];
    for (at, (code, (from, to))) in cases.into_iter().enumerate() {
        let mut draft = world.draft();
        draft.replace(from, to)?;
        let files = draft.lay(&world.theirs)?;
        world.refuses(code, Leaves::Nothing, files).map_err(|error| format!("case {at}: {error}"))?;
    }
    // The whole index with the ends of lines of another system.
    let mut draft = world.draft();
    draft.packages = String::from_utf8(draft.packages)?.replace('\n', "\r\n").into_bytes();
    let files = draft.lay(&world.theirs)?;
    world.refuses("S0344", Leaves::Nothing, files)
}

#[test]
fn words_for_people_are_passed_on_as_they_are() -> Outcome {
    let mut world = World::new()?;
    let mut draft = world.draft();
    draft.replace(b"Maintainer: A <a@b>", b"Maintainer: J\xfcrgen \x1b[1m <a@b>")?;
    world.server.serve(draft.lay(&world.theirs)?);
    world.succeeds(&world.recipe()?)
}

#[test]
fn a_package_stands_once_in_an_index_or_twice_with_one_file() -> Outcome {
    let mut world = World::new()?;
    let other = |draft: &mut Draft, path: &str, size: usize| {
        let bytes = deb::good("beta", "1", size);
        draft.packages.extend_from_slice(stanza("beta", "1", path, &bytes).as_bytes());
        draft.packages.push(b'\n');
        draft.debs.push((path.to_owned(), bytes));
    };
    let mut draft = world.draft();
    other(&mut draft, "pool/other/beta_1_amd64.deb", 41_000);
    let files = draft.lay(&world.theirs)?;
    world.refuses("S0347", Leaves::Nothing, files)?;
    // The same stanza again: one package.
    let mut draft = world.draft();
    other(&mut draft, "pool/main/beta_1_amd64.deb", 40_000);
    world.server.serve(draft.lay(&world.theirs)?);
    world.succeeds(&world.recipe()?)?;
    let store = world.store()?;
    let newest = *store.builds_present()?.last().ok_or("no build")?;
    let beta = smith_repo::create::packages_of(&store, newest)?;
    assert_eq!(beta.packages().iter().filter(|one| one.name == "beta").count(), 1);
    // Two packages that claim one file.
    let mut draft = world.draft();
    let bytes = deb::good("delta", "1", 999);
    draft.packages.extend_from_slice(stanza("delta", "1", "pool/main/beta_1_amd64.deb", &bytes).as_bytes());
    let files = draft.lay(&world.theirs)?;
    world.refuses("S0349", Leaves::Nothing, files)
}

#[test]
fn one_version_has_one_content_in_all_suites() -> Outcome {
    let mut world = World::new()?;
    let (stable, mut updates) = (world.draft(), Draft { suite: "updates", ..world.draft() });
    updates.packages.clear();
    updates.debs.clear();
    let bytes = deb::good("beta", "1", 777);
    let path = "pool/updates/beta_1_amd64.deb";
    updates.packages.extend_from_slice(stanza("beta", "1", path, &bytes).as_bytes());
    let mut files = stable.lay(&world.theirs)?;
    files.extend(updates.lay(&world.theirs)?);
    world.server.serve(files);
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].suites.push(SuiteName::new("updates")?);
    world.refuses_recipe(&recipe, "S0348", Leaves::Nothing)?;
    world.publish()?;
    world.succeeds(&world.recipe()?)
}

#[test]
fn rules_that_nothing_fits_have_codes() -> Outcome {
    use smith_repo::select::Pattern;
    use smith_repo::upstream::{Filter, Rule, RuleKind};
    let mut world = World::new()?;
    world.publish()?;
    let (kind, package) = (RuleKind::Pin(Pattern::new("99")), Pattern::new("beta"));
    let mut recipe = world.recipe()?;
    recipe.rules = vec![Rule { kind, package, reason: "a test".to_owned() }];
    world.refuses_recipe(&recipe, "S0360", Leaves::Nothing)?;
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].filter = Filter { packages: vec![Pattern::new("nothing")], ..Filter::default() };
    world.refuses_recipe(&recipe, "S0361", Leaves::Nothing)?;
    world.succeeds(&world.recipe()?)
}
