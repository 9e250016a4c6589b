//! Reads attribute terms: `env=prod`, `role!=master,haproxy`, `number>=1000`.

use super::display::ends_value;
use super::error::SelectorError;
use super::expr::{AttrTerm, Compare, Test, Value};
use super::parse::{Parser, attribute_name_length, checked_attribute};

/// The signs, the longer ones first.
const SIGNS: [&str; 6] = ["!=", ">=", "<=", "=", ">", "<"];

impl Parser<'_> {
    /// Whether a name and a sign stand here.
    pub(super) fn attribute_ahead(&self) -> bool {
        let rest = &self.text[self.at..];
        let length = attribute_name_length(rest);
        length > 0 && SIGNS.iter().any(|sign| rest[length..].starts_with(sign))
    }

    pub(super) fn attribute(&mut self) -> Result<AttrTerm, SelectorError> {
        let start = self.at;
        let rest = &self.text[start..];
        let (word, rest) = rest.split_at(attribute_name_length(rest));
        let attr = checked_attribute(word)
            .map_err(|(found, hint)| self.error_at(start, "the name of an attribute".into(), found, hint))?;
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).copied().unwrap_or("=");
        self.at = start + word.len() + sign.len();
        let test = match sign {
            "!=" => Test::IsNot(self.values(word)?),
            ">=" => Test::Number(Compare::AtLeast, self.number()?),
            "<=" => Test::Number(Compare::AtMost, self.number()?),
            ">" => Test::Number(Compare::More, self.number()?),
            "<" => Test::Number(Compare::Less, self.number()?),
            _ => Test::Is(self.values(word)?),
        };
        Ok(AttrTerm { attr, test })
    }

    fn values(&mut self, attr: &str) -> Result<Vec<Value>, SelectorError> {
        let mut values = vec![self.value(attr)?];
        while self.text[self.at..].starts_with(',') {
            self.at += 1;
            values.push(self.value(attr)?);
        }
        Ok(values)
    }

    fn value(&mut self, attr: &str) -> Result<Value, SelectorError> {
        let start = self.at;
        match self.text[start..].chars().next() {
            Some('"') => return self.quoted().map(Value::Exact),
            Some('/') => return self.regex().map(Value::Regex),
            Some('=' | '~') => {
                let hint =
                    format!("one `=` is enough; a regular expression stands between slashes: {attr}=/x.*/");
                let found = self.found_at(start);
                return Err(self.error_at(start, "a value".into(), found, Some(hint)));
            }
            Some(_) | None => {}
        }
        let word = self.word(ends_value)?.to_owned();
        if word.is_empty() {
            let hint = format!(
                "`{attr}=*` asks for machines that have the attribute, `not {attr}=*` for the others"
            );
            return Err(self.error_at(start, "a value".into(), self.found_at(start), Some(hint)));
        }
        let glob = self.glob(start, &word)?;
        Ok(match glob.as_text() {
            Some(text) => Value::Exact(text.to_owned()),
            None => Value::Glob(glob),
        })
    }

    fn number(&mut self) -> Result<u64, SelectorError> {
        let start = self.at;
        let word = self.word(ends_value)?;
        match word.parse::<u64>() {
            Ok(number) if word.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
            Ok(_) | Err(_) => Err(self.error_at(start, "a whole number".into(), self.found_at(start), None)),
        }
    }
}
