//! Names that become paths, links and host names: what is not a letter, digit or dash never gets that far.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A link's name has 15 letters at most: `sm-`, the lab, `-` and the number of a machine.
const LAB_NAME_MAX: usize = 8;

/// What Linux takes as a host name.
const MACHINE_NAME_MAX: usize = 63;

/// Far more than any release of Debian or Ubuntu is called.
const SUITE_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct BadName {
    expected: &'static str,
    found: String,
}

macro_rules! name {
    ($(#[$docs:meta])* $name:ident, $max:expr, $expected:literal) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                if is_word(text, $max) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName { expected: $expected, found: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// A lab; several can be up beside each other.
    LabName,
    LAB_NAME_MAX,
    "a name of at most 8 small letters, digits and dashes"
);
name!(
    /// A machine of a lab, which is also its host name.
    MachineName,
    MACHINE_NAME_MAX,
    "the name of a machine: at most 63 small letters, digits and dashes"
);
name!(
    /// A release as its archive calls it: `bookworm`.
    Suite,
    SUITE_MAX,
    "the name of a release such as bookworm"
);

/// Whether a text could be the name of a machine, or a word in one.
pub(crate) fn is_name(text: &str) -> bool {
    is_word(text, MACHINE_NAME_MAX)
}

fn is_word(text: &str, max: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= max
        && is_plain(*first)
        && is_plain(*last)
        && bytes.iter().all(|&byte| is_plain(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder_and_fits_a_link() {
        for bad in ["", "-a", "a-", "..", "a/b", "a b", "A", "a.b", "a:b", "ninelette"] {
            assert!(bad.parse::<LabName>().is_err(), "{bad:?}");
        }
        for good in ["a", "lab", "e2e-1", "eightlet"] {
            assert_eq!(good.parse::<LabName>().map(String::from), Ok(good.to_owned()));
        }
        assert!("prod-syd01-carrier1-worker-1001".parse::<MachineName>().is_ok());
        assert!("a".repeat(64).parse::<MachineName>().is_err());
    }
}
