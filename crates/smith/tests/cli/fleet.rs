use super::run::{good, json, smith};

const FLEET: &str = "examples/fleets/ap-south.txt";

#[test]
fn machines_are_looked_up() {
    let text = good(&["fleet", "lookup", "prod-syd01-carrier1-master-*", "--fleet", FLEET]);
    let names: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        names,
        ["prod-syd01-carrier1-master-01", "prod-syd01-carrier1-master-02", "prod-syd01-carrier1-master-03"]
    );
    let found = json(&["fleet", "lookup", "zone=syd04", "role=haproxy", "--fleet", FLEET, "--json"]);
    assert_eq!(found.as_array().unwrap().len(), 4);
    assert_eq!(found[0]["attributes"]["region"], "ap-south");
}

#[test]
fn what_is_not_there_is_refused_with_a_hint() {
    let ran = smith(&["fleet", "lookup", "prod-syd01-carrier1-mastre-01", "--fleet", FLEET]);
    assert_eq!((ran.code, ran.out.as_str()), (5, ""));
    assert!(ran.err.contains("did you mean prod-syd01-carrier1-master-01"), "{}", ran.err);
    assert_eq!(smith(&["fleet", "lookup", "role=(", "--fleet", FLEET]).code, 2);
    // Without a file a server is asked, and here is none.
    let ran = smith(&["fleet", "lookup", "role=worker", "--server", "/nowhere/smith.sock"]);
    assert!(ran.code == 5 && ran.err.contains("--inventory FILE"), "{}", ran.err);
}

#[test]
fn regions_are_not_crossed_unawares() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.txt");
    std::fs::write(&file, "a region=north\nb region=south\n").unwrap();
    let file = file.to_str().unwrap();
    let ran = smith(&["fleet", "lookup", "a b", "--fleet", file]);
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("expected machines of one region"), "{}", ran.err);
    assert_eq!(good(&["fleet", "lookup", "a b", "--fleet", file, "--cross-region"]).lines().count(), 3);
}

#[test]
fn machines_that_nobody_patches_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.txt");
    std::fs::write(&file, "support-wdc04-infra-test-01\nlonely environment=none\n").unwrap();
    let args = [
        "fleet",
        "gaps",
        "--fleet",
        file.to_str().unwrap(),
        "--pipelines",
        "examples/pipelines/supportOnly.yaml",
    ];
    let ran = smith(&args);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.out, "missed: lonely is in no bag\n1 of 2 machines are in a bag, 1 machine missed\n");
    good(&["fleet", "gaps", "--fleet", FLEET, "--pipelines", "examples/pipelines"]);
}

#[test]
fn the_inventory_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sources.yaml");
    std::fs::write(&config, "sources:\n  - {name: cmdb, file: cmdb.csv}\n").unwrap();
    let cmdb = folder.path().join("cmdb.csv");
    std::fs::write(&cmdb, "name,address,region\na,10.0.0.1,north\nb,10.0.0.2,north\n").unwrap();
    let config = config.to_str().unwrap();
    let text = good(&["fleet", "check", "--inventory", config]);
    assert_eq!(text, "source  machines  file\ncmdb           2  cmdb.csv\n2 machines, 0 doubtful\n");
    good(&["fleet", "lookup", "10.0.0.2", "--inventory", config]);
    std::fs::write(&cmdb, "name,address,region\na,10.0.0.1,north\nb,10.0.0.1,north\n").unwrap();
    let doubtful = smith(&["fleet", "check", "--inventory", config]);
    assert_eq!(doubtful.code, 1);
    assert!(doubtful.out.contains("doubtful: expected one machine at 10.0.0.1"), "{}", doubtful.out);
    std::fs::write(&cmdb, "name,address,region\na,10.0.0,north\n").unwrap();
    let bad = smith(&["fleet", "check", "--inventory", config]);
    assert_eq!(bad.code, 3, "{}", bad.out);
    assert!(bad.err.starts_with("cmdb.csv:2:3: expected "), "{}", bad.err);
    assert!(bad.err.contains("\n  2 | a,10.0.0,north\n    |   ^\n"), "{}", bad.err);
}
