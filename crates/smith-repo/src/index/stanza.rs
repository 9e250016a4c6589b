//! A stanza as it goes into an index: its own bytes, but for what a build changes.

use std::io::{self, Write};

use crate::deb822::{PackageRecord, ScanError, Stanza};
use crate::name::RelPath;

/// What becomes of `Phased-Update-Percentage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phasing {
    Kept,
    /// With it twin machines would install different versions.
    Dropped,
}

/// A chosen stanza.
#[derive(Debug, Clone)]
pub struct IndexStanza<'a> {
    stanza: Stanza<'a>,
    /// The field that says where its files lie, and where that is instead.
    moved: Option<(&'static str, RelPath)>,
    phasing: Phasing,
}

impl<'a> IndexStanza<'a> {
    /// As the upstream wrote it, but without phases.
    pub fn of(record: &PackageRecord<'a>) -> Self {
        let phasing = if record.phased_percentage.is_some() { Phasing::Dropped } else { Phasing::Kept };
        Self { stanza: record.stanza, moved: None, phasing }
    }

    /// Exactly as it is.
    pub fn verbatim(stanza: Stanza<'a>) -> Self {
        Self { stanza, moved: None, phasing: Phasing::Kept }
    }

    /// Its file lies elsewhere than the upstream said.
    pub fn at(mut self, filename: RelPath) -> Self {
        self.moved = Some(("Filename", filename));
        self
    }

    /// The files of a source package lie in another folder than the upstream said.
    pub fn in_folder(mut self, folder: RelPath) -> Self {
        self.moved = Some(("Directory", folder));
        self
    }

    /// Finds what is wrong with it before anything is written.
    pub(super) fn check(&self) -> Result<(), ScanError> {
        if self.is_unchanged() { Ok(()) } else { self.stanza.fields().try_for_each(|field| field.map(drop)) }
    }

    /// With the empty line that ends it.
    pub(super) fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_unchanged() {
            line_by_line(self.stanza.raw(), out)?;
            return out.write_all(b"\n");
        }
        let mut is_said = self.moved.is_none();
        for field in self.stanza.fields() {
            let field = field.map_err(io::Error::other)?;
            match &self.moved {
                Some((name, place)) if field.is(name) => {
                    is_said = true;
                    writeln!(out, "{name}: {place}")?;
                }
                Some(_) | None
                    if self.phasing == Phasing::Dropped && field.is("Phased-Update-Percentage") => {}
                Some(_) | None => line_by_line(field.whole(), out)?,
            }
        }
        // Source packages in the root of a repository need not say so.
        if let Some((name, place)) = self.moved.as_ref().filter(|_| !is_said) {
            writeln!(out, "{name}: {place}")?;
        }
        out.write_all(b"\n")
    }

    fn is_unchanged(&self) -> bool {
        self.moved.is_none() && self.phasing == Phasing::Kept
    }
}

/// The last stanza of a text may lack its line feed.
fn line_by_line(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(bytes)?;
    if bytes.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb822::Stanzas;

    fn written(text: &str, change: impl Fn(IndexStanza<'_>) -> IndexStanza<'_>) -> String {
        let stanza = Stanzas::new(text.as_bytes()).next().expect("one").expect("a stanza");
        let stanza = change(IndexStanza { stanza, moved: None, phasing: Phasing::Dropped });
        stanza.check().expect("sound");
        let mut out = Vec::new();
        stanza.write_to(&mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn only_what_is_changed_changes() {
        let text = "Package: a\nfilename:   pool/a.deb\nphased-update-percentage: 30\nDescription: x\n .\n  y  \nLast:";
        assert_eq!(
            written(text, |stanza| stanza),
            "Package: a\nfilename:   pool/a.deb\nDescription: x\n .\n  y  \nLast:\n\n"
        );
        let path = RelPath::new("pool/b.deb").expect("a path");
        assert_eq!(
            written(text, |stanza| stanza.at(path.clone())),
            "Package: a\nFilename: pool/b.deb\nDescription: x\n .\n  y  \nLast:\n\n"
        );
        assert_eq!(
            written("Package: a \nX:", |stanza| IndexStanza::verbatim(stanza.stanza)),
            "Package: a \nX:\n\n"
        );
    }
}
