//! Units of systemd that have failed, compared with those that had failed before.

use std::collections::BTreeSet;
use std::time::Duration;

use smith_agent::protocol::{Finding, Unit};

use super::baseline::Baseline;
use super::check::{bad, good, unit};
use crate::op::Host;
use crate::tool::Run;

/// systemd answers at once, or it is in such a state that it does not answer at all.
const LIMIT: Duration = Duration::from_secs(30);

/// So many units are named in a sentence; all of them are in the list beside it.
const NAMED: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Units {
    /// The word of `systemctl is-system-running`.
    state: String,
    pub(super) failed: BTreeSet<String>,
    /// They fail, and systemd starts them again and again: they are never seen to have failed for long.
    pub(super) restarting: BTreeSet<String>,
    activating: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unknown {
    NoSystemd,
    NoAnswer(String),
}

impl Units {
    /// How many units are being started, and may end well or badly.
    pub(super) fn starting(&self) -> usize {
        let queued = matches!(self.state.as_str(), "initializing" | "starting");
        self.activating + self.restarting.len() + usize::from(queued && self.activating == 0)
    }
}

pub(super) fn look(host: &Host) -> Result<Units, Unknown> {
    if !host.path("/run/systemd/system").is_dir() {
        return Err(Unknown::NoSystemd);
    }
    // Its exit code says the same as its word, in fewer letters.
    let state = Run::new("systemctl", LIMIT).arg("is-system-running").run();
    let state = state.map_err(|stopped| Unknown::NoAnswer(stopped.to_string()))?;
    let args = [
        "list-units",
        "--all",
        "--full",
        "--plain",
        "--no-legend",
        "--no-pager",
        "--state=failed,activating",
    ];
    let list = Run::new("systemctl", LIMIT).args(args).run();
    let list = list.map_err(|stopped| Unknown::NoAnswer(stopped.to_string()))?;
    if !list.is_good() {
        return Err(Unknown::NoAnswer(format!("systemctl list-units: {}", list.ended)));
    }
    let word = state.output.lines().last().unwrap_or_default().trim().to_owned();
    Ok(Units { state: word, ..parse(&list.output) })
}

fn parse(list: &str) -> Units {
    let mut units = Units::default();
    for line in list.lines() {
        // Old versions mark what has failed with a dot in front, plain or not.
        let mut words = line.split_whitespace().skip_while(|word| matches!(*word, "●" | "*" | "×" | "↻"));
        let (Some(name), Some(_), Some(active), Some(sub)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        match (active, sub) {
            ("failed", _) => drop(units.failed.insert(name.to_owned())),
            ("activating", sub) if sub.starts_with("auto-restart") => {
                units.restarting.insert(name.to_owned());
            }
            // The agent does not wait for itself.
            ("activating", _) if !name.starts_with("smith-") => units.activating += 1,
            _ => {}
        }
    }
    units
}

pub(super) fn judge(found: Result<&Units, &Unknown>, before: Option<&Baseline>) -> (Finding, Vec<Unit>) {
    let found = match found {
        Ok(found) => found,
        Err(Unknown::NoSystemd) => return (good("units", "no systemd here"), Vec::new()),
        Err(Unknown::NoAnswer(why)) => {
            return (bad("units", format!("expected systemd to answer, found {why}")), Vec::new());
        }
    };
    let none = Baseline::default();
    let before = before.unwrap_or(&none);
    let was = |name: &String| before.failed.contains(name) || before.restarting.contains(name);
    let bad_now = || found.failed.iter().chain(&found.restarting);
    let units: Vec<Unit> = bad_now().map(|name| unit(name, was(name))).collect();
    let new = |set: &BTreeSet<String>| set.iter().filter(|name| !was(name)).cloned().collect::<Vec<_>>();
    let mut wrong = Vec::new();
    if matches!(found.state.as_str(), "stopping" | "maintenance") {
        wrong.push(format!("the machine in the state {}", found.state));
    }
    for (what, names) in [("failed", new(&found.failed)), ("started again and again", new(&found.restarting))]
    {
        if !names.is_empty() {
            wrong.push(format!("{what}: {}", named(&names)));
        }
    }
    if !wrong.is_empty() {
        return (
            bad("units", format!("expected no more failed units than before, found {}", wrong.join("; "))),
            units,
        );
    }
    let mut text = match units.len() {
        0 => "none has failed".to_owned(),
        many => format!("{many} had failed before, too"),
    };
    if found.activating > 0 {
        text.push_str(&format!(", {} are still starting", found.activating));
    }
    (good("units", text), units)
}

fn named(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
● ssh.service        loaded failed     failed       OpenBSD Secure Shell server
  cron.service       loaded failed     failed       Regular background program processing daemon
app.service          loaded activating auto-restart The app
fstrim.service       loaded activating start        Discard unused blocks
smith-op-a.service   loaded activating start        ours
";

    fn found() -> Units {
        Units { state: "degraded".to_owned(), ..parse(LIST) }
    }

    #[test]
    fn the_list_is_read_with_and_without_dots() {
        let units = found();
        assert_eq!(
            units.failed.iter().map(String::as_str).collect::<Vec<_>>(),
            ["cron.service", "ssh.service"]
        );
        assert_eq!(units.restarting.iter().map(String::as_str).collect::<Vec<_>>(), ["app.service"]);
        assert_eq!((units.activating, units.starting()), (1, 2));
        assert_eq!(Units { state: "starting".to_owned(), ..parse("") }.starting(), 1);
        assert_eq!(parse("").starting(), 0);
    }

    #[test]
    fn only_what_was_well_before_is_a_finding() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let before = Baseline { failed: names(&["cron.service", "app.service"]), ..Baseline::default() };
        let (finding, units) = judge(Ok(&found()), Some(&before));
        assert_eq!(
            finding,
            bad("units", "expected no more failed units than before, found failed: ssh.service")
        );
        let told: Vec<_> = units.iter().map(|unit| (unit.name.as_str(), unit.before)).collect();
        assert_eq!(told, [("cron.service", true), ("ssh.service", false), ("app.service", true)]);
        let before = Baseline { failed: names(&["cron.service", "app.service", "ssh.service"]), ..before };
        assert_eq!(
            judge(Ok(&found()), Some(&before)).0,
            good("units", "3 had failed before, too, 1 are still starting")
        );
        let (finding, _) = judge(Ok(&found()), None);
        assert!(
            finding.text.ends_with("failed: cron.service, ssh.service; started again and again: app.service")
        );
    }

    #[test]
    fn a_machine_that_goes_down_or_has_no_systemd() {
        let stopping = Units { state: "stopping".to_owned(), ..Units::default() };
        assert!(!judge(Ok(&stopping), None).0.good);
        assert!(judge(Err(&Unknown::NoSystemd), None).0.good);
        assert!(!judge(Err(&Unknown::NoAnswer("x".to_owned())), None).0.good);
        let root = tempfile::tempdir().unwrap();
        assert_eq!(look(&Host::at(root.path())), Err(Unknown::NoSystemd));
    }
}
