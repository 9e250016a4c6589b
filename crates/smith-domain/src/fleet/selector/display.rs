//! The canonical text: what is printed here is read back as the same expression.

use std::fmt;
use std::net::IpAddr;

use super::expr::{AttrTerm, Compare, Expr, NameTerm, Test, Value};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::All => f.write_str("all"),
            Expr::Names(names) => list(f, names, " "),
            Expr::Attr(term) => term.fmt(f),
            Expr::Not(inner) => match inner.as_ref() {
                Expr::All | Expr::Attr(_) => write!(f, "not {inner}"),
                Expr::Names(names) if names.len() == 1 => write!(f, "not {inner}"),
                Expr::Names(_) | Expr::Not(_) | Expr::And(_) | Expr::Or(_) => write!(f, "not ({inner})"),
            },
            Expr::And(children) if reads_as_list(children) => list(f, children, " "),
            Expr::And(children) => {
                for (at, child) in children.iter().enumerate() {
                    let and = if at > 0 { " and " } else { "" };
                    match child {
                        Expr::Or(_) => write!(f, "{and}({child})")?,
                        Expr::All | Expr::Names(_) | Expr::Attr(_) | Expr::Not(_) | Expr::And(_) => {
                            write!(f, "{and}{child}")?;
                        }
                    }
                }
                Ok(())
            }
            Expr::Or(children) => list(f, children, " or "),
        }
    }
}

/// Names, then attributes, need no word between them.
fn reads_as_list(children: &[Expr]) -> bool {
    let attrs = match children.split_first() {
        Some((Expr::Names(_), rest)) => rest,
        Some((Expr::All | Expr::Attr(_) | Expr::Not(_) | Expr::And(_) | Expr::Or(_), _)) | None => children,
    };
    attrs.iter().all(|child| matches!(child, Expr::Attr(_)))
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        let separator = if at > 0 { separator } else { "" };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}

impl fmt::Display for NameTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameTerm::Exact(name) if is_keyword(name) || name.parse::<IpAddr>().is_ok() => quoted(f, name),
            NameTerm::Exact(name) => f.write_str(name),
            NameTerm::Glob(glob) => glob.fmt(f),
            NameTerm::Regex(regex) => slashed(f, regex),
            NameTerm::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for AttrTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attr = &self.attr;
        match &self.test {
            Test::Is(values) => {
                write!(f, "{attr}=")?;
                list(f, values, ",")
            }
            Test::IsNot(values) => {
                write!(f, "{attr}!=")?;
                list(f, values, ",")
            }
            Test::Number(compare, number) => write!(f, "{attr}{}{number}", compare.sign()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Exact(text) if reads_as_itself(text) => f.write_str(text),
            Value::Exact(text) => quoted(f, text),
            Value::Glob(glob) => glob.fmt(f),
            Value::Regex(regex) => slashed(f, regex),
        }
    }
}

impl Compare {
    fn sign(self) -> &'static str {
        match self {
            Compare::Less => "<",
            Compare::AtMost => "<=",
            Compare::AtLeast => ">=",
            Compare::More => ">",
        }
    }
}

pub(super) fn is_keyword(word: &str) -> bool {
    ["all", "and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

fn reads_as_itself(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with('/')
        && !value.starts_with(['=', '~'])
        && value.chars().all(|c| !ends_value(c) && !matches!(c, '*' | '?' | '[' | ']'))
}

/// Characters that end a value which is not in quotation marks.
pub(super) fn ends_value(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '(' | ')' | ',' | '"')
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn slashed(f: &mut fmt::Formatter<'_>, regex: &str) -> fmt::Result {
    write!(f, "/{}/", regex.replace('/', "\\/"))
}
