//! The health of a machine that is a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use smith_agent::protocol::{Cause, Done, Failure, Finding, Health, Outcome};

use super::baseline::load;
use super::{changing, check, remember, seconds, site};
use crate::op::{Context, Host, Told};

const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                      eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";

/// Any disk has room enough for the tests.
const SETTINGS: &str = r#"{"health": {"disks": {"/": {"mib": 0, "inodes_percent": 0},
    "/var": {"mib": 0, "inodes_percent": 0}, "/boot": {"mib": 0, "inodes_percent": 0}}}}"#;

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.put("proc/net/route", ROUTES);
        machine.put("etc/smith/agent.json", SETTINGS);
        machine
    }

    fn put(&self, path: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn host(&self) -> Host {
        Host::at(self.0.path())
    }

    fn act<T>(&self, action: impl FnOnce(&mut Context<'_>) -> T) -> (T, Vec<String>) {
        let (host, folder, mut told) = (self.host(), self.0.path().join("op-1"), Told(Vec::new()));
        let mut ctx = Context::new(&host, &folder, &mut told, Duration::from_secs(60));
        let result = action(&mut ctx);
        (result, told.0)
    }

    fn check(&self, now: Option<u64>) -> Result<Vec<Finding>, Failure> {
        let outcome = self.act(|ctx| check(ctx, &Health { now, skew_max_s: 30, settle_s: 0 })).0?;
        let Outcome::Done(Done::Healthy(healed)) = outcome else { panic!("{outcome:?}") };
        Ok(healed.findings)
    }
}

#[test]
fn a_machine_that_is_well_says_what_was_looked_at() {
    let machine = Machine::new();
    let findings = machine.check(Some(seconds())).unwrap();
    let words: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(words, ["units", "route", "dpkg", "names", "disk", "clock"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let machine = Machine::new();
    machine.put("proc/net/route", "Iface\n");
    machine.put("var/lib/dpkg/updates/0001", "");
    machine.put("var/lib/dpkg/status", "");
    let failure = machine.check(Some(seconds() + 1000)).unwrap_err();
    assert_eq!(failure.cause, Cause::Unhealthy);
    let healed = failure.health.unwrap();
    let bad: Vec<&str> = healed.findings.iter().filter(|f| !f.good).map(|f| f.what.as_str()).collect();
    assert_eq!(bad, ["route", "dpkg", "clock"]);
    let begin =
        "expected all of 6 to be well, found route: expected a default route for IPv4, found none; dpkg: ";
    assert!(failure.message.starts_with(begin), "{}", failure.message);
}

#[test]
fn settings_that_cannot_be_understood_are_a_finding() {
    let machine = Machine::new();
    machine.put("etc/smith/agent.json", "{");
    let failure = machine.check(None).unwrap_err();
    assert!(failure.message.contains("settings: /etc/smith/agent.json cannot be understood"));
}

#[test]
fn what_a_change_broke_is_not_taken_for_old() {
    let machine = Machine::new();
    machine.act(remember).0.unwrap();
    machine.act(changing).0.unwrap();
    machine.put("proc/net/route", "Iface\n");
    // Somebody looks at the broken machine again: what it was before stays.
    let (result, told) = machine.act(remember);
    result.unwrap();
    assert!(told[0].ends_with("what it was like before is kept"), "{told:?}");
    assert!(load(&machine.host()).unwrap().routes.v4);
    assert_eq!(machine.check(None).unwrap_err().cause, Cause::Unhealthy);
    // It is repaired and found well, and from then on is what it is.
    machine.put("proc/net/route", ROUTES);
    machine.check(None).unwrap();
    machine.put("proc/net/route", "Iface\n");
    machine.act(remember).0.unwrap();
    assert!(!load(&machine.host()).unwrap().routes.v4);
    assert!(machine.check(None).is_ok(), "a machine without a way out before is as it was");
}

#[test]
fn what_the_machine_did_by_itself_is_a_finding_until_the_next_change() {
    let machine = Machine::new();
    let acted =
        |at: u64| format!(r#"{{"operation": "p-1", "at": {at}, "text": "the network was started again"}}"#);
    machine.act(remember).0.unwrap();
    machine.act(changing).0.unwrap();
    machine.put("var/lib/smith/dead-man.json", &acted(seconds()));
    let failure = machine.check(None).unwrap_err();
    let told = "dead-man: the network was started again; told until the next change is looked at (check)";
    assert!(failure.message.ends_with(told), "{}", failure.message);
    machine.put("var/lib/smith/dead-man.json", &acted(seconds() - 100));
    machine.act(remember).0.unwrap();
    assert!(machine.check(None).is_ok());
}

#[test]
fn files_of_the_site_are_findings_by_their_names() {
    let machine = Machine::new();
    let off = machine.put("etc/smith/health.d/10-off", "");
    let folder = off.parent().unwrap().to_owned();
    for path in [folder.parent().unwrap(), &folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Programs that are there already: what a test writes another's child may hold open.
    for (program, name) in [("/bin/true", "20-true"), ("/bin/false", "30-false")] {
        let copied = std::process::Command::new("cp").arg(program).arg(folder.join(name)).status();
        assert!(copied.unwrap().success());
    }
    machine.put("etc/smith/health.d/40-open", "");
    fs::set_permissions(folder.join("40-open"), fs::Permissions::from_mode(0o757)).unwrap();
    let found = machine.act(|ctx| site::judge(ctx, Duration::from_secs(20))).0.unwrap();
    let told: Vec<String> = found.iter().map(|f| format!("{} {} {}", f.what, f.good, f.text)).collect();
    assert_eq!(
        told,
        [
            "10-off true not executable, passed over",
            "20-true true good",
            "30-false false expected exit code 0, found exit code 1",
            "40-open false expected it to be root's alone, found it writable by others (mode 0757)",
        ]
    );
}
