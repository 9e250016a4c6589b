//! Signatures that were made elsewhere, beside the file that they are of.
//!
//! A signature over a text, as `gpg --textmode` makes it, hashes every line with its end. The frame of a signed message
//! leaves out the end of the last line; so the same signature is good in a frame whose text has one empty line more, which
//! says nothing at the end of a Release.

use pgp::armor::BlockType;
use pgp::packet::{PacketTrait, SignatureType};
use pgp::ser::Serialize;

use crate::pgp::verify::{packets, signatures};
use crate::pgp::{VerifyError, armor, cleartext};

/// The signatures of one file, taken apart. Nothing of them is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    packets: Vec<u8>,
    kind: DetachedKind,
    /// The digests, as the frame of a message names them.
    digests: String,
}

/// What was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetachedKind {
    /// The bytes.
    Binary,
    /// The lines.
    Text,
}

struct Raw<'a>(&'a [u8]);

impl Detached {
    /// Armored or not.
    pub fn parse(signature: &[u8]) -> Result<Self, VerifyError> {
        let packets = packets(signature)?;
        let all = signatures(&packets)?;
        let is_text = all.iter().all(|one| one.typ() == Some(SignatureType::Text));
        let mut digests: Vec<String> =
            all.iter().filter_map(|one| one.hash_alg()).map(|digest| digest.to_string()).collect();
        digests.sort_unstable();
        digests.dedup();
        // Written anew, so that nothing but signatures is passed on.
        let mut clean = Vec::with_capacity(packets.len());
        for one in &all {
            let written = one.to_writer_with_header(&mut clean);
            written.map_err(|error| VerifyError::Form { found: error.to_string() })?;
        }
        let kind = if is_text { DetachedKind::Text } else { DetachedKind::Binary };
        Ok(Self { packets: clean, kind, digests: digests.join(", ") })
    }

    pub fn kind(&self) -> DetachedKind {
        self.kind
    }

    /// Without armor, as `build.json.sig` is.
    pub fn binary(&self) -> &[u8] {
        &self.packets
    }

    /// As `Release.gpg` is.
    pub fn armored(&self) -> Result<String, VerifyError> {
        let text = armor::encode(&Raw(&self.packets), BlockType::Signature);
        text.map_err(|error| VerifyError::Form { found: error.to_string() })
    }

    /// The text in a frame with these signatures, which are good there if they are of the kind for text.
    pub fn framed(&self, text: &str) -> Result<String, VerifyError> {
        Ok(cleartext::write(&format!("{text}\n"), &self.digests, &self.armored()?))
    }
}

impl Serialize for Raw<'_> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        Ok(writer.write_all(self.0)?)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}
