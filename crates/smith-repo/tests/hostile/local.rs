//! A folder of package files of our own.

use std::fs;

use crate::deb::{ar, control, entry, good, package, tar};
use crate::upstream::pack;
use crate::world::{Leaves, Outcome, World};

fn with_control(files: &[(&str, &[u8])]) -> Vec<u8> {
    package(&tar(files), &tar(&[]))
}

fn packed_control(packing: &str, bytes: &[u8]) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), (&format!("control.tar{packing}"), bytes), ("data.tar", &tar(&[]))])
}

fn linked(kind: u8) -> Vec<u8> {
    let mut archive = entry("./control", kind, "/etc/passwd", b"");
    archive.resize(archive.len() + 1024, 0);
    package(&archive, &tar(&[]))
}

/// Each with its code and, in the last, a name for people.
fn cases() -> Outcome<Vec<(&'static str, Vec<u8>, String)>> {
    let fine = control("own", "1");
    let whole = good("own", "1", 5_000);
    let text = fine.as_bytes();
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("S0370", b"not an archive".to_vec(), "no archive"),
        ("S0370", Vec::new(), "empty"),
        (
            "S0370",
            ar(&[("control.tar", &tar(&[("control", text)])), ("debian-binary", b"2.0\n")]),
            "wrong order",
        ),
        ("S0370", ar(&[("debian-binary", b"3.0\n")]), "another format"),
        ("S0370", ar(&[("debian-binary", b"2.0\n"), ("../control.tar", b"")]), "a path as a member"),
        ("S0370", [&whole[..], &ar(&[("evil", b"x")])[8..]].concat(), "another member behind"),
        ("S0371", whole[..whole.len() - 1_000].to_vec(), "cut in the data"),
        ("S0371", whole[..400].to_vec(), "cut in the control"),
        ("S0373", with_control(&[]), "no control"),
        ("S0373", with_control(&[("control", text), ("./control", text)]), "two"),
        ("S0373", with_control(&[("control", text), (".//control", text)]), "two by another path"),
        ("S0373", with_control(&[("control", text), ("././control", text)]), "two by dots"),
        ("S0373", with_control(&[("control", text), ("/control", text)]), "two by the root"),
        (
            "S0373",
            with_control(&[("control", text), ("../../etc/cron.d/evil", b"x")]),
            "a path that leads out",
        ),
        ("S0373", linked(b'2'), "a link"),
        ("S0373", linked(b'1'), "a hard link"),
        ("S0373", packed_control(".gz", b"no gzip"), "no gzip"),
        ("S0373", packed_control(".xz", b"no xz"), "no xz"),
        ("S0374", with_control(&[("control", b"Package own\n")]), "no colon"),
        ("S0374", with_control(&[("control", fine.replace("Version: 1\n", "").as_bytes())]), "no version"),
        ("S0374", with_control(&[("control", fine.replace('\n', "\r\n").as_bytes())]), "carriage returns"),
        ("S0374", with_control(&[("control", fine.replace("own\n", "own\0\n").as_bytes())]), "a zero byte"),
        (
            "S0375",
            with_control(&[("control", format!("{fine}\n{}", control("evil", "1")).as_bytes())]),
            "two stanzas",
        ),
        ("S0375", with_control(&[("control", b"")]), "no stanza"),
    ];
    for name in ["../../evil", "/etc/evil", "a/b", "-rf", ""] {
        let text = fine.replace("Package: own", &format!("Package: {name}"));
        cases.push(("S0376", with_control(&[("control", text.as_bytes())]), "a name that leads out"));
    }
    let text = fine.replace("Version: 1", "Version: 1/../../2");
    cases.push(("S0376", with_control(&[("control", text.as_bytes())]), "a version that leads out"));
    let text = fine.replace("Architecture: amd64", "Architecture: ../x");
    cases.push(("S0376", with_control(&[("control", text.as_bytes())]), "an architecture that leads out"));
    let mut cases: Vec<_> =
        cases.into_iter().map(|(code, bytes, why)| (code, bytes, why.to_owned())).collect();
    let huge = tar(&[("./md5sums", &vec![0; 40 << 20]), ("./control", fine.as_bytes())]);
    let long = tar(&[("./control", format!("{fine}X: {}\n", "y".repeat(2 << 20)).as_bytes())]);
    for packing in [".gz", ".xz", ".zst"] {
        cases.push(("S0372", packed_control(packing, &pack(packing, &huge)?), format!("a bomb{packing}")));
        cases.push((
            "S0372",
            packed_control(packing, &pack(packing, &long)?),
            format!("a long control{packing}"),
        ));
    }
    cases.push(("S0372", packed_control("", &huge), "a large archive".to_owned()));
    Ok(cases)
}

#[test]
fn a_package_file_that_is_not_sound_is_refused_and_leaves_nothing() -> Outcome {
    let mut world = World::new()?;
    fs::create_dir(world.path("own"))?;
    let file = world.path("own/own.deb");
    for (code, bytes, why) in cases()? {
        fs::write(&file, bytes)?;
        let recipe = world.recipe_with_local()?;
        let refused = world.refuses_recipe(&recipe, code, Leaves::Nothing);
        refused.map_err(|error| format!("{why}: {error}"))?;
    }
    fs::write(&file, good("own", "1", 5_000))?;
    world.publish()?;
    world.succeeds(&world.recipe_with_local()?)
}

#[test]
fn two_files_for_one_package_and_what_is_no_file_are_refused() -> Outcome {
    let mut world = World::new()?;
    fs::create_dir(world.path("own"))?;
    let recipe = world.recipe_with_local()?;
    fs::write(world.path("own/a.deb"), good("own", "1", 5_000))?;
    fs::write(world.path("own/b.deb"), good("own", "1", 6_000))?;
    // The first is good and waits for the next run.
    world.refuses_recipe(&recipe, "S0377", Leaves::Wanted)?;
    fs::remove_file(world.path("own/b.deb"))?;
    std::os::unix::fs::symlink("/nowhere", world.path("own/b.deb"))?;
    world.refuses_recipe(&recipe, "S0378", Leaves::Nothing)?;
    fs::remove_file(world.path("own/b.deb"))?;
    world.publish()?;
    world.succeeds(&recipe)
}
