//! How it ended on each machine: what is the same is told once for all machines of which it is so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use smith_agent::protocol::{
    Body, Cause, Change, Done, Failure, Name, Outcome, Package, Patched, Reply, Work,
};
use smith_domain::rollout::Outcome as Judged;
use smith_domain::time::Timestamp;
use smith_server::machine::{Ending, outcome_of, words_of};

use crate::output::{BAD, GOOD, WAITS, counted, styled};

#[derive(Debug, Clone, Serialize)]
pub(crate) struct One {
    machine: String,
    /// The name under which the machine knows it.
    id: String,
    /// `done`, `already so`, or why not.
    end: String,
    pub(crate) good: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// It had ended before it was asked for this time: when, by the machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

/// The machine's own times of one talk, in milliseconds: when it greeted, and when the operation ended.
#[derive(Debug, Default)]
pub(crate) struct Times {
    greeted: Option<u64>,
    ended: Option<u64>,
}

impl Times {
    pub(crate) fn hear(&mut self, reply: &Reply) {
        match reply.body {
            Body::Hello(_) => self.greeted = self.greeted.or(Some(reply.at_ms)),
            Body::Ended(_) => self.ended = Some(reply.at_ms),
            Body::Refused(_)
            | Body::Began { .. }
            | Body::Phase(_)
            | Body::Log { .. }
            | Body::Piece { .. }
            | Body::Alive
            | Body::Running => {}
        }
    }

    /// When it had ended, if that was before anybody listened.
    fn before(&self) -> Option<String> {
        let ended = self.ended.filter(|ended| self.greeted.is_some_and(|greeted| *ended < greeted))?;
        Some(Timestamp(i64::try_from(ended).ok()?).to_string())
    }
}

impl One {
    pub(crate) fn at(self, times: &Times) -> Self {
        Self { ended_at: times.before(), ..self }
    }

    pub(crate) fn new(machine: String, id: &Name, ending: Ending) -> Self {
        let words = words_of(&ending);
        // The line begins with the machine's name.
        let words = words.strip_prefix(&format!("{machine} ")).map_or_else(|| words.clone(), str::to_owned);
        let (end, good) = match &ending {
            Ending::Ended(Outcome::AlreadySo(_)) => ("already so".to_owned(), true),
            Ending::Ended(Outcome::Done(_)) => ("done".to_owned(), true),
            Ending::Ended(Outcome::Failed(failure)) => (failure.cause.to_string(), false),
            Ending::Refused(_) => (refused(&ending), false),
            Ending::Running => ("running".to_owned(), false),
            Ending::Unreachable { .. } => ("unreachable".to_owned(), false),
            Ending::KeyRefused { .. } => ("key-refused".to_owned(), false),
            Ending::NotAnAgent { .. } => ("no agent".to_owned(), false),
            Ending::Lost { .. } => ("lost".to_owned(), false),
        };
        let outcome = if let Ending::Ended(outcome) = ending { Some(outcome) } else { None };
        Self { machine, id: id.to_string(), end, good, words, outcome, ended_at: None }
    }

    /// A machine that could not be asked for.
    pub(crate) fn absent(machine: String, id: &Name, why: String) -> Self {
        Self {
            machine,
            id: id.to_string(),
            end: "not asked".to_owned(),
            good: false,
            words: why,
            outcome: None,
            ended_at: None,
        }
    }

