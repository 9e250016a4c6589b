//! The frame of an `InRelease`: a text that can be read, and signatures behind it.
//!
//! Exactly one frame, and nothing before or after it: clients have been fooled by text that stood outside.

use pgp::armor::BlockType;

use crate::pgp::{VerifyError, armor};

/// Debian's largest is 220 KiB; what is larger is not looked at.
const MESSAGE_MAX: usize = 8 * 1024 * 1024;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// A message taken apart. Nothing of it is believed yet.
#[derive(Debug)]
pub struct ClearSigned {
    /// The signed lines, each with a line feed.
    pub text: Vec<u8>,
    /// The same as it was hashed: with CR and LF between the lines, without blanks at their ends.
    pub canonical: Vec<u8>,
    /// The signatures' packets.
    pub signatures: Vec<u8>,
}

impl ClearSigned {
    pub fn parse(message: &[u8]) -> Result<Self, VerifyError> {
        if message.len() > MESSAGE_MAX {
            return Err(VerifyError::TooLong { limit: MESSAGE_MAX, found: message.len() });
        }
        if !message.starts_with(BEGIN) {
            // Whoever puts text before the frame wants it to be taken for signed; without a frame there is no signature.
            let is_framed = memchr::memmem::find(message, BEGIN).is_some();
            return Err(if is_framed {
                frame(1, "nothing before the signed message", b"")
            } else {
                VerifyError::NoSignature
            });
        }
        let mut lines = Lines { rest: message, number: 0 };
        lines.next_line()?;
        headers(&mut lines)?;
        let mut text = Vec::with_capacity(message.len());
        loop {
            let line =
                lines.next_line()?.ok_or_else(|| frame(lines.number, "a signature behind the text", b""))?;
            if line == SIGNATURE_BEGIN {
                break;
            }
            let line =
                unescaped(line).ok_or_else(|| frame(lines.number, "a line with its dashes escaped", line))?;
            text.extend_from_slice(without_blanks(line));
            text.push(b'\n');
        }
        let block_start = message.len() - lines.rest.len() - SIGNATURE_BEGIN.len() - 1;
        loop {
            let line =
                lines.next_line()?.ok_or_else(|| frame(lines.number, "the end of the signature", b""))?;
            if line == SIGNATURE_END {
                break;
            }
        }
        if !lines.rest.trim_ascii().is_empty() {
            return Err(frame(lines.number + 1, "nothing behind the signature", lines.rest));
        }
        let block = &message[block_start..message.len() - lines.rest.len()];
        let signatures = armor::decode(block, &BlockType::Signature)
            .ok_or_else(|| frame(lines.number, "a signature in ASCII armor", b""))?;
        Ok(Self { canonical: canonical(&text), text, signatures })
    }
}

struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Result<Option<&'a [u8]>, VerifyError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(frame(self.number, "lines that end with a line feed alone", line));
        }
        Ok(Some(line))
    }
}

/// Only `Hash:` may stand before the empty line: gpg and apt refuse all others, since they are not signed.
fn headers(lines: &mut Lines<'_>) -> Result<(), VerifyError> {
    loop {
        let number = lines.number + 1;
        let line = lines.next_line()?.ok_or_else(|| frame(number, "an empty line before the text", b""))?;
        if line.is_empty() {
            return Ok(());
        }
        let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-, ".contains(byte);
        match line.strip_prefix(b"Hash: ") {
            Some(names) if !names.is_empty() && names.iter().all(is_good) => {}
            Some(_) | None => return Err(frame(number, "the header `Hash:` or an empty line", line)),
        }
    }
}

fn unescaped(line: &[u8]) -> Option<&[u8]> {
    if line.starts_with(b"-") { line.strip_prefix(b"- ") } else { Some(line) }
}

/// Blanks at the ends of lines are not signed, as mail programs used to add them.
fn without_blanks(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    &line[..end]
}

/// The last line's end is not part of what is signed.
pub(super) fn canonical(text: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(text.len() + text.len() / 40);
    for (number, line) in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical.extend_from_slice(line);
    }
    canonical
}

/// A message in its frame. The text has neither carriage returns nor blanks at the ends of lines.
pub(super) fn write(text: &str, hashes: &str, signature_block: &str) -> String {
    let mut message = String::with_capacity(text.len() + signature_block.len() + 200);
    message.push_str("-----BEGIN PGP SIGNED MESSAGE-----\nHash: ");
    message.push_str(hashes);
    message.push_str("\n\n");
    for line in text.lines() {
        if line.starts_with('-') {
            message.push_str("- ");
        }
        message.push_str(line);
        message.push('\n');
    }
    message.push_str(signature_block);
    message
}

fn frame(line: usize, expected: &'static str, found: &[u8]) -> VerifyError {
    let found = String::from_utf8_lossy(&found[..found.len().min(80)]).into_owned();
    VerifyError::Frame { line, expected, found }
}
