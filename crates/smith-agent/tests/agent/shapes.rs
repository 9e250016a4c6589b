//! What is said on the wire is a contract. Each shape stands in a file that people wrote, and is read and written as it stands
//! there: whoever changes a shape sees it here.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use smith_agent::protocol::{
    Action, Attach, Body, Cause, Change, Checked, Clean, Conffiles, DeadMan, Disk, Done, Downgrades, Facts,
    Failure, Fence, Finding, Follow, Healed, Health, Hello, Holds, Job, Kernel, Kernels, Outcome, Package,
    Patch, Patched, Phase, Piece, Reboot, Rebooted, Refusal, Release, Removals, Reply, Restart, Source,
    Unfinished, Unit, Work,
};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn assert_shape<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let text = fs::read_to_string(golden().join(format!("{name}.json"))).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{name} as it is read");
    let written: Value = serde_json::to_value(value).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap(), "{name} as it is written");
}

fn job(action: Action) -> Job {
    let fence = Fence { controller: "smith-1".parse().unwrap(), tenure: 7 };
    Job { protocol: 1, id: "r12-m3-s4".parse().unwrap(), fence: Some(fence), limit_s: 3600, action }
}

fn patch() -> Patch {
    let release = |suite: &str, hash: Option<&str>| Release {
        suite: suite.to_owned(),
        in_release_sha256: hash.map(str::to_owned),
    };
    Patch {
        build: 725,
        sources: vec![Source {
            uri: "http://192.0.2.9:8080/debian".to_owned(),
            components: words(&["main", "contrib"]),
            releases: vec![release("bookworm", Some("00ff")), release("bookworm-security", None)],
        }],
        keyring: "mDMEZ2==".to_owned(),
        expect: Some([("bash".to_owned(), "5.2.15-2+b8".to_owned())].into()),
        removals: Removals::Named(words(&["exim4"])),
        downgrades: Downgrades::Leave,
        holds: Holds::Leave,
        conffiles: Conffiles::Replace,
        kernels: Kernels::Leave,
        dead_man: Some(DeadMan { within_s: 300 }),
    }
}

fn jobs() -> Vec<(&'static str, Job)> {
    let check = Patch {
        removals: Removals::Any,
        downgrades: Downgrades::Take,
        holds: Holds::Refuse,
        conffiles: Conffiles::Keep,
        kernels: Kernels::Purge,
        ..patch()
    };
    let short = Patch {
        build: 1,
        sources: Vec::new(),
        keyring: String::new(),
        expect: None,
        removals: Removals::None,
        downgrades: Downgrades::Refuse,
        holds: Holds::Refuse,
        conffiles: Conffiles::Keep,
        kernels: Kernels::Purge,
        dead_man: None,
    };
    let attach = |from, follow| Action::Attach(Attach { to: "r12-m3-s3".parse().unwrap(), from, follow });
    let dead_man = Some(DeadMan { within_s: 300 });
    let now = Some(1_795_000_000);
    let bare =
        Job { protocol: 1, id: "a".parse().unwrap(), fence: None, limit_s: 60, action: Action::Patch(short) };
    vec![
        ("job-facts", job(Action::Facts)),
        ("job-check", job(Action::Check(check))),
        ("job-patch", job(Action::Patch(patch()))),
        ("job-patch-short", bare),
        ("job-drain", job(Action::Drain)),
        ("job-undrain", job(Action::Undrain)),
        ("job-reboot", job(Action::Reboot(Reboot { back_within_s: 600, dead_man, now }))),
        ("job-health", job(Action::Health(Health { now, skew_max_s: 30, settle_s: 60 }))),
        ("job-report", job(Action::Report)),
        ("job-attach", job(attach(17, Follow::Now))),
        ("job-attach-to-end", job(attach(0, Follow::ToEnd))),
        ("job-clean", job(Action::Clean(Clean { older_than_s: 2_592_000 }))),
    ]
}

fn package() -> Package {
    Package {
        name: "bash".to_owned(),
        architecture: "amd64".to_owned(),
        installed: "5.1".to_owned(),
        build: "5.2".to_owned(),
    }
}

fn changes() -> Vec<Change> {
    let change = |name: &str, from: Option<&str>, to: &str| Change {
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        from: from.map(str::to_owned),
        to: Some(to.to_owned()),
    };
    vec![change("bash", Some("5.1"), "5.2"), change("zsh", None, "5.9")]
}