    /// What follows the machine's name.
    fn body(&self) -> String {
        let mut text = String::new();
        match &self.outcome {
            Some(Outcome::AlreadySo(done)) => details(done, Had::ItAlready, &mut text),
            Some(Outcome::Done(done)) => details(done, Had::ToAct, &mut text),
            Some(Outcome::Failed(failure)) => failed(failure, &self.id, &mut text),
            None => {
                let _ = writeln!(text, " {} (operation {})", self.words, self.id);
            }
        }
        if let (Some(at), Some(line)) = (&self.ended_at, text.find('\n')) {
            text.insert_str(line, &format!(" (it had ended at {at}, under the same name)"));
        }
        text
    }
}

/// The cause that the rules of rollouts take it for: a machine that cannot keep an operation has a full disk.
fn refused(ending: &Ending) -> String {
    match outcome_of(ending) {
        Judged::Failed(cause) => cause.word().to_owned(),
        Judged::Found(_) | Judged::Patched(_) | Judged::Done | Judged::NotBegun | Judged::Lost => {
            "refused".to_owned()
        }
    }
}

/// All machines, those of which the same is to be told together, and how many there are of each end.
pub(crate) fn shown(all: &[One]) -> String {
    let mut groups: Vec<(&One, String, Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for one in all {
        let body = one.body();
        let place = *places.entry((&one.end, body.clone())).or_insert_with(|| {
            groups.push((one, body, Vec::new()));
            groups.len() - 1
        });
        groups[place].2.push(&one.machine);
    }
    let mut text = String::new();
    for (one, body, machines) in &groups {
        let style = if one.good { GOOD } else { BAD };
        let _ = write!(text, "{} ", styled(style, &format!("{}:", one.end)));
        match &machines[..] {
            [machine] => {
                let _ = write!(text, "{machine}{body}");
            }
            machines => {
                let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
                let count = counted(machines.len() as u64, "machine");
                let _ = write!(text, "{count}{first}\n  on {}\n{rest}", machines.join(", "));
            }
        }
    }
    if all.len() > 1 {
        text.push_str(&total(all));
    }
    text
}

fn total(all: &[One]) -> String {
    let mut ends: Vec<(&str, usize)> = Vec::new();
    for one in all {
        match ends.iter_mut().find(|(end, _)| *end == one.end) {
            Some((_, count)) => *count += 1,
            None => ends.push((&one.end, 1)),
        }
    }
    let ends: Vec<String> = ends.into_iter().map(|(end, count)| format!("{count} {end}")).collect();
    format!("{}: {}\n", counted(all.len() as u64, "machine"), ends.join(", "))
}

fn failed(failure: &Failure, id: &str, text: &mut String) {
    let findings = failure.health.iter().flat_map(|health| &health.findings);
    let bad: Vec<_> = findings.clone().filter(|finding| !finding.good).collect();
    if bad.is_empty() {
        let _ = writeln!(text, " {} (operation {id})", failure.message);
    } else {
        // The message repeats what stands below.
        let _ = writeln!(
            text,
            " expected all of {} to be well, found {} (operation {id})",
            findings.count(),
            bad.len()
        );
    }
    for line in &failure.tail {
        let _ = writeln!(text, "    {line}");
    }
    for finding in bad {
        let _ = writeln!(text, "  {} {}", styled(WAITS, &format!("{}:", finding.what)), finding.text);
        for line in &finding.tail {
            let _ = writeln!(text, "    {line}");
        }
    }
    if !failure.changes.is_empty() {
        let count = counted(failure.changes.len() as u64, "package");
        let _ = writeln!(text, "  {} {count} all the same:", styled(WAITS, "changed"));
        changes(&failure.changes, text);
    }
    if let Some(hint) = hint(failure) {
        let _ = writeln!(text, "  {} {hint}", styled(WAITS, "hint:"));
    }
}

/// What may be asked for otherwise.
fn hint(failure: &Failure) -> Option<&'static str> {
    let newer = failure.message.starts_with("expected nothing newer than build");
    match failure.cause {
        Cause::HeldPackage => Some("`--leave-holds` patches the rest and leaves them behind"),
        Cause::RemovalRefused => Some("`--remove PACKAGE` or `--remove-any` lets them go"),
        Cause::Mismatch if newer => {
            Some("`--newer leave` leaves them as they are, `--newer downgrade` takes the build's versions")
        }
        Cause::Interrupted => Some(
            "packages may be half done and apt may still be at work; ask again without this --id, and the next patch repairs it",
        ),
        Cause::Busy
        | Cause::MirrorUnreachable
        | Cause::BadSignature
        | Cause::DiskFull
        | Cause::DpkgBroken
        | Cause::PackageFailed
        | Cause::Mismatch
        | Cause::DrainRefused
        | Cause::RebootTimeout
        | Cause::OldKernel
        | Cause::Unhealthy
        | Cause::TimedOut => None,
    }
}

/// Whether there was something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Had {
    ItAlready,
    ToAct,
}

