//! YAML into a tree: one document, no tags, each key once, bounded in depth and size also through aliases.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::super::report::{Place, Report, shown, small};
use super::node::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node, TEXT_A_NODE};

/// The reading ends here; what is wrong is in the report.
struct Stop;

pub(in super::super) fn read(text: &str, report: &mut Report<'_>) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.block_nesting_limit = MAX_DEPTH * 2;
    options.flow_nesting_limit = MAX_DEPTH * 2;
    let parser = Parser::new_from_str_with_options(text, options);
    Builder { parser, report, anchors: BTreeMap::new(), nodes: 0 }.document().ok()
}

struct Builder<'t, 'r, 'f> {
    parser: Parser<'t, StrInput<'t>>,
    report: &'r mut Report<'f>,
    /// What an alias stands for, with the number of its nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Builder<'t, '_, '_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other event begins a value, and `node` says what is wrong"
    )]
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                value if root.is_none() => root = Some(self.node(value, span, 1)?),
                _ => {
                    self.report.add(
                        place(span),
                        "S0141",
                        "one document in a file",
                        "another one after `---`",
                    );
                    return Err(Stop);
                }
            }
        }
        Ok(root.unwrap_or(Node { place: Place::START, kind: Kind::Nothing }))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => {
                self.report.add(Place::START, "S0141", "valid YAML", "the end of the file");
                Err(Stop)
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may become more, and it says so")]
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        let place = place(span);
        self.count(1, place)?;
        if depth > MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels of lists and maps");
            self.report.add(place, "S0140", expected, "a deeper one");
            return Err(Stop);
        }
        let before = self.nodes;
        let (anchor, tagged, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let nothing = style == ScalarStyle::Plain
                    && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                self.count(text.len() / TEXT_A_NODE, place)?;
                let kind = if nothing { Kind::Nothing } else { Kind::Text(text.into_owned()) };
                (anchor, tag.is_some(), kind)
            }
            Event::SequenceStart(_, anchor, tag) => (anchor, tag.is_some(), Kind::List(self.list(depth)?)),
            Event::MappingStart(_, anchor, tag) => (anchor, tag.is_some(), Kind::Map(self.map(depth)?)),
            Event::Alias(id) => return self.alias(id, place),
            Event::UnresolvedAlias(name) => {
                let (found, hint) =
                    (format!("`*{name}`"), "put text that begins with `*` in quotation marks");
                self.report.hint(place, "S0141", "an alias of something before it", found, hint);
                return Err(Stop);
            }
            other => {
                self.report.add(place, "S0141", "a value", format!("{other:?}"));
                return Err(Stop);
            }
        };
        if tagged {
            let hint = "tags such as !vault are not read; leave the value out or write it as text";
            self.report.hint(place, "S0141", "a value without a tag", "a tag (`!…`)", hint);
        }
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
        // An inventory may have a million keys in one map, so a list of them is not searched.
        let mut known: BTreeMap<String, Place> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Kind::Text(text) = key.kind else {
                self.report.add(key.place, "S0142", "text as a key", key.found());
                continue;
            };
            if let Some(first) = known.insert(text.clone(), key.place) {
                let hint = format!("it stands in line {} already", first.line);
                self.report.hint(
                    key.place,
                    "S0144",
                    "each key once",
                    format!("{} again", shown(&text)),
                    hint,
                );
                continue;
            }
            entries.push(Entry { key: text, place: key.place, value });
        }
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<Node, Stop> {
        let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
            self.report.add(place, "S0141", "an alias of something before it", "one of what it stands in");
            return Err(Stop);
        };
        // Counted before it is written out: what is too much is never held.
        self.count(size, place)?;
        self.anchors.get(&id).map(|(node, _)| node.clone()).ok_or(Stop)
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let expected = format!("at most {MAX_NODES} values with aliases written out");
        self.report.add(place, "S0140", expected, "more");
        Err(Stop)
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let place = at(marker.line(), marker.col());
        let info = error.info();
        let hint = match info {
            _ if info.contains("tab") => "indent with spaces",
            _ if info.contains("quoted") => "a closing quotation mark may be missing before this place",
            _ => {
                "the mistake may stand a line earlier: look at the indentation and at `:` followed by a space"
            }
        };
        self.report.hint(place, "S0141", "valid YAML", info.as_str(), hint);
        Stop
    }
}

fn place(span: Span) -> Place {
    at(span.start.line(), span.start.col())
}

/// The parser counts lines from one and columns from zero.
fn at(line: usize, column: usize) -> Place {
    Place { line: small(line.max(1)), column: small(column + 1) }
}
