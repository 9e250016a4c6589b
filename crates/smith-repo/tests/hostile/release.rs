//! The Release and its signature.

use jiff::SignedDuration;
use smith_repo::create::Created;
use smith_repo::pgp::Signer as _;
use smith_repo::upstream::Recipe;

use crate::gpg::Gpg;
use crate::server::{Files, Server, Trick};
use crate::upstream::{Draft, Form};
use crate::world::{Leaves, Outcome, World, stranger};

const FORMS: [Form; 2] = [Form::InRelease, Form::Pair];

/// A change of the text before it is signed.
type Edit<'a> = &'a dyn Fn(Vec<u8>) -> Vec<u8>;

fn name(form: Form) -> &'static str {
    match form {
        Form::InRelease => "/dists/stable/InRelease",
        Form::Pair => "/dists/stable/Release",
    }
}

/// Lays out a good state whose Release was changed before it was signed.
fn edited(world: &mut World, form: Form, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Outcome<Files> {
    let draft = Draft { form, ..world.draft() };
    let indexes = draft.indexes()?;
    draft.lay_with(&indexes, &edit(draft.release(&indexes).into_bytes()), &world.theirs)
}

fn replaced(text: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(text).unwrap_or_default();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_release_is_signed_or_refused() -> Outcome {
    let mut world = World::new()?;
    for form in FORMS {
        let draft = Draft { form, ..world.draft() };
        let mut files = draft.lay(&world.theirs)?;
        let text = files.get(name(form)).cloned().ok_or("no Release")?;
        files.insert(name(form).to_owned(), replaced(text, "Components: main", "Components: evil"));
        world.refuses("S0304", Leaves::Nothing, files)?;

        let draft = Draft { form, ..world.draft() };
        let files = draft.lay(&stranger(&world)?)?;
        world.refuses("S0305", Leaves::Nothing, files)?;
    }
    // None at all: a bare text, and a pair without its second half or with an empty one.
    let draft = world.draft();
    let mut files = draft.lay(&world.theirs)?;
    files.insert(name(Form::InRelease).to_owned(), draft.release(&draft.indexes()?).into_bytes());
    world.refuses("S0303", Leaves::Nothing, files)?;
    for second in [None, Some(Vec::new())] {
        let draft = Draft { form: Form::Pair, ..world.draft() };
        let mut files = draft.lay(&world.theirs)?;
        files.remove("/dists/stable/Release.gpg");
        files.extend(second.map(|bytes| ("/dists/stable/Release.gpg".to_owned(), bytes)));
        world.refuses("S0303", Leaves::Nothing, files)?;
    }
    // A signature of the state before beside the text of now.
    let before = Draft { form: Form::Pair, ..world.draft() }.lay(&world.theirs)?;
    let mut files = Draft { form: Form::Pair, ..world.draft() }.lay(&world.theirs)?;
    files.extend(before.into_iter().filter(|(path, _)| path.ends_with("Release.gpg")));
    world.refuses("S0304", Leaves::Nothing, files)
}

#[test]
fn nothing_stands_around_a_signed_text() -> Outcome {
    let mut world = World::new()?;
    let edits: [fn(&str) -> String; 5] = [
        |text| format!("Suite: evil\n\n{text}"),
        |text| format!("{text}Suite: evil\n"),
        |text| text.replace("Suite: stable", "-Suite: stable"),
        |text| text.replace('\n', "\r\n"),
        |text| text[..text.len() / 2].to_owned(),
    ];
    for edit in edits {
        let mut files = world.draft().lay(&world.theirs)?;
        let text = String::from_utf8(files.remove(name(Form::InRelease)).ok_or("no Release")?)?;
        files.insert(name(Form::InRelease).to_owned(), edit(&text).into_bytes());
        world.refuses("S0311", Leaves::Nothing, files)?;
    }
    let mut files = Draft { form: Form::Pair, ..world.draft() }.lay(&world.theirs)?;
    files.insert("/dists/stable/Release.gpg".to_owned(), b"not a signature".to_vec());
    world.refuses("S0311", Leaves::Nothing, files)
}

#[test]
fn a_threshold_and_chosen_signers_are_kept_to() -> Outcome {
    let mut world = World::new()?;
    world.publish()?;
    let good = world.recipe()?;
    let with = |threshold, signers: &[&str]| {
        let mut recipe: Recipe = good.clone();
        recipe.upstreams[0].threshold = threshold;
        recipe.upstreams[0].signers = signers.iter().map(|one| (*one).to_owned()).collect();
        recipe
    };
    world.refuses_recipe(&with(2, &[]), "S0310", Leaves::Nothing)?;
    world.refuses_recipe(
        &with(1, &["0123456789ABCDEF0123456789ABCDEF01234567"]),
        "S0305",
        Leaves::Nothing,
    )?;
    world.refuses_recipe(&with(1, &["nobody"]), "S0302", Leaves::Nothing)?;
    let mut lost = good.clone();
    lost.upstreams[0].keyrings = vec![world.path("nowhere.gpg")];
    world.refuses_recipe(&lost, "S0302", Leaves::Nothing)?;
    world.succeeds(&good)
}

#[test]
fn keys_that_ended_were_revoked_or_are_weak_are_refused() -> Outcome {
    let Some(gpg) = Gpg::new()? else { return Ok(()) };
    let mut world = World::new()?;
    let (made, then) = ("20240101T000000", "20261119T000000");
    let cases: [(&str, &str, &[&str]); 5] = [
        ("revoked", "S0306", &[]),
        ("ended", "S0307", &[]),
        ("over", "S0308", &["--default-sig-expire", "1d"]),
        ("early", "S0308", &[]),
        ("weak", "S0309", &["--digest-algo", "SHA1", "--allow-weak-digest-algos"]),
    ];
    for (name, code, more) in cases {
        let (kind, ends) = match name {
            // An algorithm that takes any digest.
            "weak" => ("rsa2048", "never"),
            "ended" => ("ed25519", "2024-06-01"),
            _ => ("ed25519", "never"),
        };
        let key = gpg.key(made, &format!("{name} <a@b>"), kind, ends)?;
        let draft = world.draft();
        let mut files = draft.lay(&world.theirs)?;
        let text = draft.release(&draft.indexes()?);
        let at = if name == "early" { "20270101T000000" } else { then };
        if name == "ended" {
            // gpg does not sign with a key that has ended, so it signs before the key is given its end.
            gpg.run("20240102T000000", &["--quick-set-expire", &key, "never"], b"")?;
        }
        let signed = [&["--local-user", &key][..], more, &["--clearsign"]].concat();
        let message = gpg.run(at, &signed, text.as_bytes())?;
        match name {
            "ended" => drop(gpg.run("20240103T000000", &["--quick-set-expire", &key, "2024-06-01"], b"")?),
            "revoked" => gpg.revoke(then, &key)?,
            _ => {}
        }
        std::fs::write(gpg.file("keys.gpg"), gpg.export(then, &key)?)?;
        files.insert("/dists/stable/InRelease".to_owned(), message);
        world.server.serve(files);
        let mut recipe = world.recipe()?;
        recipe.upstreams[0].keyrings.push(gpg.file("keys.gpg"));
        world.refuses_recipe(&recipe, code, Leaves::Nothing)?;
        world.publish()?;
        world.succeeds(&recipe)?;
    }
    Ok(())
}

#[test]
fn a_release_is_of_its_suite_and_of_now() -> Outcome {
    let mut world = World::new()?;
    for form in FORMS {
        let files = edited(&mut world, form, |text| replaced(text, "Suite: stable", "Suite: oldstable"))?;
        world.refuses("S0313", Leaves::Nothing, files)?;
        let draft = Draft { form, date: world.now + SignedDuration::from_hours(1), ..world.draft() };
        let text = draft.release(&draft.indexes()?);
        // Signed now: only what it says of itself is of the future.
        let mut files = draft.lay(&world.theirs)?;
        if form == Form::InRelease {
            let message = world.theirs.sign_cleartext(&text, world.now)?;
            files.insert(name(form).to_owned(), message.into_bytes());
        } else {
            let signature = world.theirs.sign_armored(text.as_bytes(), world.now)?;
            files.insert("/dists/stable/Release.gpg".to_owned(), signature.into_bytes());
        }
        world.refuses("S0314", Leaves::Nothing, files)?;
        let valid_until = world.now - SignedDuration::from_secs(1);
        let files = Draft { form, valid_until, ..world.draft() }.lay(&world.theirs)?;
        world.refuses("S0315", Leaves::Nothing, files)?;
        let date = world.now - SignedDuration::from_hours(101);
        let files = Draft { form, date, ..world.draft() }.lay(&world.theirs)?;
        world.refuses("S0316", Leaves::Nothing, files)?;
    }
    Ok(())
}

#[test]
fn each_flaw_of_a_release_has_its_code() -> Outcome {
    let mut world = World::new()?;
    let path = " main/binary-amd64/Packages\n";
    let cases: [(&str, Edit<'_>); 11] = [
        ("S0317", &|text| replaced(text, path, " ../../../../etc/passwd\n")),
        ("S0317", &|text| replaced(text, path, " /etc/passwd\n")),
        ("S0317", &|text| replaced(text, path, " main/./Packages\n")),
        ("S0318", &|text| replaced(text, "SHA256:", "MD5Sum:")),
        ("S0312", &|text| replaced(text, "Date: ", "Date: x")),
        ("S0312", &|text| replaced(text, "Architectures: amd64", "Architectures: amd64 $(id)")),
        ("S0312", &|text| [text, b"\nSuite: stable\n".to_vec()].concat()),
        ("S0340", &|text| replaced(text, "Components: main", "Components main")),
        ("S0340", &|text| replaced(text, "Components: main", "Components: main\nSuite: stable")),
        ("S0341", &|text| {
            replaced(text, "Suite: stable", &format!("X: {}\nSuite: stable", "y".repeat(2 << 20)))
        }),
        ("S0330", &|text| replaced(text, path, " main/binary-arm64/Packages\n").into_iter().collect()),
    ];
    for (code, edit) in cases {
        for form in FORMS {
            let draft = Draft { form, packings: vec![""], ..world.draft() };
            let indexes = draft.indexes()?;
            let release = edit(draft.release(&indexes).into_bytes());
            let files = draft.lay_with(&indexes, &release, &world.theirs)?;
            world.refuses(code, Leaves::Nothing, files).map_err(|error| format!("{form:?}: {error}"))?;
        }
    }
    // What no cleartext can have stands in the other form.
    let cases: [(&str, &[u8]); 4] = [
        ("S0344", b"Label: a\r\n"),
        ("S0343", b"Label: a\0b\n"),
        ("S0343", b"Label: \x1b[2J\n"),
        ("S0342", b"Label: \xff\n"),
    ];
    for (code, line) in cases {
        let files = edited(&mut world, Form::Pair, |text| [line, &text].concat())?;
        world.refuses(code, Leaves::Nothing, files)?;
    }
    Ok(())
}

#[test]
fn servers_that_misbehave_are_left() -> Outcome {
    let mut world = World::new()?;
    let cases = [
        ("S0320", Trick::Status(503)),
        ("S0320", Trick::Status(403)),
        ("S0321", Trick::Cut(100)),
        ("S0321", Trick::CutPieces(100)),
        ("S0321", Trick::Reset(100)),
        ("S0322", Trick::Endless),
        ("S0322", Trick::EndlessPieces),
        ("S0322", Trick::Longer(9 << 20)),
        ("S0323", Trick::Silence),
        ("S0323", Trick::Stall(100)),
        ("S0323", Trick::Trickle),
    ];
    for (code, trick) in cases {
        for form in FORMS {
            let files = Draft { form, ..world.draft() }.lay(&world.theirs)?;
            world.server.serve(files);
            world.server.trick(name(form), trick);
            let refused = world.refuses_now(code, Leaves::Nothing);
            refused.map_err(|error| format!("{form:?} {trick:?}: {error}"))?;
        }
    }
    // The signature beside a Release that is good.
    for (code, trick) in [
        ("S0321", Trick::Cut(50)),
        ("S0322", Trick::Endless),
        ("S0323", Trick::Stall(9)),
        ("S0311", Trick::Shorter(150)),
    ] {
        let files = Draft { form: Form::Pair, ..world.draft() }.lay(&world.theirs)?;
        world.server.serve(files);
        world.server.trick("Release.gpg", trick);
        world.refuses_now(code, Leaves::Nothing).map_err(|error| format!("gpg {trick:?}: {error}"))?;
    }
    world.refuses("S0301", Leaves::Nothing, Files::new())?;
    // Nobody listens.
    let mut gone = world.recipe()?;
    gone.upstreams[0].uris = vec!["http://127.0.0.1:9".to_owned()];
    world.refuses_recipe(&gone, "S0320", Leaves::Nothing)
}

#[test]
fn a_bad_mirror_does_not_keep_the_others_from_being_asked() -> Outcome {
    let mut world = World::new()?;
    let other = Server::start();
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].uris.insert(0, other.url());
    let old = Draft { date: world.now - SignedDuration::from_hours(101), ..world.draft() };
    let portal = b"<html>please log in</html>".to_vec();
    let states: [(Files, Option<Trick>); 5] = [
        (Files::new(), None),
        (Files::from([(name(Form::InRelease).to_owned(), portal)]), None),
        (old.lay(&world.theirs)?, None),
        (old.lay(&stranger(&world)?)?, None),
        (old.lay(&world.theirs)?, Some(Trick::Stall(10))),
    ];
    for (files, trick) in states {
        other.serve(files);
        trick.iter().for_each(|trick| other.trick("Release", *trick));
        world.publish()?;
        world.succeeds(&recipe)?;
    }
    // Where none is good, what the first that answered has done is told.
    other.serve(old.lay(&world.theirs)?);
    world.server.serve(Files::new());
    world.refuses_recipe(&recipe, "S0316", Leaves::Nothing)
}

#[test]
fn a_release_that_was_damaged_where_it_was_kept_is_fetched_again() -> Outcome {
    let mut world = World::empty()?;
    for (path, bytes) in world.draft().lay(&world.theirs)? {
        let path = world.path("files").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        std::fs::write(path, bytes)?;
    }
    let mut recipe = world.recipe()?;
    recipe.upstreams[0].uris = vec![format!("file://{}", world.path("files").display())];
    world.succeeds(&recipe)?;
    let kept = world.path("store/state/upstream/debian/stable/InRelease");
    let text = std::fs::read_to_string(&kept)?;
    std::fs::write(&kept, text.replace("Suite: stable", "Suite: stabbe"))?;
    assert!(matches!(world.create(&recipe)?, Created::Unchanged(_)));
    assert_eq!(std::fs::read_to_string(&kept)?, text);
    Ok(())
}