fn details(done: &Done, had: Had, text: &mut String) {
    match done {
        Done::Facts(facts) => {
            let _ = writeln!(
                text,
                " {} {} {}, kernel {}, {} packages, up {} s, agent {}, boot {}",
                facts.os,
                facts.os_version,
                facts.architecture,
                facts.kernel.running,
                facts.packages,
                facts.uptime_s,
                facts.agent,
                facts.boot
            );
            if let Some(build) = facts.build_claimed {
                let proof = match (facts.build, facts.build_verified) {
                    (Some(_), Some(verified)) => format!("{verified} packages verified"),
                    (Some(_), None) => "verified".to_owned(),
                    (None, _) => "not proven: most packages are not of it".to_owned(),
                };
                let _ = writeln!(text, "  build {build}, {proof}");
            }
            for disk in &facts.disks {
                let _ = writeln!(
                    text,
                    "  {} {} MiB of {} MiB free",
                    disk.path,
                    disk.free_kib >> 10,
                    disk.size_kib >> 10
                );
            }
        }
        Done::Checked(checked) => {
            let work = match checked.work {
                Work::Nothing => "nothing to do",
                Work::RebootOnly => "only a reboot",
                Work::Install => "packages to install",
            };
            let left = left_behind(&checked.held, &checked.newer);
            let _ = writeln!(text, " {work}, {} bytes to download{left}", checked.download_bytes);
            changes(&checked.changes, text);
            behind(&checked.held, &checked.newer, text);
            lines("reboot:", &checked.reboot, text);
        }
        Done::Patched(patched) => patched_to(patched, text),
        Done::Rebooted(rebooted) => {
            let _ = writeln!(
                text,
                " boot {} (before {}), kernel {}, back after {} s",
                rebooted.boot, rebooted.boot_before, rebooted.kernel, rebooted.took_s
            );
        }
        Done::Healthy(healed) => {
            let _ = writeln!(text, " {} things looked at", healed.findings.len());
            for finding in &healed.findings {
                let _ = writeln!(text, "  {}: {}", finding.what, finding.text);
            }
        }
        Done::Cleaned { operations } => {
            let _ = writeln!(text, " {operations} operations forgotten");
        }
        Done::Drained if had == Had::ItAlready => text.push_str(" no file of /etc/smith/drain.d to run\n"),
        Done::Undrained if had == Had::ItAlready => {
            text.push_str(" no file of /etc/smith/undrain.d to run\n")
        }
        Done::Drained | Done::Undrained | Done::Reported(_) => text.push('\n'),
    }
}

fn patched_to(patched: &Patched, text: &mut String) {
    let left = left_behind(&patched.held, &patched.newer);
    let unknown = match patched.unknown {
        0 => String::new(),
        unknown => format!(" of {}, {unknown} not of the build", patched.installed),
    };
    let (build, verified) = (patched.build, patched.verified);
    let _ = writeln!(text, " build {build}, {verified} packages verified{unknown}{left}");
    if let Some(begun) = &patched.unfinished {
        let since = i64::try_from(begun.since).map_or(i64::MAX, |seconds| seconds.saturating_mul(1000));
        let (word, operation) = (styled(WAITS, "ended:"), &begun.operation);
        let _ = writeln!(text, "  {word} what operation {operation} began at {}", Timestamp(since));
    }
    changes(&patched.changes, text);
    behind(&patched.held, &patched.newer, text);
    lines("repaired:", &patched.repaired, text);
    lines("purged:", &patched.kernels_purged, text);
    lines("kernel left:", &patched.kernels_left, text);
    lines("configuration:", &patched.conffiles, text);
    lines("reboot:", &patched.reboot, text);
    for restart in &patched.restarts {
        let _ = writeln!(text, "  restart: {} still maps {}", restart.unit, restart.library);
    }
}

/// A machine that is not wholly at its build is not told as if it were.
fn left_behind(held: &[Package], newer: &[Package]) -> String {
    match (held.len(), newer.len()) {
        (0, 0) => String::new(),
        (held, 0) => format!("; left behind: {held} held"),
        (0, newer) => format!("; left as they are: {newer} newer than the build"),
        (held, newer) => {
            format!("; left behind: {held} held; left as they are: {newer} newer than the build")
        }
    }
}

fn behind(held: &[Package], newer: &[Package], text: &mut String) {
    for (word, packages) in [("held:", held), ("newer:", newer)] {
        for package in packages {
            let Package { name, installed, build, .. } = package;
            let _ = writeln!(text, "  {} {name} {installed} (build: {build})", styled(WAITS, word));
        }
    }
}

fn changes(changes: &[Change], text: &mut String) {
    for change in changes {
        let from = change.from.as_deref().unwrap_or("new");
        let to = change.to.as_deref().unwrap_or("gone");
        let _ = writeln!(text, "  {} {from} -> {to}", change.name);
    }
}

