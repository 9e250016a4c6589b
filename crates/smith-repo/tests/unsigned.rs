//! Builds whose key is on another machine: gpg signs what was exported, and gpgv and apt believe what comes of it.

mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use smith_repo::create::{Bring, Created, Manner, Signing, packages_of};
use smith_repo::fetch::Silent;
use smith_repo::mirror::{Held, Mode, Pull, State, sync};
use smith_repo::name::BuildNumber;
use smith_repo::pgp::{KeyFolder, Keyring, Passphrase, Policy, verify_detached};
use smith_repo::retention::{Roots, Wish, plan, purge};
use smith_repo::store::Store;
use smith_repo::unsigned::{UnsignedError, export, sign, take};

use world::{Outcome, World, has, new_key, run};

const ELSEWHERE: Manner = Manner { signing: Signing::Elsewhere, bring: Bring::Now };

const TOOLS: [&str; 4] = ["gpg", "gpgv", "apt-get", "dpkg-deb"];

const ONE: BuildNumber = BuildNumber(1);
const TWO: BuildNumber = BuildNumber(2);

/// The other machine: a gpg with a key of its own.
struct Other {
    home: tempfile::TempDir,
    key: String,
}

impl Other {
    fn new() -> Outcome<Self> {
        let home = tempfile::tempdir()?;
        let mut other = Self { home, key: String::new() };
        fs::set_permissions(other.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let id = "Other <other@site>";
        run(other.gpg().args(["--passphrase", "", "--quick-gen-key", id, "ed25519", "sign", "never"]))?;
        let listed = run(other.gpg().args(["--with-colons", "--list-keys"]))?;
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:"));
        other.key = fingerprint.ok_or("no key")?.trim_matches(':').to_owned();
        Ok(other)
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.home.path()).args(["--batch", "--yes", "--quiet"]);
        gpg
    }

    fn public(&self) -> Outcome<Vec<u8>> {
        Ok(run(self.gpg().args(["--armor", "--export", &self.key]))?.into_bytes())
    }

    /// What the README says, word for word.
    fn follow(&self, folder: &Path) -> Outcome {
        let readme = fs::read_to_string(folder.join("README"))?;
        let commands = readme.lines().filter_map(|line| line.strip_prefix("  "));
        let commands: Vec<&str> = commands.take_while(|line| !line.starts_with("smith ")).collect();
        assert!(commands.len() > 4, "{readme}");
        let script = format!("set -e\n{}\n", commands.join("\n").replace("KEY", &self.key));
        let mut shell = Command::new("sh");
        run(shell.env("GNUPGHOME", self.home.path()).current_dir(folder).args(["-c", &script])).map(drop)
    }

    fn detach(&self, file: &Path, out: &str, more: &[&str]) -> Outcome {
        let out = file.with_file_name(out);
        let mut gpg = self.gpg();
        run(gpg.arg("--output").arg(out).args(more).arg("--detach-sign").arg(file)).map(drop)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end.env("GNUPGHOME", self.home.path()).args(["--kill", "gpg-agent"]).output();
    }
}

fn outgoing(world: &World, build: BuildNumber) -> Outcome<PathBuf> {
    let folder = world.path(&format!("out-{build}"));
    let exported = export(&world.store, build, &folder)?;
    assert_eq!(exported.files, ["build.json", "debian_stable.Release"]);
    Ok(folder)
}

/// gpgv with the keyring that clients have, over every signature of a build.
fn gpgv(world: &World, store: &Store, build: BuildNumber) -> Outcome {
    let keyring = world.path("clients.gpg");
    fs::write(&keyring, world.ours.export()?)?;
    let folder = store.build(build);
    let suite = folder.join("debian/dists/stable");
    let out = world.path("clear");
    let base = || {
        let mut gpgv = Command::new("gpgv");
        gpgv.arg("--keyring").arg(&keyring);
        gpgv
    };
    run(base().arg("--output").arg(&out).arg(suite.join("InRelease")))?;
    let (clear, release) = (fs::read_to_string(&out)?, fs::read_to_string(suite.join("Release"))?);
    assert_eq!(clear.trim_end(), release.trim_end());
    fs::remove_file(&out)?;
    run(base().arg(suite.join("Release.gpg")).arg(suite.join("Release")))?;
    run(base().arg(folder.join("build.json.sig")).arg(folder.join("build.json")))?;
    Ok(())
}

