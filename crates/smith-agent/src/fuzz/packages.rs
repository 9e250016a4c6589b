//! What apt and dpkg say and keep, and what a job has for them.

use std::cmp::Ordering;

use crate::apt::parsers::{
    Machine, Plan, Stanzas, compare, decode, encode, failure, is_version, keys_of, status_line,
};

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

fn amd64() -> Machine {
    Machine { native: "amd64".to_owned(), ..Machine::default() }
}

/// A plan is understood whole, or the line that is not is told.
#[test]
fn plan() {
    bolero::check!().for_each(|input: &[u8]| {
        let said = text(input);
        let machine = amd64();
        match Plan::read(&said, &machine) {
            Ok(plan) => {
                let steps = said.lines().filter(|line| line.starts_with("Inst ")).count();
                assert!(plan.install.len() <= steps && (steps == 0 || !plan.install.is_empty()));
                assert!(plan.remove.iter().all(|key| !plan.install.contains_key(key)));
                assert!(plan.changes(&machine).len() == plan.install.len() + plan.remove.len());
            }
            Err(line) => assert!(said.lines().any(|one| one == line), "{line:?}"),
        }
    });
}

#[test]
fn progress() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Some((percent, words)) = status_line(&text(input)) {
            assert!(percent <= 100 && words.trim() == words);
        }
    });
}

/// Stanzas of control files: as many as there are blocks of lines, each value of one line.
#[test]
fn stanzas() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut stanzas = Stanzas::new(input, ["Package", "Version", "Size"]);
        let mut count = 0;
        while let Some(values) = stanzas.next().unwrap() {
            count += 1;
            assert!(values.iter().all(|value| !value.contains('\n') && value.trim() == value));
        }
        assert!(count <= input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count());
    });
}

/// The database of dpkg: read, or refused with the package that is not understood.
#[test]
fn status() {
    bolero::check!().for_each(|input: &[u8]| {
        let mut machine = amd64();
        match machine.take(input) {
            Ok(()) => {
                assert_eq!(machine.listing().lines().count(), machine.packages.len());
                assert!(machine.unfinished().len() <= machine.packages.len());
            }
            Err(failure) => assert!(failure.message.starts_with("expected the state of package")),
        }
    });
}

/// Whatever a script prints, a failure is a line and a bounded tail.
#[test]
fn words() {
    bolero::check!().for_each(|input: &[u8]| {
        let failure = failure("packages to be installed", &text(input), "exit code 100");
        assert!(failure.message.starts_with("expected packages to be installed"));
        assert!(!failure.message.contains('\n') && failure.tail.len() <= 20);
        assert!(failure.tail.iter().all(|line| !line.contains('\n') && line.chars().count() <= 301));
    });
}

#[test]
fn versions() {
    bolero::check!().for_each(|input: &[u8]| {
        let input = text(input);
        let Some((one, other)) = input.split_once('\n') else { return };
        if is_version(one) && is_version(other) {
            assert_eq!(compare(one, other), compare(other, one).reverse());
            assert_eq!(compare(one, one), Ordering::Equal);
        }
    });
}

#[test]
fn keyring() {
    bolero::check!().for_each(|input: &[u8]| {
        // A key is a packet of two bytes at the least.
        assert!(keys_of(input).is_ok_and(|keys| keys.len() <= input.len() / 2) || keys_of(input).is_err());
    });
}

#[test]
fn base64_text() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(bytes) = decode(&text(input)) {
            // There is one way to write it.
            assert_eq!(encode(&bytes), text(input));
        }
        if !input.is_empty() {
            assert_eq!(decode(&encode(input)), Ok(input.to_vec()));
        }
    });
}
