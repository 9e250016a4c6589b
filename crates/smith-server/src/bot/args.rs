//! What follows a verb: its words in their order, and its keys in any.

use smith_domain::fleet::Selector;

use super::error::ParseError;
use super::key::{Key, Takes};
use super::lex::{Form, Item, Word};
use super::line::ChangeNumber;
use super::print::{LIST_STOPS, STOPS};
use super::verb::Verb;

pub(super) struct Args<'t> {
    text: &'t str,
    pub(super) verb: &'static Verb,
    free: Vec<Word>,
    keyed: Vec<(Key, Vec<Word>)>,
}

type Read<T> = Result<T, ParseError>;

impl<'t> Args<'t> {
    pub(super) fn of(text: &'t str, verb: &'static Verb, items: Vec<Item>) -> Read<Self> {
        let mut args = Args { text, verb, free: Vec::new(), keyed: Vec::new() };
        let mut open = false;
        for item in items {
            match item {
                Item::Key(key, span) => {
                    args.must_be_full(span.start)?;
                    if args.keyed.iter().any(|(known, _)| *known == key) {
                        let found = &text[span.clone()];
                        let error = ParseError::at(text, span.start, "each key once", found);
                        return Err(error.with_hint("a text with a key in it stands between quotation marks"));
                    }
                    args.keyed.push((key, Vec::new()));
                    open = true;
                }
                Item::Word(word) => match args.keyed.last_mut().filter(|_| open) {
                    Some((key, words)) => {
                        words.push(word);
                        open = key.takes() == Takes::Words;
                    }
                    None => args.free.push(word),
                },
            }
        }
        args.must_be_full(text.len())?;
        // `task status .` and `help !` are how people write.
        let is_stop = |word: &Word| word.form == Form::Bare && word.text.chars().all(|c| STOPS.contains(&c));
        while args.free.last().is_some_and(is_stop) {
            args.free.pop();
        }
        // Words are taken from the end, where taking is cheap.
        args.free.reverse();
        Ok(args)
    }

