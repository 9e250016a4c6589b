//! Builds are checked by the machine's own apt against machines as they might be.

mod world;

use std::fs;
use std::ops::Deref;
use std::time::{Duration, Instant};

use smith_repo::check::{
    Check, CheckError, Exit, Outcome as Found, Policy, Report, Verdict, like, read_profiles,
};
use smith_repo::create::Manner;
use smith_repo::name::BuildNumber;
use smith_repo::pgp::KeyKind;
use smith_repo::select::Pattern;

use world::{Outcome, World, has, local_folder, recipe_of};

const TOOLS: [&str; 3] = ["dpkg-deb", "apt-get", "gpgv"];

/// A build of folders of packages, and a folder of profiles.
struct Site {
    world: World,
}

impl Deref for Site {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Site {
    fn new() -> Outcome<Self> {
        let world = World::bare()?;
        world.new_key(KeyKind::Ed25519)?;
        fs::create_dir_all(world.path("profiles"))?;
        Ok(Self { world })
    }

    fn package(&self, suite: &str, name: &str, version: &str, more: &str) -> Outcome {
        self.package_in(suite, name, version, &format!("Architecture: amd64\n{more}"))
    }

    fn build(&self, suites: &[&str]) -> Outcome<BuildNumber> {
        let local = suites.iter().map(|suite| local_folder(&format!("up-{suite}"), self.path(suite), suite));
        let mut recipe = recipe_of(Vec::new());
        recipe.local = local.collect::<Outcome<_>>()?;
        Ok(self.made(&recipe, Manner::default())?.number)
    }

    /// `name version [more fields]`; the last part stands in the status.
    fn profile(&self, name: &str, packages: &[(&str, &str, &str)]) -> Outcome {
        let mut text = String::new();
        for (package, version, more) in packages {
            let status = if more.contains("Status:") { "" } else { "Status: install ok installed\n" };
            text += &format!(
                "Package: {package}\n{status}{more}Architecture: amd64\nVersion: {version}\nMaintainer: A <a@b>\nDescription: x\n\n"
            );
        }
        Ok(fs::write(self.path("profiles").join(name), text)?)
    }

    fn check(&self, build: BuildNumber, policy: &Policy, time_max: Duration) -> Outcome<Report> {
        let profiles = read_profiles(&self.path("profiles"))?;
        let packages = self.packages(build)?;
        let check = Check {
            build: &self.store.build(build),
            packages: &packages,
            keyring: &self.path("ours.gpg"),
            policy,
            work: &self.path("work"),
        };
        let report = check.run_within(&profiles, time_max);
        assert!(!self.path("work").exists());
        Ok(report?)
    }
}

const LONG: Duration = Duration::from_secs(120);

fn of<'a>(report: &'a Report, machine: &str) -> Outcome<&'a Found> {
    let has = |one: &&Found| one.machines.iter().any(|name| name == machine);
    Ok(report.outcomes.iter().find(has).ok_or("no such machine")?)
}

fn names(found: &[smith_repo::check::Upgrade]) -> Vec<String> {
    let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".to_owned());
    found.iter().map(|one| format!("{} {} {}", one.name, word(&one.old), word(&one.new))).collect()
}

fn world() -> Outcome<(Site, BuildNumber)> {
    let site = Site::new()?;
    site.package("stable", "alpha", "2.0-1", "Depends: beta (>= 2)\n")?;
    site.package("stable", "beta", "2.0", "")?;
    site.package("stable", "gamma", "3.0", "Conflicts: old\n")?;
    site.package("stable", "needy", "2", "Depends: nowhere (>= 5)\n")?;
    site.package("other", "alpha", "9.0-1", "")?;
    let build = site.build(&["stable", "other"])?;
    Ok((site, build))
}

