//! The keys of an OpenPGP keyring, by their fingerprints.
//!
//! What is here decides whom a machine believes, so that a keyring is understood whole or not at all: whoever checks signatures later
//! must not find a key in it that was passed over here.

use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};

/// Of a key of OpenPGP's fourth version, the only one that every apt of the last ten years knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fingerprint([u8; 20]);

/// Packets of a keyring as gpg and others write them.
const SIGNATURE: u8 = 2;
const KEY: u8 = 6;
const TRUST: u8 = 12;
const USER: u8 = 13;
const SUBKEY: u8 = 14;
const ATTRIBUTE: u8 = 17;

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// 40 hexadecimal digits; spaces may stand between them, as people copy them.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a fingerprint of 40 hexadecimal digits, found {text:?}");
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|two| two.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
        if digits.len() != 40 {
            return Err(wrong());
        }
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

/// Every key and subkey of the keyring, in their order.
pub(crate) fn keys_of(mut keyring: &[u8]) -> Result<Vec<Fingerprint>, String> {
    let mut keys = Vec::new();
    while !keyring.is_empty() {
        let (kind, body, rest) = packet(keyring)?;
        match kind {
            KEY | SUBKEY => keys.push(fingerprint(body)?),
            SIGNATURE | TRUST | USER | ATTRIBUTE => {}
            other => return Err(format!("expected packets of a keyring, found one of kind {other}")),
        }
        keyring = rest;
    }
    Ok(keys)
}

fn fingerprint(body: &[u8]) -> Result<Fingerprint, String> {
    if body.first() != Some(&4) {
        return Err("expected keys of version 4, found another".to_owned());
    }
    let length = u16::try_from(body.len()).map_err(|_| "expected a key, found a longer packet".to_owned())?;
    let mut hash = Sha1::new();
    hash.update([0x99]);
    hash.update(length.to_be_bytes());
    hash.update(body);
    Ok(Fingerprint(hash.finalize().into()))
}

/// The first packet's kind and content, and what follows it. Packets whose length is not told at their beginning are for streams.
fn packet(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    let cut = || "expected whole packets, found the keyring's end in the middle of one".to_owned();
    let (&head, rest) = bytes.split_first().ok_or_else(cut)?;
    if head & 0x80 == 0 {
        return Err(format!("expected the beginning of a packet, found the byte 0x{head:02x}"));
    }
    let first = rest.first().copied();
    let (kind, begin, width) = match (head & 0x40 == 0, head & 3, first) {
        (_, _, None) => return Err(cut()),
        (true, 3, _) | (false, _, Some(224..=254)) => {
            return Err("expected packets of known lengths, found one without".to_owned());
        }
        (true, 0, _) => (head >> 2 & 0xf, 0, 1),
        (true, 1, _) => (head >> 2 & 0xf, 0, 2),
        (true, _, _) => (head >> 2 & 0xf, 0, 4),
        (false, _, Some(255)) => (head & 0x3f, 1, 4),
        (false, _, Some(192..=223)) => (head & 0x3f, 0, 2),
        (false, _, Some(_)) => (head & 0x3f, 0, 1),
    };
    let digits = rest.get(begin..begin + width).ok_or_else(cut)?;
    let number = digits.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let is_folded = head & 0x40 != 0 && width == 2;
    let length = if is_folded { number - (192 << 8) + 192 } else { number };
    let (body, rest) = rest[begin + width..].split_at_checked(length).ok_or_else(cut)?;
    Ok((kind, body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_all_lengths() {
        let body = |length: usize| vec![7; length];
        let whole = |head: &[u8], length: usize| {
            let bytes = [head, &body(length), b"rest"].concat();
            let (kind, found, rest) = packet(&bytes).unwrap();
            assert_eq!((found, rest), (body(length).as_slice(), b"rest".as_slice()));
            kind
        };
        assert_eq!(whole(&[0x98, 3], 3), 6);
        assert_eq!(whole(&[0x99, 1, 13], 269), 6);
        assert_eq!(whole(&[0x8a, 0, 1, 0, 0], 65_536), 2);
        assert_eq!(whole(&[0xcd, 191], 191), 13);
        assert_eq!(whole(&[0xcd, 192, 0], 192), 13);
        assert_eq!(whole(&[0xce, 223, 255], 8383), 14);
        assert_eq!(whole(&[0xce, 255, 0, 0, 0, 5], 5), 14);
    }

    #[test]
    fn what_is_not_understood_whole_is_not_at_all() {
        for bad in [
            &b"x"[..],
            &[0x98],
            &[0x98, 5, 4],
            &[0x9b, 1],
            &[0xc6, 225, 4],
            &[0x99, 1],
            &[0xcd, 192],
            &[0xff],
        ] {
            assert!(keys_of(bad).is_err(), "{bad:?}");
        }
        assert_eq!(keys_of(&[0xc8, 0]).unwrap_err(), "expected packets of a keyring, found one of kind 8");
        assert_eq!(keys_of(&[0xc6, 1, 5]).unwrap_err(), "expected keys of version 4, found another");
        assert_eq!(keys_of(&[0xc6, 0]).unwrap_err(), "expected keys of version 4, found another");
    }

    #[test]
    fn fingerprints_as_people_write_them() {
        let text = "9D6D 8F6B C857 C906 AA66  0123 4567 89ab CDEF 0099";
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.to_string(), "9D6D8F6BC857C906AA660123456789ABCDEF0099");
        for bad in ["", "9D6D", &text[1..], "zD6D8F6BC857C906AA660123456789ABCDEF0099", &format!("{text}0")] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
