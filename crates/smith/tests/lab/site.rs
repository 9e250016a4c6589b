//! A build of small packages, served to the machines of a lab, which have the versions before it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::world::{Said, World};

/// One package, in an old version that machines have and a new one that the build has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// Before the number that tells the two versions apart.
    pub(crate) epoch: &'static str,
    pub(crate) depends: &'static str,
    /// A file below /etc that a machine's owner may change.
    pub(crate) conffile: &'static str,
    /// What the new version's postinst does, between noting that it began and that it ended.
    pub(crate) postinst: &'static str,
    /// The unit of a service that comes with it, with `VERSION` for the version.
    pub(crate) unit: &'static str,
}

/// What postinsts of the new versions leave on a machine: `begin NAME` and `end NAME`, a line each.
pub(crate) const RUNS: &str = "/root/runs";

pub(crate) struct Site<'w> {
    world: &'w World,
    folder: tempfile::TempDir,
    server: Child,
    address: String,
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl<'w> Site<'w> {
    /// Makes build 1, serves it, and lays the old versions onto the machines.
    pub(crate) fn new(world: &'w World, machines: &[String], packages: &[Package]) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for package in packages {
            write_package(folder.path(), package, "1.0");
            write_package(folder.path(), package, "2.0");
        }
        let path = |name: &str| folder.path().join(name);
        fs::write(path("recipe.yaml"), "local:\n  - {local: own, folder: 2.0, suite: stable}\n").unwrap();
        let smith = |args: &[&str]| {
            let mut command = world.smith(args);
            command.env("SMITH_STORE", path("store"));
            command
        };
        let good = |args: &[&str]| {
            let said = Said::of(&mut smith(args));
            assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        };
        good(&["build", "key", "new", "--user-id", "Site <admin@site>"]);
        good(&["build", "key", "export", path("site.gpg").to_str().unwrap()]);
        good(&["build", "create", path("recipe.yaml").to_str().unwrap()]);
        let gateway = world.on_good(&machines[0], "getent hosts mirror.lab | cut -d' ' -f1");
        let mut server = smith(&["mirror", "serve", "--listen", &format!("{gateway}:0")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let site = Self { world, server, address: address.trim().to_owned(), folder };
        for machine in machines {
            world.copy(machine, &site.path("1.0"), "/root/old");
            site.reset(machine);
        }
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where machines find the build.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// How a command names the build.
    pub(crate) fn build(&self) -> [String; 6] {
        let store = self.path("store").display().to_string();
        ["--build", "1", "--store", &store, "--from", &self.address].map(str::to_owned)
    }

    /// The same as an apt repository that bears a signature and is nothing else.
    pub(crate) fn plain(&self) -> [String; 6] {
        let uri = format!("{}/builds/1/own", self.address);
        let keyring = self.path("site.gpg").display().to_string();
        ["--uri", &uri, "--suite", "stable", "--keyring", &keyring].map(str::to_owned)
    }

    /// Brings the old versions back, over whatever is there.
    pub(crate) fn reset(&self, machine: &str) {
        self.world.on_good(machine, &format!("dpkg -i --force-downgrade /root/old/*.deb && rm -f {RUNS}"));
    }

    pub(crate) fn patch(&self, machine: &str, more: &[&str]) -> Said {
        let build = self.build();
        let build: Vec<&str> = build.iter().map(String::as_str).collect();
        self.world.agent(machine, &[&["patch"], &build[..], more].concat())
    }

    /// A patch that is being done.
    pub(crate) fn patching(&self, machine: &str, id: &str) -> Command {
        let mut command = self.world.controller(&["agent", "run", machine, "patch", "--id", id]);
        command.args(self.build());
        command
    }

    /// `NAME VERSION` of each package of the build, by name.
    pub(crate) fn manifest(&self) -> Vec<String> {
        let mut command = self.world.smith(&["build", "packages", "1", "--json"]);
        let said = Said::of(command.env("SMITH_STORE", self.path("store")));
        let packages: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
        let words = |package: &serde_json::Value| {
            format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
        };
        let mut lines: Vec<String> = packages.iter().map(words).collect();
        lines.sort();
        lines
    }

    /// The machine has what the manifest has, as dpkg itself tells it, and dpkg has nothing to complain of.
    pub(crate) fn is_at_build(&self, machine: &str) {
        let manifest = self.manifest();
        let names: Vec<&str> = manifest.iter().filter_map(|line| line.split(' ').next()).collect();
        let listed =
            self.world.on_good(machine, &format!("COLUMNS=200 dpkg -l {} | tail -n +6", names.join(" ")));
        let mut found: Vec<String> = Vec::new();
        for line in listed.lines() {
            let [state, name, version, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            assert!(matches!(state, "ii" | "hi"), "{machine}: {line}");
            found.push(format!("{name} {version}"));
        }
        found.sort();
        assert_eq!(found, manifest, "{machine}");
        assert_eq!(
            self.world.on_good(machine, "dpkg --audit 2>&1; ls -A /var/lib/dpkg/updates"),
            "",
            "{machine}"
        );
    }
}

fn write_package(folder: &Path, package: &Package, version: &str) {
    let Package { name, epoch, depends, conffile, postinst, unit } = *package;
    let tree = folder.join("tree");
    let _ = fs::remove_dir_all(&tree);
    let put = |path: &str, text: &str| {
        let path = tree.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    put(
        "DEBIAN/control",
        &format!(
            "Package: {name}\nVersion: {epoch}{version}\nArchitecture: all\nMaintainer: Site <admin@site>\n{depends}Description: {name}\n"
        ),
    );
    // Below /usr/share/doc is where the lab's own packages look on.
    put(&format!("usr/share/doc/{name}/version"), &format!("{version}\n"));
    if !conffile.is_empty() {
        put(conffile, &format!("from = {version}\n"));
        put("DEBIAN/conffiles", &format!("{conffile}\n"));
    }
    if !unit.is_empty() {
        put(&format!("lib/systemd/system/{name}.service"), &unit.replace("VERSION", version));
    }
    if version != "1.0" {
        let script = format!(
            "#!/bin/sh\nset -e\n[ \"$1\" = configure ] || exit 0\necho begin {name} >>{RUNS}\n{postinst}\necho end {name} >>{RUNS}\n"
        );
        let path = put("DEBIAN/postinst", &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let out = folder.join(version);
    fs::create_dir_all(&out).unwrap();
    let built = Command::new("dpkg-deb")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .args(["--root-owner-group", "--build"])
        .args([tree, out.join(format!("{name}.deb"))])
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
}
