use proptest::prelude::*;

use super::*;
use crate::fleet::text::{fleet_from_text, parse_fleet};

#[test]
fn lines_are_machines() {
    let machines = parse_fleet(
        "# a comment\n\nweb-[09-10]  rack=r1 # another\nbastion env=prod owner=\"team # a\" 10.0.0.1 address=fe80::1\n",
    )
    .unwrap();
    let names: Vec<&str> = machines.iter().map(|facts| facts.name.as_str()).collect();
    assert_eq!(names, ["bastion", "web-09", "web-10"]);
    let attrs: Vec<String> =
        machines[0].attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(attrs, ["environment=prod", "owner=team # a"]);
    assert_eq!(machines[0].addresses.len(), 2);
}

#[test]
fn errors_name_line_and_column() {
    for (text, message) in [
        ("web-1\n  a*b", "line 2, column 3: expected machine names, found \"a*b\""),
        ("role=x", "line 1, column 1: expected machine names, found \"role=x\""),
        ("é x", "line 1, column 1: expected machine names, found column 1: expected a character"),
        ("a rack", "line 1, column 3: expected an address or name=value, found \"rack\""),
        ("a é=x", "line 1, column 3: expected the name of an attribute, found attribute name \"é\""),
        ("a x=1 x=2", "line 1, column 7: expected each attribute once, found \"x\" once more"),
        (
            "a env=1 environment=2",
            "line 1, column 9: expected each attribute once, found \"environment\" once more",
        ),
        ("a address=x", "line 1, column 3: expected an address, found \"x\""),
        ("a x=\"b", "line 1, column 7: expected `\"`, found the end"),
        (
            "a-[1-2] 10.0.0.1",
            "line 1, column 1: expected one machine for an address or a host key, found a-[1-2]",
        ),
        ("a-1\na-[1-2]", "line 2, column 1: expected each machine once, found a-1 twice"),
    ] {
        let error = parse_fleet(text).unwrap_err();
        assert!(error.to_string().starts_with(message), "{text:?}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z1-3]| |=|\"|#|\\[|\\]|,|-|\n|é){0,60}") {
        let _ = fleet_from_text(&text, Timestamp(0));
    }
}