#[test]
fn apt_says_what_an_upgrade_would_do_to_each_kind_of_machine() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (site, build) = world()?;
    let held = "Status: hold ok installed\n";
    site.profile("web1", &[("alpha", "1.0-1", ""), ("gamma", "3.0", "Conflicts: old\n")])?;
    site.profile("web2", &[("gamma", "3.0", "Conflicts: old\n"), ("alpha", "1.0-1", "")])?;
    site.profile("removes", &[("beta", "2.0", ""), ("gamma", "2.0", ""), ("old", "1", "")])?;
    site.profile("holds", &[("beta", "1.0", held), ("gamma", "3.0", "Conflicts: old\n")])?;
    site.profile("kept", &[("needy", "1", ""), ("gamma", "3.0", "Conflicts: old\n")])?;
    site.profile("broken", &[("beta", "2.0", ""), ("mine", "1", "Depends: nothing-such\n")])?;
    site.profile("current", &[("beta", "2.0", "")])?;
    site.profile("elsewhere", &[("alpha", "1.0-1", "")])?;
    fs::write(site.path("profiles/elsewhere.suites"), "other # as it is\n")?;
    site.profile("deb822", &[("beta", "1.0", "")])?;
    fs::write(
        site.path("profiles/deb822.sources"),
        "Types: deb\nURIs: http://x/\nSuites: other\nComponents: main\n",
    )?;
    let report = site.check(build, &Policy::default(), LONG)?;
    assert_eq!(report.outcomes.len(), 8, "{report:#?}");
    let web = of(&report, "web1")?;
    assert_eq!(web.machines, ["web1", "web2"]);
    assert_eq!(names(&web.upgraded), ["alpha 1.0-1 2.0-1"]);
    assert_eq!(names(&web.installed), ["beta - 2.0"]);
    assert_eq!(web.suites, ["up-stable/stable"]);
    let size = |name: &str| fs::metadata(site.path("stable").join(name)).map(|there| there.len());
    assert_eq!(web.download_bytes, size("alpha.deb")? + size("beta.deb")?);
    let removes = of(&report, "removes")?;
    assert_eq!((removes.verdict, names(&removes.removed)), (Verdict::Bad, vec!["old 1 -".to_owned()]));
    assert_eq!(removes.why, ["it removes old"]);
    for (name, kept) in [("holds", "beta"), ("kept", "needy")] {
        let found = of(&report, name)?;
        assert_eq!(
            (found.verdict, found.kept_back.as_slice()),
            (Verdict::Good, &[kept.to_owned()][..]),
            "{found:?}"
        );
    }
    let broken = of(&report, "broken")?;
    assert_eq!(broken.verdict, Verdict::Bad);
    assert!(broken.broken.iter().any(|line| line.contains("nothing-such")), "{broken:?}");
    let current = of(&report, "current")?;
    assert!(current.verdict == Verdict::Good && current.upgraded.is_empty() && current.download_bytes == 0);
    assert_eq!(names(&of(&report, "elsewhere")?.upgraded), ["alpha 1.0-1 9.0-1"]);
    assert!(of(&report, "deb822")?.upgraded.is_empty());
    assert_eq!((report.exit(), report.exit().code()), (Exit::Bad, 1));
    let text = report.to_text();
    assert!(text.starts_with("9 machines, 8 different profiles, 2 bad\n"), "{text}");
    assert!(text.contains("BAD  removes: 0 installed, 1 upgraded, 1 removed"), "{text}");
    let json = serde_json::to_string(&report)?;
    assert_eq!(serde_json::from_str::<Report>(&json)?, report);

    fs::remove_file(site.path("profiles/broken"))?;
    let policy = Policy { may_remove: vec![Pattern::new("ol?")] };
    assert_eq!(site.check(build, &policy, LONG)?.exit(), Exit::Good);
    Ok(())
}

