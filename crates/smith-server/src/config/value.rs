//! Single values: text, names, numbers, lengths of time, words out of a few.

use smith_domain::id::BadName;
use smith_domain::pipeline::{Amount, Who};
use smith_domain::time::Span;

use super::fields::{found, is_nothing};
use super::near::nearest;
use super::report::{Place, Report, shown};
use super::tree::{Kind, Node, Style};

/// The text of a scalar; complains about lists, maps and nothing.
pub(super) fn text<'n>(node: &'n Node, expected: &str, report: &mut Report) -> Option<&'n str> {
    match &node.kind {
        Kind::Text { text, style: Style::Plain } if is_nothing(text.trim()) => {
            report.add(node.place, "S0206", expected, "nothing");
            None
        }
        Kind::Text { text, .. } => Some(text.trim()),
        Kind::List(_) | Kind::Map(_) => {
            report.add(node.place, "S0206", expected, found(node));
            None
        }
    }
}

/// A line that people read.
pub(super) fn title(node: &Node, report: &mut Report) -> Option<String> {
    /// What fits on two lines of a terminal and into the title of a ticket.
    const LONGEST: usize = 200;
    let title = text(node, "a title", report)?;
    if title.is_empty() || title.chars().count() > LONGEST || title.chars().any(char::is_control) {
        let expected = format!("a title on one line, of at most {LONGEST} characters");
        report.add(node.place, "S0207", expected, shown(title));
        return None;
    }
    Some(title.to_owned())
}

/// A name with a type of its own.
pub(super) fn name<T>(
    node: &Node,
    what: &str,
    new: impl Fn(String) -> Result<T, BadName>,
    report: &mut Report,
) -> Option<T> {
    let text = text(node, what, report)?;
    checked_name(text, node.place, what, new, report)
}

pub(super) fn checked_name<T>(
    text: &str,
    place: Place,
    what: &str,
    new: impl Fn(String) -> Result<T, BadName>,
    report: &mut Report,
) -> Option<T> {
    match new(text.to_owned()) {
        Ok(name) => Some(name),
        Err(error) => {
            report.add(place, "S0207", what, shown(text)).with_hint(error.to_string());
            None
        }
    }
}

/// A list, or one value that stands for a list of one.
pub(super) fn one_or_more<'n>(node: &'n Node, expected: &str, report: &mut Report) -> Option<Vec<&'n Node>> {
    match &node.kind {
        Kind::Text { text, style: Style::Plain } if is_nothing(text) => {
            report.add(node.place, "S0206", expected, "nothing");
            None
        }
        Kind::Text { .. } | Kind::Map(_) => Some(vec![node]),
        Kind::List(items) => Some(items.iter().collect()),
    }
}

/// A list; complains about everything else. It may be empty.
pub(super) fn list<'n>(node: &'n Node, expected: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        Kind::Text { .. } | Kind::Map(_) => {
            report.add(node.place, "S0206", expected, found(node));
            None
        }
    }
}

/// A list with something in it.
pub(super) fn full_list<'n>(node: &'n Node, expected: &str, report: &mut Report) -> Option<&'n [Node]> {
    let items = list(node, expected, report)?;
    if items.is_empty() {
        report.add(node.place, "S0212", expected, "an empty list");
        return None;
    }
    Some(items)
}

/// One of a few words.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&str, T)], report: &mut Report) -> Option<T> {
    let expected = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let text = text(node, &expected, report)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let problem = report.add(node.place, "S0215", expected, shown(text));
    problem.suggest(nearest(text, words.iter().map(|(word, _)| *word)));
    None
}

/// `yes` or `no`; whoever is used to `true` and `false` may go on.
pub(super) fn yes_or_no<T: Copy>(node: &Node, yes: T, no: T, report: &mut Report) -> Option<T> {
    match &node.kind {
        Kind::Text { text, .. } if text == "true" => Some(yes),
        Kind::Text { text, .. } if text == "false" => Some(no),
        Kind::Text { .. } | Kind::List(_) | Kind::Map(_) => word(node, &[("yes", yes), ("no", no)], report),
    }
}

