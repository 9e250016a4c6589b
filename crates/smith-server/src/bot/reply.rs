//! Answers as lines of text.

use std::fmt::Write as _;

use smith_api::{
    AuditLine, Build, Change, Channel, Clock, Cycle, CycleLink, Exemption, Gaps, Machine, Pipeline,
    ProjectLine, Source, Started, Week,
};
use smith_domain::plain::one_line;

use crate::words::{count, counted};

/// Lines of a list; a chat window shows no more at once.
pub(super) const LIST_MAX: usize = 50;

/// Lines, and how many there are besides.
pub(super) fn listed(lines: impl ExactSizeIterator<Item = String>) -> String {
    let rest = lines.len().saturating_sub(LIST_MAX);
    let mut shown: Vec<String> = lines.take(LIST_MAX).map(|line| one_line(&line).into_owned()).collect();
    if rest > 0 {
        shown.push(format!("and {} more", count(rest as u64)));
    }
    shown.join("\n")
}

/// `clock 2026-11-20T07:14:38Z, calendars 2026-11-20T07:14:38Z: the clock agrees with the time that has passed`
pub(super) fn clock(clock: &Clock) -> String {
    let line = format!("clock {}, calendars {}: {}", clock.wall, clock.calendar, clock.text);
    if clock.differs {
        format!("{line}; to accept it: `accept clock {} reason: …`", clock.ahead)
    } else {
        line
    }
}

/// `netbox: 12,000 machines, read 2026-11-20T07:14:38Z`
pub(super) fn sources(sources: &[Source]) -> String {
    if sources.is_empty() {
        return "no source was read".to_owned();
    }
    listed(sources.iter().map(|one| {
        let line = format!("{}: {}, read {}", one.source, counted(one.machines, "machine"), one.read);
        match &one.held {
            None => line,
            Some(held) if held.confirmed.is_some() => format!("{line}; lost {}, confirmed", count(held.lost)),
            Some(held) => format!(
                "{line}; lost {} since {} and is held back: {}; if they are really gone: `confirm source {} {} reason: …`",
                count(held.lost),
                held.since,
                few(&held.machines_lost, held.lost),
                one.source,
                held.fingerprint
            ),
        }
    }))
}

/// Names that fit on a line.
const FEW: usize = 20;

