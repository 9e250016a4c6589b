//! Tells Rust code from comments and literals, so that the rules after it see only code.

/// Rust source with everything that is not code blanked.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// As long as the source and with the same line ends; comments and literals are spaces.
    pub(crate) code: String,
    pub(crate) strings: Vec<Literal>,
}

/// A string literal, its text as written: escapes are left alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Where its first quote stands in the source.
    pub(crate) offset: usize,
    pub(crate) text: String,
}

/// Never fails: what is left open at the end of the file ends there.
pub(crate) fn scan(source: &str) -> Scan {
    let mut scanner =
        Scanner { source, bytes: source.as_bytes(), at: 0, blanks: Vec::new(), strings: Vec::new() };
    while let Some(byte) = scanner.peek(0) {
        scanner.step(byte);
    }
    let mut code = source.as_bytes().to_vec();
    for (from, to) in scanner.blanks {
        code[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    // Blanks begin and end at ASCII characters, so what is left is as valid as the source was.
    Scan { code: String::from_utf8_lossy(&code).into_owned(), strings: scanner.strings }
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

struct Scanner<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    blanks: Vec<(usize, usize)>,
    strings: Vec<Literal>,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn step(&mut self, byte: u8) {
        match (byte, self.peek(1)) {
            (b'/', Some(b'/')) => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'"', _) => self.string(),
            (b'\'', _) => self.quote(),
            (byte, _) if is_word(byte) => self.word(),
            _ => self.at += 1,
        }
    }

    fn line_comment(&mut self) {
        let from = self.at;
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        self.blanks.push((from, self.at));
    }

    fn block_comment(&mut self) {
        let from = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                break;
            }
        }
        self.blanks.push((from, self.at));
    }

    fn string(&mut self) {
        let from = self.at;
        self.at += 1;
        self.skip_escaped_until(b'"');
        self.literal(from, from + 1, self.at);
        self.at = (self.at + 1).min(self.bytes.len());
        self.blanks.push((from, self.at));
    }

    /// A character or a lifetime. `'a'` is the one, `'a` the other; only a character can begin with a backslash.
    fn quote(&mut self) {
        let from = self.at;
        let mut after = self.source[from + 1..].chars();
        match (after.next(), after.next()) {
            (Some('\\'), _) => {
                self.at += 1;
                self.skip_escaped_until(b'\'');
                self.at = (self.at + 1).min(self.bytes.len());
                self.blanks.push((from, self.at));
            }
            (Some(c), Some('\'')) => {
                self.at += 2 + c.len_utf8();
                self.blanks.push((from, self.at));
            }
            _ => self.at += 1,
        }
    }

    /// A name, a number, or the `r` before a raw string. `r#name` is a name.
    fn word(&mut self) {
        let from = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        if !matches!(&self.bytes[from..self.at], b"r" | b"br" | b"cr") {
            return;
        }
        let hashes = self.bytes[self.at..].iter().take_while(|&&byte| byte == b'#').count();
        if self.peek(hashes) == Some(b'"') {
            self.at += hashes;
            self.raw_string(from, hashes);
        }
    }

    fn raw_string(&mut self, from: usize, hashes: usize) {
        let quote = self.at;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = self.source[quote + 1..].find(&close);
        let end = length.map_or(self.bytes.len(), |length| quote + 1 + length);
        self.literal(quote, quote + 1, end);
        self.at = (end + close.len()).min(self.bytes.len());
        self.blanks.push((from, self.at));
    }

    fn skip_escaped_until(&mut self, end: u8) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
                byte if byte == end => return,
                _ => self.at += 1,
            }
        }
    }

    fn literal(&mut self, offset: usize, from: usize, to: usize) {
        let text = String::from_utf8_lossy(&self.bytes[from.min(to)..to]).into_owned();
        self.strings.push(Literal { offset, text });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The code with runs of spaces as one.
    fn code(source: &str) -> String {
        scan(source).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn strings(source: &str) -> Vec<String> {
        scan(source).strings.into_iter().map(|literal| literal.text).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(code("a // { \" '\nb"), "a b");
        assert_eq!(code("a /* { /* nested } */ \" */ b"), "a b");
        assert_eq!(code("a /*/ still inside */ b"), "a b");
        assert_eq!(code("a /* open { "), "a");
        assert_eq!(code("/// doc { \n//! inner }\nfn"), "fn");
        assert_eq!(code("a / b / *c"), "a / b / *c");
    }

    #[test]
    fn strings_are_not_code_but_are_kept() {
        assert_eq!(code(r#"f("{ // /* \" }", 1)"#), "f( , 1)");
        assert_eq!(strings(r#"f("{ \" }", b"x", c"y", "\\")"#), [r#"{ \" }"#, "x", "y", r"\\"]);
        assert_eq!(strings("a \"open { "), ["open { "]);
        assert_eq!(scan("x\"é\ny\"z").code, "x   \n  z");
    }

    #[test]
    fn raw_strings_end_where_their_hashes_do() {
        assert_eq!(strings(r####"r"a\" r#"b"c"# br##"d"#e"## cr"f""####), [r"a\", "b\"c", "d\"#e", "f"]);
        assert_eq!(code(r###"x(r#"{ " }"#) }"###), "x( ) }");
        assert_eq!(code("let r#fn = r; bar\"{\";"), "let r#fn = r; bar ;");
    }

    #[test]
    fn characters_are_not_lifetimes() {
        for source in ["'{'", r"'\''", r"'\\'", r"'\u{7b}'", "'\"'", "'é'", "b'}'"] {
            assert!(!scan(&format!("a({source})")).code.contains(['{', '}', '"', '\\', '\'']), "{source}");
        }
        assert_eq!(
            code("fn f<'a>(x: &'a str, y: &'static str) {}"),
            "fn f<'a>(x: &'a str, y: &'static str) {}"
        );
        assert_eq!(code("'outer: loop { break 'outer; }"), "'outer: loop { break 'outer; }");
        assert_eq!(code("f::<'a, 'b>('c')"), "f::<'a, 'b>( )");
        assert_eq!(code("impl<'a> X<'a,'b> {"), "impl<'a> X<'a,'b> {");
    }

    #[test]
    fn offsets_are_those_of_the_source() {
        let source = "/* é */ f(\"one\", r#\"two\"#)";
        let at: Vec<_> = scan(source).strings.iter().map(|literal| &source[literal.offset..][..4]).collect();
        assert_eq!(at, ["\"one", "\"two"]);
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_and_keeps_its_lines(source in "([a-z'\"#/*\\\\{}rbé\n ]|r#\"|\"#|//|/\\*|\\*/){0,60}") {
            let scan = scan(&source);
            prop_assert_eq!(scan.code.len(), source.len());
            for (code, source) in scan.code.bytes().zip(source.bytes()) {
                prop_assert!(code == source || (code == b' ' && source != b'\n'));
            }
        }

        #[test]
        fn what_stands_in_a_literal_is_never_code(inside in "[a-z{}'/* ]{0,20}") {
            for source in [format!("a \"{inside}\" b"), format!("a r#\"{inside}\"# b")] {
                prop_assert_eq!(code(&source), "a b");
                prop_assert_eq!(strings(&source), [inside.clone()]);
            }
        }
    }
}
