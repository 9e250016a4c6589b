//! Channels as people handle them: damaged, removed, rolled back, and near their end.

use std::fs;

use super::mirror::Site;

const WHY: [&str; 4] = ["--who", "ann", "--reason", "a trial"];

fn channel(site: &Site, args: &[&str]) -> String {
    site.good(&[&["channel"], args, &WHY].concat())
}

#[test]
fn a_damaged_channel_is_named_and_made_anew() {
    let Some(site) = Site::new() else { return };
    channel(&site, &["set", "prod", "1"]);
    channel(&site, &["set", "prod", "2"]);
    let view = site.path("site/channels/prod/view.json");
    let history = site.path("site/channels/prod.json");
    for file in [&view, &history] {
        fs::write(file, "").unwrap();
        let name = if *file == view { "views/prod-" } else { "channels/prod.json" };
        let list = site.run(&["build", "list"]);
        assert!(list.code == 1 && list.out.contains("prod") && list.err.contains(name), "{}", list.err);
        let remedy = "`smith channel set prod 2` makes it anew";
        let show = site.run(&["channel", "show", "prod"]);
        assert!(show.code == 1 && show.out.starts_with("channel prod is on build 2\n"), "{}", show.out);
        assert!(show.out.contains(name) && show.out.contains(remedy), "{}", show.out);
        let fsck = site.run(&["build", "fsck"]);
        assert!(fsck.code == 1 && fsck.out.contains(remedy), "{}", fsck.out);
        let purge = site.run(&["build", "purge", "1"]);
        if *file == view {
            assert!(
                purge.out.contains("stays: build 1: it is the way back of channel prod"),
                "{}",
                purge.err
            );
        } else {
            // The view from before is of the same build, so nothing tells which is the way back.
            assert!(
                purge.code == 3 && purge.err.contains(name) && purge.err.contains(remedy),
                "{}",
                purge.err
            );
        }
        let did = channel(&site, &["set", "prod", "2"]);
        assert!(did.contains("channel prod stays on build 2"), "{did}");
        site.good(&["build", "list"]);
        site.good(&["build", "fsck"]);
    }
    // Nothing that is left tells where it is: nothing may go.
    fs::write(&view, "").unwrap();
    fs::remove_file(site.path("site/channels/prod/build.json")).unwrap();
    let purge = site.run(&["build", "purge", "1"]);
    assert!(purge.code == 3 && purge.err.contains("smith channel set prod BUILD"), "{}", purge.err);
    assert!(site.run(&["channel", "show"]).out.contains("unknown"));
    channel(&site, &["set", "prod", "2"]);
    site.good(&["build", "fsck"]);
}

#[test]
fn the_same_on_a_mirror() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "--all"]);
    channel(&site, &["set", "prod", "2", "--mirror", "fra-01"]);
    fs::write(site.path("mirrors/fra-01/channels/prod/view.json"), "").unwrap();
    let status = site.run(&["mirror", "status"]);
    assert!(
        status.code == 1 && status.out.contains("bad: fra-01: channel prod: views/prod-1"),
        "{}",
        status.out
    );
    // Who has no key leaves it as it is, and says so.
    let mended = site.run(&["mirror", "verify", "fra-01", "--repair"]);
    assert!(mended.code == 1 && mended.out.contains("smith channel set prod 2"), "{}", mended.out);
    channel(&site, &["set", "prod", "2", "--mirror", "fra-01"]);
    site.good(&["mirror", "status"]);
    // What is put away is said with its place, in the words of the trial.
    fs::write(site.path("mirrors/fra-01/pool/own/stranger"), "x").unwrap();
    fs::write(site.path("mirrors/fra-01/channels/prod/own/dists/stable/main/binary-amd64/Packages"), "x")
        .ok();
    let would = site.tried(&["mirror", "verify", "fra-01", "--repair"]).out;
    let did = site.good(&["mirror", "verify", "fra-01", "--repair"]);
    let words = |text: &str, before: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(before)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(words(&would, "fra-01: would do: "), words(&did, "fra-01: done: "));
    assert!(
        did.contains("1 file put away") && did.contains("away     pool/own/stranger into trash/"),
        "{did}"
    );
    // A lost mirror gets its channel back.
    fs::remove_dir_all(site.path("mirrors/fra-01")).unwrap();
    let would = site.tried(&["mirror", "recover", "fra-01"]).out;
    assert!(would.contains("Would lead channel prod to build 2"), "{would}");
    assert!(site.good(&["mirror", "recover", "fra-01"]).contains("Led channel prod to build 2"));
    site.good(&["mirror", "status"]);
}

