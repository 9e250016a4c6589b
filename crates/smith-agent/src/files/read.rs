//! Files that may be of any length or not there at all.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The beginning of a file, at most `most` bytes.
pub(crate) fn text_of(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of a file, at most `most` bytes, and whether there was more before it.
pub(crate) fn end_of(path: &Path, most: u64) -> io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(most);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if skipped == 0 {
        return Ok((text, false));
    }
    // The first line is the end of a longer one.
    let whole = text.split_once('\n').map_or(text.as_str(), |(_, rest)| rest);
    Ok((whole.to_owned(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(end_of(&path, 100).unwrap(), ("one\ntwo\nthree\n".to_owned(), false));
        assert_eq!(end_of(&path, 8).unwrap(), ("three\n".to_owned(), true));
        assert_eq!(text_of(&path, 5).unwrap(), "one\nt");
        assert!(end_of(&folder.path().join("none"), 8).is_err());
    }
}
