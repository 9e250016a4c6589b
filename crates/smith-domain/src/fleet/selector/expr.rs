//! The checked form of a selector.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{AttrName, MachineName};

use super::error::SelectorError;
use super::glob::Glob;
use super::parse::{MAX_LENGTH, parse};

/// Which machines are meant. Compares and is written as its canonical text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    text: String,
    expr: Expr,
}

/// In normal form: no `And` in an `And`, no `Or` in an `Or`, no `Not` in a `Not`, at least two children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) enum Expr {
    All,
    /// Any of these. Never empty.
    Names(Vec<NameTerm>),
    Attr(AttrTerm),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) enum NameTerm {
    Exact(String),
    /// With `*`, `?` or a range in it.
    Glob(Glob),
    /// Matched against the whole name.
    Regex(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) struct AttrTerm {
    pub(in crate::fleet) attr: AttrName,
    pub(in crate::fleet) test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) enum Test {
    /// Any of these. Never empty.
    Is(Vec<Value>),
    /// None of these; also where the machine has no such attribute.
    IsNot(Vec<Value>),
    Number(Compare, u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) enum Value {
    Exact(String),
    Glob(Glob),
    Regex(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fleet) enum Compare {
    Less,
    AtMost,
    AtLeast,
    More,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let selector = Self::from_expr(parse(text)?);
        // The canonical text is what is kept and read back, and `environment` is longer than `env`.
        match selector.text.len() {
            length if length > MAX_LENGTH => Err(SelectorError {
                column: 1,
                expected: format!("at most {MAX_LENGTH} bytes in canonical form"),
                found: format!("{length} bytes"),
                hint: None,
            }),
            _ => Ok(selector),
        }
    }

    /// Every machine.
    pub fn all() -> Selector {
        Self::from_expr(Expr::All)
    }

    /// Exactly this machine.
    pub fn machine(name: &MachineName) -> Selector {
        Self::from_expr(Expr::Names(vec![NameTerm::Exact(name.as_str().to_owned())]))
    }

    /// Exactly these machines; `None` for no machines, because a selector never means nothing.
    pub fn machines<'a>(names: impl IntoIterator<Item = &'a MachineName>) -> Option<Selector> {
        let terms: Vec<NameTerm> =
            names.into_iter().map(|name| NameTerm::Exact(name.as_str().to_owned())).collect();
        if terms.is_empty() { None } else { Some(Self::from_expr(Expr::Names(terms))) }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(in crate::fleet) fn of_term(term: NameTerm) -> Selector {
        Self::from_expr(Expr::Names(vec![term]))
    }

    pub(in crate::fleet) fn expr(&self) -> &Expr {
        &self.expr
    }

    fn from_expr(expr: Expr) -> Selector {
        Selector { text: expr.to_string(), expr }
    }
}

impl Expr {
    pub(super) fn and(children: Vec<Expr>) -> Expr {
        let mut flat = Vec::with_capacity(children.len());
        for child in children {
            match child {
                Expr::And(inner) => flat.extend(inner),
                Expr::All => {}
                Expr::Names(_) | Expr::Attr(_) | Expr::Not(_) | Expr::Or(_) => flat.push(child),
            }
        }
        match flat.len() {
            0 => Expr::All,
            1 => flat.remove(0),
            _ => Expr::And(flat),
        }
    }

    /// All lists of names become one, where the first of them stood.
    pub(super) fn or(children: Vec<Expr>) -> Expr {
        let mut flat: Vec<Expr> = Vec::with_capacity(children.len());
        let mut push = |child: Expr| match child {
            Expr::Names(more) => {
                let names = flat.iter_mut().find_map(|known| match known {
                    Expr::Names(names) => Some(names),
                    Expr::All | Expr::Attr(_) | Expr::Not(_) | Expr::And(_) | Expr::Or(_) => None,
                });
                match names {
                    Some(names) => names.extend(more),
                    None => flat.push(Expr::Names(more)),
                }
            }
            Expr::All | Expr::Attr(_) | Expr::Not(_) | Expr::And(_) | Expr::Or(_) => flat.push(child),
        };
        for child in children {
            match child {
                Expr::Or(inner) => inner.into_iter().for_each(&mut push),
                Expr::All | Expr::Names(_) | Expr::Attr(_) | Expr::Not(_) | Expr::And(_) => push(child),
            }
        }
        match flat.len() {
            1 => flat.remove(0),
            _ => Expr::Or(flat),
        }
    }

    pub(super) fn negated(self) -> Expr {
        match self {
            Expr::Not(inner) => *inner,
            Expr::All | Expr::Names(_) | Expr::Attr(_) | Expr::And(_) | Expr::Or(_) => {
                Expr::Not(Box::new(self))
            }
        }
    }

    /// Whether a machine's name or address is asked for anywhere in it.
    pub(super) fn speaks_of_names(&self) -> bool {
        match self {
            Expr::Names(_) => true,
            Expr::All | Expr::Attr(_) => false,
            Expr::Not(inner) => inner.speaks_of_names(),
            Expr::And(children) | Expr::Or(children) => children.iter().any(Expr::speaks_of_names),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({:?})", self.text)
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Selector {}

impl PartialOrd for Selector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Selector {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl TryFrom<String> for Selector {
    type Error = SelectorError;

    fn try_from(text: String) -> Result<Self, SelectorError> {
        Self::parse(&text)
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> String {
        selector.text
    }
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}