fn few(names: &[String], all: u32) -> String {
    let shown = names.iter().take(FEW).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (all as usize).saturating_sub(names.len().min(FEW)) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `Project: 1929 Patch: buildTestDevToStage with Build `725`, `running` Pass: 3 of 60, Fail: 0 - CHG0268453`
pub(super) fn project_line(line: &ProjectLine) -> String {
    let ProjectLine { project, pipeline, build, state, change, totals, .. } = line;
    let mut text = format!(
        "Project: {project} Patch: {pipeline} with Build `{build}`, `{state}` Pass: {} of {}, Fail: {}",
        count(totals.pass),
        count(totals.machines),
        count(totals.failed + totals.lost)
    );
    if let Some(change) = change {
        let _ = write!(text, " - {change}");
    }
    text
}

/// What a request for single machines is answered with.
pub(super) fn requested(started: &Started, change: Option<&Change>) -> String {
    let raised = match (&started.change, change) {
        (Some(number), Some(change)) => format!("Change request raised: `{number}` {}", standing(change)),
        (Some(number), None) => format!("Change request raised: `{number}`"),
        (None, _) => {
            let project = started.project;
            format!("The change has no number yet; `task status {project}` shows it once it has")
        }
    };
    format!("Raising a new change request.\n{raised}")
}

fn standing(change: &Change) -> &str {
    if change.state == "in progress" { "begun" } else { &change.state }
}

/// ` - `CHG0268453` us-south, waiting for approval`
pub(super) fn change_line(change: &Change) -> String {
    let region = change.region.as_ref().map(|region| format!(" {region}")).unwrap_or_default();
    let missing = match (&change.approvers, change.approvals_missing) {
        (Some(who), missing) if missing > 0 && change.state == "waiting for approval" => {
            format!(" by {missing} of {who}")
        }
        _ => String::new(),
    };
    let by = match change.approvals.as_slice() {
        [] => String::new(),
        some => format!(", approved by {}", some.join(", ")),
    };
    format!(" - `{}`{region}, {}{missing}{by}", change.number, change.state)
}

pub(super) fn changes(head: &str, changes: &[Change]) -> String {
    let mut lines = vec![head.to_owned()];
    lines.extend(changes.iter().map(change_line));
    lines.join("\n")
}

pub(super) fn configs(configs: &[Pipeline]) -> String {
    if configs.is_empty() {
        return "there are no configs".to_owned();
    }
    listed(configs.iter().map(|config| format!("{}: {}", config.pipeline, config.title)))
}

pub(super) fn machines(found: &[Machine]) -> String {
    let one = |machine: &Machine| {
        let attribute = |name: &str| machine.attributes.get(name).map(String::as_str);
        let known = ["environment", "region", "cluster", "role"].into_iter().filter_map(attribute);
        let words: Vec<&str> = known.collect();
        if words.is_empty() {
            machine.machine.clone()
        } else {
            format!("{} ({})", machine.machine, words.join(", "))
        }
    };
    let head = counted(found.len() as u64, "machine");
    if found.is_empty() { head } else { format!("{head}\n{}", listed(found.iter().map(one))) }
}

pub(super) fn gaps(gaps: &Gaps) -> String {
    let mut text = format!(
        "{}: {} in configs, {} exempt, {} missed",
        counted(gaps.machines, "machine"),
        count(gaps.covered),
        count(gaps.exempt),
        if gaps.missed.is_empty() { "NONE".to_owned() } else { count(gaps.missed.len() as u64) }
    );
    if !gaps.missed.is_empty() {
        let _ = write!(text, "\n{}", listed(gaps.missed.iter().map(|name| format!(" - {name}"))));
    }
    if !gaps.empty_bags.is_empty() {
        let _ = write!(
            text,
            "\nbags without machines:\n{}",
            listed(gaps.empty_bags.iter().map(|bag| format!(" - {bag}")))
        );
    }
    text
}

/// `exemption 2: role=appliance until 2026-12-31T00:00:00Z - ana: the vendor patches them`
pub(super) fn exemptions(all: &[Exemption]) -> String {
    let one = |one: &Exemption| {
        let Exemption { exemption, select, reason, owner, until, in_bags, .. } = one;
        let line = format!("exemption {exemption}: {select} until {until} - {owner}: {reason}");
        match in_bags.unwrap_or(0) {
            0 => line,
            some => {
                format!("{line}; {} of it are in bags and are patched nonetheless", counted(some, "machine"))
            }
        }
    };
    if all.is_empty() { "no machine is exempt".to_owned() } else { listed(all.iter().map(one)) }
}

pub(super) fn builds(builds: &[Build]) -> String {
    let one = |build: &Build| {
        let reason = build.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let channels = if build.channels.is_empty() {
            String::new()
        } else {
            format!(" - {}", build.channels.join(" "))
        };
        format!("Build `{}`, `{}`{reason}{channels}", build.build, build.state)
    };
    if builds.is_empty() { "there are no builds".to_owned() } else { listed(builds.iter().rev().map(one)) }
}

pub(super) fn channels(channels: &[Channel]) -> String {
    let one = |one: &Channel| format!("{} {}: Build `{}`", one.channel, one.region, one.build);
    if channels.is_empty() { "no channel was set".to_owned() } else { listed(channels.iter().map(one)) }
}

/// `prod: channel prod, 0 3 * * SUN Europe/London, next 2026-11-22T03:00:00Z - role:sre-oncall`
pub(super) fn weeks(weeks: &[Week]) -> String {
    if weeks.is_empty() {
        return "the settings have no weeks".to_owned();
    }
    listed(weeks.iter().map(|one| {
        let Week { week, channel, owner, schedule, next, .. } = one;
        let schedule = schedule.as_deref().unwrap_or("by hand");
        let next = next.as_ref().map(|next| format!(", next {next}")).unwrap_or_default();
        format!("{week}: channel {channel}, {schedule}{next} - {owner}")
    }))
}

/// `Cycle: 7 Week: prod to channel prod with Build `726`, `running` since 2026-11-22T03:00:04Z by smith`
pub(super) fn cycle_line(one: &Cycle) -> String {
    let Cycle { cycle, week, channel, build, by, started, ended, state, .. } = one;
    let build = build.map(|build| format!(" with Build `{build}`")).unwrap_or_default();
    let when = match ended {
        None => format!("since {started}"),
        Some(ended) => format!("at {ended}, begun {started}"),
    };
    format!("Cycle: {cycle} Week: {week} to channel {channel}{build}, `{state}` {when} by {by}")
}

/// A cycle whose state was changed, and what it waits for then.
pub(super) fn cycle_moved(one: &Cycle) -> String {
    let mut lines = vec![cycle_line(one)];
    lines.extend(one.waits.iter().map(|wait| format!("waits: {}", one_line(wait))));
    lines.join("\n")
}

/// A cycle link by link.
pub(super) fn cycle(one: &Cycle) -> String {
    let link = |found: &CycleLink| {
        let CycleLink { link, state, note, at } = found;
        let at = at.as_ref().map(|at| format!(" {at}")).unwrap_or_default();
        let note = note.as_ref().map(|note| format!(", {}", one_line(note))).unwrap_or_default();
        format!(" - {link}: `{state}`{at}{note}")
    };
    let mut lines = vec![cycle_moved(one)];
    lines.extend(one.links.iter().map(link));
    lines.join("\n")
}

pub(super) fn audit(lines: &[AuditLine]) -> String {
    let one = |line: &AuditLine| {
        let text = format!("{} {} {}: {}", line.row, line.at, line.by, line.words);
        one_line(&text).into_owned()
    };
    if lines.is_empty() {
        return "nothing is recorded about that".to_owned();
    }
    lines.iter().map(one).collect::<Vec<_>>().join("\n")
}
