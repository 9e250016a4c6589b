//! What the agent's log tells in the order of time: which operations failed, and what came after.
//!
//! Its lines are `TIME OPERATION WORDS`. Of each action only the newest end counts: a patch that fails for want of room says that
//! the lock that the one before it met is gone.

use std::collections::BTreeMap;

use super::likely::{Known, Likely};
use super::{present, signs};

/// The agent's log as a piece of a report.
const PIECE: &str = "agent.log";

const ACTIONS: [&str; 6] = ["check", "patch", "drain", "undrain", "reboot", "health"];

/// A job that was refused before it began, for want of a place to keep it. Any operation that was kept later proves it gone.
const REFUSED: &str = "";

/// An operation that has failed.
#[derive(Debug, Clone)]
struct Failed<'a> {
    action: &'a str,
    at: &'a str,
    /// The word of the cause.
    cause: &'a str,
    ended: &'a str,
    lines: Vec<&'a str>,
    /// From its end on: the end, and the last lines of what the failing program said.
    last: Vec<&'a str>,
}

#[derive(Debug, Default)]
pub(super) struct History<'a> {
    /// Nothing good has come after these, in the order of time.
    standing: Vec<Failed<'a>>,
    /// Another failure of the same action came after these.
    past: Vec<Failed<'a>>,
    is_patched: bool,
}

impl<'a> History<'a> {
    pub(super) fn read(log: &'a str) -> Self {
        let mut history = Self::default();
        let mut actions: BTreeMap<&str, &str> = BTreeMap::new();
        let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut ended: &str = REFUSED;
        for line in log.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(at), Some(id), Some(said)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if said.starts_with("  ") && ended == id {
                // The last lines of what the failing program said stand below the end.
                if let Some(failed) = history.standing.last_mut() {
                    failed.last.push(line);
                }
                continue;
            }
            ended = REFUSED;
            if let Some(action) = said.strip_suffix(" began").filter(|word| ACTIONS.contains(word)) {
                actions.insert(id, action);
                lines.remove(id);
            }
            lines.entry(id).or_default().push(line);
            let action = actions.get(id).copied();
            if let Some(failure) = said.strip_prefix("ended: failed, ") {
                let cause = failure.split(':').next().unwrap_or_default();
                let lines = lines.remove(id).unwrap_or_default();
                if let Some(action) = action {
                    ended = id;
                    history.failed(Failed { action, at, cause, ended: line, lines, last: vec![line] });
                }
            } else if said.starts_with("ended: ") {
                history.good(action.unwrap_or(REFUSED));
            } else if said.starts_with("refused: CannotKeep") {
                let (action, cause) = (REFUSED, "disk-full");
                history.failed(Failed { action, at, cause, ended: line, lines: vec![], last: vec![line] });
            }
        }
        history
    }

    fn failed(&mut self, failed: Failed<'a>) {
        if failed.action == "patch" {
            self.is_patched = false;
        }
        let (past, standing) = self.standing.drain(..).partition(|known| known.action == failed.action);
        self.standing = standing;
        let past: Vec<Failed<'a>> = past;
        self.past.extend(past);
        self.standing.push(failed);
    }

    /// What was in the way of it is gone, and what is gone is no news.
    fn good(&mut self, action: &str) {
        let is_gone = |known: &Failed<'_>| {
            known.action == action
                || known.action == REFUSED
                || (action == "patch" && known.action == "check")
        };
        self.standing.retain(|known| !is_gone(known));
        self.past.retain(|known| !is_gone(known));
        self.is_patched |= action == "patch";
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.standing.is_empty()
    }

    /// The last patch came to a good end.
    pub(super) fn is_patched(&self) -> bool {
        self.is_patched
    }

    /// The newest first.
    pub(super) fn causes(&self, known: Known<'_>) -> Vec<Likely> {
        let standing = self.standing.iter().rev().map(|failed| {
            let likely = failed.likely();
            if present::is_over(known, &likely.cause) { likely.over(failed.at) } else { likely }
        });
        let past = self.past.iter().rev().map(|failed| failed.likely().over(failed.at));
        standing.chain(past).collect()
    }
}

impl Failed<'_> {
    /// What the end says outweighs what was said on the way there, such as a connection that was tried again.
    fn likely(&self) -> Likely {
        let plain = plain(self.cause);
        let by_end = signs::of_lines(PIECE, &self.last);
        let by_way = || signs::of_lines(PIECE, &self.lines).filter(|_| plain.is_vague);
        by_end.or_else(by_way).unwrap_or_else(|| {
            Likely::new(plain.cause, format!("{PIECE}: {}", self.ended.trim()), plain.remedy)
        })
    }
}

/// What the word of a cause says.
struct Plain {
    cause: &'static str,
    remedy: &'static str,
    /// The lines before the end may say more.
    is_vague: bool,
}

fn plain(word: &str) -> Plain {
    let plain = |cause, remedy| Plain { cause, remedy, is_vague: false };
    let vague = |cause, remedy| Plain { cause, remedy, is_vague: true };
    match word {
        "busy" => plain(signs::HELD_LOCK, signs::FREE_LOCK),
        "disk-full" => vague(signs::FULL, signs::MAKE_ROOM),
        "mirror-unreachable" => plain(signs::NO_MIRROR, signs::REACH_MIRROR),
        "package-failed" => vague(signs::SCRIPT_FAILS, signs::MEND_SCRIPT),
        "held-package" => plain(
            present::HOLDS,
            "`apt-mark unhold` them, or leave them (`--leave-holds`, or the pipeline's `holds`)",
        ),
        "removal-refused" => plain(
            "the build takes packages away that may not go",
            "allow them by name (`--remove PACKAGE`), or mend the build",
        ),
        "dpkg-broken" => vague(
            present::HALF,
            "see apt-term.log.txt for what each of them lacks; by hand: `dpkg --configure -a` and `apt-get -f install`",
        ),
        "bad-signature" => plain(
            "a signature is of no key that the machine believes",
            "check which keys signed the build, and /etc/smith/trusted-keys on the machine",
        ),
        "drain-refused" => plain(
            "a file of drain.d refuses to take work off the machine",
            "see what it said in agent.log.txt; mend it or its reason, then drain again",
        ),
        "unhealthy" => plain(
            "the machine is not well",
            "mend what the finding names, then ask it again (`smith agent run NAME health`)",
        ),
        "timed-out" => plain(
            "an operation ran out of its time",
            "see in agent.log.txt what took so long; give it longer (`--limit`) or mend that",
        ),
        "interrupted" => plain(
            "an operation was interrupted in the middle",
            "see whether it was the machine (boots.txt) or a kill (dmesg.txt); then ask again, under another name",
        ),
        "reboot-timeout" => plain(
            "the machine did not come back from its reboot in time",
            "see what it waited for (boots.txt, jobs.txt, its console)",
        ),
        "old-kernel" => {
            plain(present::OLD_KERNEL, "see what the boot loader starts (boot.txt), then reboot it")
        }
        _ => vague(
            "what the machine found is not what was expected",
            "the line says both; mend the one that is wrong, then try again",
        ),
    }
}
