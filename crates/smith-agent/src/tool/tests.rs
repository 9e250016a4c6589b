//! Programs that end, talk, stay, and hang.

use std::fs;
use std::time::{Duration, Instant};

use super::sink::{KEEP, KEEP_IN_FILE};
use super::{AtLimit, Ended, Ran, Run};

fn sh(script: &str, limit: Duration) -> Ran {
    Run::new("sh", limit).arg("-c").arg(script).run().unwrap()
}

#[test]
fn what_a_program_says_and_how_it_ends() {
    let ran = sh("echo one; echo two >&2; exit 3", Duration::from_secs(20));
    assert_eq!((ran.ended, ran.output.as_str()), (Ended::Code(3), "one\ntwo\n"));
    assert_eq!(sh("kill -9 $$", Duration::from_secs(20)).ended, Ended::Signal(9));
    let stopped = Run::new("/nonexistent", Duration::from_secs(1)).run().unwrap_err();
    assert!(stopped.to_string().starts_with("/nonexistent could not be run: "), "{stopped}");
}

#[test]
fn a_program_and_its_children_end_with_their_time() {
    let begun = Instant::now();
    let ran = sh("sleep 300 & sleep 300", Duration::from_millis(100));
    assert_eq!(ran.ended, Ended::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_program_that_does_not_stop_to_talk_is_stopped() {
    let begun = Instant::now();
    for script in ["yes", "yes >&2", "head -c 5000000 /dev/zero", "trap '' TERM; while :; do yes; done"] {
        let ran = sh(script, Duration::from_secs(300));
        assert_eq!(ran.ended, Ended::SaidTooMuch, "{script}");
        assert_eq!(ran.output.len() as u64, KEEP);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let ran = Run::new("yes", Duration::from_secs(300)).output_to(&path).run().unwrap();
    assert_eq!(ran.ended, Ended::SaidTooMuch);
    assert!(fs::metadata(&path).unwrap().len() > KEEP_IN_FILE);
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[test]
fn long_output_comes_whole() {
    let ran = sh("head -c 4000000 /dev/zero | tr '\\0' x; echo end", Duration::from_secs(60));
    assert_eq!((ran.ended, ran.output.len()), (Ended::Code(0), 4_000_004));
}

#[test]
fn nothing_of_the_environment_gets_through() {
    let ran = sh("env", Duration::from_secs(20));
    assert!(!ran.output.contains("CARGO"), "{}", ran.output);
    assert!(ran.output.contains("LC_ALL=C.UTF-8\n"));
}

/// A program that notes in its folder that it was asked to stop, and the child that it has, as apt has dpkg.
const LIKE_APT: &str =
    "trap 'echo asked >> asked' INT; (sleep 4; echo child >> done) & wait; wait; echo end >> done";

#[test]
fn what_works_under_apt_is_let_finish() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("cd {}; {LIKE_APT}", folder.path().display());
    let mut late = Vec::new();
    // On a busy machine a shell may take most of this until it listens; and none listens to what its caller ignores, as what
    // runs in the background may.
    let ran = Run::new("env", Duration::from_secs(2))
        .args(["--default-signal=INT", "sh", "-c", &script])
        .at_limit(AtLimit::Finish)
        .output_to(&folder.path().join("log"))
        .run_watched(|overdue| late.extend(overdue))
        .unwrap();
    assert_eq!(ran.ended, Ended::TimedOut);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!((read("asked").as_str(), read("done").as_str()), ("asked\n", "child\nend\n"));
    assert!(late.last().is_some_and(|late| *late >= Duration::from_millis(500)), "{late:?}");
}

#[test]
fn dpkg_is_not_even_asked() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "cd {}; trap 'echo asked > asked' INT TERM; sleep 1; echo end > done",
        folder.path().display()
    );
    let run = Run::new("sh", Duration::from_millis(100)).args(["-c", &script]);
    let ran = run.at_limit(AtLimit::Wait).output_to(&folder.path().join("log")).run().unwrap();
    assert_eq!(ran.ended, Ended::TimedOut);
    assert!(folder.path().join("done").exists() && !folder.path().join("asked").exists());
}

#[test]
fn what_dpkg_says_too_much_is_cut_and_dpkg_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "before\n").unwrap();
    // What is said at the very moment of a cut may be lost, so the end comes when nobody talks.
    let script = "echo begin; yes | head -c 200000000; sleep 2; echo end; exit 3";
    let run = Run::new("sh", Duration::from_secs(300)).args(["-c", script]);
    let ran = run.at_limit(AtLimit::Finish).output_to(&path).run().unwrap();
    assert_eq!((ran.ended, ran.was_cut), (Ended::Code(3), true));
    let said = fs::read_to_string(&path).unwrap();
    assert!(said.starts_with("before\nbegin\ny\n") && said.ends_with("y\nend\n"), "{}", said.len());
    assert!(said.contains("\n[smith-agent: more was said here than is kept]\n"));
}

/// Stays as a zombie that its parent does not see while another process traces it: killed, and still there.
#[test]
fn what_cannot_be_killed_is_given_up() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the number of ptrace is that of x86_64");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let traced = folder.path().join("traced");
    // 101 is ptrace, 0x4206 its word for taking hold of a process that runs.
    let tracer = format!(
        "setpgrp(0,0); exit if syscall(101, 0x4206, {}, 0, 0); open(F, q(>{})); close F; sleep 60",
        "$ARGV[0] + 0",
        traced.display()
    );
    let script = "perl -e \"$1\" $$ & echo $!; exec sleep 60";
    let begun = Instant::now();
    let run = Run::new("sh", Duration::from_secs(3)).args(["-c", script, "sh", &tracer]);
    let ran = run.at_limit(AtLimit::End { grace: Duration::from_millis(100) }).run().unwrap();
    if !traced.exists() {
        println!("skipped: there is no perl, or nobody may trace: {}", ran.output);
        return;
    }
    assert_eq!(ran.ended, Ended::NotKilled);
    assert!(begun.elapsed() < Duration::from_secs(40));
    let tracer = ran.output.trim().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(tracer, rustix::process::Signal::KILL).unwrap();
}
