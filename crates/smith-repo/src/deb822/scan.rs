//! Splits a text into stanzas and fields without copying anything.
//!
//! What clients would read differently from us is refused: repeated fields, carriage returns, lines of blanks alone.

use std::str;

use memchr::{memchr, memchr_iter, memmem};

/// The longest field of Debian and Ubuntu is 60 KiB (`Package-List` of the kernel).
const FIELD_MAX: usize = 1024 * 1024;

/// A few of the longest fields; a whole stanza is looked at at once.
const STANZA_MAX: usize = 4 * 1024 * 1024;

/// Real stanzas have up to 40 fields. Each is compared with those before it, so that there cannot be very many.
const FIELDS_MAX: usize = 512;

/// Buckets of the filter for repeated names: with 20 names one stanza in five looks twice.
const BUCKETS: usize = 1024;

/// Why a text is no control data. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("line {line}: expected a stanza of at most {STANZA_MAX} bytes, found a longer one")]
    StanzaTooLong { line: usize },
    #[error("line {line}: expected a field of at most {FIELD_MAX} bytes, found {name} with {found}")]
    FieldTooLong { line: usize, name: String, found: usize },
    #[error("line {line}: expected at most {FIELDS_MAX} fields in a stanza, found more")]
    TooManyFields { line: usize },
    #[error("line {line}: expected lines that end with a line feed alone, found a carriage return")]
    CarriageReturn { line: usize },
    #[error("line {line}: expected text, found a byte of value zero")]
    Nul { line: usize },
    #[error("line {line}: expected text in {name}, found a control character")]
    Control { line: usize, name: String },
    #[error("line {line}: expected UTF-8 in {name}, found other bytes")]
    NotUtf8 { line: usize, name: String },
    #[error("line {line}: expected a name and a colon, found {found:?}")]
    NoColon { line: usize, found: String },
    #[error("line {line}: expected a name of visible characters before the colon, found {found:?}")]
    BadName { line: usize, found: String },
    #[error("line {line}: expected a field before its continuation, found {found:?}")]
    LostContinuation { line: usize, found: String },
    #[error("line {line}: expected a continuation or an empty line, found a line of blanks")]
    BlankLine { line: usize },
    #[error("line {line}: expected each field once in a stanza, found {name} again")]
    Repeated { line: usize, name: String },
}

/// The stanzas of a text, in order.
#[derive(Debug, Clone)]
pub struct Stanzas<'a> {
    text: &'a [u8],
    at: usize,
}

/// One stanza with its exact bytes, up to and with its last line feed.
#[derive(Debug, Clone, Copy)]
pub struct Stanza<'a> {
    text: &'a [u8],
    start: usize,
    raw: &'a [u8],
}

/// A field: its name, and its value with continuation lines but without the last line feed.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    stanza: Stanza<'a>,
    start: usize,
    /// Visible ASCII.
    name: &'a [u8],
    raw: &'a [u8],
}

/// The fields of a stanza, in order.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    stanza: Stanza<'a>,
    at: usize,
    count: usize,
    seen: [u64; BUCKETS / 64],
}

impl<'a> Stanzas<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Result<Stanza<'a>, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.text.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let window = &rest[..rest.len().min(STANZA_MAX + 2)];
        let end = memmem::find(window, b"\n\n").map_or(window.len(), |end| end + 1);
        let stanza = Stanza { text: self.text, start, raw: &window[..end] };
        let checked = stanza.check();
        // After an error there is no telling where the next stanza would begin.
        self.at = if checked.is_ok() { start + end } else { self.text.len() };
        Some(checked.map(|()| stanza))
    }
}

impl<'a> Stanza<'a> {
    /// Its exact bytes. Only the last stanza of a text may lack the line feed at its end.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where in the text it begins.
    pub fn offset(&self) -> usize {
        self.start
    }

    /// The line of the text on which it begins, counted from the start of the text: for errors. Who wants to know it of
    /// many asks [`crate::deb822::Lines`].
    pub fn line(&self) -> usize {
        self.line_of(0)
    }

    pub fn fields(&self) -> Fields<'a> {
        Fields { stanza: *self, at: 0, count: 0, seen: [0; BUCKETS / 64] }
    }

    /// The value of a field, if it is there.
    pub fn field(&self, name: &str) -> Result<Option<Field<'a>>, ScanError> {
        let mut found = None;
        for field in self.fields() {
            let field = field?;
            if field.is(name) {
                found = Some(field);
            }
        }
        Ok(found)
    }

    fn check(&self) -> Result<(), ScanError> {
        if let Some(at) =
            memchr_iter(b'\r', self.raw).find(|at| matches!(self.raw.get(at + 1), Some(b'\n') | None))
        {
            return Err(ScanError::CarriageReturn { line: self.line_of(at) });
        }
        if self.raw.len() > STANZA_MAX {
            // A single field that is too long is the more exact answer.
            let flawed = self.fields().find_map(Result::err);
            return Err(match flawed {
                Some(error @ ScanError::FieldTooLong { .. }) => error,
                Some(_) | None => ScanError::StanzaTooLong { line: self.line() },
            });
        }
        match memchr(0, self.raw) {
            Some(at) => Err(ScanError::Nul { line: self.line_of(at) }),
            None => Ok(()),
        }
    }

    /// Counted only when somebody asks, which is when there is an error.
    fn line_of(&self, at: usize) -> usize {
        1 + memchr_iter(b'\n', &self.text[..self.start + at]).count()
    }
}

