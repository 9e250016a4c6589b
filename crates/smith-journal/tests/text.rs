//! The journal as text: lines that are refused, by number and in words; checkpoint files.

use std::error::Error as _;
use std::io::{Cursor, Write as _};

use smith_journal::{
    Checkpoint, CheckpointError, Generation, Head, LoadError, MemoryStore, NewRow, Reader as _, Seq,
    Store as _, export, import, read_checkpoints, write_checkpoint,
};
use tempfile::TempDir;

fn exported() -> String {
    let store = MemoryStore::new();
    let rows = (0..3).map(|number| NewRow {
        at: number,
        actor: "ann \"a\"".into(),
        stream: "machine/ü".into(),
        kind: "seen".into(),
        version: 2,
        body: br#"{"b": 1.50, "a": [ ]}"#.to_vec(),
    });
    store.append_if_head(Generation::NONE, Head::GENESIS, rows.collect()).expect("an append");
    let mut text = Vec::new();
    export(&store, Seq::GENESIS, &mut text).expect("an export");
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn a_line_is_what_the_format_says() {
    let text = exported();
    let first = text.lines().next().expect("a line");
    let (head, hash) = first.split_once(r#","hash":""#).expect("a hash at the end");
    assert_eq!(
        head,
        r#"{"seq":1,"at":0,"actor":"ann \"a\"","stream":"machine/ü","kind":"seen","version":2,"body":{"b": 1.50, "a": [ ]}"#
    );
    assert_eq!(hash.len(), 66);
}

/// The line and the fault that an import of this text ends with.
fn refused(text: &str) -> (u64, String) {
    let store = MemoryStore::new();
    let error = import(&store, Cursor::new(text.to_owned())).expect_err("a bad line");
    assert_eq!(store.head().expect("a head"), Head::GENESIS);
    let LoadError::Line(bad) = error else { panic!("{error:?}") };
    (bad.line, bad.source().expect("a fault").to_string())
}

#[test]
fn bad_lines_are_named_with_what_was_expected_and_found() {
    let text = exported();
    let lines: Vec<&str> = text.lines().collect();
    let (line, fault) = refused(&text.replacen("1.50", "1.5", 2).replacen("1.5,", "1.50,", 1));
    assert_eq!(line, 2);
    assert!(fault.starts_with("expected hash ") && fault.contains(", found "), "{fault}");
    let dropped = format!("{}\n{}\n", lines[0], lines[2]);
    assert_eq!(refused(&dropped), (2, "expected row 2, found row 3".to_owned()));
    let (line, fault) = refused(&format!("{}\n\n", lines[0]));
    assert_eq!(line, 2);
    assert!(fault.starts_with("expected a row of the journal, found EOF"), "{fault}");
    let (line, fault) = refused(&text.replace(r#""kind""#, r#""extra":1,"kind""#));
    assert_eq!(line, 1);
    assert!(fault.contains("unknown field `extra`"), "{fault}");
    let (line, fault) = refused(text.trim_end());
    assert_eq!(
        (line, fault.as_str()),
        (3, "expected the line to end in a line break, found the end of the input")
    );
}

#[test]
fn checkpoints_are_added_one_line_each_and_a_torn_line_is_cut_off() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("checkpoints");
    let checkpoint = |seq, at| Checkpoint { head: Head { seq: Seq(seq), ..Head::GENESIS }, at, root: None };
    write_checkpoint(&path, &checkpoint(1, 10)).expect("a line");
    write_checkpoint(&path, &checkpoint(5, 20)).expect("a line");
    let text = std::fs::read_to_string(&path).expect("a file");
    let zeros = "0".repeat(64);
    assert_eq!(text.lines().next(), Some(format!(r#"{{"seq":1,"hash":"{zeros}","at":10}}"#).as_str()));
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("a file");
    file.write_all(br#"{"seq":9,"ha"#).expect("half a line");
    let two = [checkpoint(1, 10), checkpoint(5, 20)];
    assert_eq!(read_checkpoints(&path).expect("checkpoints"), two);
    write_checkpoint(&path, &checkpoint(9, 30)).expect("a line");
    let three = [two[0], two[1], checkpoint(9, 30)];
    assert_eq!(read_checkpoints(&path).expect("checkpoints"), three);
    std::fs::write(&path, format!("{text}{{}}\n")).expect("a file");
    let error = read_checkpoints(&path).expect_err("a bad line");
    assert!(matches!(error, CheckpointError::BadLine { line: 3, .. }), "{error:?}");
}