/// A whole number of a range.
pub(super) fn number(node: &Node, range: std::ops::RangeInclusive<u32>, report: &mut Report) -> Option<u32> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    let text = text(node, &expected, report)?;
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && range.contains(&number) => Some(number),
        _ => {
            report.add(node.place, if digits { "S0208" } else { "S0207" }, expected, shown(text));
            None
        }
    }
}

/// Whether nothing at all is a sensible amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

/// A number or a percentage.
pub(super) fn amount(node: &Node, zero: Zero, report: &mut Report) -> Option<Amount> {
    let lowest = if zero == Zero::Refused { 1 } else { 0 };
    let expected = format!("a whole number from {lowest}, or a percentage from {lowest}% to 100%");
    let text = text(node, &expected, report)?;
    let digits = text.strip_suffix('%').unwrap_or(text).trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match Amount::parse(text) {
        Ok(Amount::Count(0) | Amount::Percent(0)) if zero == Zero::Refused => {
            report.add(node.place, "S0208", expected, shown(text));
            None
        }
        Ok(amount) if is_number => Some(amount),
        Ok(_) | Err(_) => {
            report.add(node.place, if is_number { "S0208" } else { "S0207" }, expected, shown(text));
            None
        }
    }
}

/// A length of time: `90s`, `15m`, `24h`, `1d 12h`. Never zero.
pub(super) fn span(node: &Node, longest: Span, report: &mut Report) -> Option<Span> {
    let expected = format!("a length of time such as `90s`, `15m`, `24h` or `1d 12h`, at most {longest}");
    let text = text(node, &expected, report)?;
    match parse_span(text) {
        Some(span) if span != Span::ZERO && span <= longest => Some(span),
        Some(_) => {
            report.add(node.place, "S0208", expected, shown(text));
            None
        }
        None => {
            let problem = report.add(node.place, "S0207", expected, shown(text));
            if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
                problem.with_hint(format!("say the unit: `{text}s`, `{text}m` or `{text}h`"));
            }
            None
        }
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let mut total: u64 = 0;
    let mut longest_left = u64::MAX;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest[digits..].bytes().next()? {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        // Each unit once, the long ones first: `12h 1d` is more likely a slip than meant.
        if unit >= longest_left {
            return None;
        }
        longest_left = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest[digits + 1..].trim_start();
    }
    total.checked_mul(1000).map(Span)
}

/// People and roles. Never empty.
pub(super) fn who(node: &Node, report: &mut Report) -> Option<Who> {
    const EXPECTED: &str = "people (`alice`) or roles (`role:sre-lead`), at least one";
    let items = one_or_more(node, EXPECTED, report)?;
    if items.is_empty() {
        report.add(node.place, "S0216", EXPECTED, "nobody");
        return None;
    }
    let mut names = Vec::new();
    for item in &items {
        let Some(entry) = text(item, EXPECTED, report) else { continue };
        let name = entry.strip_prefix("role:").unwrap_or(entry);
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
        if name.is_empty() {
            report.add(item.place, "S0216", EXPECTED, shown(entry));
        } else if !name.chars().all(allowed) {
            report.add(item.place, "S0207", EXPECTED, shown(entry));
        } else {
            names.push(entry.to_owned());
        }
    }
    if names.len() == items.len() { Some(Who(names)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("24h", 86_400), ("1d 12h", 129_600), ("1h30m", 5_400), ("0s", 0)]
        {
            assert_eq!(parse_span(text), Some(Span::secs(seconds)), "{text}");
        }
        for bad in
            ["", "24", "h", "1.5h", "-1h", "1h 1h", "30m 1h", "1w", "24 h", "99999999999999999999h", "1hé"]
        {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }
}
