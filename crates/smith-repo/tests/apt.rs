//! The machine's own apt reads what we publish: every compression, through `file:` and `copy:`, with our key alone, and
//! refuses what was tampered with.

mod world;

use std::fs;
use std::ops::Deref;

use smith_repo::index::{Compression, Md5Sums, SuiteTree};
use smith_repo::pgp::KeyKind;

use world::{Apt, Outcome, Published, Words, World, has, now};

const TOOLS: [&str; 3] = ["apt-get", "dpkg-deb", "gpgv"];

/// A repository of three small packages, and an apt that knows nothing else.
struct Site {
    world: World,
    apt: Apt,
}

impl Deref for Site {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// As a suite of ours is published.
fn with(compressions: &[Compression]) -> Outcome<Published<'_>> {
    Ok(Published {
        suite: "stable",
        words: Words::Ours,
        compressions,
        date: now()?,
        valid_until: None,
        md5: Md5Sums::LeftOut,
        more: &[],
    })
}

impl Site {
    /// Nothing, with a word, on a machine that is no Debian.
    fn new(kind: KeyKind) -> Outcome<Option<Self>> {
        if !has(&TOOLS) {
            return Ok(None);
        }
        let world = World::new()?;
        world.new_key(kind)?;
        let apt = Apt::new(&world.path("apt"), &world.ours.export()?)?;
        Ok(Some(Self { world, apt }))
    }

    /// Publishes the packages anew and lays the tree out as a build has it.
    fn publish(&self, how: &Published<'_>) -> Outcome<SuiteTree> {
        let tree = self.path("tree");
        let _ = fs::remove_dir_all(&tree);
        how.lay(&self.store, &self.ours, &self.path("debs"), &tree)
    }

    /// What apt is pointed at.
    fn source(&self, scheme: &str, suite: &str) -> String {
        format!("{scheme}:{} {suite}", self.path("tree").display())
    }

    /// Points apt at the tree, and forgets what it had.
    fn point(&self, scheme: &str, suite: &str) -> Outcome {
        self.apt.sources(&[("deb", &self.source(scheme, suite))])
    }

    /// An update that has neither an error nor a warning.
    fn updates_quietly(&self, scheme: &str, suite: &str) -> Outcome {
        self.point(scheme, suite)?;
        self.apt.updates_quietly()
    }
}

#[test]
fn apt_updates_from_each_compression_and_installs() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let all = Compression::ALL;
    for compressions in [&all[..1], &all[1..2], &all[2..], &all[..]] {
        site.publish(&with(compressions)?)?;
        for scheme in ["file", "copy"] {
            site.updates_quietly(scheme, "stable main")?;
            let (is_good, text) = site.apt.run(&["-s", "install", "alpha", "gamma"])?;
            assert!(is_good, "{compressions:?} {scheme}: {text}");
            for line in ["Inst beta (2.0 ", "Inst alpha (1.0-1 ", "Inst gamma (1:3.0~rc1 "] {
                assert!(text.contains(line), "{compressions:?} {scheme}: {text}");
            }
            let (is_good, text) = site.apt.run(&["download", "gamma"])?;
            assert!(is_good, "{text}");
            let downloaded = fs::read(site.apt.down.join("gamma_1%3a3.0~rc1_all.deb"));
            let downloaded = if scheme == "file" {
                downloaded.or_else(|_| fs::read(site.path("debs/gamma.deb")))
            } else {
                downloaded
            };
            assert_eq!(downloaded?, fs::read(site.path("debs/gamma.deb"))?);
        }
    }
    Ok(())
}

#[test]
fn old_keys_old_hashes_and_flat_repositories_are_taken_as_well() -> Outcome {
    let Some(site) = Site::new(KeyKind::Rsa4096)? else { return Ok(()) };
    site.publish(&Published { md5: Md5Sums::Listed, ..with(&Compression::ALL)? })?;
    site.updates_quietly("copy", "stable main")?;
    for (suite, named) in [("./", "./"), ("x86/", "x86/")] {
        site.publish(&Published { suite, ..with(&Compression::ALL)? })?;
        site.updates_quietly("copy", named)?;
        let (is_good, text) = site.apt.run(&["-s", "install", "alpha"])?;
        assert!(is_good && text.contains("Inst alpha"), "{suite}: {text}");
    }
    // With the detached signature alone, as clients of old ask for it.
    site.publish(&with(&Compression::ALL)?)?;
    fs::remove_file(site.path("tree/dists/stable/InRelease"))?;
    site.point("copy", "stable main")?;
    let (is_good, text) = site.apt.run(&["update"])?;
    assert!(is_good && !text.contains("E:") && !text.contains("W:"), "{text}");
    Ok(())
}

