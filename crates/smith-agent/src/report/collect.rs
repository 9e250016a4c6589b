//! Telling the pieces, one after the other.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};
use smith_agent::protocol::{Body, Done, Failure, Outcome, Piece};

use super::pieces::{self, Found, Source};
use crate::files::clean;
use crate::op::Context;

/// A piece is read by a person: its end is what matters.
const PIECE: usize = 256 << 10;

/// A part of a piece. As JSON it becomes at most six times as long, which is within a line of the protocol.
const PART: usize = 64 << 10;

/// All pieces together: 4 MiB are read over a slow line in a minute.
const ALL: u64 = 4 << 20;

/// What cannot be found says so in its own piece: a report never fails because the machine is broken.
pub(crate) fn collect(ctx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let (mut told, mut all) = (Vec::new(), 0);
    let mut sources: VecDeque<(String, Source)> = pieces::all().into();
    ctx.phase("collect");
    while let Some((name, source)) = sources.pop_front() {
        ctx.progress("collect", None, &name);
        let found = pieces::find(ctx, &source)?;
        sources.extend(pieces::after(&name, &found));
        let (text, cut) = text_of(&found);
        let piece = piece(name, &text, cut);
        if all + piece.bytes > ALL {
            ctx.log(format!(
                "the report is long enough: {} and what comes after it are left out",
                piece.name
            ));
            break;
        }
        all += piece.bytes;
        for part in parts(&text) {
            ctx.teller.tell(Body::piece(&piece, part.to_owned()));
        }
        told.push(piece);
    }
    Ok(Outcome::Done(Done::Reported(told)))
}

fn piece(name: String, text: &str, cut: bool) -> Piece {
    let digest = Sha256::digest(text.as_bytes());
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Piece { name, bytes: text.len() as u64, cut, sha256 }
}

/// The text as it is told, and whether only its end is.
fn text_of(found: &Found) -> (String, bool) {
    let text = clean(&found.text);
    if text.len() <= PIECE {
        return (text, found.cut);
    }
    let from = text.ceil_char_boundary(text.len() - PIECE);
    (text[from..].to_owned(), true)
}

/// Never cut within a character.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART));
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_and_together_the_text() {
        let text = "ä".repeat(PART);
        let cut = parts(&text);
        assert!(cut.len() == 2 && cut.iter().all(|part| part.len() <= PART));
        assert_eq!(cut.concat(), text);
        let odd = format!("x{text}");
        assert_eq!((parts(&odd).len(), parts(&odd).concat()), (3, odd.clone()));
        assert_eq!(parts(""), Vec::<&str>::new());
    }

    #[test]
    fn a_piece_is_its_end() {
        let found = Found { text: format!("begin{}end", "ä".repeat(PIECE)), cut: false };
        let (text, cut) = text_of(&found);
        assert!(cut && text.len() <= PIECE && text.len() > PIECE - 2 && text.ends_with("äend"));
    }
}