fn reads(world: &World, store: &Store, build: BuildNumber) -> Outcome {
    gpgv(world, store, build)?;
    let apt = world.apt(&format!("file:{}/debian", store.build(build).display()))?;
    apt.updates_quietly()?;
    let (is_good, text) = apt.run(&["-s", "install", "alpha"])?;
    assert!(is_good && text.contains("Inst beta (2.0 "), "{text}");
    Ok(())
}

#[test]
fn what_gpg_signed_elsewhere_is_published_and_believed() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (world, other) = (World::new()?, Other::new()?);
    let recipe = world.recipe()?;
    world.ours.import_public(&other.public()?)?;
    let info = world.made(&recipe, ELSEWHERE)?;
    assert_eq!((info.number, info.signed_by.len(), info.signed_apart.len()), (ONE, 0, 1));
    // It is nowhere where a client, a mirror or the next build would look, and is not made twice.
    assert_eq!((world.store.builds_present()?, world.store.builds_unsigned()?), (vec![], vec![ONE]));
    let refused = Held::info(&world.store, ONE).err().ok_or("it is there")?;
    assert!(refused.to_string().contains("waits for its signatures"), "{refused}");
    assert!(matches!(world.create(&recipe, ELSEWHERE)?, Created::Unchanged(same) if same.number == ONE));
    assert_eq!(packages_of(&world.store, ONE)?.packages().len(), 3);
    world.is_sound()?;

    let folder = outgoing(&world, ONE)?;
    other.follow(&folder)?;
    let published = take(&world.store, ONE, &folder, world::now()?)?;
    assert_eq!((published.info, published.signers), (info, vec![other.key.clone()]));
    assert_eq!((world.store.builds_present()?, world.store.builds_unsigned()?), (vec![ONE], vec![]));
    world.is_good(&world.store)?;
    world.is_sound()?;
    reads(&world, &world.store, ONE)?;
    Ok(())
}

#[test]
fn a_signature_over_the_text_makes_both_forms_and_mirrors_believe_them() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (world, other) = (World::new()?, Other::new()?);
    let recipe = world.recipe()?;
    world.ours.import_public(&other.public()?)?;
    for (build, endings, armor) in [(ONE, ["gpg", "sig"], "--no-armor"), (TWO, ["asc", "asc"], "--armor")] {
        world.publish(i64::from(build.0))?;
        world.made(&recipe, ELSEWHERE)?;
        let folder = outgoing(&world, build)?;
        let name = |file: &str, ending: &str| format!("{file}.{ending}");
        let release = "debian_stable.Release";
        other.detach(&folder.join(release), &name(release, endings[0]), &["--textmode", armor])?;
        other.detach(&folder.join("build.json"), &name("build.json", endings[1]), &[armor])?;
        take(&world.store, build, &folder, world::now()?)?;
        world.is_good(&world.store)?;
        reads(&world, &world.store, build)?;
    }
    // The second comes to a mirror as a difference to the first.
    let mirror = Store::create(&world.path("mirror"))?;
    let keyring = Keyring::parse(&world.ours.export()?)?;
    let policy = Policy::any(world::now()?);
    let check = |content: &[u8], signature: &[u8]| {
        let signers = verify_detached(content, signature, &keyring, &policy);
        let signers = signers.map_err(|error| error.to_string())?;
        Ok(signers.iter().map(|signer| signer.fingerprint.to_string()).collect())
    };
    let (fetcher, sources) = (world.fetcher()?, [world.store.root().display().to_string()]);
    let pull =
        Pull { store: &mirror, fetcher: &fetcher, sources: &sources, check: &check, progress: &Silent };
    for build in [ONE, TWO] {
        assert_eq!(sync(&pull, build, Mode::Do)?.state, State::Came);
        world.is_good(&mirror)?;
        reads(&world, &mirror, build)?;
    }
    // A mirror that is given another InRelease than the one that was signed does not take the build.
    let victim = Store::create(&world.path("victim"))?;
    let held = Held::read(&world.store, TWO)?;
    let listed = held.manifest.files().iter().find(|file| file.path.file_name() == "InRelease");
    let object = world.store.object(&listed.ok_or("no InRelease")?.hash);
    let forged = String::from_utf8(fs::read(&object)?)?.replace("Components: main", "Components: evil");
    let packed = fs::read(world.store.build(TWO).join("signed.zst"))?;
    let text = String::from_utf8(zstd::decode_all(&*packed)?)?;
    let hash = smith_repo::hash::Sha256::of(forged.as_bytes());
    let list = text.replace(&listed.ok_or("no InRelease")?.hash.hex(), &hash.hex());
    fs::write(world.store.build(TWO).join("signed.zst"), zstd::encode_all(list.as_bytes(), 3)?)?;
    world::lay(&world.store.object(&hash), forged.as_bytes())?;
    let pull = Pull { store: &victim, ..pull };
    let refused = sync(&pull, TWO, Mode::Do).err().ok_or("a forged InRelease came")?.to_string();
    assert!(refused.contains("InRelease of another text"), "{refused}");
    assert_eq!(victim.builds_present()?, []);
    Ok(())
}