    /// The key before this place has something behind it.
    fn must_be_full(&self, at: usize) -> Read<()> {
        match self.keyed.last() {
            Some((key, words)) if words.is_empty() => {
                let expected = format!("{} behind `{}:`", key.what(), key.name());
                let found = self.text[at..].split_whitespace().next().unwrap_or_default();
                Err(ParseError::at(self.text, at, expected, found))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn error(&self, word: &Word, expected: &str) -> ParseError {
        let error = ParseError::at(self.text, word.span.start, expected, &self.text[word.span.clone()]);
        error.maybe_hint(self.slip(word))
    }

    /// Something is not there at all.
    pub(super) fn missing(&self, expected: &str) -> ParseError {
        let words = self.keyed.iter().flat_map(|(_, words)| words).chain(self.free.iter().rev());
        let slip = words.filter(|word| word.text.contains(':')).find_map(|word| self.slip(word));
        let hint = slip.unwrap_or_else(|| format!("write `{}`", self.verb.form));
        ParseError::at(self.text, self.text.len(), expected, "").with_hint(hint)
    }

    fn slip(&self, word: &Word) -> Option<String> {
        let key = Key::meant(&word.text, self.verb.keys).filter(|_| word.form == Form::Bare)?;
        Some(format!("did you mean `{}:`?", key.name()))
    }

    fn key(&mut self, key: Key) -> Option<Vec<Word>> {
        let at = self.keyed.iter().position(|(known, _)| *known == key)?;
        Some(self.keyed.swap_remove(at).1)
    }

    pub(super) fn peek(&self) -> Option<&Word> {
        self.free.last()
    }

    pub(super) fn next(&mut self) -> Option<Word> {
        self.free.pop()
    }

    /// Whether this word is next; then it is taken.
    pub(super) fn says(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|found| bare(found).eq_ignore_ascii_case(word));
        if is_next {
            self.next();
        }
        is_next
    }

    /// Everything was used.
    pub(super) fn done(&self) -> Read<()> {
        match self.peek() {
            None => Ok(()),
            Some(word) => {
                let error = self.error(word, "nothing more");
                let hint = format!("write `{}`", self.verb.form);
                Err(if error.hint.is_none() { error.with_hint(hint) } else { error })
            }
        }
    }

    pub(super) fn word(&mut self, what: &str) -> Read<String> {
        let word = self.next().ok_or_else(|| self.missing(what))?;
        self.name(&word, what)
    }

    pub(super) fn key_word(&mut self, key: Key) -> Read<Option<String>> {
        let Some(word) = self.key(key).and_then(|mut words| words.pop()) else { return Ok(None) };
        self.name(&word, key.what()).map(Some)
    }

    fn name(&self, word: &Word, what: &str) -> Read<String> {
        let name = bare(word);
        let is_slip = word.form == Form::Bare && word.text.contains(':') && self.slip(word).is_some();
        if name.is_empty() || name.contains(char::is_whitespace) || is_slip {
            return Err(self.error(word, what));
        }
        Ok(name.to_owned())
    }

    pub(super) fn number(&mut self, what: &str) -> Read<u32> {
        let word = self.next().ok_or_else(|| self.missing(what))?;
        number_of(&word).ok_or_else(|| self.error(&word, what))
    }

    pub(super) fn key_number(&mut self, key: Key) -> Read<Option<u32>> {
        let Some(word) = self.key(key).and_then(|mut words| words.pop()) else { return Ok(None) };
        number_of(&word).map(Some).ok_or_else(|| self.error(&word, key.what()))
    }

    pub(super) fn key_truth(&mut self, key: Key) -> Read<Option<bool>> {
        let Some(word) = self.key(key).and_then(|mut words| words.pop()) else { return Ok(None) };
        match bare(&word).to_ascii_lowercase().as_str() {
            "true" | "yes" => Ok(Some(true)),
            "false" | "no" => Ok(Some(false)),
            _ => Err(self.error(&word, key.what())),
        }
    }

    /// Numbers of changes, as many as stand there; at least one.
    pub(super) fn changes(&mut self) -> Read<Vec<ChangeNumber>> {
        const WHAT: &str = "the number of a change such as CHG0268453";
        let mut changes = Vec::new();
        while let Some(found) = self.peek().and_then(changes_of) {
            changes.extend(found);
            self.next();
        }
        match self.peek() {
            _ if !changes.is_empty() => Ok(changes),
            Some(word) => Err(self.error(word, WHAT)),
            None => Err(self.missing(WHAT)),
        }
    }

    pub(super) fn key_change(&mut self, key: Key) -> Read<Option<ChangeNumber>> {
        let Some(word) = self.key(key).and_then(|mut words| words.pop()) else { return Ok(None) };
        ChangeNumber::new(bare(&word)).map(Some).ok_or_else(|| self.error(&word, key.what()))
    }

    pub(super) fn key_text(&mut self, key: Key) -> Read<Option<String>> {
        let words = self.key(key);
        words.map(|words| self.text_of(&words, key.what())).transpose()
    }

    /// The words that are left, as a text.
    pub(super) fn rest_text(&mut self, what: &str) -> Read<Option<String>> {
        let words: Vec<Word> = std::mem::take(&mut self.free).into_iter().rev().collect();
        if words.is_empty() { Ok(None) } else { self.text_of(&words, what).map(Some) }
    }

    /// The reason, with its key or as the words that are left.
    pub(super) fn reason(&mut self) -> Read<Option<String>> {
        match self.key_text(Key::Reason)? {
            Some(reason) => Ok(Some(reason)),
            None => self.rest_text("a reason"),
        }
    }

    pub(super) fn must_have_reason(&mut self) -> Read<String> {
        self.reason()?.ok_or_else(|| self.missing("`reason: …`"))
    }

    fn text_of(&self, words: &[Word], what: &str) -> Read<String> {
        let text = match words {
            [one] => one.text.clone(),
            several => self.raw(several),
        };
        match words.first() {
            Some(first) if text.trim().is_empty() => Err(self.error(first, what)),
            Some(_) | None => Ok(text),
        }
    }

    fn raw(&self, words: &[Word]) -> String {
        let raw: Vec<&str> = words.iter().map(|word| &self.text[word.span.clone()]).collect();
        raw.join(" ")
    }

    /// Machines, with the key or as the words that are left.
    pub(super) fn machines(&mut self) -> Read<Option<Selector>> {
        let words = match self.key(Key::Machines) {
            Some(words) => words,
            None => std::mem::take(&mut self.free).into_iter().rev().collect(),
        };
        if words.is_empty() { Ok(None) } else { self.selector(&words).map(Some) }
    }

    pub(super) fn must_have_machines(&mut self) -> Read<Selector> {
        self.machines()?.ok_or_else(|| self.missing(Key::Machines.what()))
    }

    fn selector(&self, words: &[Word]) -> Read<Selector> {
        let slip = words.iter().find(|word| word.text.contains([':', '=']) && self.slip(word).is_some());
        if let Some(word) = slip {
            return Err(self.error(word, "machines or a key"));
        }
        let text = match words {
            [one] if is_wrapped(self.text, one) => one.text.clone(),
            several => {
                let raw = self.raw(several);
                raw.trim_end_matches(LIST_STOPS).trim_end().to_owned()
            }
        };
        Selector::parse(&text).map_err(|error| {
            let at = place(words, self.text, error.column);
            let found = ParseError::at(self.text, at, error.expected, "").maybe_hint(error.hint);
            ParseError { found: error.found, ..found }
        })
    }
}

/// Whether quotation marks are around all machines, and not the selector's own around one name.
fn is_wrapped(text: &str, word: &Word) -> bool {
    let is_single = text[word.span.clone()].starts_with('\'');
    word.form == Form::Quoted && (is_single || word.text.contains(char::is_whitespace))
}

/// Where a column, counted from one, of words with single spaces between them is in the text.
fn place(words: &[Word], text: &str, column: u32) -> usize {
    let mut left = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    for word in words {
        let raw = &text[word.span.clone()];
        let length = raw.chars().count();
        if left <= length {
            let inside = raw.char_indices().nth(left).map_or(raw.len(), |(at, _)| at);
            return word.span.start + inside;
        }
        left -= length + 1;
    }
    words.last().map_or(0, |word| word.span.end)
}

/// Without the signs that end a sentence.
fn bare(word: &Word) -> &str {
    match word.form {
        Form::Quoted => &word.text,
        Form::Bare => word.text.trim_end_matches(STOPS),
    }
}

/// `725` and `#725`
pub(super) fn number_of(word: &Word) -> Option<u32> {
    let text = bare(word);
    let digits = text.strip_prefix('#').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// `CHG1` and `CHG1,CHG2`
fn changes_of(word: &Word) -> Option<Vec<ChangeNumber>> {
    bare(word).split(',').filter(|part| !part.is_empty()).map(ChangeNumber::new).collect()
}

/// The number of a change of the built-in desk, which no machine is called as.
pub(super) fn own_change(word: &Word) -> Option<ChangeNumber> {
    ChangeNumber::new(bare(word)).filter(|change| change.as_str().starts_with("CHG"))
}
