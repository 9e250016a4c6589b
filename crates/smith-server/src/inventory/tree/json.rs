//! JSON into a tree. Written here because values must know their places; single tokens are left to `serde_json`.

use std::collections::BTreeMap;

use super::super::report::{Place, Report, shown, small};
use super::node::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node};

/// The reading ends here; what is wrong is in the report.
struct Stop;

pub(in super::super) fn read(text: &str, report: &mut Report<'_>) -> Option<Node> {
    let mut reader = Reader { text, at: 0, line: 1, column: 1, counted: 0, nodes: 0, report };
    reader.document().ok()
}

struct Reader<'t, 'r, 'f> {
    text: &'t str,
    /// In bytes, always between two characters.
    at: usize,
    /// Line and column of `counted`, so that a file of one endless line is not counted again for each value.
    line: usize,
    column: usize,
    counted: usize,
    nodes: usize,
    report: &'r mut Report<'f>,
}

impl<'t> Reader<'t, '_, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        let root = self.value(1)?;
        match self.peek() {
            None => Ok(root),
            Some(_) => Err(self.unexpected("the end of the file after the value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Stop> {
        let first = self.peek();
        let place = self.place();
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.report.add(place, "S0140", format!("at most {MAX_NODES} values"), "more");
            return Err(Stop);
        }
        if depth > MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels of lists and maps");
            self.report.add(place, "S0140", expected, "a deeper one");
            return Err(Stop);
        }
        let kind = match first {
            Some('{') => Kind::Map(self.map(depth)?),
            Some('[') => Kind::List(self.list(depth)?),
            Some('"') => Kind::Text(self.string()?),
            Some('-' | '0'..='9' | 'a'..='z') => self.word(place)?,
            Some(_) | None => return Err(self.unexpected("a value")),
        };
        Ok(Node { place, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        self.at += 1;
        if self.take(']') {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(']') {
                return Ok(items);
            }
            if !self.take(',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: BTreeMap<String, Place> = BTreeMap::new();
        self.at += 1;
        if self.take('}') {
            return Ok(entries);
        }
        loop {
            if self.peek() != Some('"') {
                return Err(self.unexpected("a key in quotation marks"));
            }
            let place = self.place();
            let key = self.string()?;
            if !self.take(':') {
                return Err(self.unexpected("`:`"));
            }
            let value = self.value(depth + 1)?;
            match known.insert(key.clone(), place) {
                None => entries.push(Entry { key, place, value }),
                Some(first) => {
                    let hint = format!("it stands in line {}, column {} already", first.line, first.column);
                    self.report.hint(place, "S0144", "each key once", format!("{} again", shown(&key)), hint);
                }
            }
            if self.take('}') {
                return Ok(entries);
            }
            if !self.take(',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                // A text without its end would otherwise swallow the file up to the next quotation mark.
                Some(b'\n') | None => {
                    self.at = end.min(bytes.len());
                    let place = self.place();
                    self.report.add(place, "S0141", "`\"` at the end of the text", "the end of the line");
                    return Err(Stop);
                }
                Some(_) => end += 1,
            }
        }
        let token = self.token(end + 1)?;
        match serde_json::from_str::<String>(token) {
            Ok(text) => {
                self.at = end + 1;
                Ok(text)
            }
            Err(error) => {
                let place = self.place().plus(error.column().saturating_sub(1));
                self.report.add(place, "S0141", "text with valid escapes", shown(token));
                Err(Stop)
            }
        }
    }

    /// Numbers stay as they are written.
    fn word(&mut self, place: Place) -> Result<Kind, Stop> {
        let rest = &self.text[self.at..];
        let length =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
        let word = &rest[..length];
        let kind = match word {
            "null" => Kind::Nothing,
            "true" | "false" => Kind::Text(word.to_owned()),
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => Kind::Text(word.to_owned()),
            _ => {
                self.report.add(place, "S0141", "a value", shown(word));
                return Err(Stop);
            }
        };
        self.at += length;
        Ok(kind)
    }

    /// The text from here to `end`, which an escape at the very end of the file may lie beyond.
    fn token(&mut self, end: usize) -> Result<&'t str, Stop> {
        match self.text.get(self.at..end) {
            Some(token) => Ok(token),
            None => Err(self.unexpected("text with valid escapes")),
        }
    }

    /// The next character that is not a space; moves there.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        self.at += usize::from(there);
        there
    }

    fn place(&mut self) -> Place {
        for c in self.text[self.counted..self.at].chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.counted = self.at;
        Place { line: small(self.line), column: small(self.column) }
    }

    fn unexpected(&mut self, expected: &str) -> Stop {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(c) => shown(&c.to_string()),
        };
        let place = self.place();
        self.report.add(place, "S0141", expected, found);
        Stop
    }
}
