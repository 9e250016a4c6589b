//! Lines about machines that need not be in a bag, by the names that `smith exemption` has for it.

use std::fmt;

use smith_api::{Exempt, Exemption};
use smith_domain::fleet::Selector;

use super::answer::{Answer, Bot};
use super::args::Args;
use super::error::ParseError;
use super::key::Key;
use super::line::Line;
use super::print::{spaced, unkeyed, word};
use super::reply;
use super::verb::Verb;
use crate::verbs::Caller;

/// What is said about exemptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExemptionLine {
    List,
    Exempt { machines: Selector, until: String, owner: String, reason: String },
    End { exemption: u32, reason: String },
}

pub(super) const LIST: Verb = Verb {
    name: "exemptions",
    others: &["exemption list"],
    form: "exemptions",
    about: "machines that need not be in a bag, who answers for it, and until when",
    examples: &["exemptions"],
    keys: &[],
    parse: |_| Ok(Line::Exemption(ExemptionLine::List)),
};

pub(super) const EXEMPT: Verb = Verb {
    name: "exempt",
    others: &["exemption add"],
    form: "exempt MACHINES until:DAY owner:NAME reason: …",
    about: "excuse machines from being in a bag until a day; bags that have them patch them nonetheless",
    examples: &["exempt role=appliance until:2026-12-31 owner:ana reason: the vendor patches them"],
    keys: &[Key::Machines, Key::Until, Key::Owner, Key::Reason],
    parse: exempt,
};

pub(super) const END: Verb = Verb {
    name: "end exemption",
    others: &["exemption end"],
    form: "end exemption ID reason: …",
    about: "machines of an exemption are gaps again unless a bag has them",
    examples: &["end exemption 2 reason: the vendor has left"],
    keys: &[Key::Reason],
    parse: end,
};

type Read = Result<Line, ParseError>;

fn exempt(args: &mut Args<'_>) -> Read {
    let machines = args.must_have_machines()?;
    let until = args.key_word(Key::Until)?.ok_or_else(|| args.missing("`until:DAY`"))?;
    let owner = args.key_word(Key::Owner)?.ok_or_else(|| args.missing("`owner:NAME`"))?;
    let reason = args.must_have_reason()?;
    Ok(Line::Exemption(ExemptionLine::Exempt { machines, until, owner, reason }))
}

fn end(args: &mut Args<'_>) -> Read {
    let exemption = args.number("the number of an exemption; `exemptions` lists them")?;
    Ok(Line::Exemption(ExemptionLine::End { exemption, reason: args.must_have_reason()? }))
}

impl fmt::Display for ExemptionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExemptionLine::List => f.write_str("exemptions"),
            ExemptionLine::Exempt { machines, until, owner, reason } => {
                write!(f, "exempt {} until:{} ", unkeyed(machines.as_str()), word(until))?;
                write!(f, "owner:{}", word(owner))?;
                spaced(f, Key::Reason, Some(reason))
            }
            ExemptionLine::End { exemption, reason } => {
                write!(f, "end exemption {exemption}")?;
                spaced(f, Key::Reason, Some(reason))
            }
        }
    }
}

impl Bot {
    /// Lines about exemptions.
    pub(super) async fn exemption(&self, caller: &Caller, line: &ExemptionLine) -> Answer {
        let site = &self.site;
        match line {
            ExemptionLine::List => {
                let mut all = site.exemptions();
                all.retain(|one| one.holds);
                Ok(reply::exemptions(&all))
            }
            ExemptionLine::Exempt { machines, until, owner, reason } => {
                let (select, until) = (machines.to_string(), until.clone());
                let asked = Exempt { select, until, owner: owner.clone(), reason: reason.clone() };
                let made: Exemption = site.exempt(caller, &asked).await?;
                Ok(reply::exemptions(&[made]))
            }
            ExemptionLine::End { exemption, reason } => {
                site.end_exemption(caller, *exemption, reason).await?;
                Ok(format!("exemption {exemption} has ended"))
            }
        }
    }
}
