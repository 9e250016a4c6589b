//! The log for people: one line an event, with the time and the operation. Nothing depends on it, so that failing to write
//! it never fails an action.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use smith_agent::protocol::{Body, Name, Outcome};

use super::clock;
use super::context::Host;
use super::settings::Settings;

/// Years of patches; then the file moves aside, and the one that was there goes.
const FILE_MAX: u64 = 10 << 20;

/// A line that is longer is cut.
const LINE_MAX: usize = 4 << 10;

#[derive(Debug, Clone)]
pub(crate) struct Diary {
    path: PathBuf,
    about: String,
}

impl Diary {
    pub(crate) fn open(host: &Host) -> Self {
        let (settings, wrong) = Settings::load(host);
        let diary = Self { path: host.path(&settings.log), about: "-".to_owned() };
        if let Some(wrong) = wrong {
            diary.line(&wrong);
        }
        diary
    }

    /// The same file for lines about this operation.
    pub(crate) fn about(&self, id: &Name) -> Self {
        Self { path: self.path.clone(), about: id.to_string() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn line(&self, text: &str) {
        // The disk may be full, or the folder gone; the events have it all.
        let _ = self.write(text);
    }

    /// What a person reads of an event; phases are told when the step changes.
    pub(crate) fn event(&self, body: &Body) {
        match body {
            Body::Began { action, .. } => self.line(&format!("{action} began")),
            Body::Phase(phase) => self.line(format!("{} {}", phase.step, phase.text).trim_end()),
            Body::Log { text } => self.line(text),
            Body::Ended(outcome) => {
                self.line(&words(outcome));
                if let Outcome::Failed(failure) = outcome {
                    failure.tail.iter().for_each(|line| self.line(&format!("  {line}")));
                }
            }
            Body::Refused(refusal) => self.line(&format!("refused: {refusal:?}")),
            Body::Hello(_) | Body::Piece { .. } | Body::Alive | Body::Running => {}
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut line = format!("{} {} ", clock::stamp(clock::now_ms()), self.about);
        // A program's output must not look like another line, nor speak to a terminal.
        line.extend(text.chars().map(|char| if char.is_control() { ' ' } else { char }));
        cut(&mut line, LINE_MAX);
        line.push('\n');
        let mut file = self.file()?;
        if file.metadata()?.len() + line.len() as u64 > FILE_MAX {
            self.rotate(&file)?;
            file = self.file()?;
        }
        file.write_all(line.as_bytes())
    }

    fn file(&self) -> io::Result<File> {
        let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(no_link).open(&self.path)
    }

    /// Moves the file aside, unless another process does it or has just done it.
    fn rotate(&self, full: &File) -> io::Result<()> {
        if full.try_lock().is_err() {
            return Ok(());
        }
        if fs::metadata(&self.path)?.ino() == full.metadata()?.ino() {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            fs::rename(&self.path, aside)?;
        }
        Ok(())
    }
}

/// How an operation ended, in a line.
pub(crate) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::AlreadySo(_) => "ended: already so".to_owned(),
        Outcome::Done(_) => "ended: done".to_owned(),
        Outcome::Failed(failure) => format!("ended: failed, {}: {}", failure.cause, failure.message),
    }
}

/// Cuts a text at a character's boundary.
pub(crate) fn cut(text: &mut String, most: usize) {
    let end = text.floor_char_boundary(most);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diary() -> (tempfile::TempDir, Diary) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("opt")).unwrap();
        let diary = Diary::open(&Host::at(root.path()));
        (root, diary)
    }

    #[test]
    fn a_line_is_one_line() {
        let (_root, diary) = diary();
        diary.about(&"a-1".parse().unwrap()).line("one\n2026-11-20T17:03:09Z b two\u{1b}[2J");
        diary.line(&"ä".repeat(LINE_MAX));
        let text = fs::read_to_string(diary.path()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(&lines[0][20..], " a-1 one 2026-11-20T17:03:09Z b two [2J");
        assert!(lines[1].len() <= LINE_MAX && lines[1].ends_with('ä'), "{}", lines[1].len());
    }

    #[test]
    fn a_full_file_moves_aside() {
        let (root, diary) = diary();
        diary.line("first");
        OpenOptions::new().write(true).open(diary.path()).unwrap().set_len(FILE_MAX - 10).unwrap();
        diary.line("second");
        assert_eq!(fs::metadata(root.path().join("opt/smith-agent.log.1")).unwrap().len(), FILE_MAX - 10);
        assert!(fs::read_to_string(diary.path()).unwrap().ends_with(" - second\n"));
    }

    #[test]
    fn a_log_that_cannot_be_written_harms_nobody() {
        let root = tempfile::tempdir().unwrap();
        Diary::open(&Host::at(root.path())).line("nowhere to go");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
