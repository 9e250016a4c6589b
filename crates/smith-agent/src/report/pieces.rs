//! Which pieces a report has, and where each comes from.

use std::time::Duration;

use smith_agent::protocol::Failure;

use super::{sources, state};
use crate::files::end_of;
use crate::op::{Context, Host};
use crate::tool::{Ended, Run};

/// A program that only looks has its answer at once, or hangs on what is broken.
const LIMIT: Duration = Duration::from_secs(20);

/// Of a log, its end. Control characters grow threefold when they are made harmless.
const LOG: u64 = 192 << 10;

/// A machine with more failed units has one cause for most of them.
const UNITS: usize = 12;

/// What was found of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) cut: bool,
}

impl From<String> for Found {
    fn from(text: String) -> Self {
        Found { text, cut: false }
    }
}

/// Logs of the machine, by the names of their pieces.
const LOGS: [(&str, &str); 5] = [
    ("apt-term.log", "/var/log/apt/term.log"),
    ("apt-history.log", "/var/log/apt/history.log"),
    ("dpkg.log", "/var/log/dpkg.log"),
    ("unattended-upgrades.log", "/var/log/unattended-upgrades/unattended-upgrades.log"),
    ("resolv.conf", "/etc/resolv.conf"),
];

/// The list of failed units, of which each has a piece of its own.
const UNITS_PIECE: &str = "units";

/// Programs, by the names of their pieces.
const PROGRAMS: [(&str, &[&str]); 13] = [
    (
        UNITS_PIECE,
        &["systemctl", "list-units", "--state=failed", "--full", "--plain", "--no-legend", "--no-pager"],
    ),
    ("jobs", &["systemctl", "list-jobs", "--full", "--no-pager"]),
    ("dpkg-audit", &["dpkg", "--audit"]),
    ("apt-policy", &["apt-cache", "policy"]),
    ("addresses", &["ip", "address"]),
    ("routes", &["ip", "route", "show", "table", "all"]),
    ("listeners", &["ss", "-lntup"]),
    ("disks", &["df", "-hT"]),
    ("inodes", &["df", "-i"]),
    ("boot", &["ls", "-la", "/boot"]),
    ("processes", &["ps", "axfww", "-o", "pid,ppid,user,stat,etimes,rss,args"]),
    ("boots", &["journalctl", "--list-boots", "--no-pager"]),
    ("dmesg", &["dmesg"]),
];

/// Where a piece comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Known(fn(&Host) -> String),
    AgentLog,
    Log(&'static str),
    Program(&'static [&'static str]),
    Journal(String),
}

/// The pieces of every report, in order. They are found one at a time: all together are more than an agent should hold.
pub(super) fn all() -> Vec<(String, Source)> {
    let known: [(&str, Source); 6] = [
        ("machine", Source::Known(state::machine)),
        ("agent.log", Source::AgentLog),
        ("operations", Source::Known(state::operations)),
        ("hooks", Source::Known(state::hooks)),
        ("holds", Source::Known(state::holds)),
        ("sources", Source::Known(sources::all)),
    ];
    let logs = LOGS.map(|(name, path)| (name, Source::Log(path)));
    let programs = PROGRAMS.map(|(name, words)| (name, Source::Program(words)));
    let all = known.into_iter().chain(logs).chain(programs);
    all.map(|(name, source)| (name.to_owned(), source)).collect()
}

/// The pieces that another one leads to.
pub(super) fn after(name: &str, found: &Found) -> Vec<(String, Source)> {
    if name != UNITS_PIECE {
        return Vec::new();
    }
    let journal = |unit: String| (format!("journal-{unit}"), Source::Journal(unit));
    failed_units(&found.text).into_iter().map(journal).collect()
}

/// The time that the whole action has is the only failure.
pub(super) fn find(ctx: &mut Context<'_>, source: &Source) -> Result<Found, Failure> {
    Ok(match source {
        Source::Known(what) => what(ctx.host).into(),
        Source::AgentLog => log(ctx, &state::agent_log(ctx.host)),
        Source::Log(path) => log(ctx, path),
        Source::Program(words) => program(ctx, words)?,
        Source::Journal(unit) => {
            program(ctx, &["journalctl", "--no-pager", "--lines=80", "--unit", unit.as_str()])?
        }
    })
}

fn log(ctx: &Context<'_>, path: &str) -> Found {
    match end_of(&ctx.host.path(path), LOG) {
        Ok((text, cut)) => Found { text, cut },
        Err(error) => format!("{path}: {error}\n").into(),
    }
}

fn program(ctx: &Context<'_>, words: &[&str]) -> Result<Found, Failure> {
    let Some((program, args)) = words.split_first() else { return Ok(Found::default()) };
    Ok(match Run::new(program, ctx.left(LIMIT)?).args(args).run() {
        Ok(ran) if ran.ended == Ended::Code(0) => ran.output.into(),
        Ok(ran) => format!("{}{}: {}\n", ran.output, words.join(" "), ran.ended).into(),
        Err(stopped) => format!("{stopped}\n").into(),
    })
}

/// Names of units have nothing in them that could be a path or an option.
fn failed_units(list: &str) -> Vec<String> {
    let is_unit = |word: &&str| {
        word.contains('.')
            && !word.starts_with(['-', '.'])
            && word.chars().all(|c| c.is_ascii_alphanumeric() || ":-_.@".contains(c))
    };
    let first =
        |line: &str| line.split_whitespace().find(|word| word.is_ascii()).filter(is_unit).map(str::to_owned);
    list.lines().filter(|line| line.contains(" failed ")).filter_map(first).take(UNITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_units_are_asked_for() {
        let list = "● ssh.service loaded failed failed OpenBSD\na@b.service loaded failed failed x\n\
                    --x.service loaded failed failed x\n../y.mount loaded failed failed x\nsystemctl: exit code 1\n";
        assert_eq!(failed_units(list), ["ssh.service", "a@b.service"]);
    }
}
