//! A process that appends without pause is killed at many moments; whatever it was told is written, is there, whole.
//!
//! The test runs itself again as that process, and reads from a pipe what was acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use smith_journal::{
    Generation, Hash, Head, NewRow, Reader as _, Seq, SqliteReader, SqliteStore, Store as _, verify,
};
use tempfile::TempDir;

const JOURNAL: &str = "SMITH_JOURNAL_KILL_TEST";
const ROUNDS: u64 = 24;
/// So many appends are queued before the first answer is read, so that groups form.
const QUEUED: usize = 5;

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.db");
    let mut last = Head::GENESIS;
    for round in 0..ROUNDS {
        // Numbers without a pattern, the same in every run.
        let acks = 1 + (round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57);
        // Some live long enough to copy the log into the file, and may die while they do.
        let acks = if round % 8 == 7 { acks + 700 } else { acks };
        let acknowledged = run_and_kill(&path, acks);
        // An auditor may come before the server is up again.
        let reader = SqliteReader::open(&path).expect("a readable journal");
        verify(&reader, Head::GENESIS, &[]).expect("a whole chain");
        drop(reader);
        let store = SqliteStore::open(&path).expect("a journal that opens again");
        let verified = verify(&store, Head::GENESIS, &[]).expect("a whole chain");
        for head in acknowledged.iter().chain([&last]) {
            assert_eq!(store.hash_at(head.seq).expect("a read"), Some(head.hash), "round {round}: {head}");
        }
        assert!(acknowledged.len() as u64 >= acks);
        check_batches(&store);
        last = verified.head;
    }
    assert!(last.seq > Seq(ROUNDS));
}

fn run_and_kill(path: &Path, acks: u64) -> Vec<Head> {
    let mut child: Child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(JOURNAL, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut heads = Vec::new();
    for line in output.lines() {
        let line = line.expect("a readable pipe");
        heads.extend(acknowledged(&line));
        if heads.len() as u64 == acks {
            // More lines may come until it is dead; they count as well.
            child.kill().expect("a running child");
        }
    }
    let status = child.wait().expect("an end");
    assert!(!status.success(), "the child ended by itself: {status}");
    heads
}

/// A line that was torn by the kill acknowledges nothing.
fn acknowledged(line: &str) -> Option<Head> {
    let (seq, hash) = line.split_once("ack ")?.1.strip_suffix(" end")?.split_once(' ')?;
    Some(Head { seq: Seq(seq.parse().ok()?), hash: hash.parse::<Hash>().ok()? })
}

fn check_batches(store: &SqliteStore) {
    let mut batches = BTreeMap::<String, (usize, usize)>::new();
    let read = store.read_from(Seq::GENESIS, &mut |row| {
        let count = std::str::from_utf8(row.content.body).expect("UTF-8").parse().expect("a number");
        let batch = batches.entry(row.content.stream.to_owned()).or_insert((0, count));
        batch.0 += 1;
        ControlFlow::Continue(())
    });
    read.expect("a readable journal");
    for (batch, (found, expected)) in batches {
        assert_eq!(found, expected, "rows of batch {batch}");
    }
}

/// Not a test by itself: without the variable it has nothing to do.
#[test]
fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(JOURNAL) else { return };
    let store = SqliteStore::open(path).expect("a journal");
    let head = store.head().expect("a head");
    let lease = store.acquire(&format!("process {}", std::process::id()), head.seq.0.cast_signed(), 0);
    let generation = lease.expect("a lease that ran out").generation;
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                store.put_blob(&std::process::id().to_be_bytes()).expect("a blob");
            }
        });
        append_for_ever(&store, generation, head);
    });
}

fn append_for_ever(store: &SqliteStore, generation: Generation, mut head: Head) {
    let writer = store.writer();
    let mut queued = std::collections::VecDeque::new();
    loop {
        let rows = batch(head.seq);
        let next = head.after(&rows);
        queued.push_back(writer.submit(generation, head, rows));
        head = next;
        if queued.len() > QUEUED {
            let done = queued.pop_front().expect("an append").wait().expect("a written append");
            // Straight to the pipe: the harness would keep what is printed.
            writeln!(std::io::stdout(), "ack {} {} end", done.seq, done.hash).expect("a pipe");
        }
    }
}

/// Rows that all name their batch and say how many there are.
fn batch(after: Seq) -> Vec<NewRow> {
    let count = 1 + usize::try_from(after.0 % 7).expect("a small number") * 5;
    let row = NewRow {
        at: 0,
        actor: "child".into(),
        stream: format!("batch/{after}").into(),
        kind: "row".into(),
        version: 1,
        body: count.to_string().into_bytes(),
    };
    vec![row; count]
}
