//! Templates: attributes put together from the parts of a name, `{environment}-{zone}-{cluster}`.

use crate::id::AttrName;

use super::error::NamingError;
use super::pattern::{MAX_PATTERN, attribute_name};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Attr(AttrName),
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, NamingError> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            let expected = format!("a template of 1 to {MAX_PATTERN} bytes");
            return Err(NamingError::at(text, 0, &expected, format!("{} bytes", text.len()), None));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            if let Some(inner) = rest.strip_prefix('{') {
                let Some(length) = inner.find('}') else {
                    return Err(NamingError::at(text, text.len(), "`}`", "the end".into(), None));
                };
                parts.push(Part::Attr(attribute_name(text, at + 1, &inner[..length])?));
                at += length + 2;
            } else {
                let length = rest.find(['{', '}']).unwrap_or(rest.len());
                if length == 0 {
                    return Err(NamingError::at(text, at, "`{` before it", "`}`".into(), None));
                }
                parts.push(Part::Text(rest[..length].to_owned()));
                at += length;
            }
        }
        Ok(Template { parts })
    }

    /// Nothing where a part is missing: half a name would be a wrong one.
    pub(super) fn fill(&self, values: &[(&AttrName, &str)]) -> Option<String> {
        self.parts.iter().try_fold(String::new(), |text, part| match part {
            Part::Text(more) => Some(text + more),
            Part::Attr(attr) => {
                let value = values.iter().find(|(known, _)| *known == attr)?.1;
                Some(text + value)
            }
        })
    }
}
