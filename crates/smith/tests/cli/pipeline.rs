use super::run::{good, json, smith};

const FOLDER: &str = "examples/pipelines";

#[test]
fn the_shipped_pipelines_have_no_mistakes() {
    assert_eq!(good(&["pipeline", "check", FOLDER]), "13 pipelines in 4 files: no mistakes\n");
    assert_eq!(json(&["pipeline", "check", FOLDER, "--json"]), serde_json::json!([]));
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    let text = "pipeline: a\ntitle: b\nowner: role:x\nsteps:\n  - step: s\n    title: t\n    reboot: mabye\n    \
                bags:\n      - {bag: c, machines: role=worker}\n";
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    for command in [["pipeline", "check", name], ["rollout", "simulate", name]] {
        let ran = smith(&command);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{}", ran.err);
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(lines[0].starts_with(&format!("{name}:7:13: expected ")), "{}", ran.err);
        assert_eq!(lines[1], "  7 |     reboot: mabye");
        assert_eq!(lines[2], "    |             ^");
        assert_eq!(lines.last(), Some(&"error: expected no mistakes, found 1 in 1 file"));
    }
    let ran = smith(&["pipeline", "check", name, "--json"]);
    let mistakes: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &mistakes[0]["line"], &mistakes[0]["column"]), (3, &7.into(), &13.into()));
}

#[test]
fn files_that_are_not_there_are_bad_input() {
    let ran = smith(&["pipeline", "check", "no-such.yaml"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.err.starts_with("error: expected a pipeline in no-such.yaml, which cannot be read\n  because: ")
    );
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(smith(&["pipeline", "list", empty.path().to_str().unwrap()]).code, 3);
}

#[test]
fn pipelines_are_listed_and_described() {
    let list = good(&["pipeline", "list", FOLDER]);
    assert_eq!(list.lines().count(), 14);
    assert!(list.contains("buildTestDevToStage            7  role:sre-oncall  Validate a build"), "{list}");
    let by_name = good(&["pipeline", "show", "supportOnly", "--folder", FOLDER]);
    assert!(by_name.starts_with("supportOnly: Patch and reboot support machines\nowner: role:sre-oncall\n"));
    assert_eq!(by_name, good(&["pipeline", "show", "examples/pipelines/supportOnly.yaml"]));
    let near = smith(&["pipeline", "show", "suportOnly", "--folder", FOLDER]);
    assert_eq!(near.code, 5);
    assert!(near.err.contains("did you mean `supportOnly`?"), "{}", near.err);
    let all = json(&["pipeline", "list", FOLDER, "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 13);
}
