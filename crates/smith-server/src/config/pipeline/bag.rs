//! Phases and bags.

use smith_domain::fleet::Selector;
use smith_domain::id::BagName;
use smith_domain::pipeline::{Actions, Bag, Drain, Health, Patch, Phase, Reboot, Take, Timeouts};
use smith_domain::time::Span;

use super::limit::{attribute, limits, optional, selector};
use super::rules::Work;
use crate::config::fields::Fields;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{Zero, amount, full_list, name, title};

/// What was seen in the bags of one step so far.
#[derive(Default)]
struct Seen {
    bags: Vec<(BagName, Place)>,
    selections: Vec<Selection>,
}

struct Selection {
    select: Selector,
    place: Place,
    phase: usize,
    /// It leaves machines for later phases.
    is_share: bool,
}

/// The phases of a step: its `phases`, or its `bags` as the only one.
pub(super) fn phases(
    fields: &mut Fields<'_>,
    step_title: Option<&str>,
    work: &Work,
    report: &mut Report,
) -> Option<Vec<Phase>> {
    const EXPECTED: &str = "`bags`, or `phases` that have bags";
    let (of_step, in_phases) = (fields.take("bags"), fields.take("phases"));
    let mut seen = Seen::default();
    match (of_step, in_phases) {
        (Some(node), None) => {
            let bags = bags(node, 0, work, &mut seen, report);
            Some(vec![Phase { title: step_title?.to_owned(), each: None, bags: bags? }])
        }
        (None, Some(node)) => {
            let items = full_list(node, "a list of phases", report)?;
            let mut titles: Vec<(String, Place)> = Vec::new();
            let phases: Vec<Phase> = items
                .iter()
                .enumerate()
                .filter_map(|(at, item)| phase(item, at, work, &mut titles, &mut seen, report))
                .collect();
            if phases.len() == items.len() { Some(phases) } else { None }
        }
        (Some(_), Some(node)) => {
            report.add(node.place, "S0219", EXPECTED, "both");
            None
        }
        (None, None) => {
            report.add(fields.place(), "S0205", EXPECTED, "neither");
            None
        }
    }
}

fn phase(
    node: &Node,
    at: usize,
    work: &Work,
    titles: &mut Vec<(String, Place)>,
    seen: &mut Seen,
    report: &mut Report,
) -> Option<Phase> {
    let mut fields = Fields::open(node, "a phase", report)?;
    let place = fields.place();
    let title = fields.need("phase").and_then(|node| title(node, report));
    let each = fields.take("each").map(|node| attribute(node, "an attribute such as `zone`", report));
    let bags = fields.need("bags").and_then(|node| bags(node, at, work, seen, report));
    fields.close(report);
    let title = title?;
    match titles.iter().find(|(known, _)| *known == title) {
        Some((_, first)) => {
            let problem =
                report.add(place, "S0209", "a title that no other phase of the step has", shown(&title));
            problem.with_hint(format!("the phase in line {} has it already", first.line));
        }
        None => titles.push((title.clone(), place)),
    }
    Some(Phase { title, each: optional(each)?, bags: bags? })
}

fn bags(node: &Node, phase: usize, work: &Work, seen: &mut Seen, report: &mut Report) -> Option<Vec<Bag>> {
    let items = full_list(node, "a list of bags", report)?;
    let bags: Vec<Bag> = items.iter().filter_map(|item| bag(item, phase, work, seen, report)).collect();
    if bags.len() == items.len() { Some(bags) } else { None }
}