/// A key may be changed while clients know the old one, both, or the new one.
#[test]
fn clients_notice_nothing_of_a_rotation() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let keyring = site.apt.key();
    let old = fs::read(&keyring)?;
    let retiring = site.ours.list(now()?)?.remove(0).fingerprint;
    let new = site.new_key(KeyKind::Rsa4096)?;
    site.publish(&with(&[Compression::Zst])?)?;
    site.updates_quietly("copy", "stable main")?;
    fs::write(&keyring, site.ours.export()?)?;
    site.updates_quietly("copy", "stable main")?;
    site.ours.retire(&retiring)?;
    site.publish(&with(&[Compression::Zst])?)?;
    site.updates_quietly("copy", "stable main")?;
    // As text it is as good, for apt tells the forms apart by their names.
    let armored = site.path("apt/smith.asc");
    fs::write(&armored, site.ours.export_armored()?)?;
    fs::write(&keyring, &old)?;
    site.point("copy", "stable main")?;
    let (is_good, text) = site.apt.run(&["update"])?;
    assert!(
        !is_good && text.contains(&new.as_str()[24..]),
        "the old keyring alone no longer suffices: {text}"
    );
    site.apt.sources_signed_by(&armored, &[("deb", &site.source("copy", "stable main"))])?;
    let (is_good, text) = site.apt.run(&["update"])?;
    assert!(is_good && !text.contains("W:"), "{text}");
    Ok(())
}

#[test]
fn apt_refuses_what_was_tampered_with() -> Outcome {
    let Some(site) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let tree = site.publish(&with(&[Compression::Gz])?)?;
    site.updates_quietly("copy", "stable main")?;
    let refuses = |what: &str| -> Outcome {
        site.point("copy", "stable main")?;
        let (_, text) = site.apt.run(&["update"])?;
        assert!(text.lines().any(|line| line.starts_with("E:") || line.starts_with("W:")), "{what}: {text}");
        let (is_good, text) = site.apt.run(&["-s", "install", "gamma"])?;
        assert!(!is_good, "{what}: {text}");
        Ok(())
    };
    for file in &tree.files {
        let name = file.path.as_str();
        // apt takes the signed text and asks for indexes by their hashes; the others are for other clients.
        if !name.ends_with("/InRelease") && !name.contains("/by-hash/") {
            continue;
        }
        let path = site.path("tree").join(name);
        let good = fs::read(&path)?;
        let mut bad = good.clone();
        bad[good.len() / 3] ^= 1;
        fs::write(&path, bad)?;
        refuses(name)?;
        fs::write(&path, good)?;
    }
    site.updates_quietly("copy", "stable main")?;
    // Somebody else's key.
    let Some(other) = Site::new(KeyKind::Ed25519)? else { return Ok(()) };
    let ours = fs::read(site.apt.key())?;
    fs::copy(other.apt.key(), site.apt.key())?;
    refuses("another key")?;
    fs::write(site.apt.key(), ours)?;
    // A Release that has ended.
    let ended = now()? - jiff::SignedDuration::from_hours(1);
    site.publish(&Published { valid_until: Some(ended), ..with(&[Compression::Gz])? })?;
    refuses("ended")?;
    // A package file that is another.
    site.publish(&with(&[Compression::Gz])?)?;
    site.updates_quietly("copy", "stable main")?;
    let path = site.path("tree/pool/main/b/beta/beta_2.0_all.deb");
    let mut bad = fs::read(&path)?;
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&path, bad)?;
    let (is_good, text) = site.apt.run(&["download", "beta"])?;
    assert!(!is_good && text.contains("Hash Sum mismatch"), "{text}");
    Ok(())
}
