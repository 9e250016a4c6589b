//! Watches over a machine that is a folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use smith_agent::protocol::{DeadMan, Failure};

use super::arm::set;
use super::heard::{Moment, was_heard_since};
use super::record::{Stage, Watch};
use super::watch::watch_every;
use super::work::Work;
use super::{arm, arm_after_reboot, heard, is_watched, last, note, note_paths};
use crate::op::{Context, Host, Told};

struct Machine {
    root: tempfile::TempDir,
    folder: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("var/lib/smith/ops/p-1");
        fs::create_dir_all(&folder).unwrap();
        let machine = Self { root, folder };
        machine.put("proc/sys/kernel/osrelease", "6.1.0-1-amd64\n");
        machine.at(100);
        machine
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn at(&self, uptime: u64) {
        self.put("proc/uptime", &format!("{uptime}.00 0.00\n"));
        self.put("proc/sys/kernel/random/boot_id", "one\n");
        self.put("proc/1/stat", "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\n");
    }

    fn host(&self) -> Host {
        Host::at(self.root.path())
    }

    fn act<T>(&self, action: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<String>) {
        let (host, mut told) = (self.host(), Told(Vec::new()));
        let mut ctx = Context::new(&host, &self.folder, &mut told, Duration::from_secs(60));
        let result = action(&mut ctx);
        (result, told.0)
    }
}

/// Without the time between two looks.
fn watched(ctx: &mut Context<'_>) -> Result<(), Failure> {
    watch_every(ctx, Duration::ZERO, Work::new(Duration::ZERO))
}

const WITHIN: DeadMan = DeadMan { within_s: 60 };

#[test]
fn a_sign_of_life_is_of_one_boot_and_later() {
    let machine = Machine::new();
    heard(&machine.host());
    let armed = Moment::now(&machine.host()).unwrap();
    assert!(!was_heard_since(&machine.host(), &armed), "that was before");
    machine.at(101);
    assert!(!was_heard_since(&machine.host(), &armed));
    heard(&machine.host());
    assert!(was_heard_since(&machine.host(), &armed));
    assert_eq!(armed.seconds_ago(&machine.host()), Some(1));
    machine.put("proc/sys/kernel/random/boot_id", "two\n");
    assert_eq!(armed.seconds_ago(&machine.host()), None);
}

#[test]
fn only_paths_that_lead_out_and_work_are_noted() {
    let machine = Machine::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = format!("http://127.0.0.1:{}/debian", listener.local_addr().unwrap().port());
    let (result, told) = machine.act(|ctx| note_paths(ctx, &[own, "file:///srv".to_owned()]));
    result.unwrap();
    assert_eq!(told, ["no path out of the machine is known to work: a lost network would not be noticed"]);
    let noted = note::load(&machine.folder).unwrap();
    assert_eq!((noted.paths.len(), noted.kernel.as_str()), (0, "6.1.0-1-amd64"));
}

#[test]
fn a_controller_that_is_heard_ends_the_watch() {
    let machine = Machine::new();
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    machine.act(|ctx| set(ctx, &WITHIN, None)).0.unwrap();
    assert_eq!(Watch::load(&machine.folder).unwrap().kernel_before, "6.1.0-1-amd64");
    machine.at(110);
    heard(&machine.host());
    let (result, told) = machine.act(watched);
    result.unwrap();
    assert_eq!(told, ["the controller was heard after the change"]);
    assert_eq!(Watch::load(&machine.folder).unwrap().stage, Stage::Ended);
    let again = machine.act(watched).0.unwrap_err();
    assert!(again.message.ends_with("it did so once for this operation"), "{}", again.message);
    assert!(machine.act(|ctx| set(ctx, &WITHIN, None)).0.is_err());
}

#[test]
fn who_was_heard_in_the_new_boot_was_heard_after_it() {
    let machine = Machine::new();
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    heard(&machine.host());
    machine.at(105);
    machine.act(|ctx| set(ctx, &WITHIN, Some("6.1.0-0-amd64"))).0.unwrap();
    assert_eq!(Watch::load(&machine.folder).unwrap().armed.uptime_ms, 50_000);
    let (result, told) = machine.act(watched);
    result.unwrap();
    assert_eq!(told, ["the controller was heard after the change"]);
}

#[test]
fn a_silent_controller_over_a_network_of_which_nothing_is_known_changes_nothing() {
    let machine = Machine::new();
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    machine.act(|ctx| set(ctx, &WITHIN, Some("6.1.0-0-amd64"))).0.unwrap();
    machine.at(2000);
    let (result, told) = machine.act(watched);
    result.unwrap();
    assert_eq!(
        told,
        ["the controller was not heard within 60 s, and nothing is known of the network before the change"]
    );
    assert_eq!(last(&machine.host()), None);
}

#[test]
fn a_machine_that_is_a_folder_starts_no_process() {
    let machine = Machine::new();
    let ((), told) = machine.act(|ctx| arm(ctx, &WITHIN));
    assert!(told[0].starts_with("the machine will not save itself: paths.json cannot be read"), "{told:?}");
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    assert_eq!(machine.act(|ctx| arm(ctx, &WITHIN)).1, ["the machine will not save itself: it is a folder"]);
}

/// A machine whose network a change took, watched over.
fn cut_off() -> Machine {
    let machine = Machine::new();
    machine.put("etc/network/interfaces", "auto eth0\n");
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    // A gateway that no table knows: it worked before, as far as the watch knows.
    let path = machine.folder.join("paths.json");
    let mut noted: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    noted["paths"] = serde_json::json!([{"gateway": {"address": "10.0.0.1", "interface": "eth0"}}]);
    fs::write(&path, noted.to_string()).unwrap();
    machine.act(|ctx| set(ctx, &WITHIN, Some("6.1.0-0-amd64"))).0.unwrap();
    machine.put("etc/network/interfaces", "");
    machine.at(200);
    machine
}

