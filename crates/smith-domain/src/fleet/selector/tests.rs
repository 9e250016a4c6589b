use proptest::prelude::*;

use super::super::state::Fleet;
use super::super::text::fleet_from_text;
use super::*;
use crate::time::Timestamp;

/// Twelve machines, spelt as in the field.
const FLEET: &str = r#"
    prod-dal10-carrier3-worker-[1001-1003] rack=r1
    prod-dal10-carrier3-worker-11 10.1.0.11 fe80::11 owner="team a"
    prod-dal10-carrier3-master-01
    prod-dal10-carrier1-haproxy01
    prod-dal10-carrier1-haproxy02
    prod-lon02-carrier2-worker-[1-2] 
    dev-mon01-infra-apt-repo-mirror-01 10.2.0.1 owner=team,b
    stgiks-dal10-carrier0-worker-1038
    bastion
"#;

fn fleet() -> Fleet {
    fleet_from_text(FLEET, Timestamp(0)).unwrap()
}

fn selected(fleet: &Fleet, text: &str) -> Vec<String> {
    let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    fleet.select(&selector).iter().map(|id| fleet.machine(*id).name().to_owned()).collect()
}

/// Checks the canonical text and the machines, written without what they have in common.
fn check(text: &str, canonical: &str, machines: &str) {
    let fleet = fleet();
    let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(selector.as_str(), canonical, "{text}");
    assert_eq!(Selector::parse(canonical).unwrap(), selector, "{text}");
    let short = |name: String| name.replace("prod-dal10-carrier", "").replace("-worker-", "w");
    let found: Vec<String> = selected(&fleet, text).into_iter().map(short).collect();
    assert_eq!(found.join(" "), machines, "{text}");
}

#[test]
fn names_and_lists() {
    check("prod-dal10-carrier3-worker-11", "prod-dal10-carrier3-worker-11", "3w11");
    // The order is that of the names, not that of the request.
    check(
        "prod-dal10-carrier3-worker-1001, bastion",
        "prod-dal10-carrier3-worker-1001 bastion",
        "bastion 3w1001",
    );
    check("bastion bastion", "bastion bastion", "bastion");
    check("10.1.0.11", "10.1.0.11", "3w11");
    check("FE80:0::11 10.2.0.1", "fe80::11 10.2.0.1", "dev-mon01-infra-apt-repo-mirror-01 3w11");
    check("\"bastion\"", "bastion", "bastion");
    check("nobody", "nobody", "");
}

#[test]
fn globs_regular_expressions_and_ranges() {
    check(
        "prod-lon02-carrier2-worker-*",
        "prod-lon02-carrier2-worker-*",
        "prod-lon02-carrier2w1 prod-lon02-carrier2w2",
    );
    check("*-haproxy0?", "*-haproxy0?", "1-haproxy01 1-haproxy02");
    check(
        "**on*",
        "*on*",
        "bastion dev-mon01-infra-apt-repo-mirror-01 prod-lon02-carrier2w1 prod-lon02-carrier2w2",
    );
    check("/prod-.*-worker-1\\d+/", "/prod-.*-worker-1\\d+/", "3w11 3w1001 3w1002 3w1003");
    // An expression must match the whole name.
    check("/worker-1/", "/worker-1/", "");
    check("/basti.n|prod/", "/basti.n|prod/", "bastion");
    check(
        "prod-dal10-carrier3-worker-[1002-1003,11]",
        "prod-dal10-carrier3-worker-[1002-1003,11]",
        "3w11 3w1002 3w1003",
    );
    check(
        "prod-dal10-carrier[1-3]-haproxy[01-02]",
        "prod-dal10-carrier[1-3]-haproxy[01-02]",
        "1-haproxy01 1-haproxy02",
    );
    check("prod-dal10-carrier[1-3]-haproxy[1-2]", "prod-dal10-carrier[1-3]-haproxy[1-2]", "");
    // Padded numbers are other names than those without zeros, also where a star forbids to list them.
    check("*-worker-[01-11]", "*-worker-[01-11]", "3w11");
    check("*-haproxy[1-2]", "*-haproxy[1-2]", "");
    check("*[1000-1002]", "*[1000-1002]", "3w1001 3w1002");
    check(
        "prod-*-carrier[2,3]-*-[1-2]",
        "prod-*-carrier[2,3]-*-[1-2]",
        "prod-lon02-carrier2w1 prod-lon02-carrier2w2",
    );
}

