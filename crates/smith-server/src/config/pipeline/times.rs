//! Windows and freezes.

use smith_domain::calendar::{
    Freeze, FreezeError, TimeTextError, Times, Window, WindowError, Zone, parse_freeze_dates, parse_times,
};

use crate::config::fields::Fields;
use crate::config::near::nearest;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Kind, Node};
use crate::config::value::{full_list, list, one_or_more, text};

/// Windows of one zone, several of them, or `always`.
pub(super) fn windows(node: &Node, report: &mut Report) -> Option<Vec<Window>> {
    const EXPECTED: &str = "`always`, or windows such as `{zone: Europe/Berlin, open: Mon-Thu 22:00-04:00}`";
    if let Kind::Text { text, .. } = &node.kind
        && text == "always"
    {
        return Some(Vec::new());
    }
    let groups = match &node.kind {
        Kind::List(_) => full_list(node, EXPECTED, report)?.iter().collect(),
        Kind::Map(_) => vec![node],
        Kind::Text { .. } => {
            report.add(node.place, "S0206", EXPECTED, crate::config::fields::found(node));
            return None;
        }
    };
    let mut windows = Vec::new();
    let mut good = true;
    for group in groups {
        match group_of_windows(group, report) {
            Some(more) => windows.extend(more),
            None => good = false,
        }
    }
    good.then_some(windows)
}

fn group_of_windows(node: &Node, report: &mut Report) -> Option<Vec<Window>> {
    const EXPECTED: &str = "times such as `Mon-Thu 22:00-04:00`";
    let mut fields = Fields::open(node, "windows", report)?;
    let zone = fields.need("zone").and_then(|node| zone(node, report));
    let open = fields.need("open");
    fields.close(report);
    let open = open?;
    let items = match &open.kind {
        Kind::List(_) => full_list(open, EXPECTED, report)?.iter().collect(),
        Kind::Text { .. } | Kind::Map(_) => one_or_more(open, EXPECTED, report)?,
    };
    let times: Vec<Option<(Place, Times)>> = items
        .into_iter()
        .map(|item| {
            let written = text(item, EXPECTED, report)?;
            let times = parse_times(written).map_err(|error| bad_time(item.place, &error, report)).ok()?;
            Some((item.place, times))
        })
        .collect();
    let zone = zone?;
    times
        .into_iter()
        .map(|times| times.and_then(|(place, times)| window(place, &zone, times, report)))
        .collect()
}

fn window(place: Place, zone: &Zone, times: Times, report: &mut Report) -> Option<Window> {
    match Window::new(zone.clone(), times) {
        Ok(window) => Some(window),
        Err(WindowError::Empty { from, to }) => {
            let problem =
                report.add(place, "S0222", "a window that ends after it starts", format!("{from} to {to}"));
            problem.with_hint("the whole day is `00:00-24:00`");
            None
        }
        Err(WindowError::NoDays) => {
            report.add(place, "S0222", "at least one day of the week", "none");
            None
        }
    }
}

/// Freezes. One that names no zone takes that of the windows beside it, if they have only one.
pub(super) fn freezes(node: &Node, windows: &[Window], report: &mut Report) -> Option<Vec<Freeze>> {
    let items = list(node, "a list of freezes", report)?;
    let beside = match windows.first() {
        Some(first) if windows.iter().all(|window| window.zone() == first.zone()) => Some(first.zone()),
        Some(_) | None => None,
    };
    let freezes: Vec<Freeze> = items.iter().filter_map(|item| freeze(item, beside, report)).collect();
    if freezes.len() == items.len() { Some(freezes) } else { None }
}

fn freeze(node: &Node, beside: Option<&Zone>, report: &mut Report) -> Option<Freeze> {
    let mut fields = Fields::open(node, "a freeze", report)?;
    let place = fields.place();
    let reason = fields.need("reason").and_then(|node| text(node, "why nothing may be started", report));
    let from = fields.need("from");
    let to = fields.need("to");
    let own = fields.take("zone").map(|node| zone(node, report));
    fields.close(report);
    let from =
        from.and_then(|node| text(node, "a date such as `2026-12-20` or, every year, `12-20`", report));
    let to_place = to.map_or(place, |node| node.place);
    let to = to.and_then(|node| text(node, "a date such as `2027-01-03` or, every year, `01-03`", report));
    let zone = match (own, beside) {
        (Some(own), _) => own?,
        (None, Some(beside)) => beside.clone(),
        (None, None) => {
            let problem = report.add(place, "S0224", "the zone that the dates are meant in", "no `zone`");
            problem.with_hint("write for example `zone: UTC`");
            return None;
        }
    };
    let dates = parse_freeze_dates(from?, to?).map_err(|error| bad_time(place, &error, report)).ok()?;
    match Freeze::new(zone, reason?, dates) {
        Ok(freeze) => Some(freeze),
        Err(FreezeError::Empty { from, to }) => {
            report.add(to_place, "S0222", "a freeze that ends after it starts", format!("{from} to {to}"));
            None
        }
        Err(FreezeError::TooLong { from, to }) => {
            let found = format!("{from} to {to}");
            let problem = report.add(to_place, "S0222", "a freeze of at most 366 days", found);
            problem.with_hint("check the year; a pipeline that rests for longer can be taken away");
            None
        }
        Err(FreezeError::NoReason) => {
            report.add(place, "S0207", "a reason that people can read", "empty text");
            None
        }
    }
}

pub(in crate::config) fn zone(node: &Node, report: &mut Report) -> Option<Zone> {
    const EXPECTED: &str = "the name of a time zone such as `Europe/Berlin` or `UTC`";
    let written = text(node, EXPECTED, report)?;
    match Zone::new(written) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names = Zone::names();
            let city = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
            // People often know the city alone.
            let by_city = names.iter().find(|name| city(name).eq_ignore_ascii_case(&city(written)));
            let meant =
                by_city.map(String::as_str).or_else(|| nearest(written, names.iter().map(String::as_str)));
            report.add(node.place, "S0220", EXPECTED, shown(written)).suggest(meant);
            None
        }
    }
}

fn bad_time(place: Place, error: &TimeTextError, report: &mut Report) {
    report.add(place, "S0221", error.expected, shown(&error.found));
}
