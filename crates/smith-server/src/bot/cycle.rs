//! Lines about the week: its cycles looked at, started, and helped on link by link.
//!
//! They are what `smith cycle` has, by the same names; `week` is the other word for `cycle`, as people say it.

use std::fmt;

use smith_api::{Cycle, StartCycle};

use super::answer::{Answer, Bot, all_of};
use super::args::{Args, number_of};
use super::error::ParseError;
use super::key::Key;
use super::line::Line;
use super::print::{spaced, word};
use super::reply;
use super::verb::{VERBS, Verb};
use crate::config::nearest;
use crate::verbs::Caller;

/// What is said about the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CycleLine {
    Weeks,
    List(Which),
    /// The one that is under way, or the last one, unless it is named.
    Status {
        cycle: Option<u32>,
    },
    Start {
        week: String,
        build: Option<u32>,
        reason: Option<String>,
    },
    Approve {
        cycle: u32,
        gate: Option<String>,
        reason: Option<String>,
    },
    Rerun {
        cycle: u32,
        link: String,
        reason: Option<String>,
    },
    Skip {
        cycle: u32,
        link: String,
        reason: String,
    },
    Stop {
        cycle: u32,
        reason: String,
    },
}

/// Which cycles are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    UnderWay,
    All,
}

pub(super) const WEEKS: Verb = Verb {
    name: "weeks",
    others: &["cycle weeks", "week weeks"],
    form: "weeks",
    about: "the weeks of the settings, and when each is started next",
    examples: &["weeks"],
    keys: &[],
    parse: |_| Ok(Line::Cycle(CycleLine::Weeks)),
};

pub(super) const STATUS: Verb = Verb {
    name: "cycle status",
    others: &["week status", "cycle show", "week show", "cycle", "week"],
    form: "cycle status [ID]",
    about: "a cycle of the week link by link, and what it waits for",
    examples: &["cycle status", "cycle status 7"],
    keys: &[],
    parse: status,
};

pub(super) const LIST: Verb = Verb {
    name: "cycle list",
    others: &["week list"],
    form: "cycle list [all]",
    about: "the cycles that are under way, or all of them",
    examples: &["cycle list", "cycle list all"],
    keys: &[],
    parse: list,
};

pub(super) const START: Verb = Verb {
    name: "cycle start",
    others: &["week start"],
    form: "cycle start WEEK [build:N] [reason: …]",
    about: "start a week now, with a new build or one that is there",
    examples: &["cycle start prod reason: the patches of the week", "cycle start prod build:726"],
    keys: &[Key::Build, Key::Reason],
    parse: start,
};

pub(super) const APPROVE: Verb = Verb {
    name: "cycle approve",
    others: &["week approve"],
    form: "cycle approve ID [gate: NAME] [reason: …]",
    about: "say yes before the channel moves",
    examples: &["cycle approve 7", "cycle approve 7 gate: production reason: tested on stage"],
    keys: &[Key::Gate, Key::Reason],
    parse: approve,
};

pub(super) const RERUN: Verb = Verb {
    name: "cycle rerun",
    others: &["week rerun"],
    form: "cycle rerun ID LINK [reason: …]",
    about: "run a link of a cycle again",
    examples: &["cycle rerun 7 sync reason: the mirror is back"],
    keys: &[Key::Reason],
    parse: rerun,
};

pub(super) const SKIP: Verb = Verb {
    name: "cycle skip",
    others: &["week skip"],
    form: "cycle skip ID LINK reason: …",
    about: "leave a link of a cycle out",
    examples: &["cycle skip 7 diff reason: the first build of this channel"],
    keys: &[Key::Reason],
    parse: skip,
};

pub(super) const STOP: Verb = Verb {
    name: "cycle stop",
    others: &["week stop"],
    form: "cycle stop ID reason: …",
    about: "begin no further link of a cycle; it cannot go on",
    examples: &["cycle stop 7 reason: the release week"],
    keys: &[Key::Reason],
    parse: stop,
};

type Read = Result<Line, ParseError>;

const CYCLE: &str = "the number of a cycle";
const LINK: &str = "a link such as sync, or the config that it runs";

fn status(args: &mut Args<'_>) -> Read {
    let cycle = match args.peek() {
        None => None,
        // After the bare word another of its words may have been meant.
        Some(found) if number_of(found).is_none() => {
            let near = nearest(&found.text, words());
            let hint = match near {
                Some(near) => format!("did you mean `cycle {near}`?"),
                None => "`help cycle` shows all that can be said of one".to_owned(),
            };
            return Err(args.error(found, CYCLE).with_hint(hint));
        }
        Some(_) => Some(args.number(CYCLE)?),
    };
    Ok(Line::Cycle(CycleLine::Status { cycle }))
}

/// The words behind `cycle`.
fn words() -> impl Iterator<Item = &'static str> {
    VERBS.iter().flat_map(Verb::names).filter_map(|name| name.strip_prefix("cycle "))
}

fn list(args: &mut Args<'_>) -> Read {
    let which = if args.says("all") { Which::All } else { Which::UnderWay };
    Ok(Line::Cycle(CycleLine::List(which)))
}

