//! What an auditor is shown and given, without a server.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::journal::kept;
use super::run::{good, json, root, smith};

fn journal() -> &'static str {
    kept().to_str().unwrap()
}

fn shown(filter: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "show", "--journal", journal(), "--limit", "0", "--json"], filter].concat();
    json(&arguments).as_array().unwrap().clone()
}

/// A machine that was patched.
fn machine() -> String {
    let rows = shown(&[]);
    let patched = rows.iter().find_map(|row| row["words"].as_str()?.split_once(": patch begins"));
    patched.unwrap().0.to_owned()
}

#[test]
fn rows_are_chosen_by_everything_that_they_are_about() {
    let all = shown(&[]);
    let (name, change) = (machine(), all.iter().find_map(|row| row["change"].as_str()).unwrap().to_owned());
    let of_change = shown(&["--change", &change]);
    assert!(!of_change.is_empty() && of_change.iter().all(|row| row["change"] == change.as_str()));
    let of_machine = shown(&["--machine", &name]);
    assert!(of_machine.len() > 2 && of_machine.len() < all.len() / 10);
    let of_project = shown(&["--rollout", "1"]);
    assert_eq!(of_project, shown(&["--project", "1"]));
    assert!(of_project.iter().all(|row| row["project"] == 1));
    let both = shown(&["--rollout", "1", "--machine", &name]);
    assert!(both.len() <= of_machine.len() && both.iter().all(|row| of_machine.contains(row)));
    assert!(shown(&["--actor", "operator"]).iter().all(|row| row["by"] == "operator"));
    assert!(!shown(&["--build", "2"]).is_empty() && shown(&["--build", "99"]).is_empty());
    let middle = all[all.len() / 2]["at"].as_str().unwrap();
    let (before, after) = (shown(&["--until", middle]), shown(&["--since", middle]));
    assert_eq!(before.len() + after.len(), all.len());
    assert!(!before.is_empty() && !after.is_empty());
    // The demo's journal is of a year that is long over.
    assert_eq!(shown(&["--since", "1m"]).len(), 0);
    let text = good(&["audit", "show", "--journal", journal(), "--change", &change]);
    assert!(
        text.lines().next().unwrap().split_whitespace().eq(["row", "at", "by", "under", "what"]),
        "{text}"
    );
    assert!(text.lines().skip(1).all(|line| line.contains(&change)), "{text}");
}

#[test]
fn a_filter_that_means_nothing_is_refused() {
    for (option, value, code) in [
        ("--since", "yesterday", 2),
        ("--until", "2026-11-20T10:00", 2),
        ("--change", "CHG9999999", 5),
        ("--rollout", "99", 5),
        ("--machine", "nobody", 5),
    ] {
        let ran = smith(&["audit", "show", "--journal", journal(), option, value]);
        assert_eq!(ran.code, code, "{option} {value}: {}", ran.err);
        assert!(ran.err.contains("expected"), "{}", ran.err);
    }
}

fn export(folder: &Path, more: &[&str]) -> String {
    let file = folder.join("export.smith").to_str().unwrap().to_owned();
    let told = good(&[&["audit", "export", "--journal", journal(), "--out", &file], more].concat());
    assert!(told.starts_with("good: "), "{told}");
    file
}

