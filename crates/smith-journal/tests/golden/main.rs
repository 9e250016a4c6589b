//! Every shape of an event that was ever written can be read, and is written in the same way again.
//!
//! `bodies/KIND.vVERSION.jsonl` holds bodies as they are stored, one on a line. A file stays for ever: journals are read
//! for years. Whoever changes a shape raises the version of its kind, adds a step in `codec/kinds.rs` and a new file.

mod access;
mod cycle;
mod desk;
mod fleet;
mod notice;
mod rollout;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use smith_domain::event::Event;
use smith_journal::codec::{Codec, DecodeError, lift};
use smith_journal::lift::LiftError;
use smith_journal::{Content, Hash, RowRef, Seq};

/// What each golden body means now, by kind, in the order of the lines. Files of older versions mean what their lines
/// were lifted to.
fn examples() -> Vec<Event> {
    [
        access::examples(),
        cycle::examples(),
        fleet::examples(),
        desk::examples(),
        notice::examples(),
        rollout::examples(),
    ]
    .concat()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bodies")
}

/// The golden files: kind, version, lines.
fn files() -> Vec<(String, u16, Vec<String>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder of golden bodies") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let (kind, version) =
            name.strip_suffix(".jsonl").and_then(|name| name.rsplit_once(".v")).expect("KIND.vVERSION.jsonl");
        let lines = fs::read_to_string(&path).expect("a golden file");
        let lines = lines.lines().map(str::to_owned).collect();
        files.push((kind.to_owned(), version.parse().expect("a version"), lines));
    }
    files.sort();
    files
}

fn row<'a>(seq: u64, kind: &'a str, version: u16, body: &'a [u8]) -> RowRef<'a> {
    let content = Content { at: 0, actor: "ann", stream: "s", kind, version, body };
    RowRef { seq: Seq(seq), content, hash: Hash::GENESIS }
}

#[test]
fn every_golden_body_means_what_it_meant_and_is_written_byte_by_byte_as_it_was() {
    let codec = Codec::default();
    let mut expected: BTreeMap<&'static str, Vec<Event>> = BTreeMap::new();
    for event in examples() {
        expected.entry(event.kind()).or_default().push(event);
    }
    for (kind, version, lines) in files() {
        let events = expected.get(kind.as_str()).unwrap_or_else(|| panic!("no example of {kind}"));
        assert_eq!(lines.len(), events.len(), "examples of {kind}");
        for (line, event) in lines.iter().zip(events) {
            let decoded = codec.decode(row(1, &kind, version, line.as_bytes()));
            assert_eq!(&decoded.unwrap_or_else(|error| panic!("{error} in {line}")), event);
            let encoded = codec.encode(event).expect("a body");
            if encoded.version == version {
                let found = String::from_utf8(encoded.body).expect("text");
                assert_eq!((encoded.kind, &found), (kind.as_str(), line));
            }
        }
    }
}

#[test]
fn every_kind_and_version_has_a_golden_file_and_every_file_a_kind() {
    let lift = lift();
    let known: BTreeSet<(String, u16)> = smith_journal::codec::kinds()
        .flat_map(|kind| {
            (1..=lift.current(kind).expect("a version")).map(|version| (kind.to_owned(), version))
        })
        .collect();
    let found: BTreeSet<(String, u16)> =
        files().into_iter().map(|(kind, version, _)| (kind, version)).collect();
    assert_eq!(found, known);
}

#[test]
fn every_golden_file_has_a_body_and_an_end_of_line() {
    for (kind, version, lines) in files() {
        assert!(!lines.is_empty(), "{kind}");
        let text = fs::read_to_string(folder().join(format!("{kind}.v{version}.jsonl"))).expect("a file");
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "{kind}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_the_number_of_the_row() {
    let codec = Codec::default();
    let error = |seq, kind, version, body: &'static str| {
        codec.decode(row(seq, kind, version, body.as_bytes())).expect_err("refused")
    };
    let unknown = error(7, "rollout.teleported", 1, "{}");
    assert!(
        matches!(&unknown, DecodeError::Lift { seq: Seq(7), source: LiftError::UnknownKind { kind } } if kind == "rollout.teleported"),
        "{unknown:?}"
    );
    let newer = error(8, "rollout.paused", 2, r#"{"paused":{"rollout":1}}"#);
    assert!(
        matches!(
            newer,
            DecodeError::Lift { seq: Seq(8), source: LiftError::Newer { expected: 1, found: 2, .. } }
        ),
        "{newer:?}"
    );
    for body in [
        "",
        "{",
        "null",
        "{}",
        r#"{"paused":{}}"#,
        r#"{"paused":{"rollout":-1}}"#,
        r#"{"paused":{"rollout":"1"}}"#,
        r#"{"parked":{"rollout":1}}"#,
        r#"{"paused":{"rollout":1}} x"#,
    ] {
        let broken = error(9, "rollout.paused", 1, body);
        assert!(
            matches!(&broken, DecodeError::Body { seq: Seq(9), kind, .. } if kind == "rollout.paused"),
            "{body}"
        );
        assert!(
            broken.to_string().starts_with("row 9: expected a body of \"rollout.paused\", found "),
            "{broken}"
        );
    }
}

#[test]
fn names_in_bodies_are_checked_like_names_from_outside() {
    let codec = Codec::default();
    let body = r#"{"machines-joined":{"machines":[{"name":"../etc"}]}}"#;
    let error = codec.decode(row(3, "fleet.machines-joined", 1, body.as_bytes())).expect_err("a bad name");
    assert!(matches!(error, DecodeError::Body { seq: Seq(3), .. }), "{error:?}");
}

#[test]
fn a_body_under_the_kind_of_another_event_of_its_noun_is_refused() {
    let codec = Codec::default();
    let body = r#"{"paused":{"rollout":1}}"#;
    let error = codec.decode(row(4, "rollout.aborted", 1, body.as_bytes())).expect_err("another kind");
    assert!(matches!(error, DecodeError::Body { seq: Seq(4), .. }), "{error:?}");
}
