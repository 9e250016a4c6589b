//! Exports that prove themselves: what a verifier finds when anything about one is changed, and that one written from the
//! document alone agrees with ours.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says what it leaves out"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use smith_journal::{
    About, Checkpoint, Fault, Generation, Head, MemoryStore, NewRow, OtherHistory, Pick, ProofError,
    ProofWriter, Proven, Reader as _, Scope, Seq, Store as _, Tree, Written, read_proof, read_proof_at,
    take_checkpoint,
};

const FIRST_LINE: usize = 93;

fn rows(count: i64, word: &str) -> Vec<NewRow> {
    let row = |number| NewRow {
        at: 1_000 + number,
        actor: "zoë".into(),
        stream: format!("machine/{}", number % 3).into(),
        kind: "seen".into(),
        version: 1,
        body: format!(r#"{{"n":{number},"text":"{word}\n\"","names":"{}"}}"#, digest(number)).into_bytes(),
    };
    (1..=count).map(row).collect()
}

/// What a row names, and what is attached to it.
fn digest(number: i64) -> String {
    hex(attachment(number).as_bytes())
}

fn attachment(number: i64) -> String {
    format!("{{\"list\": [{number}]}}\n")
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn journal(count: i64) -> MemoryStore {
    let store = MemoryStore::default();
    store.append_if_head(Generation::NONE, Head::GENESIS, rows(count, "first")).unwrap();
    store
}

fn about(store: &MemoryStore, scope: Scope) -> About {
    let filter = BTreeMap::from([("machine".to_owned(), "m-1".to_owned())]);
    let journal = store.hash_at(Seq(1)).unwrap().unwrap();
    About { journal, made: "2026-11-20T00:00:00Z".to_owned(), program: "smith".to_owned(), scope, filter }
}

fn write(
    store: &MemoryStore,
    scope: Scope,
    marks: &[u64],
    chosen: impl Fn(u64) -> bool,
) -> Result<(Written, Vec<u8>), ProofError> {
    let marks: BTreeSet<Seq> = marks.iter().map(|seq| Seq(*seq)).collect();
    let mut writer = ProofWriter::begin(Cursor::new(Vec::new()), &about(store, scope), marks)?;
    let mut failed = None;
    store
        .read_from(Seq::GENESIS, &mut |row| {
            let pick = match (chosen(row.seq.0), scope) {
                (true, _) => Pick::Chosen,
                (false, Scope::Everything) => Pick::Other,
                (false, Scope::Chosen) => Pick::Omitted,
            };
            let number = row.seq.0.cast_signed();
            let mut put = || {
                writer.row(&row, pick)?;
                if pick == Pick::Chosen && number % 4 == 0 {
                    writer.attach(digest(number).parse().unwrap(), Some(&attachment(number)))?;
                }
                Ok(())
            };
            failed = put().err();
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    match failed {
        Some(failed) => Err(failed),
        None => writer.finish().map(|(written, out)| (written, out.into_inner())),
    }
}

fn some(store: &MemoryStore) -> Vec<u8> {
    write(store, Scope::Chosen, &[17, 20], |seq| [4, 5, 6, 12, 30].contains(&seq)).unwrap().1
}

fn good(bytes: &[u8]) -> Proven {
    read_proof(bytes, |_| ()).unwrap()
}

fn fault(bytes: &[u8]) -> (u64, Fault) {
    let found = read_proof(bytes, |_| ()).expect_err("a bad export");
    (found.line, found.fault)
}

fn lines_of(bytes: &[u8]) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(&bytes[FIRST_LINE..]).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What somebody does who knows the format: packs the lines again under a right first line.
fn packed(lines: &[String]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    lines.iter().for_each(|line| packed.write_all(format!("{line}\n").as_bytes()).unwrap());
    let packed = packed.finish().unwrap();
    let mut bytes = format!("smith audit export 1 sha256 {}\n", hex(&packed)).into_bytes();
    bytes.extend_from_slice(&packed);
    bytes
}

/// The program that somebody wrote from the document; nothing where there is no Python.
fn by_the_document(file: &Path) -> Option<bool> {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/proof.py");
    match Command::new("python3").arg(program).arg(file).output() {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(said.starts_with("good: ") == ran.status.success(), "{said}");
            Some(ran.status.success())
        }
        Err(error) => {
            println!("skipped: python3 cannot be run here: {error}");
            None
        }
    }
}

#[test]
fn an_export_tells_the_chosen_rows_and_proves_the_rest() {
    let store = journal(37);
    let bytes = some(&store);
    let mut seen = Vec::new();
    let proven = read_proof(bytes.as_slice(), |shown| {
        assert!(shown.chosen);
        seen.push((shown.row.seq.0, shown.row.content.body.to_vec()));
    })
    .unwrap();
    let wanted = rows(37, "first");
    let wanted: Vec<_> =
        [4_u64, 5, 6, 12, 30].iter().map(|seq| (*seq, wanted[*seq as usize - 1].body.clone())).collect();
    assert_eq!(seen, wanted);
    assert_eq!((proven.chosen, proven.others, proven.omitted, proven.attached), (5, 0, 32, 2));
    let mut tree = Tree::default();
    let mut marks = Vec::new();
    store
        .read_from(Seq::GENESIS, &mut |row| {
            tree.push(row.hash);
            if [17, 20, 37].contains(&row.seq.0) {
                marks.push((row.head(), tree.root()));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let found: Vec<_> = proven.marks.iter().map(|mark| (mark.head(), mark.root)).collect();
    assert_eq!(found, marks);
    assert_eq!(proven.about, about(&store, Scope::Chosen));
}

#[test]
fn every_choice_of_rows_of_small_journals_is_proven() {
    for count in 1..=7_u32 {
        let store = journal(i64::from(count));
        for choice in 0..1_u32 << count {
            let is_chosen = |seq: u64| choice >> (seq - 1) & 1 == 1;
            let mark = u64::from(choice % count + 1);
            let (written, bytes) = write(&store, Scope::Chosen, &[mark], is_chosen).unwrap();
            let proven = good(&bytes);
            assert_eq!((proven.chosen, proven.omitted), (written.chosen, written.omitted));
            assert_eq!(proven.end(), Some(&written.end));
            assert_eq!(proven.chosen, u64::from(choice.count_ones()));
        }
    }
}

#[test]
fn every_changed_byte_is_found() {
    let bytes = some(&journal(37));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(read_proof(changed.as_slice(), |_| ()).is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        assert!(read_proof(&bytes[..length], |_| ()).is_err(), "the first {length} bytes");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(fault(&longer), (0, Fault::Trailing { byte }) if byte == bytes.len() as u64));
    let twice = [bytes.as_slice(), &bytes[FIRST_LINE..]].concat();
    assert!(matches!(fault(&twice).1, Fault::Trailing { .. }));
}

/// Whoever packs the lines anew gets past the digest of the file, and not past the hashes.
#[test]
fn lines_that_were_dropped_doubled_moved_or_changed_are_found() {
    let lines = lines_of(&some(&journal(37)));
    good(&packed(&lines));
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        // Checkpoints and attachments are there for whoever wants them; that there were some is in the counts, or of no use.
        let is_mark = lines[at].starts_with("{\"checkpoint\"");
        assert_eq!(read_proof(packed(&dropped).as_slice(), |_| ()).is_ok(), is_mark, "without {}", lines[at]);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        assert_eq!(read_proof(packed(&doubled).as_slice(), |_| ()).is_ok(), is_mark, "twice {}", lines[at]);
        for other in at + 1..lines.len() {
            if lines[at] != lines[other] {
                let mut swapped = lines.clone();
                swapped.swap(at, other);
                assert!(read_proof(packed(&swapped).as_slice(), |_| ()).is_err(), "{at} and {other} swapped");
            }
        }
    }
    for at in 1..lines.len() {
        for place in 0..lines[at].len() {
            let mut changed = lines.clone();
            let mut bytes = changed[at].clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(line) = String::from_utf8(bytes) else { continue };
            changed[at] = line;
            let found = read_proof(packed(&changed).as_slice(), |_| ());
            assert!(found.is_err(), "{} became {}", lines[at], changed[at]);
        }
    }
}

#[test]
fn a_complaint_says_where_and_what() {
    let lines = lines_of(&some(&journal(37)));
    let after = |from: &str, to: &str| {
        let mut lines = lines.clone();
        let at = lines.iter().position(|line| line.contains(from)).unwrap();
        lines[at] = lines[at].replace(from, to);
        let (line, fault) = fault(&packed(&lines));
        assert_eq!(line, at as u64 + 1);
        fault.to_string()
    };
    let text = after("\"seq\":5,\"at\":1005", "\"seq\":5,\"at\":1006");
    assert!(text.starts_with("row 5 is not as it was written: expected hash "), "{text}");
    assert_eq!(after("\"seq\":12,", "\"seq\":13,"), "expected row 12, found row 13");
    let text = after("{\"omitted\":{\"rows\":4", "{\"omitted\":{\"rows\":8");
    assert!(text.starts_with("expected omitted rows whose number is a power of two"), "{text}");
    let text = after("\"omitted\":32", "\"omitted\":31");
    assert_eq!(text, "expected at the end omitted rows 31, found 32");
    let text = after("[4]", "[5]");
    assert!(text.starts_with("what is attached was changed: expected SHA-256 "), "{text}");
    let mut bytes = some(&journal(37));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let (_, fault) = fault(&bytes);
    assert!(matches!(&fault, Fault::Damaged { byte, .. } if *byte == last as u64 + 1), "{fault}");
    assert!(matches!(self::fault(b"SQLite format 3\0").1, Fault::NotAnExport { .. }));
}

#[test]
fn a_history_that_was_written_anew_is_found_against_a_checkpoint() {
    let (ours, forged) = (journal(20), MemoryStore::default());
    let mut other = rows(20, "first");
    other[11].actor = "nobody".into();
    forged.append_if_head(Generation::NONE, Head::GENESIS, other).unwrap();
    let noted = take_checkpoint(&ours, 5).unwrap();
    for (store, is_ours) in [(&ours, true), (&forged, false)] {
        let (_, bytes) = write(store, Scope::Chosen, &[20], |seq| seq == 4).unwrap();
        let proven = good(&bytes);
        assert_eq!(proven.compare(&[noted]).is_ok(), is_ours);
        // Another root under the same hash is a lie about what was left out.
        let lie = Checkpoint { root: Some(noted.head.hash), ..noted };
        assert!(proven.compare(&[lie]).is_err());
        assert_eq!(proven.compare(&[]).unwrap().checkpoints, 0);
    }
    let proven = good(&write(&ours, Scope::Chosen, &[], |seq| seq == 4).unwrap().1);
    let hash_alone = Checkpoint { root: None, ..noted };
    let compared = proven.compare(&[noted, hash_alone]).unwrap();
    assert_eq!((compared.checkpoints, compared.with_root), (2, 1));
    assert_eq!((compared.proven_to, compared.open), (Some(Seq(20)), Vec::new()));
}

#[test]
fn a_checkpoint_at_no_mark_is_compared_where_rows_are_told_and_else_named() {
    let store = journal(20);
    let of = |length: i64| {
        let short = MemoryStore::default();
        short.append_if_head(Generation::NONE, Head::GENESIS, rows(length, "first")).unwrap();
        take_checkpoint(&short, 5).unwrap()
    };
    let everything = write(&store, Scope::Everything, &[], |_| true).unwrap().1;
    let chosen = write(&store, Scope::Chosen, &[], |seq| seq == 9).unwrap().1;
    let forged = of(13).head.hash;
    for seq in 1..=20_u64 {
        let (noted, wanted) = (of(seq.cast_signed()), BTreeSet::from([Seq(seq)]));
        let read = |bytes: &[u8]| read_proof_at(bytes, &wanted, |_| ()).unwrap();
        assert_eq!(read(&everything).compare(&[noted]).unwrap().proven_to, Some(Seq(seq)));
        let lie = Checkpoint { head: Head { hash: forged, ..noted.head }, ..noted };
        assert_eq!(read(&everything).compare(&[lie]).is_ok(), seq == 13, "row {seq}");
        // Rows 1 and 20 are told as hashes; so is 8, which row 9 was hashed with.
        let told = [1, 8, 9, 20].contains(&seq);
        let compared = read(&chosen).compare(&[noted]).unwrap();
        let open = if told { Vec::new() } else { vec![Seq(seq)] };
        assert_eq!((compared.checkpoints, compared.open), (u64::from(told), open), "row {seq}");
    }
    let short = write(&journal(12), Scope::Everything, &[], |_| true).unwrap().1;
    let found = good(&short).compare(&[of(13)]).unwrap_err();
    assert_eq!(found, OtherHistory::Ends { end: Seq(12), seq: Seq(13) });
}

#[test]
fn everything_is_told_where_that_is_promised() {
    let store = journal(20);
    let (written, bytes) = write(&store, Scope::Everything, &[], |seq| seq % 5 == 0).unwrap();
    assert_eq!((written.chosen, written.others, written.omitted), (4, 16, 0));
    good(&bytes);
    let lines = lines_of(&write(&store, Scope::Chosen, &[], |seq| seq % 5 == 0).unwrap().1);
    let promised: Vec<String> =
        lines.iter().map(|line| line.replace("\"scope\":\"chosen\"", "\"scope\":\"everything\"")).collect();
    assert!(matches!(fault(&packed(&promised)).1, Fault::NotEverything { rows: 1 }));
    let lines = lines_of(&bytes);
    let hidden: Vec<String> =
        lines.iter().map(|line| line.replace("\"scope\":\"everything\"", "\"scope\":\"chosen\"")).collect();
    assert!(matches!(fault(&packed(&hidden)).1, Fault::NotChosen { seq: Seq(1) }));
}

#[test]
fn what_cannot_be_exported_is_said() {
    let empty = MemoryStore::default();
    let about = About { ..about(&journal(1), Scope::Chosen) };
    let writer = ProofWriter::begin(Cursor::new(Vec::new()), &about, BTreeSet::new()).unwrap();
    assert!(matches!(writer.finish(), Err(ProofError::Empty)));
    assert_eq!(empty.head().unwrap(), Head::GENESIS);
    let error = write(&journal(3), Scope::Chosen, &[2, 9], |_| false).expect_err("no row 9");
    assert!(matches!(error, ProofError::NoSuchRow { seq: Seq(9), last: Seq(3) }));
}

#[test]
fn a_verifier_written_from_the_document_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export");
    let bytes = some(&journal(37));
    let lines = lines_of(&bytes);
    let mut cases =
        vec![bytes.clone(), write(&journal(9), Scope::Everything, &[3], |seq| seq > 4).unwrap().1];
    cases.push(bytes[..bytes.len() - 3].to_vec());
    for at in (0..bytes.len()).step_by(331) {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        cases.push(changed);
    }
    for at in 1..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        cases.push(packed(&dropped));
        let mut changed = lines.clone();
        changed[at] = changed[at].replacen("1", "2", 1);
        cases.push(packed(&changed));
    }
    for (number, case) in cases.iter().enumerate() {
        std::fs::write(&file, case).unwrap();
        let Some(theirs) = by_the_document(&file) else { return };
        assert_eq!(theirs, read_proof(case.as_slice(), |_| ()).is_ok(), "case {number}");
    }
}
