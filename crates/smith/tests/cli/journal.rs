use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::run::{good, json, root, smith};

/// A journal that the demo kept, made once for all tests, which copy it before they spoil it.
pub(super) fn kept() -> &'static Path {
    static KEPT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, file) = KEPT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo.db");
        let told = good(&["demo", "--fast", "--machines", "100", "--journal", file.to_str().unwrap()]);
        assert!(told.contains("simulated, no machine is touched"), "{told}");
        assert!(told.contains("\nAll is done. "), "{told}");
        assert!(told.contains("waits: ") && told.contains("is approved by"), "{told}");
        (folder, file)
    });
    file
}

fn file() -> &'static str {
    kept().to_str().unwrap()
}

#[test]
fn a_good_journal_is_verified() {
    let text = good(&["audit", "verify", file()]);
    assert!(text.starts_with("good: ") && text.contains(" rows agree with each other\nhead: "), "{text}");
    let report = json(&["audit", "verify", file(), "--json"]);
    assert_eq!(report["good"], true);
    assert!(report["first_bad_row"].is_null());
}

#[test]
fn a_flipped_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, copy) = (folder.path().join("lines"), folder.path().join("copy.db"));
    let (lines, copy) = (lines.to_str().unwrap(), copy.to_str().unwrap());
    std::fs::write(lines, good(&["audit", "dump", file()])).unwrap();
    good(&["audit", "import", lines, copy]);
    good(&["audit", "verify", copy]);
    // Somebody changes who approved, in the file itself.
    let file = rusqlite::Connection::open(copy).unwrap();
    let row: i64 = file
        .query_row("SELECT min(seq) FROM events WHERE kind = 'change.approved'", (), |row| row.get(0))
        .unwrap();
    file.execute_batch("DROP TRIGGER events_are_never_changed").unwrap();
    file.execute("UPDATE events SET actor = 'somebody' WHERE seq = ?1", [row]).unwrap();
    drop(file);
    let ran = smith(&["audit", "verify", copy]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{}", ran.err);
    let found = format!("error: the journal is broken\n  because: row {row} was changed: expected hash ");
    assert!(ran.err.starts_with(&found), "{}", ran.err);
    assert!(ran.err.ends_with(&format!("hint: everything up to row {} is as it was written\n", row - 1)));
    let ran = smith(&["audit", "verify", copy, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &report["good"]), (4, &serde_json::Value::Bool(false)));
    assert_eq!(report["first_bad_row"], row);
    for reader in [&["rollout", "list", "--journal", copy][..], &["audit", "show", "--journal", copy]] {
        assert_eq!(smith(reader).code, 4, "nothing is told from a journal that was changed");
    }
}

#[test]
fn a_bad_line_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, copy) = (folder.path().join("lines"), folder.path().join("copy.db"));
    let text = good(&["audit", "dump", file()]).replacen("\"operator\"", "\"nobody\"", 1);
    std::fs::write(&lines, text).unwrap();
    let ran = smith(&["audit", "import", lines.to_str().unwrap(), copy.to_str().unwrap()]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("is bad") && ran.err.contains("expected hash"), "{}", ran.err);
}

#[test]
fn a_dump_starts_where_it_is_told() {
    let all = good(&["audit", "dump", file()]);
    let some = good(&["audit", "dump", file(), "--from", "5"]);
    assert_eq!(all.lines().skip(4).collect::<Vec<_>>(), some.lines().collect::<Vec<_>>());
    assert!(some.starts_with("{\"seq\":5,"), "{some}");
}

#[test]
fn projects_are_listed_and_shown_in_the_words_that_people_know() {
    let list = good(&["rollout", "list", "--journal", file()]);
    assert!(list.starts_with("project  config "), "{list}");
    let line = list.lines().find(|line| line.contains("supportOnly")).unwrap();
    assert!(line.contains(" complete "), "{line}");
    let id = line.split_whitespace().next().unwrap();
    let text = good(&["rollout", "show", id, "--journal", file()]);
    assert!(text.starts_with(&format!(
        "Project: {id} Patch: supportOnly with Build `2`, `complete`\nTOTALS: Pass: "
    )));
    assert!(text.contains(", Unstarted NONE\n"), "{text}");
    assert!(text.contains("\nStep: rebootSupport : support machines - CHG0"), "{text}");
    assert!(text.contains("\n *Phase 0*, support machines, `complete` Pass: "), "{text}");
    assert!(text.contains("\n   Bag: *support* - CTASK0"), "{text}");
    let project = json(&["rollout", "show", id, "--journal", file(), "--json"]);
    assert_eq!(project["steps"][0]["phases"][0]["bags"][0]["bag"], "support");
    let all = json(&["rollout", "list", "--journal", file(), "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 5);
    let ran = smith(&["rollout", "show", "99", "--journal", file()]);
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("they go from 1 to 5"), "{}", ran.err);
}

#[test]
fn a_machine_has_a_history_and_a_reason() {
    let rows = json(&["audit", "show", "--journal", file(), "--limit", "0", "--json"]);
    let words: Vec<&str> = rows.as_array().unwrap().iter().filter_map(|row| row["words"].as_str()).collect();
    let machine = words.iter().find_map(|words| words.split_once(": patch begins")).unwrap().0;
    let history = good(&["audit", "show", "--journal", file(), "--machine", machine]);
    assert!(history.contains(&format!("{machine}: check begins")), "{history}");
    assert!(history.contains("; pass"), "{history}");
    let why = good(&["rollout", "why", machine, "--journal", file()]);
    assert!(why.starts_with(&format!("{machine}: project ")) && why.contains("done: patched"), "{why}");
    let first = json(&["audit", "show", "--journal", file(), "--rollout", "1", "--limit", "0", "--json"]);
    assert!(first[0]["words"].as_str().unwrap().starts_with("operator starts project 1: patch 2 onto"));
    assert_eq!(smith(&["audit", "show", "--journal", file(), "--machine", "nobody"]).code, 5);
}

#[test]
fn what_is_no_journal_is_bad_input() {
    let missing = smith(&["audit", "verify", "no-such.db"]);
    assert_eq!(missing.code, 3);
    assert!(missing.err.contains("expected a journal in no-such.db, found no file"), "{}", missing.err);
    assert_eq!(smith(&["rollout", "list", "--journal", "README.md"]).code, 3);
    let again = smith(&["demo", "--fast", "--journal", file()]);
    assert_eq!(again.code, 2, "{}", again.err);
    assert!(root().join("README.md").exists());
}