fn lines(word: &str, lines: &[String], text: &mut String) {
    for line in lines {
        let _ = writeln!(text, "  {} {line}", styled(WAITS, word));
    }
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{Finding, Healed, Hello, Unfinished};

    use super::*;

    fn one(machine: &str, outcome: Outcome) -> One {
        One::new(machine.to_owned(), &"op-1".parse().unwrap(), Ending::Ended(outcome))
    }

    /// As where there are no colours.
    fn plain(all: &[One]) -> String {
        anstream::adapter::strip_str(&shown(all)).to_string()
    }

    fn package(name: &str) -> Package {
        let (installed, build) = ("1".to_owned(), "2".to_owned());
        Package { name: name.to_owned(), installed, build, ..Package::default() }
    }

    #[test]
    fn what_was_left_behind_is_told() {
        let patched = Patched {
            build: 1,
            verified: 180,
            held: vec![package("openssl")],
            newer: vec![package("perl")],
            repaired: vec!["dpkg --configure -a".to_owned()],
            ..Patched::default()
        };
        let done = Outcome::AlreadySo(Done::Patched(Box::new(patched)));
        assert_eq!(
            plain(&[one("m", done)]),
            "already so: m build 1, 180 packages verified; left behind: 1 held; left as they are: 1 newer than the build\n  \
             held: openssl 1 (build: 2)\n  newer: perl 1 (build: 2)\n  repaired: dpkg --configure -a\n"
        );
        let drained = Outcome::AlreadySo(Done::Drained);
        assert_eq!(plain(&[one("m", drained)]), "already so: m no file of /etc/smith/drain.d to run\n");
    }

    #[test]
    fn what_others_began_and_left_is_told() {
        let openssl = Change {
            name: "openssl".to_owned(),
            from: Some("1".to_owned()),
            to: Some("2".to_owned()),
            ..Change::default()
        };
        let failure =
            Failure { changes: [openssl.clone()].into(), ..Failure::new(Cause::PackageFailed, "perl broke") };
        assert_eq!(
            plain(&[one("m", Outcome::Failed(failure))]),
            "package-failed: m perl broke (operation op-1)\n  changed 1 package all the same:\n  openssl 1 -> 2\n"
        );
        let patched = Patched {
            build: 2,
            changes: vec![openssl],
            unfinished: Some(Unfinished { since: 1_700_000_000, operation: "op-0".to_owned() }),
            verified: 3,
            unknown: 1,
            installed: 4,
            ..Patched::default()
        };
        assert_eq!(
            plain(&[one("m", Outcome::Done(Done::Patched(Box::new(patched))))]),
            "done: m build 2, 3 packages verified of 4, 1 not of the build\n  \
             ended: what operation op-0 began at 2023-11-14T22:13:20Z\n  openssl 1 -> 2\n"
        );
    }

    #[test]
    fn what_is_the_same_is_told_once() {
        let done = || Outcome::Done(Done::Patched(Box::new(Patched { build: 7, ..Patched::default() })));
        let held = || Outcome::Failed(Failure::new(Cause::HeldPackage, "expected a 2, found it held"));
        let all = [one("a", done()), one("b", held()), one("c", done())];
        assert_eq!(
            plain(&all),
            "done: 2 machines build 7, 0 packages verified\n  on a, c\n\
             held-package: b expected a 2, found it held (operation op-1)\n  \
             hint: `--leave-holds` patches the rest and leaves them behind\n\
             3 machines: 2 done, 1 held-package\n"
        );
    }

    #[test]
    fn findings_are_told_once() {
        let finding = |what: &str, good| Finding {
            what: what.to_owned(),
            good,
            text: format!("{what} is so"),
            ..Finding::default()
        };
        let health = Healed { findings: vec![finding("web", false), finding("disk", true)], units: vec![] };
        let message = "expected all of 2 to be well, found web: web is so";
        let failure = Failure { health: Some(health), ..Failure::new(Cause::Unhealthy, message) };
        assert_eq!(
            plain(&[one("m", Outcome::Failed(failure))]),
            "unhealthy: m expected all of 2 to be well, found 1 (operation op-1)\n  web: web is so\n"
        );
    }

    #[test]
    fn what_had_ended_before_is_told_so() {
        let hello = Body::Hello(Hello { protocol: 1, version: "1".to_owned(), boot: "b".to_owned() });
        let ended = Outcome::Done(Done::Drained);
        let told = |at_ms| {
            let mut times = Times::default();
            times.hear(&Reply { seq: 0, at_ms: 1_700_000_000_000, body: hello.clone() });
            times.hear(&Reply { seq: 9, at_ms, body: Body::Ended(ended.clone()) });
            plain(&[one("m", ended.clone()).at(&times)])
        };
        assert_eq!(told(1_700_000_000_000), "done: m\n");
        let before = "done: m (it had ended at 2023-11-14T22:12:20Z, under the same name)\n";
        assert_eq!(told(1_699_999_940_000), before);
    }

    #[test]
    fn a_machine_is_named_once() {
        let why = "m takes none of the controller's keys for user root".to_owned();
        let one = One::new("m".to_owned(), &"op-1".parse().unwrap(), Ending::KeyRefused { why });
        let told = "key-refused: m takes none of the controller's keys for user root (operation op-1)\n";
        assert_eq!(plain(&[one]), told);
    }
}