#[test]
fn an_export_is_verified_elsewhere_and_against_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = folder.path().join("checkpoints").to_str().unwrap().to_owned();
    good(&["audit", "checkpoint", journal(), &checkpoints]);
    good(&["audit", "verify", journal(), "--checkpoints", &checkpoints]);
    let name = machine();
    let file = export(folder.path(), &["--machine", &name, "--checkpoints", &checkpoints]);
    let alone = good(&["audit", "verify", &file]);
    assert!(alone.contains("unaltered: not proven") && alone.contains("complete: not proven"), "{alone}");
    assert!(alone.contains(&format!("chosen by: --machine {name}\n")), "{alone}");
    let compared = good(&["audit", "verify", &file, "--checkpoints", &checkpoints]);
    assert!(compared.contains("unaltered: proven by 1 checkpoint"), "{compared}");
    let report = json(&["audit", "verify", &file, "--checkpoints", &checkpoints, "--json"]);
    assert_eq!(report["chosen"], shown(&["--machine", &name]).len());
    assert_eq!((&report["with_root"], &report["complete"]), (&1.into(), &false.into()));
    // A program that somebody wrote from the document agrees.
    let theirs = root().join("crates/smith-journal/tests/proof.py");
    match Command::new("python3").arg(theirs).arg(&file).output() {
        Ok(ran) => assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr)),
        Err(error) => eprintln!("skipped: python3 cannot be run here: {error}"),
    }
    let foreign = folder.path().join("foreign");
    let line = std::fs::read_to_string(&checkpoints).unwrap().replacen("\"root\":\"", "\"root\":\"00", 1);
    let cut = line.rfind("\"}").unwrap();
    std::fs::write(&foreign, format!("{}\"}}\n", &line[..cut - 2])).unwrap();
    let ran = smith(&["audit", "verify", &file, "--checkpoints", foreign.to_str().unwrap()]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("is not what the checkpoint was taken of: expected root 00"), "{}", ran.err);
    std::fs::write(&foreign, line.replacen("\"seq\":", "\"seq\":1", 1)).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    for at in [3, 40, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let ran = smith(&["audit", "verify", &file]);
        assert!([3, 4].contains(&ran.code), "byte {at}: {} {}", ran.code, ran.err);
        assert!(ran.err.contains("expected"), "byte {at}: {}", ran.err);
    }
}

#[test]
fn an_export_of_everything_proves_that_nothing_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let name = machine();
    let file = export(folder.path(), &["--machine", &name, "--since", "3000w", "--everything"]);
    let told = good(&["audit", "verify", &file]);
    assert!(told.contains("complete: all rows up to "), "{told}");
    assert!(told.contains(" are there, and the filter chooses these\n"), "{told}");
    let report = json(&["audit", "verify", &file, "--json"]);
    assert_eq!(report["chosen"], shown(&["--machine", &name]).len());
    assert_eq!(report["omitted"], 0);
    // Somebody marks a row of the machine as one of the others, and packs the file again.
    let bytes = std::fs::read(&file).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[93..]), &mut text).unwrap();
    let chosen = report["chosen"].as_u64().unwrap();
    let others = report["others"].as_u64().unwrap();
    let text = text.replacen("\"chosen\":true}", "\"chosen\":false}", 1).replace(
        &format!("\"chosen\":{chosen},\"others\":{others}"),
        &format!("\"chosen\":{},\"others\":{}", chosen - 1, others + 1),
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let digest = smith_journal::sha256(&packed);
    let forged = [format!("smith audit export 1 sha256 {digest}\n").as_bytes(), &packed].concat();
    std::fs::write(&file, forged).unwrap();
    let ran = smith(&["audit", "verify", &file]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("to be chosen by the filter, found otherwise"), "{}", ran.err);
}

/// A journal that somebody gave another end, packed as an export of everything: behind `last` nothing, or rows of another.
fn cut_off(bytes: &[u8], last: usize, actor: &str) -> Vec<u8> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[93..]), &mut text).unwrap();
    let store = smith_journal::MemoryStore::default();
    let rows = text.lines().filter_map(|line| {
        let row = serde_json::from_str::<Value>(line).unwrap().get("row").cloned()?;
        let of = |name: &str| row[name].as_str().unwrap().to_owned();
        let seq = row["seq"].as_u64().unwrap() as usize;
        let actor = if seq > last { actor.to_owned() } else { of("actor") };
        let row = smith_journal::NewRow {
            at: row["at"].as_i64().unwrap(),
            actor: actor.into(),
            stream: of("stream").into(),
            kind: of("kind").into(),
            version: row["version"].as_u64().unwrap() as u16,
            body: of("body").into_bytes(),
        };
        (seq <= last || !row.actor.is_empty()).then_some(row)
    });
    let rows: Vec<_> = rows.collect();
    let head = smith_journal::Head::GENESIS;
    smith_journal::Store::append_if_head(&store, smith_journal::Generation::NONE, head, rows).unwrap();
    let order = smith_server::answers::ExportOrder {
        filter: smith_server::answers::AuditFilter::default(),
        scope: smith_journal::Scope::Everything,
        marks: std::collections::BTreeSet::new(),
        packages: None,
        made: smith_domain::time::Timestamp(0),
    };
    let mut out = std::io::Cursor::new(Vec::new());
    smith_server::answers::export(&store, order, &mut out).unwrap();
    out.into_inner()
}

