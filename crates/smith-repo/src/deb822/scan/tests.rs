use proptest::prelude::*;

use super::*;

fn error(text: &[u8]) -> ScanError {
    for stanza in Stanzas::new(text) {
        let flawed = stanza.map(|stanza| stanza.fields().find_map(Result::err));
        match flawed {
            Err(error) | Ok(Some(error)) => return error,
            Ok(None) => {}
        }
    }
    panic!("expected an error in {:?}", String::from_utf8_lossy(&text[..text.len().min(200)]));
}

#[test]
fn stanzas_keep_their_bytes_and_fields_their_order() {
    let text = b"\n\nPackage: a\nDescription: short\n long\n .\n\tmore\nX:\n\n\nPackage:b \nTag: x: y";
    let stanzas: Vec<Stanza<'_>> = Stanzas::new(text).collect::<Result<_, _>>().expect("stanzas");
    assert_eq!(stanzas.len(), 2);
    assert_eq!(stanzas[0].raw(), &text[2..50]);
    assert_eq!((stanzas[0].line(), stanzas[1].line()), (3, 11));
    let fields: Vec<Field<'_>> = stanzas[0].fields().collect::<Result<_, _>>().expect("fields");
    let names: Vec<&str> = fields.iter().map(Field::name).collect();
    assert_eq!(names, ["Package", "Description", "X"]);
    assert_eq!(fields[1].raw(), b" short\n long\n .\n\tmore");
    assert_eq!(fields[1].whole(), b"Description: short\n long\n .\n\tmore\n");
    assert_eq!((fields[1].line(), fields[2].line()), (4, 8));
    let last = stanzas[1].field("tag").expect("fields").expect("a tag");
    assert_eq!((last.text(), last.whole()), (Ok("x: y"), b"Tag: x: y".as_slice()));
    assert_eq!(stanzas[1].field("package").expect("fields").expect("a name").text(), Ok("b"));
    assert!(Stanzas::new(b"\n\n").next().is_none() && Stanzas::new(b"").next().is_none());
}

#[test]
fn each_flaw_has_its_own_error_with_its_line() {
    let at = |error: ScanError| error.to_string().split(':').next().map(str::to_owned);
    for (text, expected) in [
        (b"A: b\r\nC: d\n".as_slice(), ScanError::CarriageReturn { line: 1 }),
        (b"A: b\nC: d\r\n", ScanError::CarriageReturn { line: 2 }),
        (b"A: b\n\nC: d\n \0\n", ScanError::Nul { line: 4 }),
        (b"A: b\nC d\n", ScanError::NoColon { line: 2, found: "C d".to_owned() }),
        (b"A: b\nC", ScanError::NoColon { line: 2, found: "C".to_owned() }),
        (b"A: b\n: d\n", ScanError::BadName { line: 2, found: ": d".to_owned() }),
        (b"A: b\n# c: d\n", ScanError::BadName { line: 2, found: "# c: d".to_owned() }),
        (b"A: b\n-c: d\n", ScanError::BadName { line: 2, found: "-c: d".to_owned() }),
        (b"A: b\nC\xc3\xa9: d\n", ScanError::BadName { line: 2, found: "Cé: d".to_owned() }),
        (b"A: b\n\n c\n", ScanError::LostContinuation { line: 3, found: " c".to_owned() }),
        (b"A: b\n \t\nC: d\n", ScanError::BlankLine { line: 2 }),
        (b" \nC: d\n", ScanError::BlankLine { line: 1 }),
        (b"A: b\nC: d\na: e\n", ScanError::Repeated { line: 3, name: "a".to_owned() }),
        (b"Filename: b\nC: d\nFILENAME: e\n", ScanError::Repeated { line: 3, name: "FILENAME".to_owned() }),
    ] {
        let found = error(text);
        assert_eq!(at(found.clone()), at(expected.clone()));
        assert_eq!(found, expected);
    }
    let text = b"A: b\nC: \xff\n";
    let stanza = Stanzas::new(text).next().expect("one").expect("a stanza");
    let field = stanza.field("C").expect("fields").expect("a field");
    assert_eq!(field.text(), Err(ScanError::NotUtf8 { line: 2, name: "C".to_owned() }));
}

#[test]
fn what_is_too_long_is_refused() {
    let field = |bytes: usize| format!("A: b\nC: {}\nD: e\n", "x".repeat(bytes));
    assert!(matches!(
        error(field(10 * 1024 * 1024).as_bytes()),
        ScanError::FieldTooLong { .. } | ScanError::StanzaTooLong { .. }
    ));
    assert!(matches!(
        error(field(2 * 1024 * 1024).as_bytes()),
        ScanError::FieldTooLong { line: 2, found, .. } if found == 2 * 1024 * 1024 + 1
    ));
    let text = field(1024 * 1024 - 1);
    assert!(
        Stanzas::new(text.as_bytes()).all(|stanza| stanza.expect("one").fields().all(|field| field.is_ok()))
    );
    let many: String = (0..5).map(|n| format!("F{n}: {}\n", "y".repeat(1_000_000))).collect();
    assert_eq!(error(many.as_bytes()), ScanError::StanzaTooLong { line: 1 });
    let many: String = (0..600).map(|n| format!("F{n}: y\n")).collect();
    assert_eq!(error(many.as_bytes()), ScanError::TooManyFields { line: 513 });
}

#[test]
fn real_indexes_are_read_whole() {
    for index in crate::oracle::indexes_of_this_machine() {
        let expected = index.lines().filter(|line| line.starts_with("Package: ")).count();
        let mut joined = Vec::with_capacity(index.len());
        let mut found = 0;
        for stanza in Stanzas::new(index.as_bytes()) {
            let stanza = stanza.expect("a stanza");
            for field in stanza.fields() {
                joined.extend_from_slice(field.expect("a field").whole());
            }
            found += 1;
        }
        assert_eq!(found, expected);
        let lines: Vec<&str> = index.lines().filter(|line| !line.is_empty()).collect();
        assert!(joined == (lines.join("\n") + "\n").into_bytes(), "the bytes are the same");
    }
}

proptest! {
    #[test]
    fn it_never_panics_and_loses_nothing(text in "[ab:\\n \\t\\r#-]{0,60}") {
        let mut last = 0;
        for stanza in Stanzas::new(text.as_bytes()).flatten() {
            prop_assert!(stanza.start >= last);
            last = stanza.start + stanza.raw.len();
            let fields: Result<Vec<_>, _> = stanza.fields().collect();
            if let Ok(fields) = fields {
                let joined: Vec<u8> = fields.iter().flat_map(|field| field.whole()).copied().collect();
                prop_assert_eq!(joined, stanza.raw);
            }
        }
    }

    #[test]
    fn repeated_names_are_always_found(mut names in proptest::collection::vec("[A-Z][a-z]{0,12}", 1..30), pick in 0usize..30) {
        names.sort_by_key(|name| name.to_lowercase());
        names.dedup_by_key(|name| name.to_lowercase());
        let good: String = names.iter().map(|name| format!("{name}: x\n")).collect();
        let stanza = Stanzas::new(good.as_bytes()).next().expect("one").expect("a stanza");
        prop_assert!(stanza.fields().all(|field| field.is_ok()));
        let again = names[pick % names.len()].to_uppercase();
        let bad = format!("{good}{again}: y\n");
        prop_assert_eq!(error(bad.as_bytes()), ScanError::Repeated { line: names.len() + 1, name: again });
    }
}
