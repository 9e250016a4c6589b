//! Reboots of a machine that is a folder: its boot, uptime and kernel are files of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smith_agent::protocol::{Cause, DeadMan, Done, Failure, Kernel, Outcome, Reboot};

use super::order::order_by;
use super::{Ordered, order, settle};
use crate::health::seconds;
use crate::op::{Context, Host, Told};

struct Machine {
    root: tempfile::TempDir,
    folder: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("var/lib/smith/ops/r-1");
        fs::create_dir_all(&folder).unwrap();
        let machine = Self { root, folder };
        machine.boots("one", 5000, 5000, "6.1.0-1-amd64");
        machine
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A kernel that is up for so many seconds, and a first process of such an age.
    fn boots(&self, id: &str, uptime: u64, age: u64, kernel: &str) {
        self.put("proc/sys/kernel/random/boot_id", &format!("{id}\n"));
        self.put("proc/uptime", &format!("{uptime}.25 9.00\n"));
        self.put("proc/sys/kernel/osrelease", &format!("{kernel}\n"));
        let init = (uptime - age) * 100;
        self.put(
            "proc/1/stat",
            &format!("1 (sys) temd) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {init} 0 0\n"),
        );
    }

    fn act<T>(&self, action: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<String>) {
        let (host, mut told) = (Host::at(self.root.path()), Told(Vec::new()));
        let mut ctx = Context::new(&host, &self.folder, &mut told, Duration::from_secs(60));
        let result = action(&mut ctx);
        (result, told.0)
    }

    fn order(&self, ways: &[&[&str]]) -> Result<Ordered, Failure> {
        let asked = Reboot { back_within_s: 300, dead_man: None, now: None };
        self.act(|ctx| order_by(ctx, &asked, ways)).0
    }

    fn settle(&self, installed: &[&str]) -> (Option<Outcome>, Vec<String>) {
        let installed: Vec<String> = installed.iter().map(|&release| release.to_owned()).collect();
        self.act(|ctx| settle(ctx, |_| Kernel { running: String::new(), installed: installed.clone() }))
    }

    /// Moves the moment of the order, as if so many seconds had passed since.
    fn ordered_ago(&self, seconds_ago: i64) {
        let path = self.folder.join("reboot.json");
        let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        state["ordered_at"] = seconds().checked_add_signed(-seconds_ago).unwrap().into();
        fs::write(path, state.to_string()).unwrap();
    }

