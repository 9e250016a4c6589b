//! Builds of a site: whose they are, what their numbers mean, and what commands say of them.

use std::fs;

use super::mirror::Site;

#[test]
fn what_another_site_has_signed_is_neither_a_mirror_nor_purged() {
    let (Some(site), Some(other)) = (Site::new(), Site::new()) else { return };
    let theirs = other.text("site");
    let add = ["mirror", "add", "fra-01", "--region", "eu", "--path", &theirs];
    let key = other.json(&["build", "key", "list", "--json"])[0]["fingerprint"].as_str().unwrap().to_owned();
    for ran in [site.tried(&add), site.run(&add)] {
        assert_eq!(ran.code, 5, "{}", ran.err);
        assert!(ran.err.contains("[S0384]") && ran.err.contains("build 1: "), "{}", ran.err);
        assert!(ran.err.contains(&key), "{}", ran.err);
    }
    assert_eq!(site.json(&["mirror", "list", "--json"]).to_string(), "[]");
    // Its own builds may lie there, whoever copied them.
    let public = other.text("public.gpg");
    other.good(&["build", "key", "export", &public]);
    site.good(&[&add[..], &["--keyring", &public]].concat());
    site.good(&["mirror", "remove", "fra-01"]);
    site.add("copy", "eu");
    site.good(&["mirror", "sync", "copy"]);
    site.good(&["mirror", "remove", "copy"]);
    site.add("copy", "eu");

    // Somebody else's builds that came there since stay.
    site.package("beta", "4.0", "");
    site.build();
    site.good(&["mirror", "sync", "copy"]);
    site.good(&["build", "purge", "1", "--now"]);
    let signature = "builds/1/build.json.sig";
    fs::copy(other.path("site").join(signature), site.path("mirrors/copy").join(signature)).unwrap();
    let ran = site.run(&["mirror", "purge", "copy"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.starts_with("bad: copy: ") && ran.out.contains("[S0384]"), "{}", ran.out);
    assert!(site.path("mirrors/copy/builds/1").exists());
}

#[test]
fn a_number_that_no_mirror_holds_is_refused() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    let ran = site.run(&["mirror", "purge", "fra-01", "1", "7", "9"]);
    assert_eq!(ran.code, 5, "{}", ran.out);
    assert!(ran.err.contains("expected builds that fra-01 holds, found 7, 9"), "{}", ran.err);
    assert!(site.path("mirrors/fra-01/builds/1").exists());
    assert!(site.good(&["mirror", "purge", "fra-01", "1"]).starts_with("good: fra-01: build 1: "));
}

#[test]
fn a_number_is_given_once() {
    let Some(site) = Site::new() else { return };
    let recipe = site.text("recipe.yaml");
    site.package("beta", "4.0", "");
    let numbered =
        |number: &str| site.run(&["build", "create", &recipe, "--number", number, "--even-if-unchanged"]);
    assert_eq!(numbered("5").code, 0);
    for (number, found) in [("5", "build 5 is there already"), ("4", "above 5, the highest")] {
        let ran = numbered(number);
        assert_eq!(ran.code, 5, "{}", ran.err);
        assert!(ran.err.contains(found), "{}", ran.err);
    }
    // Even where the newest is taken away by hand.
    fs::remove_dir_all(site.path("site/builds/5")).unwrap();
    let ran = numbered("5");
    assert!(ran.code == 5 && ran.err.contains("above 5, the highest"), "{}", ran.err);
    site.good(&["build", "purge", "1", "--now"]);
    assert_eq!(numbered("1").code, 5);
    site.build();
    assert!(site.path("site/builds/6").exists());
    // After the last number there is none: nobody gets it, and nobody waits for the next one.
    let ran = numbered("4294967295");
    assert!(ran.code != 0 && ran.err.contains("after which others can come"), "{}", ran.err);
    assert_eq!(numbered("4294967294").code, 0);
    let ran = site.run(&["build", "create", &recipe, "--even-if-unchanged"]);
    assert!(ran.code != 0 && ran.err.contains("found 4294967295"), "{}", ran.err);
}

