use proptest::prelude::*;

use super::*;

fn check(cases: &[(&str, &str, &str)]) {
    for (file, text, expected) in cases {
        let found = complaint(&source(file, text));
        assert!(found.starts_with(expected), "{text:?}\n   found {found}\nexpected {expected}");
    }
}

#[test]
fn our_own_format() {
    check(&[
        (
            "f.yaml",
            "",
            "f.yaml:1:1: expected a list of machines, or `machines` and `groups`, found nothing [S0142]",
        ),
        (
            "f.yaml",
            "just text",
            "f.yaml:1:1: expected a list of machines, or `machines` and `groups`, found `just text` [S0142]",
        ),
        (
            "f.yaml",
            "machines: web-1",
            "f.yaml:1:11: expected a list or a map of machines, found `web-1` [S0142]",
        ),
        (
            "f.yaml",
            "machnes: [a]",
            "f.yaml:1:1: expected `machines`, `groups` or `attributes`, found `machnes` [S0142]",
        ),
        (
            "f.yaml",
            "machines:\n  - a\n  - {rack: r1}",
            "f.yaml:3:5: expected a machine with `name`, found one without [S0142]",
        ),
        (
            "f.yaml",
            "machines:\n  - a\n  - [b]",
            "f.yaml:3:5: expected a name, or a map with `name`, found a list [S0142]",
        ),
        ("f.yaml", "- a\n- 'é b'", "f.yaml:2:3: expected the name of a machine, found `é b` [S0143]"),
        (
            "f.yaml",
            "- a\n- b-[1-\n",
            "f.yaml:2:3: expected the name of a machine, found `b-[1-` [S0143]\n  hint: column 6: expected `]`, found the end",
        ),
        (
            "f.yaml",
            "- a-[1-2]\n- b\n- a-1",
            "f.yaml:3:3: expected each machine once, found a-1 again [S0144]\n  hint: the first one stands in line 1",
        ),
        (
            "f.yaml",
            "machines:\n  a: {address: 10.0.0.300}",
            "f.yaml:2:16: expected an IP address, found `10.0.0.300` [S0143]",
        ),
        (
            "f.yaml",
            "machines:\n  a: {address: [10.0.0.3, {}]}",
            "f.yaml:2:27: expected an IP address, found a map [S0143]",
        ),
        (
            "f.yaml",
            "machines:\n  a: {Rack: 1}",
            "f.yaml:2:7: expected the name of an attribute, found `Rack` [S0143]",
        ),
        (
            "f.yaml",
            "machines:\n  a: {machine: 1}",
            "f.yaml:2:7: expected the name of an attribute, found `machine` [S0143]\n  hint: this word",
        ),
        (
            "f.yaml",
            "machines:\n  a: {rack: [1]}",
            "f.yaml:2:13: expected text as the value of rack, found a list [S0143]",
        ),
        (
            "f.yaml",
            "machines:\n  a: {rack: 1, rack: 2}",
            "f.yaml:2:16: expected each key once, found `rack` again [S0144]\n  hint: it stands in line 2 already",
        ),
        (
            "f.yaml",
            "machines:\n  a-[1-2]: {address: 10.0.0.1}",
            "f.yaml:2:3: expected one machine for an address or a host key, found 2 machines [S0143]",
        ),
        (
            "f.yaml",
            "machines:\n  a: x",
            "f.yaml:2:6: expected a map of what is known about the machine, found `x` [S0142]",
        ),
        ("f.yaml", "groups: [a]", "f.yaml:1:9: expected a map of groups, found a list [S0142]"),
        (
            "f.yaml",
            "groups: {a: b}",
            "f.yaml:1:13: expected a group with `attributes`, `machines` or `groups`, found `b` [S0142]",
        ),
        (
            "f.yaml",
            "groups: {a: {attributes: b}}",
            "f.yaml:1:26: expected a map of attributes, found `b` [S0142]",
        ),
        ("f.yaml", "a: [b\nc: d", "f.yaml:2:"),
        (
            "f.yaml",
            "- a\n--- \n- b",
            "f.yaml:3:1: expected one document in a file, found another one after `---` [S0141]",
        ),
        ("f.yaml", "- !vault x", "f.yaml:1:"),
        ("f.yaml", "- *x", "f.yaml:1:3: expected an alias of something before it, found `*x` [S0141]"),
        ("f.yaml", "machines:\n\t- a", "f.yaml:2:"),
        (
            "f.txt",
            "a",
            "f.txt:1:1: expected a file name that tells the format: .yaml, .yml, .json, .csv or .ini, found `f.txt` [S0147]\n  hint: say which it is: format: smith, csv",
        ),
    ]);
}

