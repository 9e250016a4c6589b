use smith_domain::id::AttrName;

use super::*;

const INI: &str = r#"
# machines outside of groups
bastion ansible_host=10.9.9.9 ansible_password=hunter2 db_password=x

[web]
web[01:02].example rack=r1 env=prod   # a comment
web03.example:2222 owner="team a" region='us south'

[db]
db-[a:b] role=master
web01.example rack=r9

[db:vars]
role=db
region = us-east

[all:vars]
region=nowhere
zone="z1"

[south:children]
web
db

[south:vars]
region=us-south
rack=r0
"#;

const YAML: &str = "
all:
  hosts:
    bastion: {ansible_host: 10.9.9.9, ansible_password: hunter2, db_password: x}
  vars: {region: nowhere, zone: z1}
  children:
    south:
      vars: {region: us-south, rack: r0}
      children:
        web:
          hosts:
            web[01:02].example: {rack: r1, env: prod, nested: {a: 1}, list: [1]}
            web03.example: {owner: team a, region: us south}
        db:
          vars: {role: db, region: us-east}
          hosts:
            db-[a:b]: {role: master}
            web01.example: {rack: r9}
";

const JSON: &str = r#"{
  "_meta": {"hostvars": {
    "bastion": {"ansible_host": "10.9.9.9", "ansible_password": "hunter2", "db_password": "x"},
    "web01.example": {"rack": "r9", "env": "prod", "list": [1]},
    "web02.example": {"rack": "r1", "env": "prod"},
    "web03.example": {"owner": "team a", "region": "us south"},
    "db-a": {"role": "master"}, "db-b": {"role": "master"}
  }},
  "all": {"children": ["ungrouped", "south"], "vars": {"region": "nowhere", "zone": "z1"}},
  "ungrouped": {"hosts": ["bastion"]},
  "south": {"children": ["web", "db"], "vars": {"region": "us-south", "rack": "r0"}},
  "web": ["web01.example", "web02.example", "web03.example"],
  "db": {"hosts": ["db-a", "db-b", "web01.example"], "vars": {"role": "db", "region": "us-east"}}
}"#;

fn with_labels(file: &str, text: &str, labels: Labels) -> Vec<String> {
    tell(
        parse(&SourceText { labels: Some(labels), ..source(file, text) })
            .unwrap_or_else(|p| panic!("{p}"))
            .machines,
    )
}

#[test]
fn three_notations_say_the_same() {
    for (file, text) in [("hosts", INI), ("hosts.yml", YAML), ("hosts.json", JSON)] {
        // What is not asked for, passwords above all, is not taken.
        let expected = [
            "bastion 10.9.9.9 region=nowhere zone=z1",
            "db-a region=us-east role=master zone=z1",
            "db-b region=us-east role=master zone=z1",
            "web01.example environment=prod region=us-east role=db zone=z1",
            "web02.example environment=prod region=us-south zone=z1",
            "web03.example region=us south zone=z1",
        ];
        assert_eq!(read(file, text), expected, "{file}");
        let labels = ["rack", "group-web", "group-south", "owner"].map(|name| AttrName::new(name).unwrap());
        let expected = [
            "bastion 10.9.9.9 region=nowhere zone=z1",
            "db-a group-south=yes rack=r0 region=us-east role=master zone=z1",
            "db-b group-south=yes rack=r0 region=us-east role=master zone=z1",
            "web01.example environment=prod group-south=yes group-web=yes rack=r9 region=us-east role=db zone=z1",
            "web02.example environment=prod group-south=yes group-web=yes rack=r1 region=us-south zone=z1",
            "web03.example group-south=yes group-web=yes owner=team a rack=r0 region=us south zone=z1",
        ];
        assert_eq!(with_labels(file, text, Labels::Only(labels.into())), expected, "{file}");
        let all = with_labels(file, text, Labels::All);
        assert!(all[0].contains("db_password=x") && !all.concat().contains("hunter2"), "{file}: {all:?}");
    }
}

#[test]
fn a_host_by_its_address() {
    assert_eq!(
        read("hosts", "10.0.0.1 role=web\nweb ansible_host=elsewhere.example"),
        ["10.0.0.1 10.0.0.1 role=web", "web"]
    );
}

#[test]
fn the_group_of_all_is_the_weakest() {
    let text = "[aa]\nweb-1\n[aa:vars]\nregion=x\n[all:vars]\nregion=y\n";
    assert_eq!(read("hosts", text), ["web-1 region=x"]);
}
