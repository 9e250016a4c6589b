//! One lab of a test, which is removed with it, and what of it there is on this computer.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// For anything that is about to happen on a machine; reached only where it never does.
const SOON: Duration = Duration::from_secs(30);

/// The base is fetched by one test while the others wait.
static FETCH: Mutex<()> = Mutex::new(());

/// A large lab is alone: on a computer of many processors the labs of all tests together have more machines than root has inotify
/// instances for.
static ROOM: RwLock<()> = RwLock::new(());

pub(crate) struct World {
    dir: tempfile::TempDir,
    name: String,
    /// The last to go: by then the machines are gone.
    _room: Box<dyn Debug + Sync>,
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// Nothing where there can be no lab, after saying why.
    pub(crate) fn new() -> Option<Self> {
        Self::with(|| Box::new(ROOM.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// One that is alone.
    pub(crate) fn large() -> Option<Self> {
        Self::with(|| Box::new(ROOM.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with(room: impl FnOnce() -> Box<dyn Debug + Sync>) -> Option<Self> {
        if let Err(error) = smith_lab::preflight() {
            eprintln!("skipped: {error}");
            return None;
        }
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let world = Self { dir, name: Self::name_of_its_own(), _room: room() };
        let _fetch = FETCH.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = cache();
        let has_base = fs::read_dir(&cache).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok()));
        if !has_base {
            let fetched = world.lab(&["up", "--machines", "1"]);
            assert_eq!(fetched.code, Some(0), "{fetched:?}");
            world.good(&["down"]);
        }
        Some(world)
    }

    /// Any command of smith.
    pub(crate) fn smith(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        command.args(args).stdin(Stdio::null());
        command.env("SMITH_LAB_DIR", self.dir.path()).env("SMITH_LAB_CACHE", cache());
        command
    }

    /// Tests run beside each other, in this process and in others.
    fn name_of_its_own() -> String {
        static MADE: AtomicU8 = AtomicU8::new(b'a');
        let letter = char::from(MADE.fetch_add(1, Ordering::Relaxed));
        assert!(letter.is_ascii_lowercase(), "more labs than letters");
        format!("{letter}{}", std::process::id() % 1_000_000)
    }

    /// The name of its lab, which no other has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the base of all labs is kept.
    pub(crate) fn base(&self) -> PathBuf {
        cache()
    }

    fn command(&self, args: &[&str]) -> Command {
        // A test has nobody to ask, and means it.
        let yes: &[&str] = if ["down", "reload"].contains(&args[0]) { &["--yes"] } else { &[] };
        self.smith(&[&["lab", args[0], "--name", &self.name], yes, &args[1..]].concat())
    }

    /// `smith lab` with the first argument as the command.
    pub(crate) fn lab(&self, args: &[&str]) -> Said {
        Said::of(&mut self.command(args))
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let said = self.lab(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A script on the machine over ssh.
    pub(crate) fn on(&self, machine: &str, script: &str) -> Said {
        self.lab(&["ssh", machine, script])
    }

    pub(crate) fn on_good(&self, machine: &str, script: &str) -> String {
        let said = self.on(machine, script);
        assert_eq!(said.code, Some(0), "{script}: {said:?}");
        said.out.trim().to_owned()
    }

    /// `ssh`, `scp` or `sftp` as somebody with this key of the lab calls it, up to the place of the machine.
    pub(crate) fn client(&self, program: &str, key: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]);
        command.args(["-o", "StrictHostKeyChecking=yes"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", self.folder().join("known_hosts").display()));
        command.arg("-i").arg(self.folder().join("keys").join(key)).stdin(Stdio::null());
        command
    }

    pub(crate) fn login(&self, machine: &str) -> String {
        format!("root@{}", self.machine(machine)["address"].as_str().unwrap())
    }

    /// Copies a folder to a machine.
    pub(crate) fn copy(&self, machine: &str, folder: &Path, to: &str) {
        let mut command = self.client("scp", "admin");
        command.arg("-qr").arg(folder).arg(format!("{}:{to}", self.login(machine)));
        let said = Said::of(&mut command);
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// The machines as `smith lab list` has them.
    pub(crate) fn machines(&self) -> Vec<serde_json::Value> {
        let labs: serde_json::Value = serde_json::from_str(&self.good(&["list", "--json"])).unwrap();
        labs[0]["machines"].as_array().unwrap().clone()
    }

    pub(crate) fn machine(&self, name: &str) -> serde_json::Value {
        self.machines().into_iter().find(|machine| machine["name"] == name).unwrap()
    }

    /// Waits until it is so.
    pub(crate) fn eventually<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < SOON, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    pub(crate) fn bridge(&self) -> String {
        format!("sm-{}", self.name)
    }

    /// The mark of the lab, if it has one yet.
    pub(crate) fn token(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder().join("lab.json")).ok()?;
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        Some(state["token"].as_str().unwrap().to_owned())
    }

    /// What there is of the lab on this computer: files, links, mounts, disks, groups, processes.
    pub(crate) fn traces(&self, token: Option<&str>) -> Vec<String> {
        let folder = self.folder();
        let folder = folder.to_str().unwrap();
        let mut traces = Vec::new();
        if Path::new(folder).exists() {
            traces.push(folder.to_owned());
        }
        let links = fs::read_dir("/sys/class/net").unwrap().flatten();
        let links = links.map(|entry| entry.file_name().to_str().unwrap().to_owned());
        traces.extend(links.filter(|link| link.starts_with(&self.bridge())));
        for entry in fs::read_dir("/sys/block").unwrap().flatten() {
            let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
            if file.starts_with(folder) {
                traces.push(file);
            }
        }
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
            let mounts = fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
            let is_there = String::from_utf8_lossy(&arguments).contains(folder)
                || token.is_some_and(|token| groups.contains(token))
                || mounts.contains(folder);
            if is_there && entry.file_name().to_str() != Some(&std::process::id().to_string()) {
                traces.push(entry.path().display().to_string());
            }
        }
        let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/cpu"];
        let groups = groups.iter().filter_map(|root| Some(format!("{root}/smith-lab-{}", token?)));
        traces.extend(groups.filter(|group| Path::new(group).exists()));
        traces
    }

    pub(crate) fn nothing_is_left(&self, token: Option<&str>) {
        // What the kernel takes down after a process, it takes down a moment later.
        let mut last = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            last = self.traces(token);
            if last.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("left of the lab: {last:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.folder().exists() {
            let _ = self.command(&["down"]).output();
        }
    }
}

fn cache() -> PathBuf {
    let given = std::env::var_os("SMITH_LAB_CACHE").map(PathBuf::from);
    given.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("smith-lab-cache"))
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The first line, which says how it ended.
    pub(crate) fn line(&self) -> String {
        self.out.lines().next().unwrap_or_default().to_owned()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
