//! Reads the text of a selector, by recursive descent.
//!
//! ```text
//! selector := and { "or" and }
//! and      := group { "and" group }
//! group    := item { [","] item }           names: any of them; everything else: all of them
//! item     := "not" item | "(" selector ")" | "all" | name | attribute
//! ```

use super::super::attribute::{RESERVED, unabbreviated};
use super::error::SelectorError;
use super::expr::{Expr, NameTerm};

/// Bytes of one selector: two thousand full names, more than anybody pastes.
pub const MAX_LENGTH: usize = 65_536;
/// Parentheses and `not`s inside each other. People stop at three; the bound keeps the stack small.
pub const MAX_DEPTH: usize = 32;
/// Names that the ranges of one selector may stand for: a tenth of the largest fleet, listed in a few megabytes.
pub const MAX_EXPANSION: u64 = 100_000;
/// Bytes of one regular expression. Longer ones are lists, which are written as lists.
pub const MAX_REGEX: usize = 500;
/// Regular expressions in one selector, because each may cost a machine some microseconds and some megabytes.
pub const MAX_REGEXES: usize = 16;
pub(super) fn parse(text: &str) -> Result<Expr, SelectorError> {
    let mut parser = Parser { text, at: 0, depth: 0, names: 0, regexes: 0 };
    if text.len() > MAX_LENGTH {
        return Err(parser.error_at(
            0,
            format!("at most {MAX_LENGTH} bytes"),
            format!("{} bytes", text.len()),
            None,
        ));
    }
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected("a name, an attribute, `and`, `or` or the end")),
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    /// In bytes, always between two characters.
    pub(super) at: usize,
    depth: usize,
    pub(super) names: u64,
    pub(super) regexes: usize,
}

/// One item of a group, with what is needed to see that a group can be read in two ways.
enum Item {
    Name(NameTerm),
    /// `not` before a name without parentheses.
    NotName(Expr),
    /// `all`, or parentheses in which names are spoken of.
    Set(Expr),
    Condition(Expr),
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expr, SelectorError> {
        let mut children = vec![self.and()?];
        while self.keyword("or") {
            children.push(self.and()?);
        }
        Ok(Expr::or(children))
    }

    fn and(&mut self) -> Result<Expr, SelectorError> {
        let mut children = vec![self.group()?];
        while self.keyword("and") {
            children.push(self.group()?);
        }
        Ok(Expr::and(children))
    }

    fn group(&mut self) -> Result<Expr, SelectorError> {
        let mut names: Vec<NameTerm> = Vec::new();
        let mut others: Vec<Expr> = Vec::new();
        let (mut set, mut after_not) = (false, false);
        let mut comma = false;
        while comma || (names.is_empty() && others.is_empty()) || self.starts_item() {
            self.skip_space();
            let start = self.at;
            let item = self.item()?;
            if comma && !matches!(item, Item::Name(_)) {
                let hint = Some("a comma stands between names only".to_owned());
                return Err(self.error_at(start, "a name or an address".into(), self.found_at(start), hint));
            }
            match item {
                Item::Name(_) if set => return Err(self.ambiguous(start, "a name beside a set of machines")),
                Item::Set(_) if !names.is_empty() => {
                    return Err(self.ambiguous(start, "a set of machines beside a name"));
                }
                Item::Name(_) if after_not => {
                    let hint = "write `not (a b)` for neither, or `b and not a`".to_owned();
                    let found = "a name after `not` and a name".to_owned();
                    return Err(self.error_at(start, "`and`, `or` or parentheses".into(), found, Some(hint)));
                }
                Item::Name(name) => {
                    names.push(name);
                    (comma, after_not) = (self.comma(), false);
                    continue;
                }
                Item::NotName(expr) => {
                    others.push(expr);
                    after_not = true;
                }
                Item::Set(expr) => {
                    others.push(expr);
                    (set, after_not) = (true, false);
                }
                Item::Condition(expr) => {
                    others.push(expr);
                    after_not = false;
                }
            }
        }
        if !names.is_empty() {
            others.insert(0, Expr::Names(names));
        }
        Ok(Expr::and(others))
    }

