//! What the journal costs: appends against bare inserts of the same rows, syncs of a lone append, scan, verification.
//!
//! `cargo run --release --example bench_journal` prints medians of paired runs; each pair runs one right after the
//! other, because the disk of a shared machine has moods.

use std::error::Error;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rusqlite::Connection;
use smith_journal::{Generation, Hash, Head, NewRow, Reader as _, Seq, SqliteStore, verify};
use tempfile::TempDir;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAIRS: usize = 7;
/// Syncs are counted over so many lone appends.
const LONE: u64 = 1_000;
const SCANNED: u64 = 1_000_000;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("lone"), Some(path)) => append_alone(Path::new(&path), LONE),
        _ => {
            for (batch, total) in [(1, 2_000), (10, 20_000), (100, 100_000), (1_000, 200_000)] {
                compare_appends(batch, total)?;
            }
            count_syncs()?;
            scan_and_verify()
        }
    }
}

fn say(text: &str) -> Outcome<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

fn row(number: u64) -> NewRow {
    let machine = number.wrapping_mul(2_654_435_761) % 5_000;
    let body = format!(
        r#"{{"rollout":17,"machine":"prod-dal10-carrier4-worker-{machine}","attempt":1,"from":"5.15.0-{number}","to":"5.15.0-122","evidence":"{number:060}","took_ms":{}}}"#,
        number % 60_000
    );
    NewRow {
        at: 1_790_000_000_000 + number.cast_signed(),
        actor: "driver".into(),
        stream: format!("machine/{machine}").into(),
        kind: "machine.patched".into(),
        version: 1,
        body: body.into_bytes(),
    }
}

fn compare_appends(batch: u64, total: u64) -> Outcome<()> {
    let (mut ours, mut queued, mut bare) = (vec![], vec![], vec![]);
    for _ in 0..PAIRS {
        bare.push(insert_bare(batch, total)?);
        ours.push(append_ours(batch, total)?);
        queued.push(append_queued(batch, total)?);
    }
    let ratios = median(ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect());
    let queued_ratios = median(queued.iter().zip(&bare).map(|(queued, bare)| queued / bare).collect());
    say(&format!(
        "append, batches of {batch:>4}: bare {:>7.0} rows/s, ours {:>7.0} ({ratios:.2} of bare), \
         ours with the next queued {:>7.0} ({queued_ratios:.2})",
        median(bare),
        median(ours),
        median(queued),
    ))
}

fn batches(batch: u64, total: u64) -> Vec<Vec<NewRow>> {
    (0..total / batch).map(|n| (n * batch..(n + 1) * batch).map(row).collect()).collect()
}

fn append_ours(batch: u64, total: u64) -> Outcome<f64> {
    let folder = TempDir::new()?;
    let store = SqliteStore::open(folder.path().join("journal.db"))?;
    let writer = store.writer();
    let batches = batches(batch, total);
    let start = Instant::now();
    let mut head = Head::GENESIS;
    for rows in batches {
        head = writer.append_if_head(Generation::NONE, head, rows)?;
    }
    Ok(total as f64 / start.elapsed().as_secs_f64())
}

/// As the driver does it: the head is predicted, so that the next append queues up while this one is synced.
fn append_queued(batch: u64, total: u64) -> Outcome<f64> {
    let folder = TempDir::new()?;
    let store = SqliteStore::open(folder.path().join("journal.db"))?;
    let writer = store.writer();
    let batches = batches(batch, total);
    let start = Instant::now();
    let mut head = Head::GENESIS;
    let mut pending = Vec::with_capacity(batches.len());
    for rows in batches {
        let next = head.after(&rows);
        pending.push(writer.submit(Generation::NONE, head, rows));
        head = next;
    }
    for answer in pending {
        answer.wait()?;
    }
    Ok(total as f64 / start.elapsed().as_secs_f64())
}

fn insert_bare(batch: u64, total: u64) -> Outcome<f64> {
    let folder = TempDir::new()?;
    let path = folder.path().join("journal.db");
    drop(SqliteStore::open(&path)?);
    let mut conn = Connection::open(&path)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 4_000, |_| Ok(()))?;
    let batches = batches(batch, total);
    let start = Instant::now();
    let mut seq = 0_i64;
    for rows in &batches {
        let tx = conn.transaction()?;
        let mut insert = tx.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        for row in rows {
            seq += 1;
            let (actor, stream, kind) = (row.actor.as_ref(), row.stream.as_ref(), row.kind.as_ref());
            let hash = &Hash::GENESIS.0[..];
            insert.execute((seq, row.at, actor, stream, kind, row.version, &row.body[..], hash))?;
        }
        drop(insert);
        tx.commit()?;
    }
    Ok(total as f64 / start.elapsed().as_secs_f64())
}

fn append_alone(path: &Path, count: u64) -> Outcome<()> {
    let store = SqliteStore::open(path)?;
    let mut head = store.head()?;
    for number in 0..count {
        head = smith_journal::Store::append_if_head(&store, Generation::NONE, head, vec![row(number)])?;
    }
    // Without the checkpoint that closing makes: what is counted is appends.
    std::process::exit(0);
}

fn count_syncs() -> Outcome<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("journal.db");
    drop(SqliteStore::open(&path)?);
    let traced = Command::new("strace")
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync"])
        .arg(std::env::current_exe()?)
        .arg("lone")
        .arg(&path)
        .output();
    match traced {
        Ok(output) => say(&format!(
            "syncs of {LONE} lone appends, opening included:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => say(&format!("syncs: not counted, strace does not start: {error}")),
    }
}

fn scan_and_verify() -> Outcome<()> {
    let folder = TempDir::new()?;
    let store = SqliteStore::open(folder.path().join("journal.db"))?;
    let mut bytes = 0;
    let rows = (0..SCANNED).map(row).inspect(|row| bytes += row.body.len());
    let rows: Vec<_> = rows.map(Ok).collect();
    let start = Instant::now();
    smith_journal::Store::load(&store, Box::new(rows.into_iter()))?;
    say(&format!(
        "load: {:.2} s for {SCANNED} rows with bodies of {} bytes",
        start.elapsed().as_secs_f64(),
        bytes as u64 / SCANNED
    ))?;
    let (mut scans, mut verifications) = (vec![], vec![]);
    for _ in 0..PAIRS {
        let start = Instant::now();
        let mut total = 0;
        store.read_from(Seq::GENESIS, &mut |row| {
            total += row.content.body.len();
            ControlFlow::Continue(())
        })?;
        scans.push(SCANNED as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        verify(&store, Head::GENESIS, &[])?;
        verifications.push(start.elapsed().as_secs_f64());
    }
    say(&format!("scan: {:.2} million rows/s", median(scans) / 1e6))?;
    say(&format!("verify: {:.2} s for {SCANNED} rows", median(verifications)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