#[test]
fn a_signature_that_is_not_right_publishes_nothing_and_is_named() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let (world, other, stranger) = (World::new()?, Other::new()?, Other::new()?);
    world.ours.import_public(&other.public()?)?;
    world.made(&world.recipe()?, ELSEWHERE)?;
    let folder = outgoing(&world, ONE)?;
    let refusal = |expected: &[&str]| -> Outcome {
        let error = take(&world.store, ONE, &folder, world::now()?).err().ok_or("it was taken")?;
        assert!(matches!(error, UnsignedError::Signatures { .. }), "{error}");
        let text = error.to_string();
        assert!(expected.iter().all(|expected| text.contains(expected)), "{text}");
        assert_eq!((world.store.builds_present()?, world.store.builds_unsigned()?), (vec![], vec![ONE]));
        Ok(())
    };
    refusal(&["debian_stable.Release: expected a signature", "build.json: expected a signature"])?;
    let release = folder.join("debian_stable.Release");
    other.detach(&release, "debian_stable.Release.gpg", &["--armor"])?;
    refusal(&["debian_stable.InRelease: expected it, or debian_stable.Release.gpg made with --textmode"])?;
    fs::remove_file(folder.join("debian_stable.Release.gpg"))?;
    other.follow(&folder)?;
    // Somebody else's.
    stranger.detach(&folder.join("build.json"), "build.json.sig", &[])?;
    refusal(&["1 of the signatures", "build.json.sig: expected a signature by a key of the keyring"])?;
    // Of something else.
    other.detach(&release, "build.json.sig", &[])?;
    refusal(&["build.json.sig: expected the text that"])?;
    other.detach(&folder.join("build.json"), "build.json.sig", &[])?;
    let message = fs::read_to_string(folder.join("debian_stable.InRelease"))?;
    let text = fs::read_to_string(&release)?;
    fs::write(world.path("evil"), text.replace("main", "evil"))?;
    let mut gpg = other.gpg();
    run(gpg
        .args(["--output"])
        .arg(folder.join("debian_stable.InRelease"))
        .arg("--clearsign")
        .arg(world.path("evil")))?;
    refusal(&["debian_stable.InRelease: expected the Release that was exported"])?;
    // No signature at all, too much of something, and then as it should be.
    for bad in ["", "nonsense", &"x".repeat(300 << 10)] {
        fs::write(folder.join("debian_stable.InRelease"), bad)?;
        refusal(&["debian_stable.InRelease"])?;
    }
    fs::write(folder.join("debian_stable.InRelease"), message)?;
    // An export beside signatures would mix two builds; one beside what somebody else wrote would lose that.
    assert!(matches!(export(&world.store, ONE, &folder), Err(UnsignedError::NotEmpty { .. })));
    let theirs = world.path("theirs-own");
    world::lay(&theirs.join("README"), b"read this")?;
    assert!(matches!(export(&world.store, ONE, &theirs), Err(UnsignedError::NotEmpty { .. })));
    assert_eq!(fs::read(theirs.join("README"))?, b"read this");
    // Again into the same folder is the same.
    for _ in 0..2 {
        export(&world.store, ONE, &world.path("twice"))?;
    }
    // Nobody is believed whose key was taken away.
    world.ours.forget(&other.key.parse()?)?;
    assert!(take(&world.store, ONE, &folder, world::now()?).is_err());
    world.ours.import_public(&other.public()?)?;
    take(&world.store, ONE, &folder, world::now()?)?;
    reads(&world, &world.store, ONE)
}

