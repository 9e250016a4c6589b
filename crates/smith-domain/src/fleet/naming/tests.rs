use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::id::AttrName;

fn read(naming: &Naming, name: &str) -> Option<String> {
    let attrs = naming.derive(name)?;
    let order = ["environment", "zone", "cluster", "role", "number"];
    let text =
        |attr: &&str| attrs.iter().find(|(name, _)| name.as_str() == *attr).map(|(_, text)| text.as_str());
    Some(order.iter().map(|attr| text(attr).unwrap_or("-")).collect::<Vec<_>>().join(" "))
}

#[test]
fn names_of_the_field_are_read() {
    let naming = Naming::conventional();
    for (name, expected) in [
        ("prod-dal10-carrier3-worker-1001", "prod dal10 prod-dal10-carrier3 worker 1001"),
        ("prod-lon04-carrier3-worker-01", "prod lon04 prod-lon04-carrier3 worker 01"),
        ("prod-dal10-carrier1-haproxy-01", "prod dal10 prod-dal10-carrier1 haproxy 01"),
        ("prod-dal10-carrier1-haproxy01", "prod dal10 prod-dal10-carrier1 haproxy 01"),
        ("dev-mon01-infra-apt-repo-mirror-01", "dev mon01 dev-mon01-infra apt-repo-mirror 01"),
        ("stgiks-dal10-carrier0-worker-1038", "stgiks dal10 stgiks-dal10-carrier0 worker 1038"),
        ("prod-dal10-infra-bastion", "prod dal10 prod-dal10-infra bastion -"),
    ] {
        assert_eq!(read(&naming, name).as_deref(), Some(expected), "{name}");
    }
    for name in ["bastion", "prod-dal10", "prod-dal10-carrier3", "prod--carrier3-worker-1"] {
        assert_eq!(read(&naming, name), None, "{name}");
    }
    assert_eq!(naming.region_of("syd05"), Some("ap-south"));
    assert_eq!(naming.region_of("che01"), None);
}

#[test]
fn the_first_pattern_that_fits_is_taken() {
    let patterns = [
        "{environment:prod|stage}-{zone:dal*|syd05}-{role}-{number}",
        "{zone:letters}{number}-{role...:apt|repo|mirror}",
        "x{rack:digits}.{role}",
    ];
    let naming = Naming {
        patterns: patterns.iter().map(|text| NamePattern::parse(text).unwrap()).collect(),
        ..Naming::default()
    };
    assert_eq!(read(&naming, "prod-dal9-web-1").as_deref(), Some("prod dal9 - web 1"));
    assert_eq!(read(&naming, "prod-syd05-web-1").as_deref(), Some("prod syd05 - web 1"));
    assert_eq!(read(&naming, "prod-syd06-web-1"), None);
    assert_eq!(read(&naming, "dev-dal9-web-1"), None);
    assert_eq!(read(&naming, "lon04-apt-repo").as_deref(), Some("- lon - apt-repo 04"));
    assert_eq!(read(&naming, "lon04-apt-cache"), None);
    assert_eq!(read(&naming, "x12.web").as_deref(), Some("- - - web -"));
    assert_eq!(read(&naming, "x12aweb"), None);
}

#[test]
fn zones_prefer_the_entry_that_says_most() {
    let zones = Zones::new([("dal*", "us-south"), ("dal1*", "us-test"), ("dal10", "us-ten"), ("*", "earth")]);
    let zones = zones.unwrap();
    for (zone, region) in
        [("dal10", "us-ten"), ("dal12", "us-test"), ("dal9", "us-south"), ("lon04", "earth")]
    {
        assert_eq!(zones.region_of(zone), Some(region));
    }
    assert!(Zones::new([("dal10", "a"), ("dal10", "b")]).is_err());
    assert!(Zones::new([("d*l", "a")]).is_err());
}

#[test]
fn errors_name_the_column() {
    for (pattern, message) in [
        ("", "column 1: expected a pattern of 1 to 500 bytes, found 0 bytes"),
        ("prod", "column 1: expected at least one attribute, found \"prod\""),
        ("{zone", "column 6: expected `}`, found the end"),
        ("a {zone}", "column 2: expected a character of a machine name, `{` or `[`, found ' '"),
        ("{zone}-{zone}", "column 9: expected each attribute once, found \"zone\" once more"),
        ("{Zone}", "column 2: expected the name of an attribute, found attribute name \"Zone\" holds 'Z'"),
        ("{name}", "column 2: expected the name of an attribute, found \"name\""),
        ("{zone:a||b}", "column 9: expected a word, found nothing"),
        ("{zone:a(b}", "column 8: expected a character of a machine name, `*`, `?` or `|`, found '('"),
        ("[]{zone}", "column 2: expected the text that may be missing, found ']'"),
        ("[-{zone}]", "column 3: expected `]`, found '{'"),
    ] {
        let error = NamePattern::parse(pattern).unwrap_err().to_string();
        assert!(error.starts_with(message), "{pattern:?}: {error}");
    }
    for (template, message) in [
        ("{zone", "column 6: expected `}`, found the end"),
        ("a}", "column 2: expected `{` before it, found `}`"),
        ("", "column 1: expected a template of 1 to 500 bytes, found 0 bytes"),
    ] {
        assert_eq!(Template::parse(template).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_template_without_its_parts_says_nothing() {
    let naming = Naming {
        patterns: vec![NamePattern::parse("{zone}-{role}").unwrap()],
        templates: BTreeMap::from([
            (AttrName::new("rack").unwrap(), Template::parse("{zone}/{cluster}").unwrap()),
            (AttrName::new("role").unwrap(), Template::parse("the {role}").unwrap()),
        ]),
        zones: Zones::default(),
    };
    assert_eq!(read(&naming, "dal10-web").as_deref(), Some("- dal10 - the web -"));
    assert_eq!(naming.derive("dal10-web").unwrap().len(), 2);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pattern in "[{}\\[\\]a-z:|*?. é-]{0,40}", name in ".{0,40}") {
        let _ = Template::parse(&pattern);
        let _ = Zones::new([(pattern.as_str(), "x")]);
        if let Ok(pattern) = NamePattern::parse(&pattern) {
            let _ = pattern.read(&name);
        }
    }

    #[test]
    fn what_was_put_together_is_taken_apart(
        environment in "[a-z]{1,6}", zone in "[a-z]{3}[0-9]{2}", cluster in "[a-z]{1,8}[0-9]?",
        role in "[a-z]{1,5}(-[a-z]{1,5}){0,2}", number in "[0-9]{1,5}",
    ) {
        let name = format!("{environment}-{zone}-{cluster}-{role}-{number}");
        let expected = format!("{environment} {zone} {environment}-{zone}-{cluster} {role} {number}");
        prop_assert_eq!(read(&Naming::conventional(), &name), Some(expected));
    }
}
