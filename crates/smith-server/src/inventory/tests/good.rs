use super::*;

#[test]
fn our_own_format() {
    let text = r#"
machines:
  - bastion
  - name: prod-dal10-carrier3-worker-[1001-1002]
    rack: r12
    version: 1.10
    env: prod
  - {name: web-1, addresses: [10.0.0.1, "fe80::1"], host-key: ssh-ed25519 AAAA, empty: }
groups:
  south:
    attributes: {region: us-south, tier: "1"}
    groups:
      inner:
        attributes: {tier: "2"}
        machines:
          web-2: {address: 10.0.0.2, region: elsewhere}
          web-3:
    machines: [web-4]
  empty:
    machines:
"#;
    let expected = [
        "bastion",
        "prod-dal10-carrier3-worker-1001 environment=prod rack=r12 version=1.10",
        "prod-dal10-carrier3-worker-1002 environment=prod rack=r12 version=1.10",
        "web-1 10.0.0.1 fe80::1 key:ssh-ed25519 AAAA",
        "web-2 10.0.0.2 region=elsewhere tier=2",
        "web-3 region=us-south tier=2",
        "web-4 region=us-south tier=1",
    ];
    assert_eq!(read("fleet.yaml", text), expected);
    assert_eq!(read("x.YML", "- a\n- b\n"), ["a", "b"]);
    // Aliases are values like others.
    assert_eq!(read("x.yml", "machines:\n  a: &x {rack: r1}\n  b: *x\n"), ["a rack=r1", "b rack=r1"]);
}

#[test]
fn tables() {
    let text = "Name, Address ,Asset Tag,env,owner\nweb-1,10.0.0.1,A1,prod,\"team, a\"\n\nweb-2,10.0.0.2;fe80::2,,dev,\"two\nlines\"\r\nweb-3,,A3,,x\n";
    let expected = [
        "web-1 10.0.0.1 asset-tag=A1 environment=prod owner=team, a",
        "web-2 10.0.0.2 fe80::2 environment=dev owner=two\nlines",
        "web-3 asset-tag=A3 owner=x",
    ];
    assert_eq!(read("cmdb.csv", text), expected);
    assert_eq!(read("cmdb.csv", "\u{feff}name\nweb-1"), ["web-1"]);
    assert_eq!(read("cmdb.csv", "name,host-key,\nweb-1,ssh-rsa AAAA,\n"), ["web-1 key:ssh-rsa AAAA"]);
}

#[test]
fn service_discovery() {
    let text = r#"[
  {"targets": ["web-1:9100", "web-2:9100"], "labels": {"env": "prod", "job": "node", "__meta_x": "y", "Rack": "r1"}},
  {"targets": ["web-1:8080"], "labels": {"job": "app", "env": "prod"}},
  {"targets": ["10.0.0.7:9100", "10.0.0.7:9200"], "labels": {"nodename": "db-1", "machine": "x"}},
  {"targets": ["[fe80::1]:9100"], "labels": {"hostname": "db-2", "number": 7, "up": true}},
  {"targets": []}
]"#;
    let expected = [
        "db-1 10.0.0.7",
        "db-2 fe80::1 number=7 up=true",
        "web-1 environment=prod rack=r1",
        "web-2 environment=prod job=node rack=r1",
    ];
    assert_eq!(read("sd.json", text), expected);
    let yaml = SourceText { format: Some(Format::HttpSd), ..source("sd.yml", "- targets: [web-1]\n") };
    assert_eq!(tell(parse(&yaml).unwrap().machines), ["web-1"]);
}

#[test]
fn the_format_is_told_by_name_and_content() {
    for (file, text) in [
        ("a/b/hosts", "web-1"),
        ("Inventory", "web-1"),
        ("c:\\x\\hosts.INI", "web-1"),
        ("x.yaml", "all: {hosts: {web-1: }}"),
        ("x.yaml", "webs: {hosts: {web-1: }}"),
        ("x.json", r#"{"webs": ["web-1"]}"#),
        ("x.json", r#"[{"targets": ["web-1"]}]"#),
        ("x.yaml", "machines: [web-1]"),
    ] {
        assert_eq!(read(file, text), ["web-1"], "{file} {text}");
    }
    for format in Format::ALL {
        assert_eq!(Format::from_word(format.word()), Some(format));
    }
}

#[test]
fn only_the_labels_that_are_asked_for() {
    let only = Labels::Only(
        ["rack"].into_iter().map(|name| smith_domain::id::AttrName::new(name).unwrap()).collect(),
    );
    let text =
        SourceText { labels: Some(only), ..source("x.csv", "name,rack,owner,role\nweb-1,r1,me,web\n") };
    assert_eq!(tell(parse(&text).unwrap().machines), ["web-1 rack=r1 role=web"]);
}