impl<'a> Field<'a> {
    pub fn name(&self) -> &'a str {
        str::from_utf8(self.name).unwrap_or_default()
    }

    /// Nearly all names are only compared; a million of them need not be checked to be text.
    pub(super) fn name_bytes(&self) -> &'a [u8] {
        self.name
    }

    /// Everything between the colon and the last line feed.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Names are the same in upper and lower case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without blanks around it.
    pub fn text(&self) -> Result<&'a str, ScanError> {
        match str::from_utf8(self.raw.trim_ascii()) {
            // It is shown to people, on terminals that obey such characters.
            Ok(text) if has_control(text.as_bytes()) => {
                Err(ScanError::Control { line: self.line(), name: self.name().to_owned() })
            }
            Ok(text) => Ok(text),
            Err(_) => Err(ScanError::NotUtf8 { line: self.line(), name: self.name().to_owned() }),
        }
    }

    /// Its bytes with the name, up to and with the last line feed.
    pub fn whole(&self) -> &'a [u8] {
        let end = self.start + self.name.len() + 1 + self.raw.len();
        &self.stanza.raw[self.start..self.stanza.raw.len().min(end + 1)]
    }

    pub fn line(&self) -> usize {
        self.stanza.line_of(self.start)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = self.stanza.raw;
        if self.at >= raw.len() {
            return None;
        }
        let field = self.field();
        self.at = field
            .as_ref()
            .map_or(raw.len(), |field| field.start + field.name.len() + 1 + field.raw.len() + 1);
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, ScanError> {
        let (stanza, start) = (self.stanza, self.at);
        let raw = stanza.raw;
        let first_end = line_end(raw, start);
        let line = &raw[start..first_end];
        let name = match line.iter().position(|byte| *byte == b':' || !byte.is_ascii_graphic()) {
            Some(at) if at > 0 && line[at] == b':' => &line[..at],
            _ => return Err(self.bad_start(line)),
        };
        if let Some(b'-' | b'#') = name.first() {
            return Err(ScanError::BadName { line: stanza.line_of(start), found: shown(line) });
        }
        let end = self.continued(first_end)?;
        let field = Field { stanza, start, name, raw: &raw[start + name.len() + 1..end] };
        if field.raw.len() > FIELD_MAX {
            let (line, name, found) = (field.line(), field.name().to_owned(), field.raw.len());
            return Err(ScanError::FieldTooLong { line, name, found });
        }
        self.note(&field)?;
        Ok(field)
    }

    /// Where a value ends whose first line ends here.
    fn continued(&self, first_end: usize) -> Result<usize, ScanError> {
        let raw = self.stanza.raw;
        let mut end = first_end;
        while let Some(b' ' | b'\t') = raw.get(end + 1) {
            let start = end + 1;
            end = line_end(raw, start);
            if raw[start..end].iter().all(|byte| matches!(byte, b' ' | b'\t')) {
                return Err(ScanError::BlankLine { line: self.stanza.line_of(start) });
            }
        }
        Ok(end)
    }

    fn bad_start(&self, line: &[u8]) -> ScanError {
        let (at, found) = (self.stanza.line_of(self.at), shown(line));
        match line.first() {
            Some(b' ' | b'\t') if line.trim_ascii().is_empty() => ScanError::BlankLine { line: at },
            Some(b' ' | b'\t') => ScanError::LostContinuation { line: at, found },
            _ if line.contains(&b':') => ScanError::BadName { line: at, found },
            _ => ScanError::NoColon { line: at, found },
        }
    }

    /// Refuses a name that was there before. The filter spares nearly all comparisons.
    fn note(&mut self, field: &Field<'a>) -> Result<(), ScanError> {
        self.count += 1;
        if self.count > FIELDS_MAX {
            return Err(ScanError::TooManyFields { line: field.line() });
        }
        let bucket = bucket(field.name);
        let (word, bit) = (bucket / 64, 1u64 << (bucket % 64));
        if self.seen[word] & bit != 0 && self.is_repeated(field) {
            return Err(ScanError::Repeated { line: field.line(), name: field.name().to_owned() });
        }
        self.seen[word] |= bit;
        Ok(())
    }

    fn is_repeated(&self, field: &Field<'a>) -> bool {
        let raw = self.stanza.raw;
        let mut at = 0;
        while at < field.start {
            let end = line_end(raw, at);
            let line = &raw[at..end];
            let name = line.get(..field.name.len() + 1).and_then(|name| name.split_last());
            if let Some((b':', name)) = name
                && name.eq_ignore_ascii_case(field.name)
            {
                return true;
            }
            at = end + 1;
        }
        false
    }
}

/// Counts all of them: without a way out in the middle it is done for many bytes at once.
fn has_control(text: &[u8]) -> bool {
    let is_control = |byte: &u8| (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t') | (*byte == 0x7f);
    text.iter().map(|byte| u32::from(is_control(byte))).sum::<u32>() > 0
}

fn line_end(raw: &[u8], at: usize) -> usize {
    raw.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(raw.len(), |end| at + end)
}

/// The same for upper and lower case.
fn bucket(name: &[u8]) -> usize {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (name.iter().fold(0, |folded, byte| folded << 8 | u64::from(*byte)), name.len() as u64),
    };
    let mixed = ((first | CASE) ^ (last | CASE).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 54) as usize
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned()
}

#[cfg(test)]
mod tests;
