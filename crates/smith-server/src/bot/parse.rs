//! From a text to a line.

use super::args::{Args, number_of, own_change};
use super::clean::{clean, head_of_template, unfenced};
use super::error::ParseError;
use super::key::Key;
use super::lex::{Item, Word, items};
use super::line::{Audit, Channel, Completion, Desk, Line, Request, Ruling, Steering, TestPassed, Work};
use super::print::STOPS;
use super::verb::{VERBS, Verb};
use crate::config::nearest;

/// Bytes of what is said at once: a selector of the greatest length and some words around it.
pub const LINE_MAX: usize = 72 * 1024;

type Read = Result<Line, ParseError>;

/// Understands what somebody said, as chat clients send it.
pub fn parse(text: &str) -> Read {
    if text.len() > LINE_MAX {
        let error = ParseError::at("", 0, format!("at most {LINE_MAX} bytes"), "");
        return Err(ParseError { found: format!("{} bytes", text.len()), ..error });
    }
    let text = clean(text);
    if let Some(end) = head_of_template(&text) {
        return raise_train(&text, end);
    }
    let words: Vec<Word> = head(&text);
    let (verb, end) = find(&text, &words)?;
    let mut args = Args::of(&text, verb, items(&text, end, verb.keys))?;
    let line = (verb.parse)(&mut args)?;
    args.done()?;
    Ok(line)
}

/// The first two words; no verb has more.
fn head(text: &str) -> Vec<Word> {
    let short = text.char_indices().nth(HEAD).map_or(text, |(end, _)| &text[..end]);
    let words = items(short, 0, &[]).into_iter().filter_map(|item| match item {
        Item::Word(word) => Some(word),
        Item::Key(..) => None,
    });
    words.take(2).collect()
}

/// Characters in which the verb stands.
const HEAD: usize = 200;

fn find(text: &str, words: &[Word]) -> Result<(&'static Verb, usize), ParseError> {
    let said: Vec<String> = words.iter().map(plain).collect();
    // The longest name counts: `cycle` alone is a verb, too.
    let mut best: Option<(&'static Verb, usize)> = None;
    for verb in &VERBS {
        for name in verb.names() {
            let parts: Vec<&str> = name.split(' ').collect();
            let is_it = said.len() >= parts.len() && parts.iter().zip(&said).all(|(part, said)| part == said);
            if is_it && best.is_none_or(|(_, length)| parts.len() > length) {
                best = Some((verb, parts.len()));
            }
        }
    }
    let found = best.and_then(|(verb, length)| Some((verb, words.get(length - 1)?.span.end)));
    found.ok_or_else(|| unknown(text, words, &said))
}

fn plain(word: &Word) -> String {
    word.text.trim_end_matches(STOPS).trim_end_matches(':').to_lowercase()
}

/// There is no such verb.
fn unknown(text: &str, words: &[Word], said: &[String]) -> ParseError {
    let (Some(first), Some(said_first)) = (words.first(), said.first()) else {
        return ParseError::at("", 0, "a command", "").with_hint("`help` lists them all");
    };
    let found = &text[first.span.clone()];
    let begun: Vec<&str> =
        VERBS.iter().map(|verb| verb.name).filter(|name| begins(name, said_first)).collect();
    if !begun.is_empty() {
        let expected = begun.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let second = words.get(1).map_or("", |word| &text[word.span.clone()]);
        let place = words.get(1).map_or(first.span.end, |word| word.span.start);
        return ParseError::at(text, place, expected, second);
    }
    let near = nearest(said_first, VERBS.iter().map(|verb| verb.name))
        .or_else(|| nearest(&said.join(" "), VERBS.iter().map(|verb| verb.name)));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`help` lists them all".to_owned(),
    };
    ParseError::at(text, first.span.start, "a command", found).with_hint(hint)
}

/// Whether a verb of two words begins so.
pub(super) fn begins(name: &str, first: &str) -> bool {
    name.split_once(' ').is_some_and(|(begin, _)| begin == first)
}

