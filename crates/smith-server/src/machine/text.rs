//! What machines say, made harmless before a person, a journal or a terminal sees it.
//!
//! A machine may be hostile. What it says is shown beside our own words, so nothing in it may move the cursor, begin a line of its
//! own, turn the direction of reading or fill a screen.

use serde_json::Value;
use smith_agent::protocol::{Body, Reply};
use smith_domain::plain::{HARMLESS, is_unseen};

/// Of one text: what an agent writes at most into a line of its log, a phase or a message.
const TEXT_MAX: usize = 4 << 10;

/// One line of at most [`TEXT_MAX`] bytes: the same text, where it is harmless.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(in_a_line).collect();
    if line.len() > TEXT_MAX {
        line.truncate(line.floor_char_boundary(TEXT_MAX));
        line.push('…');
    }
    line
}

/// The same for every text of a reply. A piece of a report is a file of several lines, and as long as a reply may be.
pub(super) fn harmless(reply: Reply) -> serde_json::Result<Reply> {
    if let Body::Piece { name, text } = reply.body {
        let body = Body::Piece { name: one_line(&name), text: lines(&text) };
        return Ok(Reply { body, ..reply });
    }
    // By way of JSON no text is forgotten, not even one of a field that is added one day.
    let mut value = serde_json::to_value(&reply.body)?;
    clean(&mut value);
    Ok(Reply { body: serde_json::from_value(value)?, ..reply })
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.len() > TEXT_MAX || text.chars().any(|c| in_a_line(c) != c) {
                *text = one_line(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ends of lines are those of this computer: a return alone would write over what stands before it.
fn lines(text: &str) -> String {
    let whole = text.replace("\r\n", "\n");
    whole
        .chars()
        .map(|c| {
            if c == '\r' {
                '\n'
            } else if matches!(c, '\n' | '\t') {
                c
            } else {
                in_a_line(c)
            }
        })
        .collect()
}

fn in_a_line(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || is_unseen(c) => HARMLESS,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use smith_agent::protocol::{
        Cause, Done, Facts, Failure, Finding, Healed, Outcome, Package, Patched, Phase, Refusal,
    };

    use super::*;

    /// Colours, a second line, C1's own CSI, and an override of the direction.
    const BAD: &str = "a\u{1b}[2J\nb\u{9b}31m\u{202e}c\r\td";
    const GOOD: &str = "a�[2J b�31m�c  d";

    fn body(body: Body) -> Body {
        harmless(Reply { seq: 1, at_ms: 1, body }).unwrap().body
    }

    #[test]
    fn no_text_of_a_reply_is_obeyed_by_a_terminal() {
        let phase = |text: &str| {
            Body::Phase(Phase { step: text.to_owned(), percent: Some(1), text: text.to_owned() })
        };
        assert_eq!(body(phase(BAD)), phase(GOOD));
        let log = |text: &str| Body::Log { text: text.to_owned() };
        assert_eq!(body(log(BAD)), log(GOOD));
        let refused = |text: &str| Body::Refused(Refusal::CannotKeep { message: text.to_owned() });
        assert_eq!(body(refused(BAD)), refused(GOOD));
        let failed = |text: &str| {
            let finding =
                Finding { text: text.to_owned(), tail: vec![text.to_owned()], ..Finding::default() };
            let health = Healed { findings: vec![finding], ..Healed::default() };
            let mut failure = Failure::new(Cause::Unhealthy, text);
            failure.tail = vec![text.to_owned()];
            failure.health = Some(health);
            Body::Ended(Outcome::Failed(failure))
        };
        assert_eq!(body(failed(BAD)), failed(GOOD));
        let facts = |text: &str| {
            let facts = Facts { hostname: text.to_owned(), holds: vec![text.to_owned()], ..Facts::default() };
            Body::Ended(Outcome::Done(Done::Facts(Box::new(facts))))
        };
        assert_eq!(body(facts(BAD)), facts(GOOD));
        let patched = |text: &str| {
            let package = Package { name: text.to_owned(), ..Package::default() };
            let patched =
                Patched { held: vec![package], reboot: vec![text.to_owned()], ..Patched::default() };
            Body::Ended(Outcome::AlreadySo(Done::Patched(Box::new(patched))))
        };
        assert_eq!(body(patched(BAD)), patched(GOOD));
    }

    #[test]
    fn a_piece_keeps_its_lines() {
        let piece = |name: &str, text: &str| Body::Piece { name: name.to_owned(), text: text.to_owned() };
        let text = "one\r\n\ttwo\n10 %\r20 %\u{1b}]0;title\u{7}\n";
        assert_eq!(body(piece("a\nb", text)), piece("a b", "one\n\ttwo\n10 %\n20 %�]0;title�\n"));
        let long = "x".repeat(3 * TEXT_MAX);
        assert_eq!(body(piece("a", &long)), piece("a", &long));
    }

    #[test]
    fn what_is_harmless_stays_and_what_is_long_is_cut() {
        let text = "überträgt 100 % – ok “so” 漢字";
        assert_eq!(one_line(text), text);
        let long = one_line(&"ä".repeat(TEXT_MAX));
        assert!(long.len() <= TEXT_MAX + 3 && long.ends_with("ä…"), "{}", long.len());
    }
}