#[test]
fn a_channel_is_removed_with_a_line_and_refusals_leave_one() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    site.good(&["mirror", "sync", "fra-01"]);
    for more in [&[][..], &["--mirror", "fra-01"]] {
        let with = |args: &[&'static str]| [&["channel"], args, more, &WHY].concat();
        let missing = site.run(&with(&["remove", "prod"]));
        assert!(
            missing.code == 5 && missing.err.contains("expected a channel that there is"),
            "{}",
            missing.err
        );
        site.good(&with(&["set", "prod", "1"]));
        assert_eq!(site.run(&with(&["set", "prod", "77"])).code, 5);
        let would = site.tried(&with(&["remove", "prod"])).out;
        assert!(would.contains("take channel prod away, which is on build 1"), "{would}");
        assert!(site.good(&with(&["remove", "prod"])).contains("channel prod is gone, which was on build 1"));
    }
    assert!(site.good(&["channel", "show"]).contains("there is no channel"));
    assert!(fs::read_to_string(site.path("site/channels/prod.json")).unwrap().contains("\"removed\""));
    site.good(&["mirror", "status"]);
    site.good(&["build", "fsck"]);
    assert!(site.good(&["build", "purge", "1"]).contains("good: build 1: "));
    let log = site.good(&["mirror", "log"]);
    for place in ["store=itself", "mirror=fra-01"] {
        let bad: Vec<&str> = log
            .lines()
            .filter(|line| line.contains(&format!("{place} action=channel result=bad why=\"")))
            .collect();
        assert_eq!(bad.len(), 2, "{log}");
        assert!(bad[1].contains("channel prod") && bad[1].contains("77"), "{log}");
        assert!(
            log.contains(&format!("{place} build=1 action=channel result=good state=prod-removed")),
            "{log}"
        );
    }
}

#[test]
fn a_rollback_says_what_leads_on_and_what_leads_forward() {
    let Some(site) = Site::new() else { return };
    channel(&site, &["set", "prod", "1"]);
    channel(&site, &["set", "prod", "2"]);
    let back = site.run(&[&["channel", "rollback", "prod"], &WHY[..]].concat());
    assert!(back.out.contains("moved from build 2 to build 1"), "{}", back.out);
    assert!(
        back.err.contains("there is no build before this one; `smith channel set prod 2` goes forward again"),
        "{}",
        back.err
    );
    let end = site.run(&[&["channel", "rollback", "prod"], &WHY[..]].concat());
    assert!(end.code == 5 && end.err.contains("no build before"), "{}", end.err);
}

#[test]
fn a_release_that_ends_is_told_with_what_helps() {
    let Some(site) = Site::new() else { return };
    site.add("fra-01", "eu");
    let recipe = "publish: {valid-for-days: 14}\nlocal:\n  - {local: own, folder: debs, suite: stable}\n";
    fs::write(site.path("recipe.yaml"), recipe).unwrap();
    site.good(&["build", "create", &site.text("recipe.yaml")]);
    site.good(&["mirror", "sync", "fra-01"]);
    for more in [&[][..], &["--mirror", "fra-01"]] {
        channel(&site, &[&["set", "prod", "3"], more].concat());
    }
    let good = site.good(&["channel", "show", "prod"]);
    assert!(!good.contains("refresh"), "{good}");
    // Time passes for what is served: the date of each Release is that of a week ago.
    for store in ["site", "mirrors/fra-01"] {
        let release = site.path(store).join("channels/prod/own/dists/stable/Release");
        let text = fs::read_to_string(&release).unwrap();
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some(("Valid-Until", _)) => "Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC".to_owned(),
            Some(("Date", _)) => "Date: Wed, 31 Dec 2025 00:00:00 UTC".to_owned(),
            Some(_) | None => line.to_owned(),
        });
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        fs::remove_file(&release).unwrap();
        fs::write(&release, text).unwrap();
    }
    for (args, remedy) in [
        (&["channel", "show", "prod"][..], "`smith channel refresh prod` dates it anew"),
        (&["mirror", "status"], "`smith channel refresh prod --mirror fra-01` dates it anew"),
        (&["build", "fsck"], "`smith channel refresh prod` dates it anew"),
    ] {
        let ran = site.run(args);
        assert!(ran.code == 1 && ran.out.contains(remedy), "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("has ended at 2026-01-01T00:00:00Z"), "{}", ran.out);
    }
    for more in [&[][..], &["--mirror", "fra-01"]] {
        channel(&site, &[&["refresh", "prod"], more].concat());
    }
    site.good(&["channel", "show", "prod"]);
    site.good(&["build", "fsck"]);
    site.good(&["mirror", "status"]);
}
