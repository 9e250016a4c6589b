//! Watches over a machine that is a folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use smith_agent::protocol::{DeadMan, Failure};

use super::arm::set;
use super::heard::{Moment, was_heard_since};
use super::record::{Stage, Watch};
use super::watch::watch_every;
use super::{arm, heard, last, note, note_paths};
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
    watch_every(ctx, Duration::ZERO)
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

#[test]
fn a_network_that_is_gone_is_told_and_only_once() {
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
