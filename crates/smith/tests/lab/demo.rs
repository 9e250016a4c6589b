//! `smith demo` on real machines, as far as it needs no archive again: what it makes, and that nothing of it stays.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::agent::package;
use super::world::{Said, World};

/// The first run fetches the packages of the release.
const PATIENCE: Duration = Duration::from_secs(300);

struct Demo {
    dir: PathBuf,
    lab: String,
    base: PathBuf,
}

impl Demo {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
        command.args(["demo", "--small", "--dir"]).arg(&self.dir).arg("--agent").arg(package()).args(args);
        command.env("SMITH_LAB", &self.lab).env("SMITH_LAB_CACHE", &self.base).stdin(Stdio::null());
        command
    }

    /// Tells the story until the server is there and machines are known to it; gives nothing where there can be none.
    fn until_the_week_begins(&self) -> Option<Child> {
        let log = self.dir.join("told");
        let out = File::create(&log).unwrap();
        let mut child = self.command(&[]).stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let begun = Instant::now();
        loop {
            let told = fs::read_to_string(&log).unwrap();
            if told.contains("4 machines, 1 build") || told.contains("4 machines, 2 builds") {
                return Some(child);
            }
            if let Some(status) = child.try_wait().unwrap() {
                assert!(told.contains("in the apt configuration of this computer"), "{status}: {told}");
                eprintln!("skipped: {told}");
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "{told}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(child: &Child, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Processes of the demo on this computer, by their arguments.
    fn processes(&self) -> Vec<String> {
        let folder = self.dir.display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let where_ = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            if where_ == Path::new(&folder) || arguments.contains(&folder) {
                found.push(arguments);
            }
        }
        found
    }

    fn nothing_is_left(&self) {
        let begun = Instant::now();
        // What the kernel takes down after a process, it takes down a moment later.
        while !self.processes().is_empty() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.processes(), Vec::<String>::new());
        assert!(!self.dir.join("run/labs").join(&self.lab).exists());
    }
}

#[test]
fn a_demo_that_is_killed_or_interrupted_leaves_nothing() {
    let Some(world) = World::new() else { return };
    // Kept between runs of the tests: the packages of the release are fetched once.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smith-demo");
    fs::create_dir_all(&dir).unwrap();
    let demo = Demo { dir, lab: world.name().to_owned(), base: world.base() };
    let Some(mut killed) = demo.until_the_week_begins() else { return };
    Demo::signal(&killed, Signal::KILL);
    killed.wait().unwrap();
    let left = demo.processes();
    for part in
        ["serve --config run/server/smith.yaml", "--store run/mirrors/syd01", "--store run/mirrors/dal10"]
    {
        assert!(left.iter().any(|one| one.contains(part)), "{part}: {left:?}");
    }
    let down = Said::of(&mut demo.command(&["--down"]));
    assert_eq!(down.code, Some(0), "{down:?}");
    demo.nothing_is_left();
    let mut interrupted = demo.until_the_week_begins().unwrap();
    // A second one in the same folder would end the machines of the first.
    let second = Said::of(&mut demo.command(&[]));
    assert!(second.code == Some(5) && second.err.contains("expected no other demo"), "{second:?}");
    Demo::signal(&interrupted, Signal::INT);
    assert_eq!(interrupted.wait().unwrap().code(), Some(130));
    demo.nothing_is_left();
    let before = Command::new("diff")
        .arg(demo.dir.join("run/server/recipes/before.yaml"))
        .arg(demo.dir.join("run/server/recipes/after.yaml"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&before.stdout).contains("-security"), "{before:?}");
}
