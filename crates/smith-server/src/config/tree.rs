//! YAML as a tree in which every key and value knows its place.
//!
//! Scalars stay the text that was written: `1.10`, `no` and `22:00` are not turned into anything. Size, depth and the
//! number of values, aliases written out, are bounded, so no file can use up memory.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput,
};

use super::report::{Place, Report, shown};

/// A pipeline of a thousand bags takes a tenth of this.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// Values in a file with aliases written out: five times what a file of the largest size holds in practice.
pub(super) const MAX_NODES: usize = 100_000;

/// A longer text counts as several values, so that an alias of a page of text cannot be written out without end.
const TEXT_A_NODE: usize = 256;
/// The deepest place of a pipeline is at nine: pipeline, steps, step, phases, phase, bags, bag, retry, causes.
pub(super) const MAX_DEPTH: usize = 24;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Text { text: String, style: Style },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// In quotation marks.
    Quoted,
    /// On lines of its own, after `|` or `>`.
    Block,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// The reading ends here; what is wrong is in the report.
struct Stop;

/// Reads the one document of a file. What is wrong is in the report, also where a tree is given.
pub(super) fn read(bytes: &[u8], report: &mut Report) -> Option<Node> {
    if bytes.len() > MAX_BYTES {
        let found = format!("{} KiB", bytes.len().div_ceil(1024));
        report.add(Place::START, "S0202", format!("a file of at most {} KiB", MAX_BYTES / 1024), found);
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let place = end_of(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
            let found = format!("the byte 0x{:02x}", bytes[error.valid_up_to()]);
            report.add(place, "S0201", "text in UTF-8", found);
            return None;
        }
    };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.disallow_directives = true;
    options.block_nesting_limit = MAX_DEPTH * 2;
    options.flow_nesting_limit = MAX_DEPTH * 2;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { text, parser, report, anchors: BTreeMap::new(), nodes: 0 };
    builder.document().ok()
}

struct Builder<'t, 'r> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    report: &'r mut Report,
    /// What an alias stands for, with the number of its nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Builder<'t, '_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may become more, and it says so")]
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                node if root.is_none() => root = Some(self.node(node, span, 1)?),
                _ => {
                    let place = self.place(span);
                    self.report.add(place, "S0201", "one document in a file", "another one after `---`");
                    return Err(Stop);
                }
            }
        }
        root.ok_or_else(|| {
            self.report.add(Place::START, "S0201", "a map of keys and values", "an empty file");
            Stop
        })
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => {
                self.report.add(Place::START, "S0201", "valid YAML", "the end of the file");
                Err(Stop)
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may become more, and it says so")]
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        let place = self.place(span);
        self.count(1, place)?;
        if depth > MAX_DEPTH {
            self.too_deep(place);
            return Err(Stop);
        }
        let before = self.nodes;
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tag(tag.is_some(), place);
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                self.count(text.len() / TEXT_A_NODE, place)?;
                (anchor, Kind::Text { text: text.into_owned(), style })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.no_tag(tag.is_some(), place);
                (anchor, Kind::List(self.list(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.no_tag(tag.is_some(), place);
                (anchor, Kind::Map(self.map(depth)?))
            }
            Event::Alias(id) => return self.alias(id, place),
            Event::UnresolvedAlias(name) => {
                let found = format!("`*{name}`, which stands for nothing");
                let problem = self.report.add(place, "S0201", "an alias of an anchor before it", found);
                problem.with_hint("put text that begins with `*` in quotation marks");
                (0, Kind::Text { text: format!("*{name}"), style: Style::Plain })
            }
            other => {
                self.report.add(place, "S0201", "a value", format!("{other:?}"));
                return Err(Stop);
            }
        };
        let node = Node { place, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Kind::Text { text, .. } = key.kind else {
                self.report.add(key.place, "S0206", "text as a key", "a list or a map");
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let hint = format!("it stands in line {} already; leave one of the two", first.place.line);
                let found = format!("{} again", shown(&text));
                self.report.add(key.place, "S0203", "each key once", found).with_hint(hint);
                continue;
            }
            entries.push(Entry { key: text, place: key.place, value });
        }
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<Node, Stop> {
        let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
            self.report.add(place, "S0201", "an alias of something before it", "one of what it stands in");
            return Err(Stop);
        };
        // Counted before it is written out: what is too much is never held.
        self.count(size, place)?;
        self.anchors.get(&id).map(|(node, _)| node.clone()).ok_or(Stop)
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let expected = format!("at most {MAX_NODES} values with aliases written out");
        self.report.add(place, "S0202", expected, "more");
        Err(Stop)
    }

    fn too_deep(&mut self, place: Place) {
        let expected = format!("at most {MAX_DEPTH} levels of lists and maps");
        self.report.add(place, "S0202", expected, "a deeper one");
    }

    fn no_tag(&mut self, tagged: bool, place: Place) {
        if tagged {
            self.report.add(place, "S0201", "a value without a tag", "a tag (`!…`)");
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let place = self.at(marker.line(), marker.col());
        let info = error.info();
        if info.contains("tab") {
            let place = self.tab_from(marker.line()).unwrap_or(place);
            let problem = self.report.add(place, "S0201", "spaces before a key or value", "a tab");
            problem.with_hint("indent with spaces");
        } else if *error.kind() == ErrorKind::RecursionLimitExceeded {
            self.too_deep(place);
        } else {
            let problem = self.report.add(place, "S0201", "valid YAML", info.as_str());
            if info.contains("quoted") {
                problem.with_hint("a closing quotation mark may be missing before this place");
            }
        }
        Stop
    }

    /// The first tab in an indentation; the parser names the end of what stands before it.
    fn tab_from(&self, line: usize) -> Option<Place> {
        let mut lines = self.text.lines().enumerate().skip(line.saturating_sub(1));
        lines.find_map(|(at, line)| {
            let indentation = line.len() - line.trim_start().len();
            Some(self.at(at + 1, line[..indentation].find('\t')?))
        })
    }

    fn place(&self, span: Span) -> Place {
        self.at(span.start.line(), span.start.col())
    }

    /// The parser counts lines from one and columns from zero.
    fn at(&self, line: usize, column: usize) -> Place {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: small(line.max(1)), column: small(column + 1) }
    }
}

/// The place behind the last character.
fn end_of(text: &str) -> Place {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let last = text.rsplit('\n').next().unwrap_or("");
    Place { line: small(text.matches('\n').count() + 1), column: small(last.chars().count() + 1) }
}
