//! The name of a key that cannot be forged.

use std::fmt;
use std::str::FromStr;

use pgp::types::KeyDetails;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 40 upper-case hexadecimal digits, or 64 for keys of version 6, as gpg writes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Box<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a fingerprint of 40 or 64 hexadecimal digits, found {found:?}")]
pub struct BadFingerprint {
    pub found: String,
}

impl Fingerprint {
    pub(super) fn of(key: &impl KeyDetails) -> Self {
        Self(format!("{:X}", key.fingerprint()).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// People copy fingerprints with the blanks that gpg puts between the digits.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let digits: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hex && matches!(digits.len(), 40 | 64) {
            true => Ok(Self(digits.into())),
            false => Err(BadFingerprint { found: text.chars().take(120).collect() }),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_people_copy_them() {
        let plain = "4CB50190207B4758A3F73A796ED0E7B82643E131";
        let spaced = "4cb5 0190 207b 4758 a3f7  3a79 6ed0 e7b8 2643 e131";
        assert_eq!(spaced.parse::<Fingerprint>().expect("a fingerprint").as_str(), plain);
        for bad in ["", "6ED0E7B82643E131", &plain.replace('4', "g"), &format!("0x{plain}"), &"0".repeat(41)]
        {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
