//! Tables: a header, then one machine a row. Columns that have no meaning of their own become attributes.

use std::collections::BTreeSet;

use smith_domain::id::AttrName;

use super::report::{Place, shown, small};
use super::seen::{Facts, Seen};

enum Column {
    Name,
    Addresses,
    HostKey,
    Attr(AttrName),
    /// Its heading was complained about, or it has none and must be empty.
    Unusable,
}

pub(super) fn read(text: &str, seen: &mut Seen<'_, '_>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut columns: Option<Vec<Column>> = None;
    let mut record = csv::StringRecord::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let place = Place { line: small(lines.line), column: 1 };
                return seen.report.add(place, "S0141", "a row of values", error.to_string());
            }
        }
        let start = record.position().map_or(0, csv::Position::byte);
        let places = lines.places(usize::try_from(start).unwrap_or(usize::MAX));
        match &columns {
            None => {
                columns = header(&record, &places, seen);
                if columns.is_none() {
                    return;
                }
            }
            Some(columns) => machine(&record, &places, columns, seen),
        }
    }
    if columns.is_none() {
        seen.report.add(Place::START, "S0142", "a header with the column `name`", "an empty file");
    }
}

/// Goes through the text beside the reader, which knows where a row begins but not where its values do.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The places of the values of the row that begins at or, behind empty lines, after `start`.
    fn places(&mut self, start: usize) -> Vec<Place> {
        let bytes = self.text.as_bytes();
        let start = start.clamp(self.at, bytes.len());
        let empty = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += bytes[self.at..start + empty].iter().filter(|byte| **byte == b'\n').count();
        self.at = start + empty;
        let place = |line: usize, column: usize| Place { line: small(line), column: small(column) };
        let (mut line, mut column, mut quoted) = (self.line, 1, false);
        let mut places = vec![place(line, column)];
        for c in self.text.get(self.at..).unwrap_or("").chars() {
            column += 1;
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => places.push(place(line, column)),
                '\n' if quoted => (line, column) = (line + 1, 1),
                '\r' | '\n' if !quoted => break,
                _ => {}
            }
        }
        places
    }
}

/// The place of a value; quotation marks inside of a value can make the two readers count differently.
fn nth(places: &[Place], at: usize) -> Place {
    places.get(at).or(places.last()).copied().unwrap_or(Place::START)
}

fn header(record: &csv::StringRecord, places: &[Place], seen: &mut Seen<'_, '_>) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (at, heading) in record.iter().enumerate() {
        let place = nth(places, at);
        let word = heading.trim().to_lowercase().replace(char::is_whitespace, "-");
        let column = match word.as_str() {
            "name" | "machine" | "hostname" => Column::Name,
            "address" | "addresses" | "ip" => Column::Addresses,
            "host-key" | "host_key" => Column::HostKey,
            "" => Column::Unusable,
            other => seen.attr_name(other, place).map_or(Column::Unusable, Column::Attr),
        };
        let meaning = match &column {
            Column::Name => "name".to_owned(),
            Column::Addresses => "addresses".to_owned(),
            Column::HostKey => "host-key".to_owned(),
            Column::Attr(attr) => attr.to_string(),
            Column::Unusable => String::new(),
        };
        if !meaning.is_empty() && !known.insert(meaning.clone()) {
            let found = format!("{meaning} again, as {}", shown(heading));
            seen.report.add(place, "S0144", "each column once", found);
        }
        columns.push(column);
    }
    if columns.iter().any(|column| matches!(column, Column::Name)) {
        return Some(columns);
    }
    let whole: Vec<&str> = record.iter().collect();
    let whole = whole.join(",");
    let expected = "a header with the column `name`";
    if whole.contains([';', '\t']) {
        seen.report.hint(nth(places, 0), "S0142", expected, shown(&whole), "columns are separated by commas");
    } else {
        seen.report.add(nth(places, 0), "S0142", expected, shown(&whole));
    }
    None
}

fn machine(record: &csv::StringRecord, places: &[Place], columns: &[Column], seen: &mut Seen<'_, '_>) {
    let fields = record.len();
    if fields != columns.len() {
        let place = nth(places, fields.min(columns.len()));
        let hint = "a value with a comma or a line break in it stands between quotation marks";
        let found = format!("{fields}");
        return seen.report.hint(place, "S0142", format!("{} values in a row", columns.len()), found, hint);
    }
    let mut facts = Facts::default();
    let mut name = None;
    for (at, (field, column)) in record.iter().zip(columns).enumerate() {
        let (value, place) = (field.trim(), nth(places, at));
        match column {
            Column::Name => name = seen.name(value, place),
            _ if value.is_empty() => {}
            Column::Addresses => {
                let parts = value.split([' ', ';', ',', '\n', '\r']).filter(|part| !part.is_empty());
                parts.for_each(|address| seen.address(&mut facts, address, place));
            }
            Column::HostKey => seen.host_key(&mut facts, value, place),
            Column::Attr(attr) => seen.attr(&mut facts, attr.clone(), value, place),
            Column::Unusable => {
                seen.report.add(place, "S0142", "nothing in a column without a heading", shown(value));
            }
        }
    }
    if let Some(name) = name {
        seen.add(name, facts, nth(places, 0));
    }
}