fn raise_train(text: &str, end: usize) -> Read {
    let template = template(text[end..].trim_start_matches(':'));
    if template.is_empty() {
        let error = ParseError::at(text, text.len(), "the template on the lines behind `raise train`", "");
        return Err(error.with_hint("`help raise train` shows one"));
    }
    Ok(Line::Desk(Desk::RaiseTrain { template }))
}

/// The template as its fields are read: a fence around it goes, and so does what all lines are indented by, as when it is
/// copied out of a list.
fn template(text: &str) -> String {
    let text = unfenced(text);
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let common = rest.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let rest = rest.lines().map(|line| line.get(common..).unwrap_or("").trim_end());
    let lines: Vec<&str> = std::iter::once(first.trim_end()).chain(rest).collect();
    lines.join("\n").trim_end().to_owned()
}

pub(super) fn patch(args: &mut Args<'_>) -> Read {
    let build = args.number(Key::Build.what())?;
    let Some(config) = args.key_word(Key::Config)? else {
        let error = match args.peek() {
            Some(word) => {
                let hint = format!("did you mean `config:{}`?", word.text);
                let error = args.error(word, "`config:NAME`");
                if error.hint.is_none() { error.with_hint(hint) } else { error }
            }
            None => args.missing("`config:NAME`"),
        };
        return Err(error);
    };
    let step = args.key_text(Key::Step)?.map(|step| step_name(&step));
    Ok(Line::Work(Work::Patch { build, config, step, reason: args.key_text(Key::Reason)? }))
}

/// `ID : TITLE` with one space on either side of the colon.
fn step_name(text: &str) -> String {
    match text.split_once(':') {
        Some((id, title)) if !title.trim().is_empty() => format!("{} : {}", id.trim(), title.trim()),
        Some((id, _)) if !id.trim().is_empty() => id.trim().to_owned(),
        Some(_) | None => text.trim().to_owned(),
    }
}

fn request(args: &mut Args<'_>) -> Result<Request, ParseError> {
    let machines = args.must_have_machines()?;
    let outage = args.key_number(Key::Outage)?.unwrap_or(0);
    Ok(Request { machines, outage, reason: args.key_text(Key::Reason)? })
}

pub(super) fn smith_patch(args: &mut Args<'_>) -> Read {
    let what = "the number of a build, or a channel such as prod";
    let named = args.peek().and_then(number_of);
    let build = args.word(what)?;
    let build = named.map_or(build, |number| number.to_string());
    Ok(Line::Work(Work::SmithPatch { build, request: request(args)? }))
}

pub(super) fn reboot(args: &mut Args<'_>) -> Read {
    Ok(Line::Work(Work::Reboot(request(args)?)))
}

pub(super) fn smith_status(args: &mut Args<'_>) -> Read {
    Ok(Line::SmithStatus { changes: args.changes()? })
}

pub(super) fn task_status(args: &mut Args<'_>) -> Read {
    let project = if args.peek().is_some() { Some(args.number(Key::Project.what())?) } else { None };
    Ok(Line::TaskStatus { project })
}

pub(super) fn list_configs(_: &mut Args<'_>) -> Read {
    Ok(Line::ListConfigs)
}

pub(super) fn show_config(args: &mut Args<'_>) -> Read {
    let named = args.key_word(Key::Config)?;
    let config = named.map_or_else(|| args.word(Key::Config.what()), Ok)?;
    Ok(Line::ShowConfig { config })
}

pub(super) fn help(args: &mut Args<'_>) -> Read {
    let ends = |c: char| STOPS.contains(&c) || c == ':' || c.is_whitespace();
    let word = args.rest_text("a word")?;
    let word = word.map(|word| word.trim_end_matches(ends).to_lowercase());
    Ok(Line::Help { word: word.filter(|word| !word.is_empty()) })
}

