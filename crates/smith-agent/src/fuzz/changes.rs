//! What is almost a job: whole ones, changed in a few places.

use std::fs;
use std::path::Path;

use bolero::TypeGenerator;

use super::talks::check_job;

/// What a job is made of, and what a hostile one would put there.
const PARTS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\",
    "\n",
    "\0",
    "-1",
    "1e999",
    "null",
    "true",
    "18446744073709551616",
    "\"protocol\":1,",
    "\"id\":\"../x\"",
    "\"action\":\"facts\"",
    "\"attach\"",
    "..",
    "\\u0000",
    "\u{202e}",
    "{\"protocol\":1,\"id\":\"a\",\"limit_s\":1,\"action\":{\"run\":\"id\"}}\n",
    "\u{feff}",
];

/// Places are counted from the beginning, and again from there when they lie behind the end.
#[derive(Debug, Clone, Copy, TypeGenerator)]
enum Change {
    Put { at: u16, part: u8 },
    Drop { at: u16, most: u8 },
    Twice { at: u16, most: u8 },
    Byte { at: u16, byte: u8 },
    End { at: u16 },
}

fn changed(mut job: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let from = |at: u16| usize::from(at) % job.len().max(1);
        let span = |at: u16, most: u8| {
            let from = from(at).min(job.len());
            from..(from + usize::from(most % 40)).min(job.len())
        };
        match *change {
            Change::Put { at, part } => {
                let span = span(at, 0);
                job.splice(span, PARTS[usize::from(part) % PARTS.len()].bytes());
            }
            Change::Drop { at, most } => drop(job.drain(span(at, most))),
            Change::Twice { at, most } => {
                let span = span(at, most);
                let copy = job[span.clone()].to_vec();
                job.splice(span.start..span.start, copy);
            }
            Change::Byte { at, byte } => {
                let span = span(at, 1);
                job[span].fill(byte);
            }
            Change::End { at } => {
                let end = from(at);
                job.truncate(end);
            }
        }
    }
    job
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with("reply-"));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Whole jobs as a controller sends them, and the corpus of what is none.
fn seeds() -> Vec<Vec<u8>> {
    let line = |text: Vec<u8>| {
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        format!("{value}\n").into_bytes()
    };
    let jobs = files("golden").into_iter().map(line);
    jobs.chain(files("corpus")).collect()
}

#[test]
fn almost_a_job() {
    let seeds = seeds();
    bolero::check!().with_type::<(u8, [Option<Change>; 6])>().for_each(|(seed, changes)| {
        let seed = seeds[usize::from(*seed) % seeds.len()].clone();
        let changes: Vec<Change> = changes.iter().flatten().copied().collect();
        check_job(&changed(seed, &changes));
    });
}
