//! An upstream, recipes, stores, and the program that is run on them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::deb::deb;

/// Packages of the upstream: a create of them takes a few hundred milliseconds in a debug build.
const PACKAGES: u32 = 24;

/// Packages that change between the two states of the upstream.
const CHANGED: u32 = 6;

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

pub(crate) struct World {
    folder: tempfile::TempDir,
    _upstream: Server,
}

/// A store that is handed out. Ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// Recipes `1.yaml` and `2.yaml` make builds of two states of one upstream, and of a folder of our own.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_owned();
        let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
        for (name, count) in [("theirs", PACKAGES), ("ours", 4)] {
            fs::create_dir(at.join(name)).unwrap();
            (0..count).for_each(|number| write_deb(&at.join(name), name, number, 1, &mut draw));
        }
        fs::write(at.join("up.yaml"), "local:\n  - {local: up, folder: theirs, suite: stable}\n").unwrap();
        let run = |args: &[&str]| good(&at, args);
        run(&["build", "key", "new", "--store", "up", "--user-id", "Up <a@b>"]);
        run(&["build", "key", "export", "up.gpg", "--store", "up"]);
        run(&["build", "create", "up.yaml", "--store", "up"]);
        (0..CHANGED).for_each(|number| write_deb(&at.join("theirs"), "theirs", number, 2, &mut draw));
        run(&["build", "create", "up.yaml", "--store", "up"]);
        let upstream = serve(&at, "up");
        for state in [1, 2] {
            let recipe = format!(
                "upstreams:\n  - upstream: debian\n    uris: {}/builds/{state}/up\n    suites: [stable]\n    \
                 components: [main]\n    architectures: [all]\n    keyring: up.gpg\n\
                 local:\n  - {{local: site, folder: ours, suite: stable}}\n\
                 publish:\n  compressions: [gz, xz, zst]\n",
                upstream.url
            );
            fs::write(at.join(format!("{state}.yaml")), recipe).unwrap();
        }
        run(&["build", "key", "new", "--store", "keys", "--user-id", "Ours <a@b>"]);
        run(&["build", "key", "export", "ours.gpg", "--store", "keys"]);
        Self { folder, _upstream: upstream }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A store that signs with the same key as all others of the test.
    pub(crate) fn store(&self, name: &str) {
        good(self.folder.path(), &["build", "key", "new", "--store", name, "--user-id", "X <a@b>"]);
        let keys = self.path(name).join("keys");
        for entry in fs::read_dir(&keys).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for entry in fs::read_dir(self.path("keys/keys")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), keys.join(entry.file_name())).unwrap();
        }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        command(self.folder.path(), args)
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        good(self.folder.path(), args)
    }

    pub(crate) fn serve(&self, store: &str) -> Server {
        serve(self.folder.path(), store)
    }

    /// Nothing is damaged, and nothing was left.
    pub(crate) fn is_clean(&self, store: &str) {
        let told = self.good(&["build", "fsck", "--deep", "--store", store, "--keyring", "ours.gpg"]);
        assert!(told.contains("clean") && told.lines().count() == 1, "{store}: {told}");
    }

    /// Whatever a kill has left, nothing is damaged.
    pub(crate) fn is_sound(&self, store: &str) {
        self.good(&["build", "fsck", "--store", store, "--keyring", "ours.gpg"]);
    }

    /// Every file of a store with its content, its permissions and how many names it has, links as what they say. Words
    /// about a build have the time in them at which it was made, so of these only what they say of its content counts.
    pub(crate) fn listing(&self, store: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        list(&self.path(store), "", &mut found);
        found
    }
}

fn write_deb(folder: &Path, prefix: &str, number: u32, version: u32, draw: &mut Draw) {
    let size = 2_000 + draw.below(60_000) as usize;
    let name = format!("{prefix}-{number}");
    fs::write(folder.join(format!("{name}.deb")), deb(&name, &version.to_string(), size, draw)).unwrap();
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
    command.current_dir(folder).args(args).env("no_proxy", "127.0.0.1").stdin(Stdio::null());
    command
}

fn good(folder: &Path, args: &[&str]) -> String {
    let output = command(folder, args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {out}{err}");
    out.into_owned()
}

fn serve(folder: &Path, store: &str) -> Server {
    let mut command = command(folder, &["mirror", "serve", "--store", store, "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    Server { child, url: url.trim().to_owned() }
}

fn list(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
        } else if metadata.is_symlink() {
            found.insert(name, fs::read_link(entry.path()).unwrap().display().to_string());
        } else if name.ends_with("/build.json") {
            let info: serde_json::Value = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
            found.insert(name, format!("{} {} {}", info["manifest"], info["packages"], info["parent"]));
        } else if !["lock", "state/sync.json"].contains(&name.as_str()) && !name.ends_with("/build.json.sig")
        {
            let bytes = fs::read(entry.path()).unwrap();
            let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let (mode, names) = (metadata.mode(), metadata.nlink());
            found.insert(name, format!("{} bytes {sum:016x} {mode:o} {names}", bytes.len()));
        }
    }
}