#[test]
fn attributes() {
    check("env=prod role=haproxy", "environment=prod role=haproxy", "1-haproxy01 1-haproxy02");
    check(
        "role=worker,master zone=dal* environment!=stgiks",
        "role=worker,master zone=dal* environment!=stgiks",
        "3-master-01 3w11 3w1001 3w1002 3w1003",
    );
    check(
        "cluster!=prod-dal10-carrier[1-3] env=/p.*/",
        "cluster!=prod-dal10-carrier[1-3] environment=/p.*/",
        "prod-lon02-carrier2w1 prod-lon02-carrier2w2",
    );
    check("number>=1000 number<1003", "number>=1000 number<1003", "3w1001 3w1002");
    check("number<=2 role=haproxy", "number<=2 role=haproxy", "1-haproxy01 1-haproxy02");
    check("number>1003", "number>1003", "stgiks-dal10-carrier0w1038");
    check("rack=*", "rack=*", "3w1001 3w1002 3w1003");
    check(
        "not rack=* zone=dal10 role=worker",
        "not rack=* and zone=dal10 and role=worker",
        "3w11 stgiks-dal10-carrier0w1038",
    );
    check("owner=\"team a\"", "owner=\"team a\"", "3w11");
    check("owner=\"team,b\"", "owner=\"team,b\"", "dev-mon01-infra-apt-repo-mirror-01");
    check("unheard-of!=x name-of=x", "unheard-of!=x name-of=x", "");
    check("region=us-south role=m*", "region=us-south role=m*", "3-master-01");
}

#[test]
fn words_between() {
    check("all", "all and bastion".replace(" and bastion", "").as_str(), &{
        let fleet = fleet();
        let names = selected(&fleet, "*").join(" ");
        names.replace("prod-dal10-carrier", "").replace("-worker-", "w")
    });
    check("bastion prod-* role=haproxy", "bastion prod-* role=haproxy", "1-haproxy01 1-haproxy02");
    check(
        "bastion or prod-* role=haproxy",
        "bastion or prod-* role=haproxy",
        "bastion 1-haproxy01 1-haproxy02",
    );
    check(
        "prod-* AND not (role=worker OR role=haproxy)",
        "prod-* and not (role=worker or role=haproxy)",
        "3-master-01",
    );
    check("not not bastion", "bastion", "bastion");
    check("not (not (bastion))", "bastion", "bastion");
    check("all env=dev", "environment=dev", "dev-mon01-infra-apt-repo-mirror-01");
    check(
        "(env=dev or role=master) zone=mon01",
        "(environment=dev or role=master) and zone=mon01",
        "dev-mon01-infra-apt-repo-mirror-01",
    );
    check(
        "bastion or (dev-* or env=dev) or x",
        "bastion dev-* x or environment=dev",
        "bastion dev-mon01-infra-apt-repo-mirror-01",
    );
    check("*-worker-* and prod-*-11", "*-worker-* and prod-*-11", "3w11");
    check("prod-*-worker-* not *-1*", "prod-*-worker-* and not *-1*", "prod-lon02-carrier2w2");
    check("\"all\" \"10.0.0.1\"", "\"all\" \"10.0.0.1\"", "");
    check("not (a b)", "not (a b)", &{
        let fleet = fleet();
        selected(&fleet, "all").join(" ").replace("prod-dal10-carrier", "").replace("-worker-", "w")
    });
}