    fn item(&mut self) -> Result<Item, SelectorError> {
        let start = self.at;
        if self.keyword("not") {
            self.deeper(start)?;
            self.skip_space();
            let inner = self.item()?;
            self.depth -= 1;
            return Ok(match inner {
                Item::Name(name) => Item::NotName(Expr::Names(vec![name]).negated()),
                Item::NotName(expr) | Item::Set(expr) | Item::Condition(expr) => {
                    Item::Condition(expr.negated())
                }
            });
        }
        if self.keyword("all") {
            return Ok(Item::Set(Expr::All));
        }
        match self.peek() {
            Some('(') => {
                self.deeper(start)?;
                self.at += 1;
                let inner = self.or()?;
                if self.peek() != Some(')') {
                    return Err(self.unexpected("`)`"));
                }
                self.at += 1;
                self.depth -= 1;
                let names = inner.speaks_of_names() || inner == Expr::All;
                Ok(if names { Item::Set(inner) } else { Item::Condition(inner) })
            }
            Some('/') => Ok(Item::Name(NameTerm::Regex(self.regex()?))),
            Some('"') => self.quoted_name().map(Item::Name),
            _ if self.attribute_ahead() => Ok(Item::Condition(Expr::Attr(self.attribute()?))),
            Some(c) if starts_word(c) => self.name().map(Item::Name),
            _ => Err(self.unexpected("a name, an address, an attribute or `(`")),
        }
    }

    fn deeper(&mut self, start: usize) -> Result<(), SelectorError> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return Ok(());
        }
        let expected = format!("at most {MAX_DEPTH} parentheses and `not`s inside each other");
        Err(self.error_at(start, expected, "one more".into(), None))
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next character that is not a space; moves there.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.text[self.at..].chars().next()
    }

    fn comma(&mut self) -> bool {
        let comma = self.peek() == Some(',');
        self.at += usize::from(comma);
        comma
    }

    fn starts_item(&mut self) -> bool {
        let Some(c) = self.peek() else { return false };
        if c == ')' || c == ',' {
            return false;
        }
        !(self.keyword_ahead("and") || self.keyword_ahead("or"))
    }

    fn keyword_ahead(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let rest = &self.text[self.at..];
        let word = rest.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"')).next();
        word.is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let ahead = self.keyword_ahead(keyword);
        self.at += if ahead { keyword.len() } else { 0 };
        ahead
    }

    fn ambiguous(&self, at: usize, found: &str) -> SelectorError {
        let hint = "side by side they could mean both or either: write `and` or `or` between them".to_owned();
        self.error_at(at, "`and` or `or`".into(), found.into(), Some(hint))
    }

    pub(super) fn unexpected(&mut self, expected: &str) -> SelectorError {
        self.skip_space();
        self.error_at(self.at, expected.into(), self.found_at(self.at), None)
    }

    /// The word or the character that stands there, short enough for one line.
    pub(super) fn found_at(&self, at: usize) -> String {
        const SHOWN: usize = 40;
        let rest = self.text.get(at..).unwrap_or("");
        let Some(first) = rest.chars().next() else { return "the end".into() };
        let word: String =
            rest.chars().take_while(|c| !c.is_whitespace() && !"(),\"".contains(*c)).take(SHOWN).collect();
        if word.is_empty() { format!("{first:?}") } else { format!("{word:?}") }
    }

    pub(super) fn error_at(
        &self,
        at: usize,
        expected: String,
        found: String,
        hint: Option<String>,
    ) -> SelectorError {
        let before = self.text.get(..at).unwrap_or(self.text).chars().count();
        SelectorError { column: u32::try_from(before + 1).unwrap_or(u32::MAX), expected, found, hint }
    }
}

/// Whether a word could be an attribute's name; used to see `role=worker` for what it is.
pub(super) fn attribute_name_length(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(rest.len())
}

pub(super) fn checked_attribute(word: &str) -> Result<crate::id::AttrName, (String, Option<String>)> {
    let name = unabbreviated(word);
    if RESERVED.contains(&name) {
        let hint = "write a machine's name or address by itself, without a word before it";
        return Err((format!("{word:?}"), Some(hint.into())));
    }
    crate::id::AttrName::new(name).map_err(|bad| {
        let lower = word.to_ascii_lowercase();
        let hint = (lower != word && crate::id::AttrName::new(lower.as_str()).is_ok())
            .then(|| format!("attribute names are written in lower case: {lower}"));
        (bad.to_string(), hint)
    })
}

fn starts_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, ')' | ',')
}
