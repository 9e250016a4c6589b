//! What an action remembers in a folder that is there: a value in a file of JSON.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::text_of;
use super::write::{Sync, replace};

/// As much as the configuration of a network with hundreds of interfaces.
const MOST: u64 = 4 << 20;

/// It is on the disk when this returns. The folder is not made: one that somebody has removed must not come back by half.
pub(crate) fn keep_record(folder: &Path, file: &str, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_vec(record)
        .map_err(io::Error::from)
        .and_then(|bytes| replace(folder, file, &bytes, Sync::Now))
        .map_err(|error| io::Error::new(error.kind(), format!("{file} cannot be kept: {error}")))
}

pub(crate) fn load_record<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, String> {
    let text =
        text_of(&folder.join(file), MOST).map_err(|error| format!("{file} cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{file} cannot be understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_whole_and_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        keep_record(folder.path(), "a.json", &vec![1, 2]).unwrap();
        keep_record(folder.path(), "a.json", &vec![3]).unwrap();
        assert_eq!(load_record::<Vec<u8>>(folder.path(), "a.json"), Ok(vec![3]));
        let gone = folder.path().join("gone");
        assert!(
            keep_record(&gone, "a.json", &1).unwrap_err().to_string().starts_with("a.json cannot be kept: ")
        );
        assert!(!gone.exists());
        assert!(load_record::<u8>(&gone, "a.json").unwrap_err().starts_with("a.json cannot be read: "));
        std::fs::write(folder.path().join("a.json"), "[3").unwrap();
        let wrong = load_record::<Vec<u8>>(folder.path(), "a.json").unwrap_err();
        assert!(wrong.starts_with("a.json cannot be understood: "), "{wrong}");
    }
}
