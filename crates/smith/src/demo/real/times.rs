//! How long each chapter takes: measured on this computer the last time, or what it took on one with two processors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::output::counted;

#[derive(Debug)]
pub(super) struct Times {
    file: PathBuf,
    known: BTreeMap<String, u64>,
    /// Whether any of them was measured here.
    is_measured: bool,
    running: Option<(&'static str, Instant)>,
}

impl Times {
    /// `usual` has seconds for each chapter that was never measured here.
    pub(super) fn open(file: PathBuf, usual: &[(&'static str, u64)]) -> Self {
        let measured = measured(&file);
        let is_measured = !measured.is_empty();
        let mut known: BTreeMap<String, u64> =
            usual.iter().map(|(chapter, seconds)| ((*chapter).to_owned(), *seconds)).collect();
        for (chapter, seconds) in measured {
            // A chapter that there is no more tells nothing.
            known.entry(chapter).and_modify(|known| *known = seconds);
        }
        Self { file, known, is_measured, running: None }
    }

    pub(super) fn is_measured(&self) -> bool {
        self.is_measured
    }

    pub(super) fn expected(&self, chapter: &str) -> Duration {
        Duration::from_secs(self.known.get(chapter).copied().unwrap_or_default())
    }

    /// All of these together.
    pub(super) fn sum(&self, chapters: &[(&'static str, u64)]) -> Duration {
        chapters.iter().map(|(chapter, _)| self.expected(chapter)).sum()
    }

    /// Begins a chapter, and writes down how long the one before took.
    pub(super) fn begin(&mut self, chapter: &'static str) {
        self.end();
        self.running = Some((chapter, Instant::now()));
    }

    pub(super) fn end(&mut self) {
        let Some((chapter, begun)) = self.running.take() else { return };
        let mut all = measured(&self.file);
        all.insert(chapter.to_owned(), begun.elapsed().as_secs().max(1));
        // Only the next run's guess is worse without it.
        if let Ok(bytes) = serde_json::to_vec_pretty(&all) {
            let _ = fs::write(&self.file, bytes);
        }
    }
}

fn measured(file: &Path) -> BTreeMap<String, u64> {
    fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// `45 seconds`, `3 minutes`.
pub(super) fn about(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    if seconds < 90 { counted(seconds, "second") } else { counted(seconds.div_ceil(60), "minute") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_expected_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("times.json");
        let usual = [("lab", 10), ("build", 20)];
        let mut times = Times::open(file.clone(), &usual);
        assert_eq!((times.is_measured(), times.sum(&usual)), (false, Duration::from_secs(30)));
        times.begin("lab");
        times.begin("build");
        let again = Times::open(file, &usual);
        assert_eq!((again.is_measured(), again.sum(&usual)), (true, Duration::from_secs(21)));
    }

    #[test]
    fn lengths_are_told_in_words() {
        assert_eq!(about(Duration::from_millis(1)), "1 second");
        assert_eq!(about(Duration::from_secs(45)), "45 seconds");
        assert_eq!(about(Duration::from_secs(130)), "3 minutes");
    }
}
