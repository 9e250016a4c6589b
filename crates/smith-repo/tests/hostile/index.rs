//! The indexes that a Release names: brought, unpacked, believed.

use std::sync::Arc;

use smith_repo::hash::Sha256;

use crate::server::{Files, Trick};
use crate::upstream::{Draft, Form, pack};
use crate::world::{Leaves, Outcome, World};

/// In which ways an index lies on a server: by its hash or its name, packed or not.
const WAYS: [(bool, &str); 4] = [(true, ""), (true, ".xz"), (false, ".gz"), (false, ".zst")];

/// Which indexes there are.
const STEMS: [&str; 2] = ["main/binary-amd64/Packages", "main/i18n/Translation-en"];

fn is_index(path: &str, stem: &str) -> bool {
    let folder = stem.rsplit_once('/').map_or(stem, |(folder, _)| folder);
    path.contains(folder)
}

#[test]
fn an_index_is_what_the_release_says_or_refused() -> Outcome {
    let mut world = World::new()?;
    let cases = [
        ("S0333", Trick::Flip),
        ("S0332", Trick::Shorter(1)),
        ("S0332", Trick::Longer(1)),
        ("S0321", Trick::Cut(20)),
        ("S0321", Trick::CutPieces(20)),
        ("S0321", Trick::Reset(20)),
        ("S0322", Trick::Endless),
        ("S0322", Trick::EndlessPieces),
        ("S0323", Trick::Stall(20)),
        ("S0323", Trick::Silence),
        ("S0331", Trick::Status(404)),
        ("S0320", Trick::Status(500)),
    ];
    for (code, trick) in cases {
        for ((by_hash, packing), stem) in WAYS.into_iter().zip(STEMS.into_iter().cycle()) {
            let files = Draft { by_hash, packings: vec![packing], ..world.draft() }.lay(&world.theirs)?;
            world.server.serve(files);
            let folder = stem.rsplit_once('/').map_or(stem, |(folder, _)| folder);
            world.server.trick(folder, trick);
            let refused = world.refuses_now(code, Leaves::Nothing);
            refused.map_err(|error| format!("{stem}{packing} by hash {by_hash} {trick:?}: {error}"))?;
        }
    }
    // A byte now and then, of an index that would take hours.
    let draft = Draft { packings: vec![""], ..world.draft() };
    world.server.serve(draft.lay(&world.theirs)?);
    world.server.trick("binary-amd64", Trick::Trickle);
    world.refuses_now("S0323", Leaves::Nothing)
}

#[test]
fn what_is_bad_at_one_place_is_taken_from_another() -> Outcome {
    let mut world = World::new()?;
    // Only the copy under the hash is bad: the one under the name serves.
    for trick in [Trick::Flip, Trick::Status(404), Trick::Cut(5)] {
        let files = world.draft().lay(&world.theirs)?;
        world.server.serve(files);
        world.server.trick("by-hash", trick);
        world.succeeds(&world.recipe()?).map_err(|error| format!("{trick:?}: {error}"))?;
    }
    Ok(())
}

/// A code, the packed bytes, and the text that the Release lists for them.
type Case<'a> = (&'a str, &'a [u8], Option<&'a [u8]>);

/// A state whose indexes have other bytes than what they are called, and a Release that lists them as they are. The text
/// without packing is listed with what the test says.
fn packed(world: &mut World, packing: &'static str, bytes: &[u8], text: Option<&[u8]>) -> Outcome<Files> {
    let draft = Draft { packings: vec![packing], ..world.draft() };
    let mut indexes = draft.indexes()?;
    let mut release = String::new();
    for (path, content) in &mut indexes {
        if path.contains("Packages") {
            *content = bytes.to_vec();
            if let Some(text) = text {
                let stem = path.trim_end_matches(packing);
                release = format!(" {} {} {stem}\n", Sha256::of(text), text.len());
            }
        }
    }
    let release = draft.release(&indexes) + &release;
    draft.lay_with(&indexes, release.as_bytes(), &world.theirs)
}