pub(super) fn approve(args: &mut Args<'_>) -> Read {
    match args.peek().and_then(number_of) {
        None => rule(args, Ruling::Approve),
        Some(project) => {
            args.next();
            let step = args.key_text(Key::Step)?.ok_or_else(|| args.missing("`step: ID`"))?;
            let (step, gate) = (step_name(&step), args.key_text(Key::Gate)?);
            Ok(Line::Work(Work::ApproveGate { project, step, gate, reason: args.reason()? }))
        }
    }
}

pub(super) fn reject(args: &mut Args<'_>) -> Read {
    rule(args, Ruling::Reject)
}

pub(super) fn revoke(args: &mut Args<'_>) -> Read {
    rule(args, Ruling::Revoke)
}

pub(super) fn cancel(args: &mut Args<'_>) -> Read {
    rule(args, Ruling::Cancel)
}

fn rule(args: &mut Args<'_>, ruling: Ruling) -> Read {
    let changes = args.changes()?;
    let reason = match ruling {
        Ruling::Approve => args.reason()?,
        Ruling::Reject | Ruling::Revoke | Ruling::Cancel => Some(args.must_have_reason()?),
    };
    Ok(Line::Desk(Desk::Rule { ruling, changes, reason }))
}

pub(super) fn template_missing(args: &mut Args<'_>) -> Read {
    Err(args.missing("the template on the lines behind `raise train`"))
}

pub(super) fn start_train(args: &mut Args<'_>) -> Read {
    Ok(Line::Desk(Desk::StartTrain { changes: args.changes()? }))
}

pub(super) fn complete_train(args: &mut Args<'_>) -> Read {
    let changes = args.changes()?;
    let test_url = args.key_word(Key::TestUrl)?.ok_or_else(|| args.missing("`testURL: …`"))?;
    let passed = args.key_truth(Key::TestPassed)?.ok_or_else(|| args.missing("`testPassed: true`"))?;
    let test_passed = if passed { TestPassed::Yes } else { TestPassed::No };
    let summary = args.key_text(Key::Summary)?;
    Ok(Line::Desk(Desk::CompleteTrain(Completion { changes, test_url, test_passed, summary })))
}

pub(super) fn set_channel(args: &mut Args<'_>) -> Read {
    let channel = args.word("the name of a channel such as prod")?;
    let region = args.key_word(Key::Region)?.ok_or_else(|| args.missing("`region:NAME`"))?;
    let build = args.key_number(Key::Build)?.ok_or_else(|| args.missing("`build:N`"))?;
    let (change, reason) = (args.key_change(Key::Change)?, args.key_text(Key::Reason)?);
    Ok(Line::Desk(Desk::SetChannel(Channel { channel, region, build, change, reason })))
}

pub(super) fn pause(args: &mut Args<'_>) -> Read {
    steer(args, Steering::Pause)
}

pub(super) fn unpause(args: &mut Args<'_>) -> Read {
    steer(args, Steering::Unpause)
}

pub(super) fn abort(args: &mut Args<'_>) -> Read {
    steer(args, Steering::Abort)
}

fn steer(args: &mut Args<'_>, steering: Steering) -> Read {
    let project = args.number(Key::Project.what())?;
    Ok(Line::Work(Work::Steer { steering, project, reason: args.reason()? }))
}

pub(super) fn resume(args: &mut Args<'_>) -> Read {
    let project = args.number(Key::Project.what())?;
    let step = match args.key_text(Key::Step)? {
        Some(step) => Some(step),
        None => args.rest_text(Key::Step.what())?,
    };
    let step = step.map(|step| step_name(&step));
    let grant = args.key_number(Key::Grant)?.unwrap_or(0);
    Ok(Line::Work(Work::Resume { project, step, grant, reason: args.key_text(Key::Reason)? }))
}

pub(super) fn retry(args: &mut Args<'_>) -> Read {
    let project = args.number(Key::Project.what())?;
    let machines = args.machines()?;
    Ok(Line::Work(Work::Retry { project, machines, reason: args.key_text(Key::Reason)? }))
}

