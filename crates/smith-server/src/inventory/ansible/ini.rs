//! The INI notation: `[group]`, `[group:children]`, `[group:vars]`.

use super::super::report::{Place, shown, small};
use super::super::seen::Seen;
use super::groups::{Groups, Vars, check_group};
use super::range::expand;

#[derive(Clone, Copy)]
enum Kind {
    Hosts,
    Children,
    Vars,
}

/// A word and after how many characters of its line it stands.
type Word = (usize, String);

pub(in super::super) fn read(text: &str, seen: &mut Seen<'_, '_>) {
    let mut groups = Groups::default();
    let (mut group, mut kind) = ("ungrouped".to_owned(), Kind::Hosts);
    for (number, line) in text.lines().enumerate() {
        let start = Place { line: small(number + 1), column: 1 };
        let indent = line.len() - line.trim_start().len();
        let place = start.plus(line[..indent].chars().count());
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(inner) = content.strip_prefix('[') {
            match section(inner, place, seen) {
                Some((name, of)) => {
                    groups.group(&name);
                    (group, kind) = (name, of);
                }
                // Every line of a section without a name would be complained about.
                None => return,
            }
            continue;
        }
        match kind {
            Kind::Hosts => hosts(content, place, &group, &mut groups, seen),
            Kind::Children => {
                let name = content.split(" #").next().unwrap_or("").trim();
                check_group(name, place, seen);
                groups.group(name);
                groups.group(&group).children.insert(name.to_owned(), place);
            }
            Kind::Vars => {
                let vars = variable(content, place, seen);
                groups.group(&group).vars.extend(vars);
            }
        }
    }
    if seen.report.is_clean() {
        groups.finish(seen);
    }
}

/// The name and kind of a section, from behind its `[`.
fn section(inner: &str, place: Place, seen: &mut Seen<'_, '_>) -> Option<(String, Kind)> {
    let Some((head, rest)) = inner.split_once(']') else {
        let at = place.plus(inner.chars().count() + 1);
        seen.report.add(at, "S0141", "`]` at the end of the section's name", "the end of the line");
        return None;
    };
    let rest = rest.trim();
    if !(rest.is_empty() || rest.starts_with(['#', ';'])) {
        let at = place.plus(head.chars().count() + 2);
        seen.report.add(at, "S0141", "nothing behind a section's name", shown(rest));
        return None;
    }
    let (name, kind) = match head.rsplit_once(':') {
        None => (head, Kind::Hosts),
        Some((name, "children")) => (name, Kind::Children),
        Some((name, "vars")) => (name, Kind::Vars),
        Some((name, other)) => {
            let at = place.plus(name.chars().count() + 2);
            seen.report.add(at, "S0142", "`children` or `vars` behind the colon", shown(other));
            return None;
        }
    };
    check_group(name.trim(), place.plus(1), seen);
    Some((name.trim().to_owned(), kind))
}

fn hosts(content: &str, place: Place, group: &str, groups: &mut Groups, seen: &mut Seen<'_, '_>) {
    let words = match words(content) {
        Ok(words) => words,
        Err(offset) => {
            return seen.report.add(
                place.plus(offset),
                "S0141",
                "a closing quotation mark",
                "the end of the line",
            );
        }
    };
    let Some(((_, pattern), rest)) = words.split_first() else { return };
    let mut vars = Vars::new();
    for (offset, word) in rest {
        let at = place.plus(*offset);
        match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                vars.insert(key.to_owned(), (value.to_owned(), at));
            }
            Some(_) | None => {
                let hint = "variables of a host are written without spaces: rack=r12";
                seen.report.hint(at, "S0143", "a variable as key=value", shown(word), hint);
            }
        }
    }
    match expand(without_port(pattern)) {
        Ok(names) => names.iter().for_each(|name| groups.host(group, name, place, vars.clone())),
        Err(bad) => seen.report.add(place.plus(bad.offset), "S0145", bad.expected, bad.found),
    }
}

/// `host:2222`; a colon inside brackets belongs to a range, and several colons to an address.
fn without_port(pattern: &str) -> &str {
    let Some((host, port)) = pattern.rsplit_once(':') else { return pattern };
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if host.matches('[').count() != host.matches(']').count() {
        return pattern;
    }
    let mut outside = host.split(']').filter_map(|part| part.split('[').next());
    if is_port && !outside.any(|part| part.contains(':')) { host } else { pattern }
}

fn variable(content: &str, place: Place, seen: &mut Seen<'_, '_>) -> Vars {
    match content.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            let value = value.trim();
            let value =
                ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(value);
            [(key.trim().to_owned(), (value.to_owned(), place))].into()
        }
        Some(_) | None => {
            seen.report.add(place, "S0143", "a variable as key=value", shown(content));
            Vars::new()
        }
    }
}

/// Words as a shell would cut them, up to a comment; the error is the place of a mark without its partner.
fn words(content: &str) -> Result<Vec<Word>, usize> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<(char, usize)> = None;
    let mut between = true;
    for (offset, c) in content.chars().enumerate() {
        match open {
            Some((mark, _)) if c == mark => open = None,
            None if c.is_whitespace() => between = true,
            None if between && c == '#' => break,
            Some(_) | None => {
                if std::mem::take(&mut between) {
                    words.push((offset, String::new()));
                }
                if open.is_none() && matches!(c, '"' | '\'') {
                    open = Some((c, offset));
                } else if let Some((_, word)) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    match open {
        Some((_, offset)) => Err(offset),
        None => Ok(words),
    }
}