#[test]
fn tables() {
    check(&[
        ("t.csv", "", "t.csv:1:1: expected a header with the column `name`, found an empty file [S0142]"),
        (
            "t.csv",
            "\nhost,ip\na,b",
            "t.csv:2:1: expected a header with the column `name`, found `host,ip` [S0142]",
        ),
        (
            "t.csv",
            "name;ip\na;b",
            "t.csv:1:1: expected a header with the column `name`, found `name;ip` [S0142]\n  hint: columns are separated by commas",
        ),
        (
            "t.csv",
            "name,ip,Address\n",
            "t.csv:1:9: expected each column once, found addresses again, as `Address` [S0144]",
        ),
        ("t.csv", "name,räck\n", "t.csv:1:6: expected the name of an attribute, found `räck` [S0143]"),
        ("t.csv", "name,rack\na,b\n\n\nc\n", "t.csv:5:1: expected 2 values in a row, found 1 [S0142]"),
        ("t.csv", "name,rack\na,b,c\n", "t.csv:2:5: expected 2 values in a row, found 3 [S0142]"),
        (
            "t.csv",
            "name,note,ip\na,\"two\nlines\",x\n",
            "t.csv:3:8: expected an IP address, found `x` [S0143]",
        ),
        (
            "t.csv",
            "name,note,ip\na,\"ä,\nb\",10.0.0.1\nb,\"ö\",10.0.0\n",
            "t.csv:4:7: expected an IP address, found `10.0.0` [S0143]",
        ),
        (
            "t.csv",
            "name,note\r\na,\"x\r\ny\"\r\n-b,z\r\n",
            "t.csv:4:1: expected the name of a machine, found `-b` [S0143]",
        ),
        (
            "t.csv",
            "name,note\na,x\nb,x\na,y\n",
            "t.csv:4:1: expected each machine once, found a again [S0144]\n  hint: the first one stands in line 2",
        ),
        (
            "t.csv",
            "name,\na,b\n",
            "t.csv:2:3: expected nothing in a column without a heading, found `b` [S0142]",
        ),
        ("t.csv", "name,rack\n,b\n", "t.csv:2:1: expected the name of a machine, found nothing [S0143]"),
    ]);
}

#[test]
fn ansible_ini() {
    check(&[
        (
            "hosts",
            "[web",
            "hosts:1:5: expected `]` at the end of the section's name, found the end of the line [S0141]",
        ),
        ("hosts", "[web] x", "hosts:1:6: expected nothing behind a section's name, found `x` [S0141]"),
        (
            "hosts",
            "[web:child]",
            "hosts:1:6: expected `children` or `vars` behind the colon, found `child` [S0142]",
        ),
        ("hosts", "[]", "hosts:1:2: expected the name of a group, found nothing [S0143]"),
        ("hosts", "a\n  web[1:2 rack=r1", "hosts:2:10: expected `]`, found the end of the name [S0145]"),
        ("hosts", "web[2:1]", "hosts:1:5: expected a range such as 01:50, 1:9:2 or a:f, found `2:1` [S0145]"),
        ("hosts", "web rack = r1", "hosts:1:5: expected a variable as key=value, found `rack` [S0143]"),
        (
            "hosts",
            "web owner=\"team a",
            "hosts:1:11: expected a closing quotation mark, found the end of the line [S0141]",
        ),
        ("hosts", "[web:vars]\nrack", "hosts:2:1: expected a variable as key=value, found `rack` [S0143]"),
        (
            "hosts",
            "[a:children]\nb\n[b:children]\n a",
            "hosts:4:2: expected groups that do not hold themselves, found a, which holds b [S0146]",
        ),
        ("hosts", "a\nb/c", "hosts:2:1: expected the name of a machine, found `b/c` [S0143]"),
    ]);
}