fn restarts() -> Vec<Restart> {
    let library = "/lib/x86_64-linux-gnu/libc.so.6".to_owned();
    vec![Restart { unit: "ssh.service".to_owned(), processes: 2, library, more: 3 }]
}

fn checked(work: Work) -> Done {
    Done::Checked(Box::new(Checked {
        work,
        changes: changes(),
        held: vec![package()],
        newer: vec![package()],
        download_bytes: 1 << 20,
        restarts: restarts(),
        reboot: words(&["linux-base"]),
    }))
}

fn patched() -> Patched {
    Patched {
        build: 725,
        changes: changes(),
        unfinished: Some(Unfinished { since: 1_795_000_000, operation: "r12-m3-s2".to_owned() }),
        verified: 411,
        unknown: 1,
        installed: 412,
        held: vec![package()],
        newer: vec![package()],
        repaired: words(&["dpkg --configure -a"]),
        kernels_purged: words(&["6.1.0-35-amd64"]),
        kernels_left: words(&["6.1.0-36-amd64: a package needs it"]),
        conffiles: words(&["/etc/ssh/sshd_config"]),
        download_bytes: 1 << 20,
        reboot: words(&["linux-base"]),
        restarts: restarts(),
        packages_sha256: "00ff".to_owned(),
    }
}

fn facts() -> Done {
    Done::Facts(Box::new(Facts {
        agent: "0.1.0".to_owned(),
        hostname: "prod-syd01-worker-1".to_owned(),
        machine_id: "0123456789abcdef0123456789abcdef".to_owned(),
        boot: "5a1f9e0e-0a5c-4bb2-9d5c-7a3a2a1e0b11".to_owned(),
        uptime_s: 3612,
        clock: 1_795_000_000,
        os: "debian".to_owned(),
        os_version: "12".to_owned(),
        codename: "bookworm".to_owned(),
        architecture: "amd64".to_owned(),
        virtualization: "kvm".to_owned(),
        kernel: Kernel {
            running: "6.1.0-37-amd64".to_owned(),
            installed: words(&["6.1.0-37-amd64", "6.1.0-38-amd64"]),
        },
        memory_kib: 2_013_348,
        disks: vec![Disk { path: "/".to_owned(), size_kib: 1000, free_kib: 500, free_inodes: 90 }],
        packages: 412,
        packages_sha256: "00ff".to_owned(),
        holds: words(&["bash"]),
        audit: words(&["one line"]),
        reboot_required: words(&["linux-base"]),
        build: Some(724),
        build_claimed: Some(724),
        build_verified: Some(411),
        build_unknown: Some(1),
        dead_man: Some("the network was started again".to_owned()),
    }))
}

fn healed() -> Healed {
    Healed {
        findings: vec![Finding {
            what: "disk".to_owned(),
            good: false,
            text: "/ is full".to_owned(),
            tail: words(&["one line"]),
        }],
        units: vec![Unit { name: "nginx.service".to_owned(), before: true }],
    }
}

fn outcomes() -> Vec<(&'static str, Outcome)> {
    let rebooted = Done::Rebooted(Rebooted {
        boot_before: "b1".to_owned(),
        boot: "b2".to_owned(),
        kernel_before: "6.1.0-37-amd64".to_owned(),
        kernel: "6.1.0-38-amd64".to_owned(),
        took_s: 42,
    });
    let piece = Piece { name: "dpkg.log".to_owned(), bytes: 8, cut: true, sha256: "00ff".to_owned() };
    let failure = Failure {
        cause: Cause::Unhealthy,
        message: "expected a healthy machine".to_owned(),
        tail: words(&["one line"]),
        health: Some(healed()),
        changes: changes().into(),
    };
    let patched = |patched: Patched| Outcome::Done(Done::Patched(Box::new(patched)));
    let whole = Patched { unfinished: None, ..self::patched() };
    vec![
        ("facts", Outcome::Done(facts())),
        ("checked", Outcome::Done(checked(Work::Install))),
        ("checked-reboot-only", Outcome::Done(checked(Work::RebootOnly))),
        ("checked-nothing", Outcome::AlreadySo(checked(Work::Nothing))),
        ("patched", patched(self::patched())),
        ("patched-whole", patched(whole)),
        ("drained", Outcome::Done(Done::Drained)),
        ("undrained", Outcome::AlreadySo(Done::Undrained)),
        ("rebooted", Outcome::Done(rebooted)),
        ("healthy", Outcome::Done(Done::Healthy(healed()))),
        ("reported", Outcome::Done(Done::Reported(vec![piece]))),
        ("cleaned", Outcome::Done(Done::Cleaned { operations: 3 })),
        ("failed", Outcome::Failed(failure)),
        ("failed-short", Outcome::Failed(Failure::new(Cause::Busy, "m"))),
    ]
}

