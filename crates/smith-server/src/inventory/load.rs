//! Opens the files of the inventory. Everything else about them is pure and elsewhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use smith_domain::fleet::{MergeError, Reading, SourceReading, merge};
use smith_domain::id::MachineName;

use crate::problem::Problems;

use super::config::{InventoryConfig, parse_config};
use super::format::{MAX_BYTES, SourceText, parse};
use super::host_keys::HostKeys;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("expected a file that can be read, found {}, which cannot", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("expected files without mistakes, found {} in {}", .0.0.len(), .0.0.first().map_or("one", |first| first.file.as_str()))]
    Problems(#[source] Problems),
    #[error("expected sources that agree on what a machine is, found some that do not")]
    Merge(#[source] MergeError),
}

impl LoadError {
    pub fn code(&self) -> &'static str {
        match self {
            LoadError::Read { .. } => "S0148",
            LoadError::Problems(problems) => problems.0.first().map_or("S0141", |problem| problem.code),
            LoadError::Merge(error) => error.code(),
        }
    }
}

pub fn load_config(path: &Path) -> Result<InventoryConfig, LoadError> {
    parse_config(&path.display().to_string(), &read(path)?).map_err(LoadError::Problems)
}

/// Reads all sources and merges them. The problems of all files are collected before anything is refused.
pub fn load(config: &InventoryConfig, folder: &Path) -> Result<Reading, LoadError> {
    let mut readings: Vec<SourceReading> = Vec::new();
    let mut problems = Vec::new();
    for source in &config.sources {
        let bytes = read(&folder.join(&source.file))?;
        let text = SourceText {
            name: source.name.clone(),
            precedence: source.precedence,
            file: &source.file,
            bytes: &bytes,
            format: source.format,
            labels: source.labels.clone(),
        };
        match parse(&text) {
            Ok(reading) => readings.push(reading),
            Err(more) => problems.extend(more.0),
        }
    }
    let mut recorded = HostKeys::default();
    if let Some(file) = &config.host_keys {
        match read_host_keys(&folder.join(file), file)? {
            Ok(keys) => recorded = keys,
            Err(more) => problems.extend(more.0),
        }
    }
    if !problems.is_empty() {
        return Err(LoadError::Problems(Problems(problems)));
    }
    let known: BTreeSet<MachineName> = readings
        .iter()
        .flat_map(|reading| &reading.machines)
        .filter(|machine| machine.host_key.is_some())
        .map(|machine| machine.name.clone())
        .collect();
    for machine in readings.iter_mut().flat_map(|reading| &mut reading.machines) {
        if !known.contains(&machine.name) {
            machine.host_key = recorded.get(&machine.name).map(str::to_owned);
        }
    }
    merge(readings, &config.naming).map_err(LoadError::Merge)
}

/// The recorded host keys; none where nothing was recorded yet.
pub fn read_host_keys(path: &Path, file: &str) -> Result<Result<HostKeys, Problems>, LoadError> {
    match read(path) {
        Ok(bytes) => Ok(HostKeys::parse(file, &String::from_utf8_lossy(&bytes))),
        Err(LoadError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(Ok(HostKeys::default()))
        }
        Err(error) => Err(error),
    }
}

/// One byte more than is allowed is enough for the parser to refuse the file.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_host_keys_are_for_machines_that_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("c.yaml", "sources:\n  - {name: a, file: a.yaml}\nhost-keys: keys\n");
        write("a.yaml", "machines:\n  - one\n  - {name: two, host-key: ssh-rsa OWN}\n");
        let config = load_config(&folder.path().join("c.yaml")).unwrap();
        let keys = || -> Vec<Option<String>> {
            let reading = load(&config, folder.path()).unwrap();
            reading.machines().iter().map(|machine| machine.host_key.clone()).collect()
        };
        // Nothing was recorded yet.
        assert_eq!(keys(), [None, Some("ssh-rsa OWN".to_owned())]);
        write("keys", "one ssh-ed25519 AAAA\ntwo ssh-rsa OTHER\nthree ssh-rsa GONE\n");
        assert_eq!(keys(), [Some("ssh-ed25519 AAAA".to_owned()), Some("ssh-rsa OWN".to_owned())]);
        write("keys", "one\n");
        let refused = load(&config, folder.path()).unwrap_err();
        assert_eq!(refused.code(), "S0143");
    }
}