#[test]
fn errors_name_the_place() {
    for (text, message, hint) in [
        ("", "column 1: expected a name, an address, an attribute or `(`, found the end", ""),
        ("prod-[1-3", "column 10: expected `]`, found the end", ""),
        ("a b or", "column 7: expected a name, an address, an attribute or `(`, found the end", ""),
        ("(a", "column 3: expected `)`, found the end", ""),
        ("a)", "column 2: expected a name, an attribute, `and`, `or` or the end, found ')'", ""),
        ("é-1", "column 1: expected a character of a machine name, found 'é'", ""),
        ("a é=1", "column 3: expected a character of a machine name, found 'é'", ""),
        ("prod-.+", "column 7: expected a character of a machine name, found '+'", "between slashes"),
        ("role = worker", "column 6: expected a character of a machine name, found '='", "without spaces"),
        ("role=", "column 6: expected a value, found the end", "role=*"),
        ("role=a, b", "column 8: expected a value, found ' '", ""),
        ("role==a", "column 6: expected a value, found \"=a\"", "one `=`"),
        ("role=~a", "column 6: expected a value, found \"~a\"", "role=/x.*/"),
        (
            "Role=a",
            "column 1: expected the name of an attribute, found attribute name \"Role\" holds 'R'",
            "lower case: role",
        ),
        ("name=a", "column 1: expected the name of an attribute, found \"name\"", "by itself"),
        ("number>x", "column 8: expected a whole number, found \"x\"", ""),
        ("number>=-1", "column 9: expected a whole number, found \"-1\"", ""),
        ("a[x]", "column 3: expected a number or a range such as 1-9, found \"x\"", "brackets hold numbers"),
        (
            "a[1-3,]",
            "column 7: expected a number or a range such as 1-9, found \"\"",
            "brackets hold numbers",
        ),
        ("a[9-1]", "column 3: expected a number or a range such as 1-9, found \"9-1\"", "1-9"),
        (
            "a[1-010]",
            "column 3: expected a number or a range such as 1-9, found \"1-010\"",
            "same number of digits",
        ),
        ("a]b", "column 2: expected `[` before it, found `]`", ""),
        (
            "/a",
            "column 3: expected `/` at the end of the regular expression, found the end",
            "between slashes",
        ),
        ("/(a/", "column 1: expected a regular expression, found /(a/", "unclosed group"),
        ("/a)(b/", "column 1: expected a regular expression, found /a)(b/", "unopened group"),
        ("//", "column 1: expected a regular expression of 1 to 500 bytes, found 0 bytes", ""),
        ("o=\"a", "column 5: expected `\"` at the end of the text, found the end", ""),
        ("o=\"a\\n\"", "column 6: expected `\\\"` or `\\\\`, found 'n'", ""),
        ("\"a b\"", "column 1: expected a machine name, found machine name \"a b\" holds ' '", ""),
        ("a, role=x", "column 4: expected a name or an address, found \"role=x\"", "between names only"),
        (
            "not a b",
            "column 7: expected `and`, `or` or parentheses, found a name after `not` and a name",
            "not (a b)",
        ),
        ("all a", "column 5: expected `and` or `or`, found a name beside a set of machines", "`and` or `or`"),
        (
            "a (b or c)",
            "column 3: expected `and` or `or`, found a set of machines beside a name",
            "`and` or `or`",
        ),
        ("-rf", "column 1: expected a machine name, found machine name \"-rf\" starts with '-'", ""),
        ("host:22", "column 5: expected a character of a machine name, found ':'", "port"),
        (
            "a[0-999999]",
            "column 1: expected ranges that stand for at most 100000 names, found 1000000 names",
            "",
        ),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert!(error.to_string().starts_with(message), "{text:?}: {error}\nexpected {message}");
        let found = error.hint.unwrap_or_default();
        assert!(found.contains(hint), "{text:?}: hint {found:?}");
    }
}