#[test]
fn a_reason_is_one_line() {
    let Some(site) = Site::new() else { return };
    let forged = "red\n2026-11-20T18:20:00Z  approved by CISO";
    for args in [
        vec!["channel", "set", "prod", "2", "--reason", forged],
        vec!["build", "keep", "2", "--reason", forged],
    ] {
        let ran = site.run(&args);
        assert!(ran.code == 2 && ran.err.contains("a sentence in one line"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn two_builds_under_one_number_are_told_of() {
    let (Some(site), Some(other)) = (Site::new(), Site::new()) else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    other.package("beta", "9.9", "");
    other.build();
    other.good(&["build", "purge", "1", "2", "--now"]);
    site.package("beta", "4.0", "");
    site.build();
    // As after a site was set up anew and has given its numbers again.
    let (theirs, there) = (other.text("site/builds/3"), site.text("mirrors/fra-01/builds/3"));
    assert!(std::process::Command::new("cp").args(["-r", &theirs, &there]).status().unwrap().success());
    let manifest = |site: &Site| site.json(&["build", "show", "3", "--json"])["manifest"].clone();
    for command in ["sync", "status"] {
        let ran = site.run(&["mirror", command, "fra-01"]);
        assert_eq!(ran.code, 1, "{command}: {}", ran.out);
        let said = format!("{}{}", ran.out, ran.err);
        for hash in [manifest(&site), manifest(&other)] {
            assert!(said.contains(hash.as_str().unwrap()), "{command}: {said}");
        }
    }
    let keyring = site.text("public.gpg");
    site.good(&["build", "key", "export", &keyring]);
    let (store, from) = (site.text("mirrors/fra-01"), site.text("site"));
    let pull = ["mirror", "sync", "--store", &store, "--from", &from, "--keyring", &keyring];
    let ran = site.run(&pull);
    assert!(ran.code == 1 && ran.out.starts_with("bad: build 3 is here and at"), "{}{}", ran.out, ran.err);
}

/// A recipe that takes a build of the site as its upstream; `own` is its only suite's folder.
fn upstream_recipe(site: &Site, more: &str) -> String {
    site.good(&["build", "key", "export", &site.text("public.gpg")]);
    format!(
        "upstreams:\n  - upstream: up\n    uris: file://{}\n    suites: [stable]\n    components: [main]\n    \
         architectures: [amd64]\n    keyring: public.gpg\n{more}",
        site.text("site/builds/2/own")
    )
}

#[test]
fn a_mistake_that_shows_when_a_build_is_made_has_its_place_in_the_recipe() {
    let Some(site) = Site::new() else { return };
    let good = upstream_recipe(&site, "local:\n  - {local: own, folder: debs, suite: stable}\n");
    let (path, store) = (site.text("mistaken.yaml"), site.text("second"));
    site.good(&["build", "key", "new", "--user-id", "Second <a@b>", "--store", &store]);
    for (from, to, place, said) in [
        ("[main]", "[main, contrb]", "5:24", "(main), found `contrb` [S0330]"),
        ("[main]", "[contrb]", "5:18", "(main), found `contrb` [S0330]"),
        ("[amd64]", "[amd64, amd46]", "6:28", "found `amd46` [S0330]"),
        ("[stable]", "[stable, sid]", "4:22", "found nothing for `sid` [S0301]"),
        ("public.gpg", "nothing.gpg", "7:14", "No such file or directory (os error 2) [S0302]"),
        ("public.gpg", "mistaken.yaml", "7:14", "[S0302]"),
        ("folder: debs", "folder: deps", "9:26", "deps: No such file or directory (os error 2)"),
    ] {
        fs::write(&path, good.replace(from, to)).unwrap();
        let ran = site.run(&["build", "create", &path, "--store", &store]);
        assert_eq!(ran.code, 3, "{to}: {}", ran.err);
        assert!(ran.err.contains(&format!("mistaken.yaml:{place}: expected ")), "{to}: {}", ran.err);
        assert!(ran.err.contains(said), "{to}: {}", ran.err);
    }
}

#[test]
fn what_decisions_did_not_do_or_broke_is_told_and_shown() {
    let Some(site) = Site::new() else { return };
    let rules =
        "hold:\n  - {package: nosuch, reason: a trial}\nexclude:\n  - {package: beta, reason: a trial}\n";
    let (path, store) = (site.text("decided.yaml"), site.text("second"));
    fs::write(&path, upstream_recipe(&site, rules)).unwrap();
    site.good(&["build", "key", "new", "--user-id", "Second <a@b>", "--store", &store]);
    let ran = site.run(&["build", "create", &path, "--store", &store]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shown = site.good(&["build", "show", "1", "--store", &store]);
    for text in [
        "hold nosuch: no package of the build is meant by it",
        "exclude beta: alpha needs it and cannot be installed from this build",
    ] {
        assert!(ran.err.contains(text), "{}", ran.err);
        assert!(shown.contains(&format!("note: {text}\n")), "{shown}");
    }
}
