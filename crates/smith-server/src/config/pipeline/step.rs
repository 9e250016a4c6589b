//! One step.

use smith_domain::calendar::Calendar;
use smith_domain::pipeline::{ChangeRule, Step};
use smith_domain::time::Span;

use super::bag::{longest_action, phases};
use super::gate::{Around, gates};
use super::limit::{limits, no_failures};
use super::refer::{Link, StepNames};
use super::rules::Rules;
use crate::config::fields::Fields;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{one_or_more, text, title};

/// Reads one step. Whom it waits for is added to what is around it, also when the step cannot be read whole.
pub(super) fn step(node: &Node, base: &Rules, around: &mut Around<'_>, report: &mut Report) -> Option<Step> {
    let mut fields = Fields::open(node, "a step", report)?;
    let place = fields.place();
    // The names were read, and complained about, before.
    fields.need("step");
    let id = around.names.get(around.step).cloned();
    let title = fields.need("title").and_then(|node| title(node, report));
    let after = match fields.take("after") {
        Some(node) => after(node, around, report),
        None => Some(after_the_one_before(around)),
    };
    let gates = match fields.take("gates") {
        Some(node) => gates(node, around, report),
        None => Some(Vec::new()),
    };
    let exclusive = fields.take("exclusive").map(|node| exclusive(node, report));
    let limits = fields.take("limits").map(|node| limits(node, report));
    let rules = Rules::read(&mut fields, report).over(base);
    let phases = phases(&mut fields, title.as_deref(), &rules.work, report);
    fields.close(report);
    let (calendar, opening) = calendar(&rules, place, report);
    let step = Step {
        id: id?,
        title: title?,
        after: after?,
        gates: gates?,
        exclusive: super::limit::optional(exclusive)?,
        calendar,
        budget: rules.budget.unwrap_or_else(no_failures),
        limits: limits.unwrap_or(Some(Vec::new()))?,
        change: rules.change.unwrap_or(ChangeRule::Record),
        phases: phases?,
    };
    if let Some(opening) = opening {
        check_length(&step, opening, rules.windows.map_or(place, |(place, _)| place), report);
    }
    Some(step)
}

fn after(node: &Node, around: &mut Around<'_>, report: &mut Report) -> Option<Vec<u16>> {
    const EXPECTED: &str = "ids of steps, or `nothing`";
    if let Kind::Text { text, .. } = &node.kind
        && text == "nothing"
    {
        return Some(Vec::new());
    }
    let items = one_or_more(node, EXPECTED, report)?;
    let mut indexes = Vec::new();
    let mut good = true;
    for item in items {
        let found = text(item, EXPECTED, report)
            .and_then(|name| around.names.find(name, item.place, around.step, report));
        let Some(to) = found else {
            good = false;
            continue;
        };
        around.links.push(Link { from: around.step, to, place: item.place });
        indexes.extend(u16::try_from(to));
    }
    indexes.sort_unstable();
    indexes.dedup();
    good.then_some(indexes)
}

fn after_the_one_before(around: &mut Around<'_>) -> Vec<u16> {
    let Some(before) = around.step.checked_sub(1) else { return Vec::new() };
    around.links.push(Link { from: around.step, to: before, place: around.names.place(around.step) });
    u16::try_from(before).into_iter().collect()
}

fn exclusive(node: &Node, report: &mut Report) -> Option<String> {
    const EXPECTED: &str = "a name that steps share which must not run at the same time";
    let name = text(node, EXPECTED, report)?;
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        report.add(node.place, "S0207", EXPECTED, shown(name));
        return None;
    }
    Some(name.to_owned())
}

/// The calendar and its longest opening, if that has an end and there is one at all.
fn calendar(rules: &Rules, step: Place, report: &mut Report) -> (Calendar, Option<Span>) {
    let windows = rules.windows.as_ref().map(|(_, windows)| windows.clone()).unwrap_or_default();
    let calendar = Calendar::new(windows, rules.freezes.clone());
    let longest = calendar.longest_opening();
    if longest != Some(Span::ZERO) {
        return (calendar, longest);
    }
    let place = rules.windows.as_ref().map_or(step, |(place, _)| *place);
    let freezes: Vec<String> = rules.freezes.iter().map(ToString::to_string).collect();
    let found = match freezes.is_empty() {
        true => "windows that never open".to_owned(),
        false => format!("none: closed by {}", freezes.join(", ")),
    };
    report.add(place, "S0222", "a time at which machines may be started", found);
    (calendar, None)
}

/// A machine is started only while what is left of an opening is long enough for it, so an opening that is shorter than
/// what one action may take would let the step wait for ever.
fn check_length(step: &Step, opening: Span, place: Place, report: &mut Report) {
    let bags = step.phases.iter().flat_map(|phase| &phase.bags);
    let longest = bags.map(|bag| (longest_action(bag), &bag.name)).max_by_key(|((_, span), _)| *span);
    let Some(((action, span), bag)) = longest else { return };
    if opening >= span {
        return;
    }
    let expected = format!("an opening of at least {span}, the timeout of `{action}` in bag `{bag}`");
    let problem = report.add(place, "S0223", expected, format!("at most {opening} in one piece"));
    problem.with_hint(format!("lengthen the windows or write `timeouts: {{{action}: {opening}}}`"));
}

/// Complains about steps that wait for each other.
pub(super) fn check_circles(names: &StepNames, links: &[Link], report: &mut Report) {
    let waits: Vec<(usize, usize)> = links.iter().map(|link| (link.from, link.to)).collect();
    for circle in super::order::circles(names.len(), &waits) {
        let name = |at: &usize| names.get(*at).map_or("?".to_owned(), ToString::to_string);
        let shown = circle.iter().chain(circle.first()).map(name).collect::<Vec<_>>().join(" → ");
        let (Some(first), Some(second)) = (circle.first(), circle.get(1).or(circle.first())) else {
            continue;
        };
        let place =
            links.iter().find(|link| link.from == *first && link.to == *second).map(|link| link.place);
        let problem = report.add(
            place.unwrap_or_else(|| names.place(*first)),
            "S0211",
            "steps that do not wait for each other",
            format!("`{shown}`"),
        );
        problem.with_hint("a step without `after` waits for the one before it in the file");
    }
}
