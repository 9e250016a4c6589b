//! What a step or a bag may leave unsaid: it then holds what stands one level above, up to `defaults`.

use std::collections::BTreeMap;

use smith_domain::calendar::{Freeze, Window};
use smith_domain::pipeline::{
    Actions, Budget, ChangeRule, Drain, Health, IfEmpty, Parallel, Patch, Reboot, RetryRule, Revisit,
    Timeouts, Who,
};
use smith_domain::rollout::CauseKind;
use smith_domain::time::Span;

use super::limit::budget;
use super::times::{freezes, windows};
use crate::config::fields::Fields;
use crate::config::near::nearest;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{number, span, text, who, word, yes_or_no};

/// Approvals that one change or gate may ask for; more people than that are never reached on one day.
pub(super) const MAX_APPROVALS: u32 = 20;
/// Machines that run at once in one bag; more than any one controller drives.
const MAX_PARALLEL: u32 = 100_000;
/// With waits that double, more tries would only come after days.
const MAX_ATTEMPTS: u32 = 20;
/// An action that takes longer has been forgotten.
const LONGEST_ACTION: Span = Span::hours(24);

/// What `defaults` and a step can say for all that they hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) budget: Option<Budget>,
    pub(super) change: Option<ChangeRule>,
    /// Those of the step stand in place of those of the defaults.
    pub(super) windows: Option<(Place, Vec<Window>)>,
    /// Those of the step are added to those of the defaults: what closes is only ever added to.
    pub(super) freezes: Vec<Freeze>,
    pub(super) work: Work,
}

/// What is done to the machines of a bag, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Work {
    drain: Option<Drain>,
    patch: Option<Patch>,
    reboot: Option<Reboot>,
    health: Option<Health>,
    parallel: Option<Parallel>,
    revisit: Option<Revisit>,
    if_empty: Option<IfEmpty>,
    attempts: Option<u32>,
    first: Option<Span>,
    longest: Option<Span>,
    causes: BTreeMap<CauseKind, u32>,
    /// In the order of the fields of `Timeouts`.
    timeouts: [Option<Span>; 6],
}

impl Rules {
    pub(super) fn read(fields: &mut Fields<'_>, report: &mut Report) -> Self {
        let budget = fields.take("budget").and_then(|node| budget(node, report));
        let change = fields.take("change").and_then(|node| change(node, report));
        let windows = fields.take("windows").and_then(|node| Some((node.place, windows(node, report)?)));
        let own = windows.as_ref().map(|(_, windows)| windows.as_slice()).unwrap_or_default();
        let freezes = fields.take("freezes").and_then(|node| freezes(node, own, report)).unwrap_or_default();
        Self { budget, change, windows, freezes, work: Work::read(fields, report) }
    }

    /// These where they say something, and `base` where they do not.
    pub(super) fn over(self, base: &Rules) -> Self {
        let mut freezes = base.freezes.clone();
        freezes.extend(self.freezes);
        Self {
            budget: self.budget.or_else(|| base.budget.clone()),
            change: self.change.or_else(|| base.change.clone()),
            windows: self.windows.or_else(|| base.windows.clone()),
            freezes,
            work: self.work.over(&base.work),
        }
    }
}

impl Work {
    pub(super) fn read(fields: &mut Fields<'_>, report: &mut Report) -> Self {
        const REBOOT: [(&str, Reboot); 3] =
            [("never", Reboot::Never), ("if-needed", Reboot::IfNeeded), ("always", Reboot::Always)];
        const REVISIT: [(&str, Revisit); 2] = [("skip", Revisit::Skip), ("again", Revisit::Again)];
        const IF_EMPTY: [(&str, IfEmpty); 2] = [("refuse", IfEmpty::Refuse), ("allow", IfEmpty::Allow)];
        let mut work = Self {
            drain: fields.take("drain").and_then(|node| yes_or_no(node, Drain::Yes, Drain::No, report)),
            patch: fields.take("patch").and_then(|node| yes_or_no(node, Patch::Yes, Patch::No, report)),
            reboot: fields.take("reboot").and_then(|node| word(node, &REBOOT, report)),
            health: fields.take("health").and_then(|node| yes_or_no(node, Health::Yes, Health::No, report)),
            parallel: fields.take("parallel").and_then(|node| parallel(node, report)),
            revisit: fields.take("revisit").and_then(|node| word(node, &REVISIT, report)),
            if_empty: fields.take("if-empty").and_then(|node| word(node, &IF_EMPTY, report)),
            ..Self::default()
        };
        if let Some(node) = fields.take("retry") {
            work.read_retry(node, report);
        }
        if let Some(node) = fields.take("timeouts") {
            work.read_timeouts(node, report);
        }
        work
    }

