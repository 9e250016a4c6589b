//! A machine that is a folder, and the real agent on it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use smith_agent::protocol::{Body, Outcome, Refusal, Reply, read_reply};
use tempfile::TempDir;

/// Long enough for a machine that does much else.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct World {
    folder: TempDir,
    root: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        Self::furnish(folder, root)
    }

    /// The machine's files are in this folder of the world's own.
    pub(crate) fn within(folder: TempDir, root: &str) -> Self {
        let root = folder.path().join(root);
        Self::furnish(folder, root)
    }

    fn furnish(folder: TempDir, root: PathBuf) -> Self {
        for path in ["opt", "etc/smith/drain.d", "var/lib"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        Self { folder, root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Outside of the machine.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every drain from now on adds a line to a file, then does this, then adds another.
    pub(crate) fn drain_by(&self, script: &str) {
        let done = self.beside("drained");
        let text = format!("#!/bin/sh\necho begun >> {0}\n{script}\necho ended >> {0}\n", done.display());
        let path = self.root.join("etc/smith/drain.d/10-count");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How often a drain was begun.
    pub(crate) fn drains(&self) -> usize {
        self.count("begun")
    }

    pub(crate) fn count(&self, word: &str) -> usize {
        let text = fs::read_to_string(self.beside("drained")).unwrap_or_default();
        text.lines().filter(|line| *line == word).count()
    }

    pub(crate) fn agent(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smith-agent"));
        command.arg("--root").arg(&self.root).args(args);
        command
    }

    /// One whole talk.
    pub(crate) fn talk(&self, job: &str) -> Talked {
        self.start(job).finish()
    }

    /// A talk that goes on.
    pub(crate) fn start(&self, job: &str) -> Talk {
        let mut command = self.agent(&[]);
        command.env("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.9 22");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // An agent that was killed, or that refuses, does not read it all.
        let _ = input.write_all(job.as_bytes());
        let output = BufReader::new(child.stdout.take().unwrap());
        Talk { child, _input: input, output, lines: Vec::new() }
    }

    pub(crate) fn operation(&self, id: &str) -> PathBuf {
        self.root.join("var/lib/smith/ops").join(id)
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("var/lib/smith/ops"));
        entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Workers of this world that are alive.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        let root = self.root.to_str().unwrap();
        let is_ours = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
            words.contains(&root.as_bytes()) && words.contains(&b"worker".as_slice())
        };
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(is_ours).filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
    }

    pub(crate) fn kill_workers(&self) -> usize {
        let workers = self.workers();
        for &worker in &workers {
            // It may have ended by itself.
            let _ = kill_process(worker, Signal::KILL);
        }
        // A process lets go of its locks before it is a zombie.
        let is_dead = |worker: &Pid| {
            let status = fs::read_to_string(format!("/proc/{}/status", worker.as_raw_nonzero()));
            status.map_or(true, |status| status.contains("State:\tZ"))
        };
        wait_for("the death of the workers", || workers.iter().all(is_dead));
        workers.len()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.join("opt/smith-agent.log")).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_workers();
    }
}

/// A talk that goes on.
pub(crate) struct Talk {
    child: Child,
    _input: ChildStdin,
    output: BufReader<ChildStdout>,
    lines: Vec<String>,
}

impl Talk {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next reply, or nothing when the talk is over.
    pub(crate) fn next(&mut self) -> Option<Reply> {
        let mut line = String::new();
        if self.output.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return None;
        }
        let reply = read_reply(line.trim_end().as_bytes()).unwrap();
        self.lines.push(line);
        Some(reply)
    }

    pub(crate) fn until(&mut self, is_it: impl Fn(&Body) -> bool) -> Reply {
        loop {
            let reply = self.next().expect("a reply before the talk was over");
            if is_it(&reply.body) {
                return reply;
            }
        }
    }

    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub(crate) fn finish(mut self) -> Talked {
        while self.next().is_some() {}
        self.child.wait().unwrap();
        Talked { lines: std::mem::take(&mut self.lines) }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was said in a talk.
#[derive(Debug, Clone)]
pub(crate) struct Talked {
    pub(crate) lines: Vec<String>,
}

impl Talked {
    pub(crate) fn replies(&self) -> Vec<Reply> {
        self.lines.iter().map(|line| read_reply(line.trim_end().as_bytes()).unwrap()).collect()
    }

    /// The lines that belong to the operation, as they came.
    pub(crate) fn kept(&self) -> Vec<&str> {
        let replies = self.replies();
        self.lines
            .iter()
            .zip(replies)
            .filter(|(_, reply)| reply.seq > 0)
            .map(|(line, _)| line.as_str())
            .collect()
    }

    pub(crate) fn last(&self) -> Body {
        let replies = self.replies();
        let last = replies.last().expect("a talk says something");
        assert!(last.is_last(), "{last:?}");
        assert!(replies[..replies.len() - 1].iter().all(|reply| !reply.is_last()), "{replies:?}");
        assert!(matches!(replies[0].body, Body::Hello(_)), "{replies:?}");
        last.body.clone()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let last = self.last();
        let Body::Ended(outcome) = last else { panic!("expected an outcome, found {last:?}") };
        outcome
    }

    pub(crate) fn refusal(&self) -> Refusal {
        let last = self.last();
        let Body::Refused(refusal) = last else { panic!("expected a refusal, found {last:?}") };
        refusal
    }

    pub(crate) fn cause(&self) -> String {
        let outcome = self.outcome();
        let Outcome::Failed(failure) = outcome else { panic!("expected a failure, found {outcome:?}") };
        failure.cause.to_string()
    }
}

pub(crate) fn drain(id: &str) -> String {
    job(id, None, "\"drain\"")
}

pub(crate) fn attach(to: &str, from: u64, follow: &str) -> String {
    job("ask-1", None, &format!(r#"{{"attach":{{"to":"{to}","from":{from},"follow":"{follow}"}}}}"#))
}

/// A job of a controller in a tenure, or of nobody.
pub(crate) fn job(id: &str, fence: Option<(&str, u64)>, action: &str) -> String {
    let fence = fence.map_or(String::new(), |(controller, tenure)| {
        format!(r#""fence":{{"controller":"{controller}","tenure":{tenure}}},"#)
    });
    format!("{{\"protocol\":1,\"id\":\"{id}\",{fence}\"limit_s\":60,\"action\":{action}}}\n")
}

/// Waits for something that comes.
pub(crate) fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < LONG, "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}