    fn failure(&self, installed: &[&str]) -> Failure {
        match self.settle(installed).0 {
            Some(Outcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }
}

const TAKEN: &[&[&str]] = &[&["sh", "-c", "echo no bus; exit 1"], &["true"]];

#[test]
fn a_machine_that_went_and_came_is_back() {
    let machine = Machine::new();
    assert_eq!(machine.order(TAKEN), Ok(Ordered));
    assert_eq!(machine.settle(&[]).0, None, "it has not gone down");
    machine.ordered_ago(100);
    machine.boots("two", 40, 40, "6.1.0-2-amd64");
    let (outcome, told) = machine.settle(&["6.1.0-1-amd64", "6.1.0-2-amd64"]);
    let Some(Outcome::Done(Done::Rebooted(rebooted))) = outcome else { panic!("{outcome:?}") };
    assert_eq!((rebooted.boot_before.as_str(), rebooted.boot.as_str()), ("one", "two"));
    assert_eq!(
        (rebooted.kernel_before.as_str(), rebooted.kernel.as_str()),
        ("6.1.0-1-amd64", "6.1.0-2-amd64")
    );
    assert!((59..=62).contains(&rebooted.took_s), "{}", rebooted.took_s);
    assert!(told[0].starts_with("the machine is back after "), "{told:?}");
}

#[test]
fn a_machine_that_stays_up_is_late() {
    let machine = Machine::new();
    machine.order(TAKEN).unwrap();
    machine.boots("one", 5300, 5300, "6.1.0-1-amd64");
    assert_eq!(machine.settle(&[]).0, None);
    machine.boots("one", 5301, 5301, "6.1.0-1-amd64");
    let failure = machine.failure(&[]);
    assert_eq!(failure.cause, Cause::RebootTimeout);
    let text = "expected the machine to go down and be back within 300 s, found it still up after 301 s";
    assert_eq!(failure.message, text);
}

#[test]
fn a_container_that_sees_its_hosts_boot_is_told_by_its_first_process() {
    let machine = Machine::new();
    machine.order(TAKEN).unwrap();
    machine.put("run/systemd/container", "lxc");
    machine.boots("one", 5020, 10, "6.1.0-1-amd64");
    machine.ordered_ago(20);
    let (outcome, told) = machine.settle(&["6.1.0-9-amd64"]);
    assert!(matches!(outcome, Some(Outcome::Done(Done::Rebooted(_)))), "{outcome:?}");
    assert_eq!(told[0], "the kernel is not looked at: it is that of the container's host");
}

#[test]
fn an_old_kernel_is_told() {
    let machine = Machine::new();
    machine.order(TAKEN).unwrap();
    machine.boots("two", 10, 10, "6.1.0-1-amd64");
    let failure = machine.failure(&["6.1.0-1-amd64", "6.1.0-2-amd64"]);
    assert_eq!(failure.cause, Cause::OldKernel);
    let text = "expected the machine to run the newest kernel 6.1.0-2-amd64, found it running 6.1.0-1-amd64";
    assert_eq!(failure.message, text);
    let (outcome, told) = machine.settle(&[]);
    assert!(matches!(outcome, Some(Outcome::Done(_))));
    assert_eq!(told[0], "the kernel is not looked at: no package has brought one");
}

#[test]
fn a_clock_that_went_back_has_time_to_be_set() {
    let machine = Machine::new();
    machine.order(TAKEN).unwrap();
    machine.ordered_ago(-100_000);
    machine.boots("two", 10, 10, "6.1.0-1-amd64");
    assert_eq!(machine.settle(&[]).0, None);
    machine.boots("two", 95, 95, "6.1.0-1-amd64");
    let failure = machine.failure(&[]);
    assert_eq!(failure.cause, Cause::Unhealthy);
    assert_eq!(failure.health.unwrap().findings[0].what, "clock");
}

#[test]
fn a_machine_that_came_back_too_late_is_late() {
    let machine = Machine::new();
    machine.order(TAKEN).unwrap();
    machine.ordered_ago(1000);
    machine.boots("two", 100, 100, "6.1.0-1-amd64");
    assert_eq!(machine.failure(&[]).cause, Cause::RebootTimeout);
    machine.boots("two", 50, 50, "6.1.0-1-amd64");
    assert_eq!(machine.settle(&[]).0, None, "the clock may yet be set");
}

#[test]
fn an_order_that_nothing_takes_leaves_nothing_to_wait_for() {
    let machine = Machine::new();
    let failure = machine.order(&[&["sh", "-c", "echo inhibited; exit 1"], &["/nonexistent"]]).unwrap_err();
    assert_eq!(failure.cause, Cause::RebootTimeout);
    assert_eq!(failure.tail, ["inhibited"]);
    assert!(
        failure.message.contains("sh -c echo inhibited; exit 1: exit code 1; /nonexistent could not be run")
    );
    assert!(!machine.folder.join("reboot.json").exists());
    assert_eq!(machine.failure(&[]).cause, Cause::Interrupted);
}

#[test]
fn a_machine_in_the_middle_of_an_installation_stays_up() {
    use std::os::unix::fs::MetadataExt;
    let machine = Machine::new();
    machine.put("var/lib/dpkg/lock", "");
    let inode = fs::metadata(machine.root.path().join("var/lib/dpkg/lock")).unwrap().ino();
    machine.put("proc/locks", &format!("1: POSIX  ADVISORY  WRITE 77 08:01:{inode} 0 EOF\n"));
    machine.put("proc/77/comm", "apt-get\n");
    let failure = machine.order(TAKEN).unwrap_err();
    assert_eq!(failure.cause, Cause::Busy);
    assert_eq!(failure.message, "expected no work on packages, found apt-get (process 77) at it");
}

#[test]
fn a_folder_is_never_rebooted() {
    let machine = Machine::new();
    let asked = Reboot { back_within_s: 300, dead_man: None, now: None };
    let failure = machine.act(|ctx| order(ctx, &asked)).0.unwrap_err();
    assert_eq!(failure.cause, Cause::Mismatch);
    assert!(!Path::new("/").join("reboot.json").exists());
}

#[test]
fn who_is_killed_between_two_notes_arms_the_dead_man_again() {
    let machine = Machine::new();
    let asked = Reboot { back_within_s: 300, dead_man: Some(DeadMan { within_s: 60 }), now: None };
    machine.act(|ctx| order_by(ctx, &asked, TAKEN)).0.unwrap();
    machine.boots("two", 10, 10, "6.1.0-1-amd64");
    // The note that the new boot was seen cannot be written: as if the power went that moment.
    let beside = machine.folder.join(format!(".reboot.json.{}", std::process::id()));
    fs::create_dir(&beside).unwrap();
    let told = machine.settle(&[]).1;
    assert!(told[1].starts_with("the machine is back; reboot.json cannot be kept: "), "{told:?}");
    assert!(machine.folder.join("dead-man.json").exists());
    let first = fs::read_to_string(machine.folder.join("dead-man.json")).unwrap();
    fs::remove_dir(&beside).unwrap();
    machine.settle(&[]);
    assert_eq!(fs::read_to_string(machine.folder.join("dead-man.json")).unwrap(), first);
    assert!(fs::read_to_string(machine.folder.join("reboot.json")).unwrap().contains("\"seen\":{"));
}