#[test]
fn ansible_yaml_and_json() {
    check(&[
        (
            "a.yml",
            "all: [a]",
            "a.yml:1:6: expected a group with `hosts`, `vars` or `children`, found a list [S0142]",
        ),
        (
            "a.yml",
            "all:\n  host: {a: }",
            "a.yml:2:3: expected `hosts`, `vars` or `children`, found `host` [S0142]",
        ),
        ("a.yml", "all:\n  hosts: [a]", "a.yml:2:10: expected a map under `hosts`, found a list [S0142]"),
        ("a.yml", "all:\n  hosts: {a: b}", "a.yml:2:14: expected a map of variables, found `b` [S0142]"),
        (
            "a.yml",
            "all:\n  hosts:\n    w[1-2]:",
            "a.yml:3:7: expected a range such as 01:50, 1:9:2 or a:f, found `1-2` [S0145]",
        ),
        (
            "a.yml",
            "all: {children: {a: {children: {a: }}}}",
            "a.yml:1:33: expected groups that do not hold themselves",
        ),
        ("a.json", "", "a.json:1:1: expected a value, found the end of the file [S0141]"),
        ("a.json", "\"x\"", "a.json:1:1: expected a map of groups, found `x` [S0142]"),
        (
            "a.json",
            "{\"a\": {\"hosts\": [\"x\"],\n}}",
            "a.json:2:1: expected a key in quotation marks, found `}` [S0141]",
        ),
        ("a.json", "{\"a\": [\"x\" \"y\"]}", "a.json:1:12: expected `,` or `]`, found `\"` [S0141]"),
        ("a.json", "{\"a\" []}", "a.json:1:6: expected `:`, found `[` [S0141]"),
        (
            "a.json",
            "{\"a\": [\"é\", \"x]}\n",
            "a.json:1:17: expected `\"` at the end of the text, found the end of the line [S0141]",
        ),
        (
            "a.json",
            "{\"a\": [\"\\x\"]}",
            "a.json:1:10: expected text with valid escapes, found `\"\\x\"` [S0141]",
        ),
        ("a.json", "{\"a\": [nul]}", "a.json:1:8: expected a value, found `nul` [S0141]"),
        ("a.json", "{\"a\": [01]}", "a.json:1:8: expected a value, found `01` [S0141]"),
        ("a.json", "{} {}", "a.json:1:4: expected the end of the file after the value, found `{` [S0141]"),
        (
            "a.json",
            "{\"a\": [],\n \"a\": []}",
            "a.json:2:2: expected each key once, found `a` again [S0144]\n  hint: it stands in line 1, column 2 already",
        ),
        (
            "a.json",
            "{\"a\": {\"hosts\": {}}}",
            "a.json:1:17: expected a list under `hosts`, found a map [S0142]",
        ),
        (
            "a.json",
            "{\"a\": {\"hosts\": [\n  \"x\", {}]}}",
            "a.json:2:8: expected the name of a host, found a map [S0143]",
        ),
        (
            "a.json",
            "{\"a\": {\"hosts\": [\n  \"x y\"]}}",
            "a.json:2:3: expected the name of a machine, found `x y` [S0143]",
        ),
        (
            "a.json",
            "{\"a\": {\"vars\": []}}",
            "a.json:1:16: expected a map under `vars`, found a list [S0142]",
        ),
        (
            "a.json",
            "{\"a\": {\"children\": [1, []]}}",
            "a.json:1:24: expected the name of a group, found a list [S0143]",
        ),
        (
            "a.json",
            "{\"_meta\": {\"hostvars\": {\"x\": 1}}}",
            "a.json:1:30: expected a map of variables, found `1` [S0142]",
        ),
        ("a.json", "{\"_meta\": 1}", "a.json:1:11: expected a map with `hostvars`, found `1` [S0142]"),
    ]);
}