#[test]
fn an_index_unpacks_to_what_it_says_and_no_more() -> Outcome {
    let mut world = World::new()?;
    let text = Draft::good(1, world.now).packages;
    let huge = vec![b'\n'; 64 << 20];
    for packing in [".gz", ".xz", ".zst"] {
        let good = pack(packing, &text)?;
        let cut = good[..good.len() / 2].to_vec();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 0xff;
        let (bomb, other) = (pack(packing, &huge)?, [&text[..text.len() - 1], b"x"].concat());
        // Whoever signs can say anything of the text; the bomb is ended at what is said, or at what can be.
        let cases: [Case<'_>; 8] = [
            ("S0334", b"no packed file", Some(&text)),
            ("S0334", &cut, Some(&text)),
            ("S0334", &cut, None),
            ("S0334", &[&good[..10], &[0xff; 64]].concat(), Some(&text)),
            ("S0335", &bomb, Some(&text)),
            ("S0335", &bomb, None),
            ("S0333", &good, Some(&other)),
            ("S0332", &good, Some(&[&text[..], b"\n"].concat())),
        ];
        for (at, (code, bytes, text)) in cases.into_iter().enumerate() {
            let files = packed(&mut world, packing, bytes, text)?;
            let refused = world.refuses(code, Leaves::Nothing, files);
            refused.map_err(|error| format!("{packing} case {at}: {error}"))?;
        }
        // Checks within the packed file may find it first.
        let files = packed(&mut world, packing, &flipped, Some(&text))?;
        let found = ["S0334", "S0333", "S0335"].into_iter().any(|code| {
            world.server.serve(files.clone());
            world.refuses_now(code, Leaves::Nothing).is_ok()
        });
        assert!(found, "{packing}");
    }
    Ok(())
}

#[test]
fn an_index_that_is_said_to_be_endless_is_not_asked_for() -> Outcome {
    let mut world = World::new()?;
    for (packing, size) in [("", u64::MAX), (".xz", 3 << 30)] {
        let draft = Draft { packings: vec![packing], ..world.draft() };
        let indexes = draft.indexes()?;
        let (path, bytes) = indexes.first().ok_or("no index")?;
        let (said, to_be_said) = (format!(" {} {path}\n", bytes.len()), format!(" {size} {path}\n"));
        let release = draft.release(&indexes).replace(&said, &to_be_said);
        assert!(release.contains(&to_be_said), "{release}");
        world.server.serve(draft.lay_with(&indexes, release.as_bytes(), &world.theirs)?);
        world.server.trick("binary-amd64", Trick::EndlessPieces);
        world.refuses_recipe(&world.recipe()?, "S0335", Leaves::Nothing)?;
        let requests = world.server.requests();
        assert!(requests.iter().all(|(asked, _)| !is_index(asked, STEMS[0])), "{requests:?}");
    }
    world.publish()?;
    world.succeeds(&world.recipe()?)
}

#[test]
fn a_suite_that_goes_away_or_never_holds_still_is_left() -> Outcome {
    let mut world = World::new()?;
    for form in [Form::InRelease, Form::Pair] {
        // Everything is gone after the Release was read.
        let files = Draft { form, ..world.draft() }.lay(&world.theirs)?;
        world.server.serve(files);
        world.server.before_each(|path, files| {
            if is_index(path, STEMS[0]) || is_index(path, STEMS[1]) {
                files.clear();
            }
        });
        world.refuses_now("S0301", Leaves::Nothing)?;
        // Only the indexes are.
        let mut files = Draft { form, ..world.draft() }.lay(&world.theirs)?;
        files.retain(|path, _| !is_index(path, STEMS[0]));
        world.refuses("S0331", Leaves::Nothing, files)?;
    }
    // Each time the Release is another, and its indexes are not there yet.
    let states: Vec<Files> = (0..8).map(|_| world.draft().lay(&world.theirs)).collect::<Outcome<_>>()?;
    let states = Arc::new(states);
    let mut at = 0;
    world.server.serve(states[0].clone());
    world.server.before_each(move |path, files| {
        if path.ends_with("InRelease") {
            at += 1;
            *files = states[at.min(states.len() - 1)].clone();
            files.retain(|path, _| !is_index(path, STEMS[0]));
        }
    });
    world.refuses_now("S0336", Leaves::Nothing)?;
    // One that has settled when it is asked again is taken.
    let (first, second) = (world.draft().lay(&world.theirs)?, world.draft().lay(&world.theirs)?);
    let mut half = first;
    half.retain(|path, _| !is_index(path, STEMS[0]));
    world.server.serve(half);
    let mut asked = 0;
    world.server.before_each(move |path, files| {
        asked += usize::from(path.ends_with("InRelease"));
        if asked == 2 {
            *files = second.clone();
        }
    });
    world.succeeds(&world.recipe()?)
}
