//! What chat clients make of a line, undone: links, entities, smart quotes, fences, mentions.
//!
//! Cleaning what is clean changes nothing, so that a line that was printed can be sent again.

/// Text as somebody typed it.
pub(super) fn clean(sent: &str) -> String {
    let text: String = sent.chars().filter_map(plain).collect();
    let text = entities(&unlinked(&text));
    let text = without_mention(unfenced(&text).trim_start_matches('`').trim_start());
    // The template of a train is a document; in everything else backquotes only show what is a command.
    match head_of_template(text) {
        Some(_) => text.to_owned(),
        None => text.replace('`', "").trim().to_owned(),
    }
}

/// Where the template of `raise train` begins, if the text is one.
pub(super) fn head_of_template(text: &str) -> Option<usize> {
    let raise = text.get(..5).filter(|word| word.eq_ignore_ascii_case("raise"))?;
    let rest = &text[raise.len()..];
    let train = rest.trim_start();
    let is_apart = train.len() < rest.len();
    let word = train.get(..5).filter(|word| word.eq_ignore_ascii_case("train"))?;
    let after = &train[word.len()..];
    let ends = after.chars().next().is_none_or(|c| c.is_whitespace() || c == ':' || c == '`');
    (is_apart && ends).then_some(text.len() - after.len())
}

/// Characters that look like others, as the others. Those that nobody sees are left out.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => Some('"'),
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' => Some('\''),
        '\r' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe0f}' | '\u{feff}' => None,
        '\n' => Some('\n'),
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        c if c.is_whitespace() || c.is_control() => Some(' '),
        c => Some(c),
    }
}

/// Links as `<https://x|x>` are text again. What is kept of them has no angle brackets, so nothing new comes of it.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let open = if c == '>' { out.rfind(['<', '>']) } else { None };
        let link =
            open.filter(|at| out[*at..].starts_with('<')).and_then(|at| Some((at, link(&out[at + 1..])?)));
        match link {
            Some((at, link)) => out.replace_range(at.., &link),
            None => out.push(c),
        }
    }
    out
}

/// What somebody typed, of what stands between angle brackets; nothing if that is no link.
fn link(inside: &str) -> Option<String> {
    let (target, label) = match inside.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (inside, None),
    };
    if target.is_empty() || target.contains(char::is_whitespace) {
        return None;
    }
    let mut chars = target.chars();
    match chars.next()? {
        sign @ ('@' | '#') => {
            Some(format!("{sign}{}", label.unwrap_or(chars.as_str()).trim_start_matches(sign)))
        }
        '!' => Some(format!("@{}", label.unwrap_or(chars.as_str()).trim_start_matches('@'))),
        _ => {
            let (scheme, rest) = target.split_once(':')?;
            let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphabetic());
            let rest = rest.strip_prefix("//").or(if is_contact(scheme) { Some(rest) } else { None })?;
            if !is_scheme || rest.is_empty() {
                return None;
            }
            // A client that makes a link of what was typed shows what was typed.
            let same = |label: &&str| rest.trim_end_matches('/') == label.trim_end_matches('/');
            let typed = label.filter(|label| is_contact(scheme) || same(label));
            Some(typed.unwrap_or(if is_contact(scheme) { rest } else { target }).to_owned())
        }
    }
}

fn is_contact(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("mailto") || scheme.eq_ignore_ascii_case("tel")
}

fn entities(text: &str) -> String {
    // `&amp;` last: `&amp;lt;` is how `&lt;` is sent.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Text that [`clean`] gives back as it is, wherever in a line it stands.
pub(super) fn guarded(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    // An ampersand that begins nothing needs no guard.
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("&amp;") {
        let (before, after) = (&rest[..at], &rest[at + 5..]);
        out.push_str(before);
        let begins = ["amp;", "lt;", "gt;"].iter().any(|name| after.starts_with(name));
        out.push_str(if begins { "&amp;" } else { "&" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Names of languages that clients put behind a fence.
const LANGUAGES: [&str; 8] = ["bash", "console", "plain", "sh", "shell", "text", "txt", "yaml"];

/// Without fences and backquotes around the whole.
pub(super) fn unfenced(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let fence = ["```", "`"].into_iter().find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark));
        let Some(inside) = fence else { return text };
        text = match inside.split_once('\n') {
            Some((first, rest)) if LANGUAGES.contains(&first.trim()) => rest.trim(),
            Some(_) | None => inside.trim(),
        };
    }
}

/// Without `@bot` in front, and what stands behind it.
fn without_mention(text: &str) -> &str {
    let mut text = text;
    while text.starts_with('@') {
        let rest = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
        text = unfenced(rest.trim_start_matches(|c: char| matches!(c, ':' | ',') || c.is_whitespace()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_do_to_a_line_is_undone() {
        let lines = [
            ("testURL: <https://x.y/z|https://x.y/z>", "testURL: https://x.y/z"),
            ("testURL: <https://x.y/z>", "testURL: https://x.y/z"),
            ("lookup <http://a.example.com|a.example.com>", "lookup a.example.com"),
            ("see <https://x.y/z|the evidence>", "see https://x.y/z"),
            ("by <mailto:ana@x.y|ana@x.y>", "by ana@x.y"),
            ("<@U02|smith>: task\u{a0}status", "task status"),
            ("@smith, @other gaps", "gaps"),
            ("<!here> in <#C1|general>", "in #general"),
            ("reason: \u{201c}don\u{2019}t\u{201d}", "reason: \"don't\""),
            ("```task status```", "task status"),
            ("```text\ntask status\n```", "task status"),
            ("`patch 725 config:x`", "patch 725 config:x"),
            ("smith-status `CHG0268453`", "smith-status CHG0268453"),
            ("lookup number&gt;=5 number<9", "lookup number>=5 number<9"),
            ("lookup number<9 number>5", "lookup number<9 number>5"),
            ("a\u{200b}b\u{feff}", "ab"),
        ];
        for (sent, typed) in lines {
            assert_eq!(clean(sent), typed, "{sent}");
        }
    }

    #[test]
    fn a_template_keeps_its_lines_and_backquotes() {
        assert_eq!(clean("```\nraise train\nTitle: a `b` c\n  d\n```"), "raise train\nTitle: a `b` c\n  d");
        assert_eq!(clean("raise trains `x`"), "raise trains x");
    }

    #[test]
    fn what_is_guarded_comes_back_as_it_was() {
        for text in ["<https://x>", "a & b", "&lt;", "&amp;lt;", "<@U1>", "a < b > c"] {
            assert_eq!(clean(&guarded(text)), text);
        }
        assert_eq!(guarded("a & b"), "a & b");
    }
}