    pub(super) fn over(self, base: &Work) -> Self {
        let mut causes = base.causes.clone();
        causes.extend(self.causes);
        let mut timeouts = self.timeouts;
        for (own, base) in timeouts.iter_mut().zip(base.timeouts) {
            *own = own.or(base);
        }
        Self {
            drain: self.drain.or(base.drain),
            patch: self.patch.or(base.patch),
            reboot: self.reboot.or(base.reboot),
            health: self.health.or(base.health),
            parallel: self.parallel.or(base.parallel),
            revisit: self.revisit.or(base.revisit),
            if_empty: self.if_empty.or(base.if_empty),
            attempts: self.attempts.or(base.attempts),
            first: self.first.or(base.first),
            longest: self.longest.or(base.longest),
            causes,
            timeouts,
        }
    }

    pub(super) fn actions(&self) -> Actions {
        let usual = Actions::PATCH;
        Actions {
            drain: self.drain.unwrap_or(usual.drain),
            patch: self.patch.unwrap_or(usual.patch),
            reboot: self.reboot.unwrap_or(usual.reboot),
            health: self.health.unwrap_or(usual.health),
        }
    }

    pub(super) fn parallel(&self) -> Parallel {
        self.parallel.unwrap_or(Parallel::AtMost(1))
    }

    pub(super) fn revisit(&self) -> Revisit {
        self.revisit.unwrap_or(Revisit::Skip)
    }

    pub(super) fn if_empty(&self) -> IfEmpty {
        self.if_empty.unwrap_or(IfEmpty::Refuse)
    }

    /// A first wait above the longest one is cut to it.
    pub(super) fn retry(&self) -> RetryRule {
        let usual = RetryRule::default();
        let first = self.first.unwrap_or(usual.first);
        let longest = self.longest.unwrap_or_else(|| usual.longest.max(first));
        RetryRule {
            attempts: self.attempts.unwrap_or(usual.attempts),
            first: first.min(longest),
            longest,
            causes: self.causes.clone(),
        }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let usual = Timeouts::default();
        let [check, drain, patch, reboot, health, undrain] = self.timeouts;
        Timeouts {
            check: check.unwrap_or(usual.check),
            drain: drain.unwrap_or(usual.drain),
            patch: patch.unwrap_or(usual.patch),
            reboot: reboot.unwrap_or(usual.reboot),
            health: health.unwrap_or(usual.health),
            undrain: undrain.unwrap_or(usual.undrain),
        }
    }

    fn read_retry(&mut self, node: &Node, report: &mut Report) {
        let Some(mut fields) = Fields::open(node, "a retry rule", report) else { return };
        self.attempts = fields.take("attempts").and_then(|node| number(node, 1..=MAX_ATTEMPTS, report));
        self.first = fields.take("first").and_then(|node| span(node, LONGEST_ACTION, report));
        let longest = fields.take("longest");
        self.longest = longest.and_then(|node| span(node, LONGEST_ACTION, report));
        if let (Some(first), Some(longest), Some(node)) = (self.first, self.longest, longest)
            && first > longest
        {
            let expected = format!("a longest wait of at least the first one, {first}");
            report.add(node.place, "S0208", expected, longest.to_string());
        }
        if let Some(node) = fields.take("causes") {
            self.causes = causes(node, report);
        }
        fields.close(report);
    }

