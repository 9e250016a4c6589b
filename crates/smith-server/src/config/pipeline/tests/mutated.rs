//! Every key and value of right files, made wrong in every way: the answer is a pipeline or problems with places.

use proptest::prelude::*;

use super::*;
use crate::config::report::Report;
use crate::config::tree::{self, Entry, Kind, Node, Style};

/// Writes a tree as YAML again, a line for each key and entry.
fn write(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.kind {
        Kind::Text { text, style: Style::Plain } if text.is_empty() => out.push('\n'),
        Kind::Text { text, style: Style::Plain } => *out += &format!(" {text}\n"),
        Kind::Text { text, .. } => *out += &format!(" {text:?}\n"),
        Kind::List(items) if items.is_empty() => *out += " []\n",
        Kind::Map(entries) if entries.is_empty() => *out += " {}\n",
        Kind::List(items) => {
            out.push('\n');
            for item in items {
                *out += &format!("{indent}-");
                write(item, depth + 1, out);
            }
        }
        Kind::Map(entries) => {
            out.push('\n');
            for entry in entries {
                *out += &format!("{indent}{}:", entry.key);
                write(&entry.value, depth + 1, out);
            }
        }
    }
}

fn written(node: &Node) -> String {
    let mut out = String::new();
    write(node, 0, &mut out);
    out
}

fn plain(text: &str) -> Kind {
    Kind::Text { text: text.to_owned(), style: Style::Plain }
}

/// Values of every type and of every kind of wrongness.
fn others() -> Vec<Kind> {
    let place = crate::config::report::Place::START;
    let item = Node { place, kind: plain("x") };
    let texts = [
        "",
        "~",
        "0",
        "-1",
        "7",
        "1.5",
        "101%",
        "100%",
        "yes",
        "true",
        "x y",
        "ü",
        "é: ",
        "24h",
        "99999999999999999999",
    ];
    let quoted = ["", " ", "\\", "a\nb", "Mon 22:00-22:00", "a and (b", "role:", "start of x", "2026-02-30"];
    let mut kinds: Vec<Kind> = texts.iter().map(|text| plain(text)).collect();
    kinds.extend(quoted.iter().map(|text| Kind::Text { text: (*text).to_owned(), style: Style::Quoted }));
    kinds.push(Kind::List(Vec::new()));
    kinds.push(Kind::List(vec![item.clone(), item.clone()]));
    kinds.push(Kind::Map(Vec::new()));
    kinds.push(Kind::Map(vec![Entry { key: "x".to_owned(), place, value: item }]));
    kinds
}

/// Calls back with the whole tree after each single mutation below the node.
fn mutations(root: &mut Node, path: &mut Vec<usize>, each: &mut impl FnMut(&Node)) {
    let kind = at(root, path).kind.clone();
    for other in others() {
        at(root, path).kind = other;
        each(root);
    }
    at(root, path).kind = kind.clone();
    match kind {
        Kind::Text { .. } => {}
        Kind::List(items) => {
            for index in 0..items.len() {
                with_list(root, path, each, |items| drop(items.remove(index)));
                with_list(root, path, each, |items| items.push(items[index].clone()));
                path.push(index);
                mutations(root, path, each);
                path.pop();
            }
        }
        Kind::Map(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                with_map(root, path, each, |entries| drop(entries.remove(index)));
                with_map(root, path, each, |entries| entries.push(entries[index].clone()));
                with_map(root, path, each, |entries| entries[index].key.push('x'));
                with_map(root, path, each, |entries| entries[index].key.truncate(1));
                with_map(root, path, each, |entries| entries[index].key = entry.key.to_uppercase());
                with_map(root, path, each, |entries| entries.swap(0, index));
                path.push(index);
                mutations(root, path, each);
                path.pop();
            }
        }
    }
}

fn at<'n>(root: &'n mut Node, path: &[usize]) -> &'n mut Node {
    path.iter().fold(root, |node, index| match &mut node.kind {
        Kind::List(items) => &mut items[*index],
        Kind::Map(entries) => &mut entries[*index].value,
        Kind::Text { .. } => unreachable!("a path goes through lists and maps"),
    })
}

fn with_list(
    root: &mut Node,
    path: &[usize],
    each: &mut impl FnMut(&Node),
    change: impl FnOnce(&mut Vec<Node>),
) {
    let before = at(root, path).kind.clone();
    if let Kind::List(items) = &mut at(root, path).kind {
        change(items);
    }
    each(root);
    at(root, path).kind = before;
}