#[test]
fn every_checkpoint_that_an_auditor_keeps_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("checkpoints").to_str().unwrap().to_owned();
    let whole = std::fs::read(export(folder.path(), &["--everything"])).unwrap();
    let end = json(&["audit", "verify", &format!("{}/export.smith", folder.path().display()), "--json"]);
    let last = end["end"]["seq"].as_u64().unwrap() as usize;
    let middle = last / 2;
    let cut = cut_off(&whole, middle, "");
    let file = folder.path().join("cut").to_str().unwrap().to_owned();
    std::fs::write(&file, &cut).unwrap();
    let told = good(&["audit", "verify", &file]);
    assert!(told.contains(&format!("complete: all rows up to {middle} are there,")), "{told}");
    let alone = json(&["audit", "verify", &file, "--json"]);
    let (early, late) = (&alone["end"], &end["end"]);
    let line = |it: &Value| {
        format!("{{\"seq\":{},\"hash\":{},\"at\":0,\"root\":{}}}\n", it["seq"], it["hash"], it["root"])
    };
    let verify = |bytes: &[u8], checkpoints: &str, more: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        std::fs::write(&kept, checkpoints).unwrap();
        smith(&[&["audit", "verify", &file, "--checkpoints", &kept], more].concat())
    };
    let both = line(early) + &line(late);
    // The auditor knows that there were more rows.
    let ran = verify(&cut, &both, &[]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let words = format!(
        "expected row {last}, of which a checkpoint was taken, found that the export ends with row {middle}"
    );
    assert!(ran.err.contains(&words), "{}", ran.err);
    // Where all rows are told, a checkpoint needs no mark.
    let ran = verify(&whole, &both, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains(&format!("unaltered: proven by 2 checkpoints, up to row {last}, the last\n")),
        "{}",
        ran.out
    );
    let ran = verify(&whole, &line(early), &[]);
    assert!(
        ran.out.contains(&format!(" as far as row {middle}; nothing proves the rows behind it\n")),
        "{}",
        ran.out
    );
    // Rows behind the older checkpoint were written anew, so that the newer stands at other rows.
    let forged = cut_off(&whole, middle, "nobody");
    let ran = verify(&forged, &both, &[]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(&format!("row {last} is not what the checkpoint was taken of")), "{}", ran.err);
    // Of chosen rows it may not be comparable, which is no good end.
    let chosen =
        std::fs::read(export(folder.path(), &["--project", "1", "--until", "2000-01-01T00:00:00Z"])).unwrap();
    let ran = verify(&chosen, &both, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains(&format!("not compared: 1 of 2 checkpoints, of row {middle}; an export")),
        "{}",
        ran.out
    );
    let report: Value = serde_json::from_str(&verify(&chosen, &both, &["--json"]).out).unwrap();
    assert_eq!((&report["good"], &report["not_compared"]), (&false.into(), &serde_json::json!([middle])));
    let ran = verify(&chosen, &line(early), &[]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
}

#[test]
fn a_data_folder_is_verified_with_its_lists() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(journal(), folder.path().join("journal.db")).unwrap();
    let told = good(&["audit", "verify", folder.path().to_str().unwrap()]);
    assert!(told.contains("good: 0 package lists as the journal names them\n"), "{told}");
    let ran = smith(&["audit", "verify", folder.path().join("none").to_str().unwrap()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
}

/// A server on a copy of the demo's journal; it goes when the test does.
struct Served {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).unwrap();
        std::fs::copy(journal(), path("data/journal.db")).unwrap();
        std::fs::write(path("smith.yaml"), "listen: {socket: s, http: no}\n").unwrap();
        let mut server = Command::new(env!("CARGO_BIN_EXE_smith"));
        server.arg("serve").arg("--config").arg(path("smith.yaml"));
        server.arg("--data").arg(path("data")).arg("--socket").arg(path("s"));
        let log = std::fs::File::create(path("log")).unwrap();
        let child = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let served = Self { child, folder };
        for _ in 0..600 {
            if smith(&["status", "--server", &served.socket()]).code == 0 {
                return served;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{}", std::fs::read_to_string(served.folder.path().join("log")).unwrap());
    }

    fn socket(&self) -> String {
        self.folder.path().join("s").to_str().unwrap().to_owned()
    }
}

#[test]
fn a_server_tells_the_same_rows_and_gives_exports_and_documents() {
    let served = Served::start();
    let (server, name) = (served.socket(), machine());
    let ask = |arguments: &[&str]| json(&[arguments, &["--server", &server, "--json"]].concat());
    let told = ask(&["audit", "show", "--machine", &name, "--rollout", "1", "--limit", "0"]);
    assert_eq!(told.as_array().unwrap(), &shown(&["--machine", &name, "--rollout", "1"]));
    let newest = ask(&["audit", "show", "--machine", &name, "--limit", "2"]);
    assert_eq!(newest.as_array().unwrap().len(), 2);
    let odd = ["audit", "show", "--actor", "zoë & co/#?", "--limit", "5"];
    assert_eq!(ask(&odd), serde_json::json!([]));
    let file = served.folder.path().join("export").to_str().unwrap().to_owned();
    good(&["audit", "export", "--server", &server, "--rollout", "1", "--everything", "--out", &file]);
    let report = json(&["audit", "verify", &file, "--json"]);
    assert_eq!(
        (&report["complete"], &report["chosen"]),
        (&true.into(), &shown(&["--rollout", "1"]).len().into())
    );
    let documents = ask(&["audit", "evidence", "list"]);
    let first = documents[0]["name"].as_str().unwrap_or_default().to_owned();
    assert!(first.starts_with("project-1-"), "{documents}");
    let text = good(&["audit", "evidence", "show", &first, "--server", &server]);
    assert_eq!(smith_journal::sha256(text.as_bytes()).to_string(), documents[0]["sha256"]);
    for (arguments, said) in [
        (&["audit", "evidence", "show", "../data/journal.db"], "expected the name of a document"),
        (&["audit", "evidence", "show", "none.md"], "expected the name of a document"),
    ] {
        let ran = smith(&[&arguments[..], &["--server", &server]].concat());
        assert_eq!(ran.code, 5, "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = smith(&["audit", "packages", &name, "--server", &server]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("expected a patch that changed packages"), "{}", ran.err);
}

/// Something that answers one request with these bytes and goes away.
fn answering(socket: &Path, answer: Vec<u8>) -> std::thread::JoinHandle<()> {
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4_096];
        assert!(std::io::Read::read(&mut stream, &mut asked).unwrap() > 0);
        std::io::Write::write_all(&mut stream, &answer).unwrap();
    })
}

#[test]
fn an_export_that_does_not_come_whole_is_not_kept() {
    let made = tempfile::tempdir().unwrap();
    let export = export(made.path(), &["--everything"]);
    let whole = std::fs::read(export).unwrap();
    let answer = |length: usize, bytes: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), bytes].concat()
    };
    let half = &whole[..whole.len() / 2];
    for (answer, code, said) in [
        // The server ended in the middle, and one that calls the middle the end.
        (answer(whole.len(), half), None, "expected a server at"),
        (answer(half.len(), half), None, "export"),
        (answer(whole.len(), &whole), Some(0), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (socket, out) = (folder.path().join("s"), folder.path().join("out"));
        let server = answering(&socket, answer);
        let (to, file) = (socket.to_str().unwrap(), out.to_str().unwrap());
        let ran = smith(&["audit", "export", "--server", to, "--everything", "--out", file]);
        server.join().unwrap();
        assert_eq!((ran.code == 0, out.exists()), (code.is_some(), code.is_some()), "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1 + usize::from(code.is_some()), "the socket, and the file if it is one");
    }
}