#[test]
fn keys_at_hand_sign_as_well_and_a_kill_costs_nothing() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::new()?;
    let made_at = world.now - jiff::SignedDuration::from_hours(1);
    let elsewhere: KeyFolder = new_key(&world.path("keys"), made_at)?;
    world.made(&world.recipe()?, ELSEWHERE)?;
    let signer = elsewhere.signing_keys(&Passphrase::None)?;
    let again = || sign(&world.store, ONE, &signer, made_at, world.now);
    // The store does not know the key, so its clients would not believe the build.
    assert!(again().is_err());
    assert_eq!(world.store.builds_present()?, []);
    world.ours.import_public(&elsewhere.export()?)?;
    // A run that was killed before the build appeared left a folder, one that was killed after it the one that waited.
    let waiting = world.store.unsigned_build(ONE);
    let copy = world.path("copy");
    run(Command::new("cp").arg("-a").args([&waiting, &copy]))?;
    again()?;
    let published = fs::read(world.store.build(ONE).join("build.json.sig"))?;
    run(Command::new("cp").arg("-a").args([&copy, &waiting]))?;
    assert_eq!(world.store.builds_unsigned()?, []);
    assert!(matches!(again(), Err(UnsignedError::Signed { number: ONE })));
    assert!(!waiting.exists());
    assert_eq!(fs::read(world.store.build(ONE).join("build.json.sig"))?, published);
    world.is_good(&world.store)?;
    reads(&world, &world.store, ONE)
}

#[test]
fn a_purge_leaves_what_waits_and_takes_it_when_asked() -> Outcome {
    if !has(&TOOLS) {
        return Ok(());
    }
    let world = World::new()?;
    let keys = new_key(&world.path("keys"), world.now)?;
    world.ours.import_public(&keys.export()?)?;
    let signer = keys.signing_keys(&Passphrase::None)?;
    let recipe = world.recipe()?;
    for build in [ONE, TWO] {
        world.package("beta", "2.0", &format!("Suggests: x{build}\n"))?;
        let _ = fs::remove_dir_all(world.path("up/pool"));
        world.package("beta", &format!("2.{build}"), "")?;
        world.publish(i64::from(build.0))?;
        world.made(&recipe, ELSEWHERE)?;
        sign(&world.store, build, &signer, world.now, world.now)?;
    }
    world.package("delta", "1", "")?;
    world.publish(10)?;
    let three = world.made(&recipe, ELSEWHERE)?.number;
    let away = |build: BuildNumber| -> Outcome<u64> {
        let plan = plan(&world.store, &Wish::These(vec![build]), &Roots::default())?;
        Ok(purge(&world.store, &plan, &Roots::default(), world.now)?.objects)
    };
    assert!(away(ONE)? > 0);
    let objects = Held::info_of_any(&world.store, three)?;
    assert_eq!(objects.package_count, 4);
    sign(&world.store, three, &signer, world.now, world.now)?;
    world.is_good(&world.store)?;
    // One that nobody will sign.
    world.package("epsilon", "1", "")?;
    world.publish(20)?;
    let four = world.made(&recipe, ELSEWHERE)?.number;
    assert_eq!(four, BuildNumber(4));
    assert!(away(four)? > 0);
    assert_eq!(world.store.builds_unsigned()?, []);
    world.is_good(&world.store)
}
