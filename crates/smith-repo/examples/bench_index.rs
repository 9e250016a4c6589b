//! Measures what the targets are about: reading an index, writing and packing it, taking in package files.
//!
//! `bench_index parse|write|gz|zst|xz|gz+zst|all FILE [RUNS]`, `bench_index ingest FOLDER [RUNS]`; the best run counts.
#![expect(clippy::print_stdout, reason = "a bench's output is its purpose")]

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use smith_repo::deb822::{PackageRecord, Stanzas};
use smith_repo::hash::Sha256;
use smith_repo::index::{Compression, IndexStanza, Md5Sums, PackagesIndex, SuiteIndex, write_suite};
use smith_repo::ingest::{Destination, find_debs, ingest};
use smith_repo::name::{PartName, SuiteName};
use smith_repo::release::NewRelease;
use smith_repo::store::Store;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path, rest @ ..] = arguments.as_slice() else {
        return Err("expected parse, write, gz, zst, xz, gz+zst, all or ingest, and a path".into());
    };
    let runs = rest.first().map_or(Ok(5), |runs| runs.parse())?;
    let path = Path::new(path);
    match what.as_str() {
        "parse" => parse(path, runs),
        "write" => write(path, runs, &[]),
        "gz" => write(path, runs, &[Compression::Gz]),
        "zst" => write(path, runs, &[Compression::Zst]),
        "xz" => write(path, runs, &[Compression::Xz]),
        "gz+zst" => write(path, runs, &[Compression::Gz, Compression::Zst]),
        "all" => write(path, runs, &Compression::ALL),
        "ingest" => take_in(path, runs),
        other => {
            Err(format!("expected parse, write, gz, zst, xz, gz+zst, all or ingest, found {other}").into())
        }
    }
}

fn best(what: &str, runs: u32, mut run: impl FnMut() -> Outcome) -> Outcome {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let began = Instant::now();
        run()?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!("{what}: {best:.3} s");
    Ok(())
}

fn parse(path: &Path, runs: u32) -> Outcome {
    let text = std::fs::read(path)?;
    best("hash", runs, || {
        std::hint::black_box(Sha256::of(&text));
        Ok(())
    })?;
    best("stanzas", runs, || {
        let stanzas = Stanzas::new(&text).map(|stanza| stanza.map(drop)).collect::<Result<Vec<()>, _>>()?;
        std::hint::black_box(stanzas.len());
        Ok(())
    })?;
    best("records", runs, || {
        let mut records = Vec::new();
        for stanza in Stanzas::new(&text) {
            records.push(PackageRecord::read(&stanza?)?);
        }
        std::hint::black_box(records.len());
        Ok(())
    })
}

/// The whole of a publish but for the signature, each time in a new store.
fn write(path: &Path, runs: u32, compressions: &[Compression]) -> Outcome {
    let text = std::fs::read(path)?;
    let mut sizes = String::new();
    best(&format!("parse, write, hash and pack {compressions:?}"), runs, || {
        let folder = tempfile::tempdir()?;
        let store = Store::create(folder.path())?;
        let intake = store.intake()?;
        let mut stanzas = Vec::new();
        for stanza in Stanzas::new(&text) {
            stanzas.push(IndexStanza::of(&PackageRecord::read(&stanza?)?));
        }
        let index = SuiteIndex {
            suite: SuiteName::new("bench")?,
            release: NewRelease::new(Timestamp::UNIX_EPOCH),
            packages: vec![PackagesIndex::of(&PartName::new("main")?, &PartName::new("amd64")?, stanzas)?],
            ready: Vec::new(),
            compressions: compressions.iter().copied().collect::<BTreeSet<_>>(),
            md5: Md5Sums::LeftOut,
        };
        let tree = write_suite(&store, &intake, index, None)?;
        intake.settle()?;
        let named = tree.files.iter().filter(|file| file.path.file_name().starts_with("Packages."));
        sizes = named.map(|file| format!("  {} {}", file.path.file_name(), file.size)).collect();
        Ok(())
    })?;
    println!("{sizes}");
    Ok(())
}

fn take_in(folder: &Path, runs: u32) -> Outcome {
    let paths = find_debs(folder)?;
    let component = PartName::new("main")?;
    best(&format!("take in {} files", paths.len()), runs, || {
        let ingested = ingest(&paths, &component, Destination::ReadOnly);
        match ingested.refused.first() {
            Some(refused) => Err(format!("{}: {}", refused.path.display(), refused.error).into()),
            None => Ok(()),
        }
    })
}
