//! Tests of the formats: what is read, and where what is wrong is found.

mod ansible;
mod bad;
mod config;
mod good;

use smith_domain::fleet::{SeenMachine, SourceName};

use super::*;

fn source<'a>(file: &'a str, text: &'a str) -> SourceText<'a> {
    SourceText {
        name: SourceName::new("test").unwrap(),
        precedence: 0,
        file,
        bytes: text.as_bytes(),
        format: None,
        labels: None,
    }
}

fn read(file: &str, text: &str) -> Vec<String> {
    tell(parse(&source(file, text)).unwrap_or_else(|problems| panic!("{problems}")).machines)
}

/// One line a machine: name, addresses, host key, attributes.
fn tell(machines: Vec<SeenMachine>) -> Vec<String> {
    let line = |machine: SeenMachine| {
        let mut words = vec![machine.name.to_string()];
        words.extend(machine.addresses.iter().map(ToString::to_string));
        words.extend(machine.host_key.map(|key| format!("key:{key}")));
        words.extend(machine.attrs.iter().map(|(name, value)| format!("{name}={value}")));
        words.join(" ")
    };
    machines.into_iter().map(line).collect()
}

/// The first complaint, in one line.
fn complaint(source: &SourceText<'_>) -> String {
    match parse(source) {
        Ok(reading) => format!("read as {:?}", tell(reading.machines)),
        Err(problems) => problems.0[0].to_string(),
    }
}