/// Has a process hold dpkg's lock, as the kernel tells it.
fn hold_packages(machine: &Machine) {
    machine.put("var/lib/dpkg/lock", "");
    let inode = fs::metadata(machine.root.path().join("var/lib/dpkg/lock")).unwrap().ino();
    machine.put("proc/locks", &format!("1: POSIX  ADVISORY  WRITE 77 08:01:{inode} 0 EOF\n"));
    machine.put("proc/77/comm", "apt-get\n");
}

#[test]
fn work_on_packages_is_waited_for() {
    let machine = cut_off();
    let mut work = Work::new(Duration::from_secs(60));
    assert!(!machine.act(|ctx| work.must_wait(ctx)).0);
    assert_eq!(work.words(&machine.host()), "");
    hold_packages(&machine);
    let (waits, told) = machine.act(|ctx| (work.must_wait(ctx), work.must_wait(ctx)));
    assert_eq!(waits, (true, true));
    assert_eq!(
        told,
        ["the machine is to save itself, and waits at most 60 s for apt-get (process 77) to end"]
    );
    machine.put("proc/locks", "");
    assert!(!machine.act(|ctx| work.must_wait(ctx)).0);
    let words = work.words(&machine.host());
    assert!(
        words.starts_with("apt-get (process 77) was waited for, ") && words.contains("until it had ended")
    );
    // Operations that have nothing to do with packages count as well.
    fs::write(machine.root.path().join("var/lib/smith/lock"), "p-2\n").unwrap();
    let lock = fs::File::open(machine.root.path().join("var/lib/smith/lock")).unwrap();
    lock.lock().unwrap();
    let (waits, told) = machine.act(|ctx| work.must_wait(ctx));
    assert!(waits && told[0].ends_with("for operation p-2 to end"), "{told:?}");
}

#[test]
fn nothing_is_touched_while_packages_are_worked_on_and_the_wait_has_an_end() {
    let machine = cut_off();
    hold_packages(&machine);
    let interfaces = machine.root.path().join("etc/network/interfaces");
    let locks = machine.root.path().join("proc/locks");
    let mut looks = 0;
    let mut during = Vec::new();
    // The watch looks at the kernel's list of locks each time, and so does this, which ends the work at the third look.
    let (result, told) = machine.act(|ctx| {
        let mut work = Work::new(Duration::from_secs(600));
        while work.must_wait(ctx) {
            during.push(fs::read_to_string(&interfaces).unwrap());
            looks += 1;
            if looks == 3 {
                fs::write(&locks, "").unwrap();
            }
        }
        watch_every(ctx, Duration::ZERO, work)
    });
    result.unwrap();
    assert_eq!(during, ["", "", ""]);
    let told = told.join("\n");
    assert!(told.contains("apt-get (process 77) was waited for, 0 s, until it had ended; "), "{told}");
    assert_eq!(fs::read_to_string(&interfaces).unwrap(), "auto eth0\n");

    // One that does not end is no reason to stay cut off, but one not to reboot.
    let machine = cut_off();
    hold_packages(&machine);
    machine.put("boot/vmlinuz-6.1.0-0-amd64", "");
    machine.act(watched).0.unwrap();
    let acted = last(&machine.host()).unwrap().text;
    assert!(acted.contains("apt-get (process 77) was waited for, 0 s, in vain; "), "{acted}");
    assert!(acted.ends_with("the machine is not rebooted while apt-get (process 77) is at work"), "{acted}");
}

#[test]
fn a_watch_that_is_armed_again_is_the_same() {
    let machine = Machine::new();
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    let again = || machine.act(|ctx| arm_after_reboot(ctx, &WITHIN, "6.1.0-0-amd64")).1;
    assert_eq!(again(), ["the machine will not save itself: it is a folder"]);
    let first = Watch::load(&machine.folder).unwrap();
    machine.at(130);
    again();
    assert_eq!(Watch::load(&machine.folder).unwrap(), first);
    assert!(is_watched(&machine.host(), &machine.folder));
    heard(&machine.host());
    machine.act(watched).0.unwrap();
    // It has ended by now, which is not told as if it failed.
    assert_eq!(again(), Vec::<String>::new());
    assert_eq!(Watch::load(&machine.folder).unwrap().stage, Stage::Ended);
    assert!(!is_watched(&machine.host(), &machine.folder));
}

#[test]
fn a_watch_brings_no_folder_back() {
    let machine = Machine::new();
    machine.act(|ctx| note_paths(ctx, &[])).0.unwrap();
    machine.act(|ctx| set(ctx, &WITHIN, None)).0.unwrap();
    let watch = Watch::load(&machine.folder).unwrap();
    fs::remove_dir_all(&machine.folder).unwrap();
    assert!(watch.keep(&machine.folder).unwrap_err().starts_with("dead-man.json cannot be kept: "));
    assert!(!machine.folder.exists());
}

#[test]
fn a_network_that_is_gone_is_told_and_only_once() {
    let machine = cut_off();
    machine.act(watched).0.unwrap();
    let acted = last(&machine.host()).unwrap();
    assert_eq!(acted.operation, "p-1");
    let begin = "the controller was not heard within 60 s after the change, and no path that worked before it works \
                 (the gateway 10.0.0.1 on eth0): ";
    assert!(acted.text.starts_with(begin), "{}", acted.text);
    assert!(
        acted.text.ends_with("the kernel 6.1.0-0-amd64 from before the change is not installed any more")
    );
    assert_eq!(
        fs::read_to_string(machine.root.path().join("etc/network/interfaces")).unwrap(),
        "auto eth0\n"
    );
    assert!(machine.act(watched).0.is_err());
}