#[test]
fn everything_is_bounded() {
    let long = "a ".repeat(MAX_LENGTH);
    assert!(Selector::parse(&long).unwrap_err().expected.contains("65536 bytes"));
    for deep in ["(".repeat(10_000), "not ".repeat(10_000)] {
        assert!(Selector::parse(&deep).unwrap_err().expected.contains("inside each other"));
    }
    let fits = format!("{}a{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(Selector::parse(&fits).is_ok());
    assert!(Selector::parse(&"/a/ ".repeat(MAX_REGEXES)).is_ok());
    assert!(Selector::parse(&"/a/ ".repeat(MAX_REGEXES + 1)).is_err());
    assert!(Selector::parse("/(\\w{100}){100}/").is_err());
    assert!(Selector::parse("a[1-60000] b[1-60000]").is_err());
    // What the canonical text adds must not push a selector over a bound.
    let most = "a ".repeat(MAX_LENGTH / 2);
    assert!(Selector::parse(Selector::parse(&most).unwrap().as_str()).is_ok());
    let grows = "env=a ".repeat(MAX_LENGTH / 8);
    assert!(Selector::parse(&grows).unwrap_err().expected.contains("canonical"));
}

#[test]
fn is_written_as_its_canonical_text() {
    let selector = Selector::parse("env=prod  role=worker").unwrap();
    assert_eq!(serde_json::to_string(&selector).unwrap(), "\"environment=prod role=worker\"");
    assert_eq!(serde_json::from_str::<Selector>("\"env=prod role=worker\"").unwrap(), selector);
    assert!(serde_json::from_str::<Selector>("\"env=\"").is_err());
    let bytes = postcard::to_allocvec(&selector).unwrap();
    assert_eq!(postcard::from_bytes::<Selector>(&bytes).unwrap(), selector);
}

#[test]
fn a_matcher_stays_true_while_the_fleet_changes() {
    let mut fleet = fleet();
    let texts = ["new-1 or dev-*", "rack=r9", "shelf=s1", "shelf!=s1 new-*", "number>=5000"];
    let matchers: Vec<Matcher> =
        texts.iter().map(|text| Selector::parse(text).unwrap().compile(&fleet)).collect();
    let grown = format!("{FLEET}\n new-1 rack=r9 shelf=s1\n new-2 shelf=s2 number=7000\n");
    fleet.observe_text(&grown, Timestamp(1)).unwrap();
    for (text, matcher) in texts.iter().zip(&matchers) {
        let fresh = fleet.select(&Selector::parse(text).unwrap());
        assert!(!fresh.is_empty());
        assert_eq!(fleet.select_with(matcher), fresh, "{text}");
        for id in fleet.in_name_order() {
            assert_eq!(matcher.matches(&fleet, id), fresh.contains(&id));
        }
    }
}

/// A selector as the test understands it, evaluated machine by machine without any of the code under test.
#[derive(Debug, Clone)]
enum Naive {
    Name(String),
    Is(&'static str, Vec<String>),
    IsNot(&'static str, Vec<String>),
    AtLeast(&'static str, u64),
    Not(Box<Naive>),
    And(Box<Naive>, Box<Naive>),
    Or(Box<Naive>, Box<Naive>),
}

impl Naive {
    fn text(&self) -> String {
        match self {
            Naive::Name(pattern) => pattern.clone(),
            Naive::Is(attr, values) => format!("{attr}={}", values.join(",")),
            Naive::IsNot(attr, values) => format!("{attr}!={}", values.join(",")),
            Naive::AtLeast(attr, number) => format!("{attr}>={number}"),
            Naive::Not(inner) => format!("not ({})", inner.text()),
            Naive::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Naive::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
        }
    }

    fn holds(&self, name: &str, attrs: &[(&str, &str)]) -> bool {
        let value = |attr: &str| attrs.iter().find(|(known, _)| *known == attr).map(|(_, value)| *value);
        match self {
            Naive::Name(pattern) => fits(pattern, name),
            Naive::Is(attr, values) => value(attr).is_some_and(|v| values.iter().any(|p| fits(p, v))),
            Naive::IsNot(attr, values) => value(attr).is_none_or(|v| !values.iter().any(|p| fits(p, v))),
            Naive::AtLeast(attr, n) => value(attr).and_then(|v| v.parse().ok()).is_some_and(|v: u64| v >= *n),
            Naive::Not(inner) => !inner.holds(name, attrs),
            Naive::And(a, b) => a.holds(name, attrs) && b.holds(name, attrs),
            Naive::Or(a, b) => a.holds(name, attrs) || b.holds(name, attrs),
        }
    }
}

/// Tries every way: fine for the short texts of a test.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|skip| fits(&pattern[1..], &text[skip..])),
        Some('?') => !text.is_empty() && fits(&pattern[1..], &text[1..]),
        Some('[') => {
            let end = pattern.find(']').unwrap();
            pattern[1..end].split(',').any(|item| {
                let (first, last) = item.split_once('-').unwrap_or((item, item));
                let width = if first.starts_with('0') { first.len() } else { 0 };
                let (first, last) = (first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap());
                let number = |n| format!("{n:0width$}");
                (first..=last).any(|n| {
                    text.strip_prefix(&number(n)).is_some_and(|rest| fits(&pattern[end + 1..], rest))
                })
            })
        }
        Some(c) => text.strip_prefix(c).is_some_and(|rest| fits(&pattern[1..], rest)),
    }
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ab12-]{1,2}",
        2 => Just("*".to_owned()),
        1 => Just("?".to_owned()),
        1 => prop_oneof![Just("[1-12]"), Just("[01-03,2]"), Just("[0-9]"), Just("[2,11]")].prop_map(str::to_owned),
    ];
    ("[ab]", prop::collection::vec(piece, 0..4)).prop_map(|(first, rest)| first + &rest.concat())
}

