//! The text form of keys and signatures.

use std::io::Read as _;

use pgp::armor::{BlockType, Dearmor};
use pgp::ser::Serialize;

/// What stands between the two lines of a block, decoded.
pub(super) fn decode(block: &[u8], kind: &BlockType) -> Option<Vec<u8>> {
    let mut dearmor = Dearmor::new(block);
    dearmor.read_header().ok()?;
    if dearmor.typ.as_ref() != Some(kind) {
        return None;
    }
    let mut bytes = Vec::new();
    dearmor.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The blocks of a kind in a text, from their first line to their last, and what stands around them.
pub(super) fn blocks<'a>(text: &'a [u8], name: &str) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    let (begin, end) = (format!("-----BEGIN {name}-----"), format!("-----END {name}-----"));
    let (mut blocks, mut around, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some(start) = memchr::memmem::find(rest, begin.as_bytes()) {
        let Some(length) = memchr::memmem::find(&rest[start..], end.as_bytes()) else { break };
        let after = start + length + end.len();
        around.push(&rest[..start]);
        blocks.push(&rest[start..after]);
        rest = &rest[after..];
    }
    around.push(rest);
    (blocks, around)
}

/// Without version, comment or checksum, none of which says anything.
pub(super) fn encode(source: &impl Serialize, kind: BlockType) -> pgp::errors::Result<String> {
    let mut bytes = Vec::new();
    pgp::armor::write(source, kind, &mut bytes, None, true)?;
    String::from_utf8(bytes).map_err(|error| error.utf8_error().into())
}
