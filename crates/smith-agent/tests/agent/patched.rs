//! A real patch by the real agent, apt and dpkg, on a machine that is a folder; killed in the middle, too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use smith_agent::protocol::{Body, Cause, Change, Done, Outcome, Phase, Unfinished};

use crate::killed::Draw;
use crate::world::{World, attach, job, wait_for};

const PACKAGES: [&str; 6] = ["alpha", "beta", "delta", "gamma", "omega", "zeta"];

/// A machine with packages, and a signed repository with newer ones.
struct Machine {
    world: World,
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}

fn text(command: &mut Command) -> String {
    String::from_utf8(run(command)).unwrap()
}

fn hash(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Machine {
    /// None where this machine lacks a tool, which is said.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!(
                "skipped: scripts of packages run in a root of their own, for which the test has to be root"
            );
            return None;
        }
        for tool in ["apt-get", "dpkg", "dpkg-deb", "gpg", "ldd", "base64"] {
            if !Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()) {
                eprintln!("skipped: {tool} is not on this machine");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        // apt's own user reads in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self { world: World::within(folder, "root") };
        machine.furnish();
        let old: Vec<PathBuf> = PACKAGES.iter().map(|name| machine.package(name, "1.0", "old")).collect();
        run(machine.dpkg().arg("-i").args(old));
        machine.publish();
        Some(machine)
    }

    fn root(&self, path: &str) -> PathBuf {
        self.world.root().join(path)
    }

    fn furnish(&self) {
        for folder in ["bin", "boot", "tmp", "run", "var/log/apt", "var/cache", "var/lib/apt"] {
            fs::create_dir_all(self.root(folder)).unwrap();
        }
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
            fs::create_dir_all(self.root(folder)).unwrap();
        }
        for file in ["status", "available", "lock", "lock-frontend"] {
            fs::write(self.root("var/lib/dpkg").join(file), "").unwrap();
        }
        for program in ["/bin/sh", "/bin/sleep"] {
            let real = fs::canonicalize(program).unwrap();
            fs::copy(&real, self.root(program.trim_start_matches('/'))).unwrap();
            let needs = text(Command::new("ldd").arg(&real));
            for word in needs.split_whitespace().filter(|word| word.starts_with('/')) {
                let to = self.root(word.trim_start_matches('/'));
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(word, to).unwrap();
            }
        }
    }

    fn dpkg(&self) -> Command {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.world.root().display()));
        dpkg.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        dpkg
    }

    fn package(&self, name: &str, version: &str, into: &str) -> PathBuf {
        let tree = self.world.beside(&format!("tree-{name}-{version}"));
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join("usr/share")).unwrap();
        fs::write(tree.join("usr/share").join(name), version).unwrap();
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let script = tree.join("DEBIAN/postinst");
        fs::write(&script, "#!/bin/sh\nset -e\nsleep 0.05\n").unwrap();
        for path in [&tree, &tree.join("DEBIAN"), &script] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let into = self.world.beside(into);
        fs::create_dir_all(&into).unwrap();
        let path = into.join(format!("{name}_{version}_all.deb"));
        run(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "-b"]).arg(&tree).arg(&path));
        path
    }

    fn gpg(&self) -> Command {
        let home = self.world.beside("gpg");
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(&home).args(["--batch", "--yes", "--quiet"]);
        gpg.args(["--pinentry-mode", "loopback", "--passphrase", ""]);
        gpg
    }

    fn publish(&self) {
        let dist = self.world.beside("repo/dists/stable");
        fs::create_dir_all(dist.join("main/binary-amd64")).unwrap();
        let mut packages = String::new();
        for name in PACKAGES {
            let file = self.package(name, "1.1", "repo/pool");
            let control = text(Command::new("dpkg-deb").arg("-f").arg(&file));
            let (size, sum) = (fs::metadata(&file).unwrap().len(), hash(&file));
            let file = file.file_name().unwrap().to_str().unwrap();
            packages += &format!("{control}Filename: pool/{file}\nSize: {size}\nSHA256: {sum}\n\n");
        }
        let index = dist.join("main/binary-amd64/Packages");
        fs::write(&index, &packages).unwrap();
        let (size, sum) = (packages.len(), hash(&index));
        let release = format!(
            "Suite: stable\nCodename: stable\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n {sum} {size} main/binary-amd64/Packages\n"
        );
        fs::write(dist.join("Release"), release).unwrap();
        run(self.gpg().args(["--quick-generate-key", "build@example.org", "rsa2048", "sign", "never"]));
        run(self.gpg().arg("--clearsign").arg("-o").arg(dist.join("InRelease")).arg(dist.join("Release")));
        run(self.gpg().arg("--output").arg(self.world.beside("key")).arg("--export"));
    }

    fn job(&self, id: &str, action: &str) -> String {
        let uri = format!("file://{}", self.world.beside("repo").display());
        let keyring = text(Command::new("base64").arg("-w0").arg(self.world.beside("key")));
        let sum = hash(&self.world.beside("repo/dists/stable/InRelease"));
        let release = format!(r#"{{"suite":"stable","in_release_sha256":"{sum}"}}"#);
        let source = format!(r#"{{"uri":"{uri}","components":["main"],"releases":[{release}]}}"#);
        let patch = format!(r#"{{"build":725,"sources":[{source}],"keyring":"{keyring}"}}"#);
        job(id, Some(("c", 1)), &format!(r#"{{"{action}":{patch}}}"#))
    }

    fn versions(&self) -> Vec<String> {
        let mut query = Command::new("dpkg-query");
        query.arg(format!("--admindir={}", self.root("var/lib/dpkg").display()));
        let said = text(query.args(["-W", "-f", "${Package} ${Version} ${db:Status-Status}\n"]));
        said.lines().map(str::to_owned).collect()
    }

    fn assert_at_build(&self) {
        let expected: Vec<String> = PACKAGES.iter().map(|name| format!("{name} 1.1 installed")).collect();
        assert_eq!(self.versions(), expected);
        assert_eq!(text(self.dpkg().arg("--audit")), "");
        for name in PACKAGES {
            assert_eq!(fs::read_to_string(self.root("usr/share").join(name)).unwrap(), "1.1");
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The agent of gpg would stay.
        let home = self.world.beside("gpg");
        let _ = Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "gpg-agent"]).output();
    }
}

#[test]
fn a_machine_comes_to_the_build_and_says_so() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.world;
    let checked = world.talk(&machine.job("c-1", "check"));
    assert!(
        matches!(checked.outcome(), Outcome::Done(Done::Checked(done)) if done.changes.len() == 6),
        "{checked:?}"
    );
    let patched = world.talk(&machine.job("p-1", "patch"));
    assert!(
        matches!(patched.outcome(), Outcome::Done(Done::Patched(done)) if done.changes.len() == 6),
        "{patched:?}"
    );
    let steps = patched.replies().into_iter().filter_map(|reply| match reply.body {
        Body::Phase(Phase { step, .. }) => Some(step),
        Body::Hello(_) | Body::Refused(_) | Body::Began { .. } | Body::Log { .. } => None,
        Body::Piece { .. } | Body::Alive | Body::Ended(_) | Body::Running => None,
    });
    let steps: Vec<String> = steps.collect();
    for step in ["simulate", "install", "verify"] {
        assert!(steps.iter().any(|told| told == step), "{step} in {steps:?}");
    }
    machine.assert_at_build();
    assert_eq!(world.talk(&machine.job("p-1", "patch")).kept(), patched.kept());
    let again = world.talk(&machine.job("p-2", "patch"));
    assert!(matches!(again.outcome(), Outcome::AlreadySo(Done::Patched(_))), "{again:?}");
    let facts = world.talk(&job("f-1", None, "\"facts\"")).outcome();
    assert!(
        matches!(&facts, Outcome::Done(Done::Facts(facts)) if facts.build == Some(725) && facts.packages == 6),
        "{facts:?}"
    );
    let report = world.talk(&job("r-1", None, "\"report\""));
    assert!(
        matches!(report.outcome(), Outcome::Done(Done::Reported(pieces)) if !pieces.is_empty()),
        "{report:?}"
    );
}

/// Patches that are killed, each on a machine of its own, until it is at the build.
const KILLS: u32 = 12;

#[test]
fn a_patch_that_is_killed_again_and_again_comes_to_its_end() {
    let mut draw = Draw::new(725);
    let (mut kills, mut hits) = (0, 0);
    while kills < KILLS {
        let Some(machine) = Machine::new() else { return };
        let world = &machine.world;
        let last = (1..100).find_map(|serial| {
            let id = format!("p-{serial}");
            let talk = world.start(&machine.job(&id, "patch"));
            thread::sleep(Duration::from_millis(draw.below(1200)));
            if draw.below(3) > 0 && kills < KILLS {
                hits += world.kill_workers();
                kills += 1;
            }
            talk.kill();
            // A talk that was killed at once may have begun nothing; then the next name is as good.
            let is_good = |body: &Body| matches!(body, Body::Ended(Outcome::Done(_) | Outcome::AlreadySo(_)));
            Some(world.talk(&attach(&id, 0, "to-end")).last()).filter(is_good)
        });
        assert!(last.is_some(), "{}", world.log());
        machine.assert_at_build();
        let again = world.talk(&machine.job("again", "patch")).outcome();
        assert!(matches!(again, Outcome::AlreadySo(_)), "{again:?}");
    }
    assert!(hits >= 4, "{hits} of {kills} kills hit a worker");
}

#[test]
fn what_a_killed_patch_has_changed_is_told_by_the_next() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.world;
    let mut talk = world.start(&machine.job("p-1", "patch"));
    talk.until(|body| matches!(body, Body::Phase(phase) if phase.step == "install"));
    talk.kill();
    assert_eq!(world.kill_workers(), 1);
    // apt and dpkg live on, or were not begun: whichever of the two patches has changed it, all is told.
    let second = world.talk(&machine.job("p-2", "patch")).outcome();
    let (Outcome::Done(Done::Patched(patched)) | Outcome::AlreadySo(Done::Patched(patched))) = second else {
        panic!("{second:?}");
    };
    let told: Vec<_> = patched
        .changes
        .iter()
        .map(|one| (one.name.as_str(), one.from.as_deref(), one.to.as_deref()))
        .collect();
    assert_eq!(told, PACKAGES.map(|name| (name, Some("1.0"), Some("1.1"))));
    assert_eq!(patched.unfinished.unwrap().operation, "p-1");
    assert_eq!(world.talk(&attach("p-1", 0, "now")).cause(), "interrupted");
    wait_for("the end of the worker", || world.workers().is_empty());
    assert!(!machine.root("var/lib/smith/patching.json").exists());
    let again = world.talk(&machine.job("p-3", "patch")).outcome();
    let Outcome::AlreadySo(Done::Patched(again)) = again else { panic!("{again:?}") };
    assert_eq!((again.changes, again.unfinished), (Vec::new(), None));
}

#[test]
fn an_interrupted_patch_says_what_it_has_changed() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.world;
    world.talk(&machine.job("p-1", "patch"));
    wait_for("the end of the worker", || world.workers().is_empty());
    // As if the worker had been killed when it had changed one package and nothing more was to do.
    let events = world.operation("p-1").join("events");
    let first = fs::read_to_string(&events).unwrap().lines().next().unwrap().to_owned();
    fs::write(&events, format!("{first}\n")).unwrap();
    let architecture = text(Command::new("dpkg").arg("--print-architecture"));
    let was = |name: &str| {
        let version = if name == "gamma" { "1.0" } else { "1.1" };
        format!(r#"{{"name":"{name}","architecture":"{}","version":"{version}"}}"#, architecture.trim())
    };
    let packages = PACKAGES.map(was).join(",");
    let begun = format!(r#"{{"since":1795000000,"operation":"p-1","packages":[{packages}]}}"#);
    fs::write(machine.root("var/lib/smith/patching.json"), begun).unwrap();
    let expected = [Change {
        name: "gamma".to_owned(),
        architecture: architecture.trim().to_owned(),
        from: Some("1.0".to_owned()),
        to: Some("1.1".to_owned()),
    }];
    let Outcome::Failed(failure) = world.talk(&attach("p-1", 0, "now")).outcome() else {
        panic!("{}", world.log());
    };
    assert_eq!((failure.cause, &failure.changes[..]), (Cause::Interrupted, &expected[..]));
    let second = world.talk(&machine.job("p-2", "patch")).outcome();
    let Outcome::AlreadySo(Done::Patched(patched)) = second else { panic!("{second:?}") };
    assert_eq!(patched.changes, expected);
    assert_eq!(patched.unfinished, Some(Unfinished { since: 1_795_000_000, operation: "p-1".to_owned() }));
}

#[test]
fn a_lost_talk_costs_a_patch_nothing() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.world;
    let begun = Instant::now();
    let mut talk = world.start(&machine.job("p-1", "patch"));
    talk.until(|body| matches!(body, Body::Phase(phase) if phase.step == "install"));
    talk.kill();
    let talked = world.talk(&attach("p-1", 0, "to-end"));
    assert!(matches!(talked.outcome(), Outcome::Done(Done::Patched(_))), "{talked:?}");
    assert!(begun.elapsed() < crate::world::LONG);
    machine.assert_at_build();
}