fn naive() -> impl Strategy<Value = Naive> {
    let attr = || prop_oneof![Just("role"), Just("number"), Just("rack")];
    let leaf = prop_oneof![
        pattern().prop_map(Naive::Name),
        Just(Naive::Name("*".to_owned())),
        (attr(), prop::collection::vec(pattern(), 1..3)).prop_map(|(a, v)| Naive::Is(a, v)),
        (attr(), prop::collection::vec(pattern(), 1..3)).prop_map(|(a, v)| Naive::IsNot(a, v)),
        (0u64..20).prop_map(|n| Naive::AtLeast("number", n)),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Naive::Not(Box::new(a))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Naive::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Naive::Or(Box::new(a), Box::new(b))),
        ]
    })
}

/// Names that globs and ranges of the same few letters often match.
fn small_fleet() -> impl Strategy<Value = Vec<(String, String, String)>> {
    prop::collection::btree_map("[ab][ab12-]{0,4}", ("[ab][ab12]{0,2}", "[0-9]{1,2}"), 1..12)
        .prop_map(|map| map.into_iter().map(|(name, (role, number))| (name, role, number)).collect())
}

proptest! {
    #[test]
    fn selects_what_a_naive_reader_selects(machines in small_fleet(), naive in naive()) {
        let lines: Vec<String> = machines
            .iter()
            .map(|(name, role, number)| format!("{name} role={role} number={number}"))
            .collect();
        let fleet = fleet_from_text(&lines.join("\n"), Timestamp(0)).unwrap();
        let text = naive.text();
        let mut found = selected(&fleet, &text);
        found.sort();
        let expected: Vec<String> = machines
            .iter()
            .filter(|(name, role, number)| naive.holds(name, &[("role", role), ("number", number)]))
            .map(|(name, _, _)| name.clone())
            .collect();
        prop_assert_eq!(found, expected, "{}", text);
    }

    #[test]
    fn the_canonical_text_says_the_same(naive in naive()) {
        let selector = Selector::parse(&naive.text()).unwrap();
        let again = Selector::parse(selector.as_str()).unwrap();
        prop_assert_eq!(again.expr(), selector.expr());
        prop_assert_eq!(again.as_str(), selector.as_str());
    }

    #[test]
    fn whatever_is_accepted_is_written_and_read_back(text in "[a-c1-3 \\[\\],()*?/\"\\\\=!<>.:~é|+-]{0,24}|(a|not|all|or|and|\\(|\\)|x=1|/b/| ){0,12}") {
        if let Ok(selector) = Selector::parse(&text) {
            let again = Selector::parse(selector.as_str());
            prop_assert_eq!(again.map(|s| s.expr().clone()), Ok(selector.expr().clone()), "{:?}", text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = Selector::parse(&text);
    }
}