fn start(args: &mut Args<'_>) -> Read {
    let week = args.word("the name of a week; `weeks` lists them")?;
    let build = args.key_number(Key::Build)?;
    Ok(Line::Cycle(CycleLine::Start { week, build, reason: args.reason()? }))
}

fn approve(args: &mut Args<'_>) -> Read {
    let cycle = args.number(CYCLE)?;
    let gate = args.key_text(Key::Gate)?;
    Ok(Line::Cycle(CycleLine::Approve { cycle, gate, reason: args.reason()? }))
}

fn rerun(args: &mut Args<'_>) -> Read {
    let (cycle, link) = (args.number(CYCLE)?, args.word(LINK)?);
    Ok(Line::Cycle(CycleLine::Rerun { cycle, link, reason: args.reason()? }))
}

fn skip(args: &mut Args<'_>) -> Read {
    let (cycle, link) = (args.number(CYCLE)?, args.word(LINK)?);
    Ok(Line::Cycle(CycleLine::Skip { cycle, link, reason: args.must_have_reason()? }))
}

fn stop(args: &mut Args<'_>) -> Read {
    let cycle = args.number(CYCLE)?;
    Ok(Line::Cycle(CycleLine::Stop { cycle, reason: args.must_have_reason()? }))
}

impl fmt::Display for CycleLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CycleLine::Weeks => f.write_str("weeks"),
            CycleLine::List(Which::UnderWay) => f.write_str("cycle list"),
            CycleLine::List(Which::All) => f.write_str("cycle list all"),
            CycleLine::Status { cycle: None } => f.write_str("cycle status"),
            CycleLine::Status { cycle: Some(cycle) } => write!(f, "cycle status {cycle}"),
            CycleLine::Start { week, build, reason } => {
                write!(f, "cycle start {}", word(week))?;
                build.map_or(Ok(()), |build| write!(f, " build:{build}"))?;
                spaced(f, Key::Reason, reason.as_deref())
            }
            CycleLine::Approve { cycle, gate, reason } => {
                write!(f, "cycle approve {cycle}")?;
                spaced(f, Key::Gate, gate.as_deref())?;
                spaced(f, Key::Reason, reason.as_deref())
            }
            CycleLine::Rerun { cycle, link, reason } => {
                write!(f, "cycle rerun {cycle} {}", word(link))?;
                spaced(f, Key::Reason, reason.as_deref())
            }
            CycleLine::Skip { cycle, link, reason } => {
                write!(f, "cycle skip {cycle} {}", word(link))?;
                spaced(f, Key::Reason, Some(reason))
            }
            CycleLine::Stop { cycle, reason } => {
                write!(f, "cycle stop {cycle}")?;
                spaced(f, Key::Reason, Some(reason))
            }
        }
    }
}

impl Bot {
    /// Lines about the week.
    pub(super) async fn cycle(&self, caller: &Caller, line: &CycleLine) -> Answer {
        let site = &self.site;
        let moved = match line {
            CycleLine::Weeks => return Ok(reply::weeks(&site.weeks())),
            CycleLine::List(which) => return self.cycles(*which),
            CycleLine::Status { cycle: Some(cycle) } => return Ok(reply::cycle(&site.cycle(*cycle)?)),
            CycleLine::Status { cycle: None } => return self.newest_cycle(),
            CycleLine::Start { week, build, reason } => {
                let request = StartCycle { week: week.clone(), build: *build, reason: reason.clone() };
                site.start_cycle(caller, &request).await?
            }
            CycleLine::Approve { cycle, gate, reason } => {
                site.approve_cycle_gate(caller, *cycle, gate.as_deref(), reason.clone()).await?
            }
            CycleLine::Rerun { cycle, link, reason } => {
                site.rerun_link(caller, *cycle, link, reason.clone()).await?
            }
            CycleLine::Skip { cycle, link, reason } => site.skip_link(caller, *cycle, link, reason).await?,
            CycleLine::Stop { cycle, reason } => site.stop_cycle(caller, *cycle, reason).await?,
        };
        Ok(reply::cycle_moved(&moved))
    }

    fn cycles(&self, which: Which) -> Answer {
        let mut found = all_of(|page| self.site.cycles(page))?;
        if which == Which::UnderWay {
            found.retain(|cycle| cycle.ended.is_none());
        }
        Ok(match (found.is_empty(), which) {
            (true, Which::UnderWay) => "no cycle is under way".to_owned(),
            (true, Which::All) => "no week was started yet".to_owned(),
            (false, _) => reply::listed(found.iter().rev().map(reply::cycle_line)),
        })
    }

    /// The cycle that is under way, or the last one. Where several are, nobody knows which is meant, so each is a line.
    fn newest_cycle(&self) -> Answer {
        let all = all_of(|page| self.site.cycles(page))?;
        let under_way: Vec<&Cycle> = all.iter().filter(|cycle| cycle.ended.is_none()).collect();
        match (under_way.as_slice(), all.last()) {
            ([one], _) => Ok(reply::cycle(one)),
            ([], Some(last)) => Ok(reply::cycle(last)),
            ([], None) => Ok("no week was started yet".to_owned()),
            (several, _) => {
                let lines = reply::listed(several.iter().rev().map(|cycle| reply::cycle_line(cycle)));
                Ok(format!("{lines}\n`cycle status ID` shows one link by link"))
            }
        }
    }
}
