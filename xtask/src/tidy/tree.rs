//! The files of the repository: those that git tracks and new ones that it does not ignore.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::scan::{Scan, scan};
use crate::failure::Failure;
use crate::process::capture;

#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<File>,
}

#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the repository, with `/` between the parts.
    pub(crate) path: String,
    content: Vec<u8>,
    scan: OnceCell<Scan>,
}

impl Tree {
    pub(crate) fn load() -> Result<Self, Failure> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
        let listing = String::from_utf8_lossy(&capture(&mut git)?).into_owned();
        let mut files = Vec::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            // A file that was deleted but not yet committed is listed too; a link's target stands for itself.
            if Path::new(path).is_symlink() || !Path::new(path).is_file() {
                continue;
            }
            let content = fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
            files.push(File::new(path, content));
        }
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text.as_bytes().to_vec())).collect() }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Every file of Rust code that is text.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.extension() == "rs" && file.text().is_some())
    }
}

impl File {
    fn new(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), content, scan: OnceCell::new() }
    }

    /// `None` when the file is not UTF-8 or holds a zero byte.
    pub(crate) fn text(&self) -> Option<&str> {
        if self.content.contains(&0) {
            return None;
        }
        std::str::from_utf8(&self.content).ok()
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.path.rsplit_once('/').map_or("", |(folders, _)| folders).split('/')
    }

    /// A file of nothing but tests: `tests.rs`, or anything under a folder `tests`.
    pub(crate) fn is_test_code(&self) -> bool {
        self.name() == "tests.rs" || self.folders().any(|folder| folder == "tests")
    }

    /// The file read as Rust; empty when it is not text.
    pub(crate) fn scan(&self) -> &Scan {
        self.scan.get_or_init(|| scan(self.text().unwrap_or_default()))
    }
}

/// The line, counted from one, that holds the byte at `offset`.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path() {
        let file = File::new("crates/a/tests/b/mod.rs", Vec::new());
        assert_eq!((file.name(), file.extension()), ("mod.rs", "rs"));
        assert!(file.is_test_code());
        assert!(File::new("crates/a/src/x/tests.rs", Vec::new()).is_test_code());
        assert!(!File::new("crates/a/src/contests.rs", Vec::new()).is_test_code());
        assert_eq!(File::new("Makefile", Vec::new()).extension(), "");
    }

    #[test]
    fn text_is_utf8_without_zero_bytes() {
        assert_eq!(File::new("a", b"\xff".to_vec()).text(), None);
        assert_eq!(File::new("a", b"a\0b".to_vec()).text(), None);
        assert_eq!(File::new("a", "é".into()).text(), Some("é"));
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!([0, 1, 2, 9].map(|offset| line_at("a\nb\n", offset)), [1, 1, 2, 3]);
    }
}