fn with_map(
    root: &mut Node,
    path: &[usize],
    each: &mut impl FnMut(&Node),
    change: impl FnOnce(&mut Vec<Entry>),
) {
    let before = at(root, path).kind.clone();
    if let Kind::Map(entries) = &mut at(root, path).kind {
        change(entries);
    }
    each(root);
    at(root, path).kind = before;
}

/// Every problem stands inside the file and says something.
fn check(bytes: &[u8]) -> Result<(), String> {
    let Err(problems) = load("f.yaml", bytes) else { return Ok(()) };
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
    if problems.0.is_empty() {
        return Err("no problem".to_owned());
    }
    for problem in &problems.0 {
        let line = usize::try_from(problem.line).expect("line") - 1;
        let column = usize::try_from(problem.column).expect("column");
        let inside = lines.get(line).is_some_and(|length| (1..=length + 1).contains(&column))
            || (lines.is_empty() && line == 0 && column == 1);
        let says = !problem.expected.trim().is_empty() && !problem.found.trim().is_empty();
        let known = problem.code.starts_with("S02") && problem.file == "f.yaml";
        if !inside || !says || !known || problem.found == "one that cannot" {
            return Err(format!("{problem}\n{text}"));
        }
    }
    Ok(())
}

#[test]
fn each_single_mutation_is_a_pipeline_or_problems_with_places() {
    let mut count = 0;
    for (name, text) in EXAMPLES.into_iter().chain([("everything.yaml", EVERYTHING)]) {
        let mut report = Report::new(name, text.as_bytes());
        let mut root = tree::read(text.as_bytes(), &mut report).expect("a right file");
        load(name, written(&root).as_bytes())
            .unwrap_or_else(|problems| panic!("{problems}\n{}", written(&root)));
        mutations(&mut root, &mut Vec::new(), &mut |root| {
            count += 1;
            if let Err(wrong) = check(written(root).as_bytes()) {
                panic!("{name}: {wrong}");
            }
        });
    }
    assert!(count > 10_000, "{count} mutations");
}

#[test]
fn a_key_that_is_taken_away_or_misspelt_is_never_overlooked() {
    let mut report = Report::new("everything.yaml", EVERYTHING.as_bytes());
    let mut root = tree::read(EVERYTHING.as_bytes(), &mut report).expect("a right file");
    let mut keys = 0;
    misspell(&mut root, &mut Vec::new(), &mut |root, key| {
        keys += 1;
        assert!(load("f.yaml", written(root).as_bytes()).is_err(), "{key} is overlooked\n{}", written(root));
    });
    assert!(keys > 100, "{keys} keys");
}

/// Renames each key but those that people choose: environments.
fn misspell(root: &mut Node, path: &mut Vec<usize>, each: &mut impl FnMut(&Node, &str)) {
    match at(root, path).kind.clone() {
        Kind::Text { .. } => {}
        Kind::List(items) => {
            for index in 0..items.len() {
                path.push(index);
                misspell(root, path, each);
                path.pop();
            }
        }
        Kind::Map(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let key = entry.key.clone();
                if key != "prestage" {
                    let mut call = |root: &Node| each(root, &key);
                    with_map(root, path, &mut call, |entries| entries[index].key.push('x'));
                }
                path.push(index);
                misspell(root, path, each);
                path.pop();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn damaged_files_are_answered(
        which in 0..=EXAMPLES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u8>()), 1..4),
    ) {
        let text = EXAMPLES.get(which).map_or(EVERYTHING, |(_, text)| text);
        let mut bytes = text.as_bytes().to_vec();
        for (index, how, byte) in damage {
            // Nothing is left to be damaged, and an empty file is answered like any other.
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match how {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, byte),
                2 => bytes[at] = b"\t:-[]{}&*!|>'\"%#@` \n"[usize::from(byte) % 20],
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Err(wrong) = check(&bytes) {
            prop_assert!(false, "{}", wrong);
        }
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}", lines in prop::collection::vec("[ a-z:\\-{}\\[\\]\"'&*!|>]{0,20}", 0..10)) {
        for text in [text, lines.join("\n")] {
            if let Err(wrong) = check(text.as_bytes()) {
                prop_assert!(false, "{}", wrong);
            }
        }
    }
}
