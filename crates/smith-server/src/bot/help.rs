//! `help`, and `help WORD`.

use super::key::KEYS;
use super::parse::begins;
use super::verb::{VERBS, Verb};
use crate::config::nearest;
use crate::verbs::{Denied, Kind};

pub(super) fn overview() -> String {
    let mut lines = vec!["I understand:".to_owned()];
    lines.extend(VERBS.iter().map(|verb| format!("`{}` – {}", verb.form, verb.about)));
    lines.push("`help WORD` shows one of them with examples.".to_owned());
    lines.join("\n")
}

/// One verb, or everything that has a key or a word in its name.
pub(super) fn about(word: &str) -> Result<String, Denied> {
    // The first word of several commands stands for all of them, also where it is one by itself.
    let is_first = VERBS.iter().flat_map(Verb::names).any(|name| begins(name, word));
    let is_it = |verb: &&Verb| verb.name == word || (!is_first && verb.others.contains(&word));
    if let Some(verb) = VERBS.iter().find(is_it) {
        return Ok(one(verb));
    }
    let part = |verb: &&Verb| {
        verb.names().any(|name| name.split([' ', '-']).any(|part| part == word))
            || verb.keys.iter().any(|key| key.name().eq_ignore_ascii_case(word))
    };
    let parts: Vec<String> = VERBS.iter().filter(part).map(one).collect();
    if !parts.is_empty() {
        return Ok(parts.join("\n\n"));
    }
    let known = VERBS.iter().map(|verb| verb.name).chain(KEYS.map(|key| key.name()));
    let hint = match nearest(word, known) {
        Some(near) => format!("did you mean `help {near}`?"),
        None => "`help` lists them all".to_owned(),
    };
    let short: String = word.chars().take(60).collect();
    let text = format!("expected a command, found `{short}`");
    Err(Denied::new(Kind::NotFound, "S0419", text).with_hint(hint))
}

fn one(verb: &Verb) -> String {
    let mut lines = vec![format!("`{}` – {}", verb.form, verb.about)];
    lines.extend(verb.keys.iter().map(|key| format!("   {}: {}", key.name(), key.what())));
    lines.push("For example:".to_owned());
    lines.extend(verb.examples.iter().map(|example| (*example).to_owned()));
    lines.join("\n")
}