    fn read_timeouts(&mut self, node: &Node, report: &mut Report) {
        let Some(mut fields) = Fields::open(node, "timeouts", report) else { return };
        let keys = ["check", "drain", "patch", "reboot", "health", "undrain"];
        for (key, timeout) in keys.into_iter().zip(&mut self.timeouts) {
            *timeout = fields.take(key).and_then(|node| span(node, LONGEST_ACTION, report));
        }
        fields.close(report);
    }
}

fn parallel(node: &Node, report: &mut Report) -> Option<Parallel> {
    match &node.kind {
        Kind::Text { text, .. } if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            word(node, &[("unbounded", Parallel::Unbounded)], report)
        }
        Kind::Text { .. } | Kind::List(_) | Kind::Map(_) => {
            number(node, 1..=MAX_PARALLEL, report).map(Parallel::AtMost)
        }
    }
}

fn causes(node: &Node, report: &mut Report) -> BTreeMap<CauseKind, u32> {
    let mut causes = BTreeMap::new();
    let Kind::Map(entries) = &node.kind else {
        report.add(
            node.place,
            "S0206",
            "tries by cause, such as `{unreachable: 5}`",
            crate::config::fields::found(node),
        );
        return causes;
    };
    for entry in entries {
        let Some(cause) = CauseKind::ALL.into_iter().find(|cause| cause.word() == entry.key) else {
            let words = CauseKind::ALL.map(CauseKind::word);
            let expected = format!("a cause: {}", words.join(", "));
            report.add(entry.place, "S0215", expected, shown(&entry.key)).suggest(nearest(&entry.key, words));
            continue;
        };
        if !cause.may_pass() {
            let expected = "a cause that can go away by itself";
            let problem = report.add(entry.place, "S0217", expected, shown(&entry.key));
            problem.with_hint("leave it out: it is never tried again until a person has acted");
        }
        if let Some(attempts) = number(&entry.value, 1..=MAX_ATTEMPTS, report) {
            causes.insert(cause, attempts);
        }
    }
    causes
}

pub(in crate::config) fn change(node: &Node, report: &mut Report) -> Option<ChangeRule> {
    const EXPECTED: &str = "`none`, `record` or `{approve: WHO, count: NUMBER}`";
    if !matches!(node.kind, Kind::Map(_)) {
        return match text(node, EXPECTED, report)? {
            "none" => Some(ChangeRule::None),
            "record" => Some(ChangeRule::Record),
            "approve" => {
                let problem = report.add(node.place, "S0216", EXPECTED, "`approve` without anybody who may");
                problem.with_hint("write `change: {approve: role:sre-lead}`");
                None
            }
            other => {
                let problem = report.add(node.place, "S0215", EXPECTED, shown(other));
                problem.suggest(nearest(other, ["none", "record"]));
                None
            }
        };
    }
    let mut fields = Fields::open(node, "a change rule", report)?;
    let people = fields.need("approve").and_then(|node| who(node, report));
    let count = count(&mut fields, people.as_ref(), report);
    fields.close(report);
    Some(ChangeRule::Approve { who: people?, count: count? })
}

/// How many approvals: one if it is not said, and no more than there are people.
pub(super) fn count(fields: &mut Fields<'_>, who: Option<&Who>, report: &mut Report) -> Option<u32> {
    let Some(node) = fields.take("count") else { return Some(1) };
    let count = number(node, 1..=MAX_APPROVALS, report)?;
    let Some(Who(names)) = who else { return Some(count) };
    // A role may have any number of people.
    let only_people = names.iter().all(|name| !name.starts_with("role:"));
    if only_people && usize::try_from(count).is_ok_and(|count| count > names.len()) {
        let expected = format!("at most as many approvals as there are people, {}", names.len());
        report.add(node.place, "S0208", expected, count.to_string());
        return None;
    }
    Some(count)
}
