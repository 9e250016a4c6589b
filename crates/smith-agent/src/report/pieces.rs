//! Which pieces a report has, and where each comes from.

use std::time::Duration;

use smith_agent::protocol::Failure;

use super::{sources, state};
use crate::files::end_of;
use crate::op::Context;
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

/// Programs, by the names of their pieces.
const PROGRAMS: [(&str, &[&str]); 13] = [
    (
        "units",
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

/// The time that the whole action has is the only failure.
pub(super) fn all(ctx: &mut Context<'_>) -> Result<Vec<(String, Found)>, Failure> {
    let mut pieces: Vec<(String, Found)> = Vec::new();
    ctx.phase("collect");
    pieces.push(("machine".to_owned(), state::machine(ctx.host).into()));
    pieces.push(("agent.log".to_owned(), log(ctx, &state::agent_log(ctx.host))));
    pieces.push(("operations".to_owned(), state::operations(ctx.host).into()));
    pieces.push(("hooks".to_owned(), state::hooks(ctx.host).into()));
    pieces.push(("holds".to_owned(), state::holds(ctx.host).into()));
    pieces.push(("sources".to_owned(), sources::all(ctx.host).into()));
    for (name, path) in LOGS {
        pieces.push((name.to_owned(), log(ctx, path)));
    }
    for (name, words) in PROGRAMS {
        ctx.progress("collect", None, name);
        pieces.push((name.to_owned(), program(ctx, words)?));
    }
    for unit in failed_units(&pieces) {
        let words = ["journalctl", "--no-pager", "--lines=80", "--unit", unit.as_str()];
        let found = program(ctx, &words)?;
        pieces.push((format!("journal-{unit}"), found));
    }
    Ok(pieces)
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
fn failed_units(pieces: &[(String, Found)]) -> Vec<String> {
    let list = pieces.iter().find(|(name, _)| name == "units").map_or("", |(_, found)| found.text.as_str());
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
        let pieces = [("units".to_owned(), list.to_owned().into())];
        assert_eq!(failed_units(&pieces), ["ssh.service", "a@b.service"]);
    }
}
