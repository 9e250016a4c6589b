//! Reading the files of dpkg and apt stanza by stanza.
//!
//! An index of a distribution is 50 MB and we want a few fields of some of its stanzas, so nothing is kept but the fields that
//! were asked for, of the stanza that is being read.

use std::io::{self, BufRead, BufReader, Read};

/// One read of the file. Larger ones are not faster.
const BLOCK: usize = 64 << 10;

/// What is kept of a line. The fields that we ask for are a few hundred bytes; those that are longer are passed over.
const LINE_MAX: u64 = 16 << 10;

/// The values of the fields `names`, stanza after stanza. Of a value with several lines the first is given.
pub(crate) struct Stanzas<R, const N: usize> {
    input: BufReader<R>,
    names: [&'static str; N],
    values: [String; N],
    line: Vec<u8>,
}

impl<R: Read, const N: usize> Stanzas<R, N> {
    pub(crate) fn new(input: R, names: [&'static str; N]) -> Self {
        Self {
            input: BufReader::with_capacity(BLOCK, input),
            names,
            values: std::array::from_fn(|_| String::new()),
            line: Vec::new(),
        }
    }

    /// The next stanza's values, in the order of the names, empty where a field is missing.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[String; N]>> {
        self.values.iter_mut().for_each(String::clear);
        let mut is_begun = false;
        while self.read_line()? {
            if self.line.is_empty() {
                if is_begun {
                    return Ok(Some(&self.values));
                }
                continue;
            }
            is_begun = true;
            self.keep();
        }
        Ok(is_begun.then_some(&self.values))
    }

    /// Reads one line without its end; what is longer than the limit is cut.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut read = self.input.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(false);
        }
        let mut is_whole = self.line.last() == Some(&b'\n');
        while !is_whole && read > 0 {
            let mut rest = Vec::new();
            read = self.input.by_ref().take(LINE_MAX).read_until(b'\n', &mut rest)?;
            is_whole = rest.last() == Some(&b'\n');
        }
        while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(true)
    }

    fn keep(&mut self) {
        // A line of many more bytes than a name has cannot be told from its beginning, but most lines can be passed over by it.
        let Some(first) = self.line.first() else { return };
        for (name, value) in self.names.iter().zip(&mut self.values) {
            if name.as_bytes()[0] != *first || self.line.get(name.len()) != Some(&b':') {
                continue;
            }
            let (found, rest) = self.line.split_at(name.len());
            if found == name.as_bytes() {
                value.clear();
                value.push_str(String::from_utf8_lossy(&rest[1..]).trim());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<[String; 2]> {
        let mut stanzas = Stanzas::new(text.as_bytes(), ["Package", "Size"]);
        let mut all = Vec::new();
        while let Some(values) = stanzas.next().expect("read") {
            all.push(values.clone());
        }
        all
    }

    #[test]
    fn stanzas_end_at_empty_lines_and_at_the_end() {
        let text = "\n\nPackage: a\nSize: 1\nDescription: x\n Size: 9\n Package: no\n\n\nSize: 2\r\nPackage:b\n\nPackages: c";
        let all = read(text);
        assert_eq!(all, [["a", "1"], ["b", "2"], ["", ""]].map(|two| two.map(str::to_owned)));
        assert!(read("").is_empty());
    }

    #[test]
    fn a_long_line_is_cut_and_hides_nothing_after_it() {
        let text = format!("Package: a\nDepends: {}Size: 7\nSize: 3\n", "x, ".repeat(20_000));
        assert_eq!(read(&text), [["a".to_owned(), "3".to_owned()]]);
    }
}