pub(super) fn skip(args: &mut Args<'_>) -> Read {
    let project = args.number(Key::Project.what())?;
    let (machines, reason) = for_a_reason(args)?;
    Ok(Line::Work(Work::Skip { project, machines, reason }))
}

pub(super) fn sign_off(args: &mut Args<'_>) -> Read {
    let (machines, reason) = for_a_reason(args)?;
    Ok(Line::Work(Work::SignOff { machines, reason }))
}

fn for_a_reason(args: &mut Args<'_>) -> Result<(smith_domain::fleet::Selector, String), ParseError> {
    let machines = args.must_have_machines()?;
    let reason = args.key_text(Key::Reason)?.ok_or_else(|| args.missing("`reason: …`"))?;
    Ok((machines, reason))
}

pub(super) fn why(args: &mut Args<'_>) -> Read {
    let project = args.key_number(Key::Project)?;
    if let (None, Some(project)) = (project, args.peek().and_then(number_of)) {
        args.next();
        return Ok(Line::WhyProject { project });
    }
    match (args.machines()?, project) {
        (Some(machine), project) => Ok(Line::WhyMachine { machine, project }),
        (None, Some(project)) => Ok(Line::WhyProject { project }),
        (None, None) => Err(args.missing("a machine, or the ID of a project")),
    }
}

pub(super) fn lookup(args: &mut Args<'_>) -> Read {
    Ok(Line::Lookup { select: args.must_have_machines()? })
}

pub(super) fn gaps(_: &mut Args<'_>) -> Read {
    Ok(Line::Gaps)
}

pub(super) fn withdraw(args: &mut Args<'_>) -> Read {
    let build = args.number(Key::Build.what())?;
    let reason = args.must_have_reason()?;
    Ok(Line::Work(Work::Withdraw { build, reason }))
}

pub(super) fn audit(args: &mut Args<'_>) -> Read {
    let mut audit = Audit {
        machine: args.key_word(Key::Machine)?,
        project: args.key_number(Key::Project)?,
        change: args.key_change(Key::Change)?,
        build: args.key_number(Key::Build)?,
        by: args.key_word(Key::By)?,
        since: args.key_word(Key::Since)?,
        until: args.key_word(Key::Until)?,
        last: args.key_number(Key::Last)?,
    };
    if let Some(word) = args.peek().cloned() {
        // What is given with its key already cannot be given again without.
        if let (Some(project), None) = (number_of(&word), audit.project) {
            args.next();
            audit.project = Some(project);
        } else if let (Some(change), None) = (own_change(&word), &audit.change) {
            args.next();
            audit.change = Some(change);
        } else if audit.machine.is_none() {
            audit.machine = Some(args.word("a machine, the ID of a project, or the number of a change")?);
        }
    }
    Ok(Line::Audit(audit))
}

pub(super) fn builds(_: &mut Args<'_>) -> Read {
    Ok(Line::Builds)
}

pub(super) fn clock(_: &mut Args<'_>) -> Read {
    Ok(Line::Clock)
}

pub(super) fn accept_clock(args: &mut Args<'_>) -> Read {
    let what = "how many seconds the clock is ahead, as `clock` tells it";
    let word = args.next().ok_or_else(|| args.missing(what))?;
    let ahead = word.text.parse().map_err(|_| args.error(&word, what))?;
    Ok(Line::Work(Work::AcceptClock { ahead, reason: args.must_have_reason()? }))
}

pub(super) fn sources(_: &mut Args<'_>) -> Read {
    Ok(Line::Sources)
}

pub(super) fn confirm_source(args: &mut Args<'_>) -> Read {
    let source = args.word("the name of a source of the inventory")?;
    let lost = args.word("the fingerprint of the machines that it lost, as `sources` tells it")?;
    Ok(Line::Work(Work::ConfirmSource { source, lost, reason: args.must_have_reason()? }))
}

pub(super) fn channels(_: &mut Args<'_>) -> Read {
    Ok(Line::Channels)
}