fn refusals() -> Vec<(&'static str, Refusal)> {
    let id = || "r12-m3-s4".parse().unwrap();
    let message = |text: &str| text.to_owned();
    vec![
        ("malformed", Refusal::Malformed { message: message("expected a job") }),
        ("old-agent", Refusal::OldAgent { message: message("unknown field `x`") }),
        ("old-tenure", Refusal::OldTenure { seen: 8, found: 7 }),
        ("busy", Refusal::Busy { running: "r12-m3-s3".parse().unwrap() }),
        ("other-job", Refusal::OtherJob { id: id() }),
        ("unknown", Refusal::Unknown { id: id() }),
        ("cannot-keep", Refusal::CannotKeep { message: message("No space left on device") }),
    ]
}

fn replies() -> Vec<(String, Reply)> {
    let hello = Hello {
        protocol: 1,
        version: "0.1.0".to_owned(),
        boot: "5a1f9e0e-0a5c-4bb2-9d5c-7a3a2a1e0b11".to_owned(),
    };
    let phase = |step: &str, percent, text: &str| {
        Body::Phase(Phase { step: step.to_owned(), percent, text: text.to_owned() })
    };
    let piece = Body::Piece { name: "dpkg.log".to_owned(), text: "one\ntwo\n".to_owned() };
    let mut bodies = vec![
        ("hello".to_owned(), 0, Body::Hello(hello)),
        ("began".to_owned(), 1, Body::Began { id: "r12-m3-s4".parse().unwrap(), action: "patch".to_owned() }),
        ("phase".to_owned(), 2, phase("install", Some(42), "Unpacking bash")),
        ("phase-short".to_owned(), 3, phase("verify", None, "")),
        ("log".to_owned(), 4, Body::Log { text: "one line".to_owned() }),
        ("piece".to_owned(), 5, piece),
        ("alive".to_owned(), 0, Body::Alive),
        ("running".to_owned(), 0, Body::Running),
    ];
    bodies.extend(
        refusals().into_iter().map(|(name, refusal)| (format!("refused-{name}"), 0, Body::Refused(refusal))),
    );
    bodies.extend(
        outcomes().into_iter().map(|(name, outcome)| (format!("ended-{name}"), 9, Body::Ended(outcome))),
    );
    let reply = |(name, seq, body)| (format!("reply-{name}"), Reply { seq, at_ms: 1_795_000_000_123, body });
    bodies.into_iter().map(reply).collect()
}

#[test]
fn every_shape_is_as_it_was() {
    let mut known = BTreeSet::new();
    for (name, job) in jobs() {
        assert_shape(name, &job);
        known.insert(format!("{name}.json"));
    }
    for (name, reply) in replies() {
        assert_shape(&name, &reply);
        known.insert(format!("{name}.json"));
    }
    let files = fs::read_dir(golden()).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, known, "a file for each shape, and no others");
}

#[test]
fn what_a_newer_agent_adds_is_passed_over() {
    for (name, reply) in replies() {
        let mut value = serde_json::to_value(&reply).unwrap();
        add_to_objects(&mut value);
        let read: Result<Reply, _> = serde_json::from_value(value);
        // Where the name of a field is what is told, another one is another word, and not a field more.
        assert!(read.is_ok_and(|read| read == reply), "{name}");
    }
}

/// Adds a field wherever fields have fixed names: where one field alone is the word for a variant, it stays alone.
fn add_to_objects(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(add_to_objects);
            let variants = [
                "done",
                "already-so",
                "failed",
                "facts",
                "checked",
                "patched",
                "rebooted",
                "healthy",
                "reported",
                "cleaned",
            ];
            let refusals =
                ["malformed", "old-agent", "old-tenure", "busy", "other-job", "unknown", "cannot-keep"];
            let is_variant = fields.len() == 1
                && fields
                    .keys()
                    .all(|key| variants.contains(&key.as_str()) || refusals.contains(&key.as_str()));
            if !is_variant {
                fields.insert("not-known".to_owned(), Value::Array(vec![Value::Null]));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(add_to_objects),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_cause_has_its_word() {
    for cause in Cause::ALL {
        assert_eq!(serde_json::to_value(cause).unwrap(), Value::String(cause.word().to_owned()));
    }
}
