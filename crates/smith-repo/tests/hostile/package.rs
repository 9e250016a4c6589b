//! Package files on their way.

use crate::deb;
use crate::server::Trick;
use crate::upstream::stanza;
use crate::world::{Leaves, Outcome, World};

#[test]
fn a_package_file_is_what_the_index_says_or_refused() -> Outcome {
    let mut world = World::new()?;
    let cases = [
        ("S0350", Trick::Status(404)),
        ("S0320", Trick::Status(500)),
        ("S0351", Trick::Shorter(1)),
        ("S0351", Trick::Longer(1)),
        ("S0352", Trick::Flip),
        ("S0321", Trick::Cut(0)),
        ("S0321", Trick::Cut(30_000)),
        ("S0321", Trick::CutPieces(30_000)),
        ("S0321", Trick::Reset(30_000)),
        ("S0322", Trick::Endless),
        ("S0322", Trick::EndlessPieces),
        ("S0323", Trick::Stall(30_000)),
        ("S0323", Trick::Silence),
        ("S0323", Trick::Trickle),
    ];
    for (code, trick) in cases {
        let files = world.draft().lay(&world.theirs)?;
        world.server.serve(files);
        // The one that is new in each state.
        world.server.trick("/pool/main/alpha", trick);
        world.refuses_now(code, Leaves::Wanted).map_err(|error| format!("{trick:?}: {error}"))?;
    }
    Ok(())
}

/// After the Release and the indexes were read: what came by then is kept, for it is what was signed.
#[test]
fn an_upstream_that_disappears_while_packages_come_is_left() -> Outcome {
    let mut world = World::new()?;
    let mut draft = world.draft();
    (0..8).for_each(|number| draft.add(&format!("more-{number}"), "1", 30_000));
    let files = draft.lay(&world.theirs)?;
    world.server.serve(files.clone());
    let mut packages = 0;
    world.server.before_each(move |path, files| {
        packages += usize::from(path.starts_with("/pool/"));
        if packages == 4 {
            files.clear();
        }
    });
    let recipe = world.recipe()?;
    world.refuses_recipe(&recipe, "S0350", Leaves::Wanted)?;
    world.server.serve(files);
    world.succeeds(&recipe)?;
    let again = world.server.requests().iter().filter(|(path, _)| path.starts_with("/pool/")).count();
    // The package that is new in each state, and eight more, of which three had come.
    assert_eq!(again, 6);
    Ok(())
}

#[test]
fn what_came_before_it_broke_off_does_not_come_again() -> Outcome {
    let mut world = World::new()?;
    let mut draft = world.draft();
    draft.add("delta", "1", 90_000);
    let files = draft.lay(&world.theirs)?;
    world.server.serve(files.clone());
    world.server.trick("/pool/main/delta", Trick::Cut(60_000));
    let recipe = world.recipe()?;
    world.refuses_recipe(&recipe, "S0321", Leaves::Wanted)?;
    world.server.serve(files);
    world.succeeds(&recipe)?;
    let requests = world.server.requests();
    let of = |name: &str| requests.iter().filter(|(path, _)| path.contains(name)).collect::<Vec<_>>();
    assert!(of("/pool/main/alpha").is_empty(), "{requests:?}");
    assert!(
        matches!(of("/pool/main/delta")[..], [(_, Some(range))] if range == "bytes=60000-"),
        "{requests:?}"
    );
    Ok(())
}

#[test]
fn a_part_of_another_file_is_not_built_upon() -> Outcome {
    let mut world = World::new()?;
    let mut draft = world.draft();
    draft.add("delta", "1", 90_000);
    let files = draft.lay(&world.theirs)?;
    let mut wrong = files.clone();
    let victim = wrong.get_mut("/pool/main/delta_1_amd64.deb").ok_or("no delta")?;
    victim[100] ^= 1;
    world.server.serve(wrong);
    world.server.trick("/pool/main/delta", Trick::Cut(60_000));
    let recipe = world.recipe()?;
    world.refuses_recipe(&recipe, "S0321", Leaves::Wanted)?;
    // The rest comes from the good file; the sum shows that the beginning was bad, and the whole is fetched.
    world.server.serve(files);
    world.succeeds(&recipe)
}

#[test]
fn a_path_of_the_pool_never_changes_its_content() -> Outcome {
    let mut world = World::new()?;
    let mut draft = world.draft();
    let bytes = deb::good("beta", "1", 12_345);
    let (from, path) = (draft.packages.clone(), "pool/main/beta_1_amd64.deb");
    let text = String::from_utf8(from)?;
    let stanzas: Vec<&str> = text.split("\n\n").filter(|one| !one.contains("Package: beta")).collect();
    draft.packages = (stanzas.join("\n\n") + "\n" + &stanza("beta", "1", path, &bytes)).into_bytes();
    draft.debs.retain(|(other, _)| other != path);
    draft.debs.push((path.to_owned(), bytes));
    let files = draft.lay(&world.theirs)?;
    world.refuses("S0381", Leaves::Nothing, files)
}