#[test]
fn service_discovery() {
    check(&[
        ("s.json", "[1]", "s.json:1:2: expected a map with `targets` and `labels`, found `1` [S0142]"),
        (
            "s.json",
            "[{\"labels\": {}}]",
            "s.json:1:2: expected a group with `targets`, found one without [S0142]",
        ),
        ("s.json", "[{\"targets\": \"a\"}]", "s.json:1:14: expected a list of targets, found `a` [S0142]"),
        (
            "s.json",
            "[{\"targets\": [\"a\"], \"label\": {}}]",
            "s.json:1:21: expected `targets` or `labels`, found `label` [S0142]",
        ),
        (
            "s.json",
            "[{\"targets\": [\n \"a:http\"]}]",
            "s.json:2:5: expected a port from 0 to 65535, found `http` [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [[]]}]",
            "s.json:1:15: expected a target such as `host:9100`, found a list [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [\"a b:1\"]}]",
            "s.json:1:15: expected the name of a machine, found `a b` [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [\"[fe80::1]:1\"]}]",
            "s.json:1:15: expected the name of a machine, found `fe80::1` [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [\"a:1\", \"b:1\"], \"labels\": {\"name\": \"c\"}}]",
            "s.json:1:49: expected one host for a label that names a machine, found `c` for several hosts [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [\"a\"], \"labels\": {\"x\": {}}}]",
            "s.json:1:37: expected text as the value of `x`, found a map [S0143]",
        ),
        (
            "s.json",
            "[{\"targets\": [\"a\"], \"labels\": []}]",
            "s.json:1:31: expected a map of labels, found a list [S0142]",
        ),
    ]);
}

#[test]
fn everything_is_bounded() {
    let deep = |open: &str| open.repeat(100_000);
    for (file, text) in
        [("x.json", deep("[")), ("x.json", deep("{\"a\":")), ("x.yaml", deep("[")), ("x.yaml", deep("- "))]
    {
        let found = complaint(&source(file, &text));
        assert!(found.contains("[S0140]") || found.contains("[S0141]"), "{found}");
    }
    let long = format!("name,x\na,{}\n", "x".repeat(1000));
    assert!(
        complaint(&source("x.csv", &long))
            .starts_with("x.csv:2:3: expected a value of at most 256 bytes, found 1000 bytes [S0143]")
    );
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(1..10)
            .map(|n| {
                let (name, last) = (char::from(b'a' + n), char::from(b'a' + n - 1));
                format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 10].join(","))
            })
            .collect::<String>();
    assert!(
        complaint(&source("x.yaml", &bomb)).contains("values with aliases written out, found more [S0140]")
    );
    let many = "b/d\n".repeat(1000);
    let problems = parse(&source("hosts", &many)).unwrap_err();
    assert!(problems.0.len() <= 100);
    let wide: String = (0..40).map(|n| format!("[g{n}:children]\ng{}\n", n + 1)).collect();
    assert!(complaint(&source("hosts", &wide)).contains("at most 32 groups inside each other"));
}

#[test]
fn bytes_that_are_no_text() {
    let bytes = SourceText { bytes: b"name\nw\xc3\xa9\xff\n", ..source("x.csv", "") };
    assert_eq!(complaint(&bytes), "x.csv:2:3: expected text in UTF-8, found the byte 0xff [S0141]");
}

proptest! {
    #[test]
    fn no_text_makes_a_format_panic(text in ".{0,80}", format in 0usize..6) {
        let _ = parse(&SourceText { format: Some(Format::ALL[format]), ..source("x", &text) });
        let _ = parse_config("x", text.as_bytes());
    }

    /// Text out of the pieces that the formats are made of gets further than any text.
    #[test]
    fn no_pieces_make_a_format_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "machines", "groups", "attributes", "name", "all", "hosts", "vars", "children", "_meta", "hostvars", "targets",
            "labels", "web[1:3]", "web-[1-3]", "a", "é", "10.0.0.1", ":", ": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",",
            "\"", "'", "\\", "=", "#", ";", "&x ", "*x", "!t ", "|", ">", "\t", "\r\n", "---", "1", "null", "\u{feff}",
        ]), 0..40),
        format in 0usize..6,
    ) {
        let text = pieces.concat();
        let source = SourceText { format: Some(Format::ALL[format]), ..source("x", &text) };
        if let Err(problems) = parse(&source) {
            let lines = text.lines().count().max(1);
            for problem in problems.0 {
                prop_assert!(problem.line >= 1 && problem.column >= 1, "{}", problem);
                prop_assert!(problem.line as usize <= lines + 1, "{} in {:?}", problem, text);
                prop_assert!(!problem.expected.is_empty() && !problem.found.is_empty());
            }
        }
        let _ = parse_config("x", text.as_bytes());
    }
}