fn bag(node: &Node, phase: usize, work: &Work, seen: &mut Seen, report: &mut Report) -> Option<Bag> {
    let mut fields = Fields::open(node, "a bag", report)?;
    let place = fields.place();
    let name = fields.need("bag").and_then(|node| bag_name(node, seen, report));
    let machines = fields.need("machines");
    let select = machines.and_then(|node| selector(node, report));
    let take = fields.take("take").map(|node| take(node, report));
    let limits = fields.take("limits").map(|node| limits(node, report));
    let work = Work::read(&mut fields, report).over(work);
    fields.close(report);
    let actions = work.actions();
    if does_nothing(actions) {
        let problem = report.add(place, "S0218", "something to do with the machines", "no action");
        problem.with_hint("say `yes` to one of `drain`, `patch`, `health`, or let them `reboot`");
    }
    let take = optional(take)?;
    let select = select?;
    let selection = Selection {
        select: select.clone(),
        place: machines.map_or(place, |node| node.place),
        phase,
        is_share: take.is_some(),
    };
    check_overlap(selection, seen, report);
    Some(Bag {
        name: name?,
        select,
        take,
        actions,
        parallel: work.parallel(),
        limits: limits.unwrap_or(Some(Vec::new()))?,
        revisit: work.revisit(),
        if_empty: work.if_empty(),
        retry: work.retry(),
        timeouts: work.timeouts(),
    })
}

fn bag_name(node: &Node, seen: &mut Seen, report: &mut Report) -> Option<BagName> {
    let bag = name(node, "the name of a bag: letters, digits, `-`, `_`, `.`", BagName::new, report)?;
    if let Some((_, first)) = seen.bags.iter().find(|(known, _)| *known == bag) {
        let problem =
            report.add(node.place, "S0209", "a name that no other bag of the step has", shown(bag.as_str()));
        problem.with_hint(format!("the bag in line {} has it already", first.line));
    }
    seen.bags.push((bag.clone(), node.place));
    Some(bag)
}

/// The same selection twice in one step is an error, unless the earlier bags take a share and leave the rest to a later
/// phase: a machine is dealt with once in a step.
fn check_overlap(selection: Selection, seen: &mut Seen, report: &mut Report) {
    let clash = seen
        .selections
        .iter()
        .filter(|earlier| earlier.select == selection.select)
        .find(|earlier| !earlier.is_share || earlier.phase == selection.phase);
    if let Some(earlier) = clash {
        let found = format!(
            "{}, which the bag in line {} selects too",
            shown(&selection.select.to_string()),
            earlier.place.line
        );
        let problem =
            report.add(selection.place, "S0213", "machines that no other bag of the step has", found);
        problem.with_hint("for the same machines again make a later step with `revisit: again`; for growing shares write `take:` in earlier phases");
    }
    seen.selections.push(selection);
}

/// A number, a percentage, or a map that also says which come first.
fn take(node: &Node, report: &mut Report) -> Option<Take> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some(Take { amount: amount(node, Zero::Refused, report)?, first: None });
    }
    let mut fields = Fields::open(node, "a share", report)?;
    let amount = fields.need("amount").and_then(|node| amount(node, Zero::Refused, report));
    let first = fields.take("first").map(|node| selector(node, report));
    fields.close(report);
    Some(Take { amount: amount?, first: optional(first)? })
}

fn does_nothing(actions: Actions) -> bool {
    actions == Actions { drain: Drain::No, patch: Patch::No, reboot: Reboot::Never, health: Health::No }
}

/// The longest time that one of a bag's actions may take, and which it is.
pub(super) fn longest_action(bag: &Bag) -> (&'static str, Span) {
    let Timeouts { check, drain, patch, reboot, health, undrain } = bag.timeouts;
    let drains = bag.actions.drain == Drain::Yes;
    let all = [
        ("check", check, true),
        ("drain", drain, drains),
        ("patch", patch, bag.actions.patch == Patch::Yes),
        ("reboot", reboot, bag.actions.reboot != Reboot::Never),
        ("health", health, bag.actions.health == Health::Yes),
        ("undrain", undrain, drains),
    ];
    let done = all.into_iter().filter(|(_, _, done)| *done).map(|(name, span, _)| (name, span));
    done.max_by_key(|(_, span)| *span).unwrap_or(("check", check))
}
