//! The formats, how they are told apart, and the one way into all of them.

use std::collections::BTreeSet;
use std::fmt;

use smith_domain::fleet::{SourceName, SourceReading};
use smith_domain::id::AttrName;

use crate::problem::Problems;

use super::report::{Place, Report, small};
use super::seen::Seen;
use super::tree::{Kind, Node, read_json, read_yaml};
use super::{ansible, csv, http_sd, own};

/// Bytes of one file: a million machines at 250 bytes each.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Our own: machines and groups in YAML.
    Smith,
    Csv,
    AnsibleIni,
    AnsibleYaml,
    /// What `ansible-inventory --list` prints.
    AnsibleJson,
    /// Prometheus' HTTP service discovery.
    HttpSd,
}

/// Which attributes are taken besides the well-known ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    All,
    Only(BTreeSet<AttrName>),
}

/// One source as text.
#[derive(Debug, Clone)]
pub struct SourceText<'a> {
    pub name: SourceName,
    pub precedence: i32,
    /// The name of the file, for complaints and to tell the format.
    pub file: &'a str,
    pub bytes: &'a [u8],
    pub format: Option<Format>,
    /// `None` for what is usual in the format.
    pub labels: Option<Labels>,
}

impl Format {
    pub const ALL: [Format; 6] = [
        Format::Smith,
        Format::Csv,
        Format::AnsibleIni,
        Format::AnsibleYaml,
        Format::AnsibleJson,
        Format::HttpSd,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Format::Smith => "smith",
            Format::Csv => "csv",
            Format::AnsibleIni => "ansible-ini",
            Format::AnsibleYaml => "ansible-yaml",
            Format::AnsibleJson => "ansible-json",
            Format::HttpSd => "http-sd",
        }
    }

    pub fn from_word(word: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Variables of Ansible hold passwords as often as racks, and what is taken is journaled for ever. So from there
    /// only well-known attributes are taken unless more are named.
    pub fn usual_labels(self) -> Labels {
        match self {
            Format::Smith | Format::Csv | Format::HttpSd => Labels::All,
            Format::AnsibleIni | Format::AnsibleYaml | Format::AnsibleJson => Labels::Only(BTreeSet::new()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The kinds of files, as their names tell them.
enum Family {
    Yaml,
    Json,
    Csv,
    Ini,
}

/// Reads one source, or says everything that is wrong in it.
pub fn parse(source: &SourceText<'_>) -> Result<SourceReading, Problems> {
    let mut report = Report::new(source.file);
    let machines = utf8(source.bytes, &mut report).and_then(|text| {
        let (format, tree) = format_of(source, text, &mut report)?;
        let usual = format.usual_labels();
        let labels = source.labels.as_ref().unwrap_or(&usual);
        let mut seen = Seen::new(&mut report, labels);
        match (format, &tree) {
            (Format::Csv, _) => csv::read(text, &mut seen),
            (Format::AnsibleIni, _) => ansible::read_ini(text, &mut seen),
            (Format::Smith, Some(tree)) => own::read(tree, &mut seen),
            (Format::AnsibleYaml, Some(tree)) => ansible::read_yaml(tree, &mut seen),
            (Format::AnsibleJson, Some(tree)) => ansible::read_json(tree, &mut seen),
            (Format::HttpSd, Some(tree)) => http_sd::read(tree, &mut seen),
            (Format::Smith | Format::AnsibleYaml | Format::AnsibleJson | Format::HttpSd, None) => {
                return None;
            }
        }
        Some(seen.into_machines())
    });
    let machines = report.finish(machines)?;
    Ok(SourceReading { name: source.name.clone(), precedence: source.precedence, machines })
}

/// Text that is not too long, without its byte order mark.
pub(super) fn utf8<'a>(bytes: &'a [u8], report: &mut Report<'_>) -> Option<&'a str> {
    if bytes.len() > MAX_BYTES {
        let expected = format!("a file of at most {} MiB", MAX_BYTES >> 20);
        report.add(Place::START, "S0140", expected, format!("{} MiB", bytes.len() >> 20));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let last = before.rsplit('\n').next().unwrap_or("");
            let line = small(before.matches('\n').count() + 1);
            let place = Place { line, column: small(last.chars().count() + 1) };
            let found = format!("the byte 0x{:02x}", bytes[error.valid_up_to()]);
            report.add(place, "S0141", "text in UTF-8", found);
            None
        }
    }
}

/// The format that was asked for, or the one that name and content tell, with the tree where it has one.
fn format_of(source: &SourceText<'_>, text: &str, report: &mut Report<'_>) -> Option<(Format, Option<Node>)> {
    if let Some(format) = source.format {
        let tree = match format {
            Format::Csv | Format::AnsibleIni => None,
            Format::Smith | Format::AnsibleYaml => Some(read_yaml(text, report)?),
            // What a service answers in JSON is also written down in YAML, as Prometheus allows for its files.
            Format::AnsibleJson | Format::HttpSd => match family(source.file) {
                Some(Family::Yaml) => Some(read_yaml(text, report)?),
                Some(Family::Json | Family::Csv | Family::Ini) | None => Some(read_json(text, report)?),
            },
        };
        return Some((format, tree));
    }
    match family(source.file) {
        Some(Family::Csv) => Some((Format::Csv, None)),
        Some(Family::Ini) => Some((Format::AnsibleIni, None)),
        Some(Family::Json) => {
            let tree = read_json(text, report)?;
            let format = if tree.items().is_some() { Format::HttpSd } else { Format::AnsibleJson };
            Some((format, Some(tree)))
        }
        Some(Family::Yaml) => {
            let tree = read_yaml(text, report)?;
            let format = if is_ansible(&tree) { Format::AnsibleYaml } else { Format::Smith };
            Some((format, Some(tree)))
        }
        None => {
            let words: Vec<&str> = Format::ALL.iter().map(|format| format.word()).collect();
            let expected = "a file name that tells the format: .yaml, .yml, .json, .csv or .ini";
            let hint = format!("say which it is: format: {}", words.join(", "));
            report.hint(Place::START, "S0147", expected, format!("`{}`", source.file), hint);
            None
        }
    }
}

fn family(file: &str) -> Option<Family> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file).to_ascii_lowercase();
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("yaml" | "yml") => Some(Family::Yaml),
        Some("json") => Some(Family::Json),
        Some("csv") => Some(Family::Csv),
        Some("ini") => Some(Family::Ini),
        None if matches!(name.as_str(), "hosts" | "inventory") => Some(Family::Ini),
        Some(_) | None => None,
    }
}

/// Ansible's groups are maps with `hosts`, `children` or `vars`; ours stand under `machines` and `groups`.
fn is_ansible(tree: &Node) -> bool {
    let Some(entries) = tree.entries() else { return false };
    let ours = entries.iter().any(|entry| matches!(entry.key.as_str(), "machines" | "groups"));
    let group = |node: &Node| match &node.kind {
        Kind::Map(keys) => keys.iter().any(|key| matches!(key.key.as_str(), "hosts" | "children" | "vars")),
        Kind::Nothing | Kind::Text(_) | Kind::List(_) => false,
    };
    !ours && entries.iter().any(|entry| entry.key == "all" || group(&entry.value))
}