#[test]
fn what_cannot_be_asked_is_an_error_or_bad_and_never_good() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (site, build) = world()?;
    let refused = |time_max| -> Outcome<CheckError> {
        let error = site.check(build, &Policy::default(), time_max).err().ok_or("it was checked")?;
        Ok(*error.downcast::<CheckError>()?)
    };
    assert!(matches!(refused(LONG)?, CheckError::NoProfile { .. }));
    site.profile("a", &[("stranger", "1", "")])?;
    assert!(matches!(refused(LONG)?, CheckError::Suites { .. }));
    // Both distributions have one of that name, and neither version tells which it is.
    site.profile("a", &[("alpha", "1", "")])?;
    assert!(matches!(refused(LONG)?, CheckError::Suites { found, .. } if found.contains("other and stable")));
    fs::write(site.path("profiles/a.suites"), "stable\n")?;
    assert_eq!(site.check(build, &Policy::default(), LONG)?.exit(), Exit::Good);
    assert!(matches!(refused(Duration::ZERO)?, CheckError::Update { text } if text.contains("longer")));
    // Keys of somebody else.
    let other = Site::new()?;
    let ours = fs::read(site.path("ours.gpg"))?;
    fs::copy(other.path("ours.gpg"), site.path("ours.gpg"))?;
    assert!(matches!(refused(LONG)?, CheckError::Update { .. }));
    fs::write(site.path("ours.gpg"), ours)?;
    fs::write(site.path("profiles/a"), "no status\n")?;
    assert!(matches!(refused(LONG)?, CheckError::Form { .. }));
    // A folder that is somebody's is not taken, and not taken away.
    site.profile("a", &[("beta", "1", "")])?;
    let (profiles, packages) = (read_profiles(&site.path("profiles"))?, site.packages(build)?);
    let check = Check {
        build: &site.store.build(build),
        packages: &packages,
        keyring: &site.path("ours.gpg"),
        policy: &Policy::default(),
        work: &site.path("profiles"),
    };
    assert!(matches!(check.run(&profiles), Err(CheckError::Write { .. })));
    assert!(site.path("profiles/a").exists());
    Ok(())
}

#[test]
fn a_build_implies_a_minimal_machine() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let site = Site::new()?;
    site.package("stable", "base", "1", "Priority: required\n")?;
    site.package("stable", "extra", "1", "Priority: optional\n")?;
    let before = site.build(&["stable"])?;
    site.package("stable", "base", "2", "Priority: required\nDepends: extra\n")?;
    let after = site.build(&["stable"])?;
    let profiles = like(&site.store.build(before), &site.packages(before)?, "amd64")?;
    let names_of: Vec<&str> = profiles.iter().map(|profile| profile.name()).collect();
    assert_eq!(names_of, ["like-stable-amd64"]);
    let packages = site.packages(after)?;
    let check = Check {
        build: &site.store.build(after),
        packages: &packages,
        keyring: &site.path("ours.gpg"),
        policy: &Policy::default(),
        work: &site.path("work"),
    };
    let report = check.run(&profiles)?;
    let found = of(&report, "like-stable-amd64")?;
    assert_eq!(names(&found.upgraded), ["base 1 2"]);
    assert_eq!(names(&found.installed), ["extra - 1"]);
    assert_eq!(report.exit(), Exit::Good);
    Ok(())
}

/// Two thousand machines of five kinds: apt is asked five times.
#[test]
fn thousands_of_machines_collapse() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (site, build) = world()?;
    let more: Vec<(String, String)> = (0..400).map(|n| (format!("filler-{n}"), format!("1.{n}-1"))).collect();
    for machine in 0..2_000 {
        let version = format!("1.{}", machine % 5);
        let mut packages = vec![("beta", version.as_str(), "")];
        packages.extend(more.iter().map(|(name, version)| (name.as_str(), version.as_str(), "")));
        // Half of them list the same in another order.
        let turned = if machine % 2 == 0 { 0 } else { machine % packages.len() };
        packages.rotate_left(turned);
        site.profile(&format!("m{machine:04}"), &packages)?;
    }
    let began = Instant::now();
    let profiles = read_profiles(&site.path("profiles"))?;
    println!("2,000 profiles of 401 packages read and collapsed in {:?}", began.elapsed());
    assert_eq!(profiles.len(), 5);
    assert!(profiles.iter().all(|profile| profile.machines.len() == 400));
    let began = Instant::now();
    let report = site.check(build, &Policy::default(), LONG)?;
    println!("read and checked in {:?}", began.elapsed());
    assert_eq!((report.outcomes.len(), report.exit()), (5, Exit::Good));
    assert!(report.outcomes.iter().all(|one| one.upgraded.len() == 1));
    Ok(())
}
