//! Names that become parts of paths. What comes from outside is checked here, once, and cannot leave its folder.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longer than any path of Debian or Ubuntu (under 300), shorter than what Linux takes (4,096).
const PATH_MAX: usize = 1024;

/// What a file system takes for one part of a path.
const PART_MAX: usize = 255;

/// Long enough for people, short enough for a table.
const NAME_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct BadName {
    pub expected: &'static str,
    pub found: String,
}

impl BadName {
    fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(120).collect() }
    }
}

/// The number of a build. People say it: "patch 725".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BuildNumber(pub u32);

impl fmt::Display for BuildNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for BuildNumber {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(number) if is_plain && number > 0 => Ok(Self(number)),
            Ok(_) | Err(_) => Err(BadName::new("the number of a build, from 1", text)),
        }
    }
}

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            pub fn new(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(BadName::new($expected, text)) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl AsRef<Path> for $name {
            fn as_ref(&self) -> &Path {
                Path::new(&*self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_name!(
    /// What an upstream is called; its repository lies in a folder of this name.
    UpstreamName,
    "a name of letters, digits, dots and dashes, up to 64, that starts with a letter or digit",
    is_plain
);

text_name!(
    /// What a channel is called: `prod`.
    ChannelName,
    "a name of letters, digits, dots and dashes, up to 64, that starts with a letter or digit, is no number and does not \
     end in .json",
    |text| is_plain(text) && !text.ends_with(".json") && !text.bytes().all(|byte| byte.is_ascii_digit())
);

text_name!(
    /// What a mirror is called.
    MirrorName,
    "a name of letters, digits, dots and dashes, up to 64, that starts with a letter or digit",
    is_plain
);

text_name!(
    /// A suite as an apt source names it: `bookworm`, `bookworm-updates`, `stable/updates`; `./` for a flat repository.
    SuiteName,
    "a suite: parts of letters, digits and `.-_+~` joined by slashes, or `./` for a flat repository",
    |text| text == "./" || is_path(text.trim_end_matches('/'), is_suite_byte)
);

text_name!(
    /// A component or an architecture as a source names it: `main`, `non-free-firmware`, `amd64`.
    PartName,
    "a component or architecture: letters, digits and `.-_+~`, possibly joined by slashes",
    |text| is_path(text, is_suite_byte)
);

text_name!(
    /// A path below a folder of ours. It has no part that leads out of it.
    RelPath,
    "a relative path without empty parts, `.`, `..`, control characters or backslashes, up to 1024 bytes",
    RelPath::is_one
);

fn is_plain(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn is_suite_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte)
}

fn is_path(text: &str, byte_is_good: impl Fn(u8) -> bool) -> bool {
    let part_is_good = |part: &str| {
        !part.is_empty()
            && part.len() <= PART_MAX
            && part != "."
            && part != ".."
            && part.bytes().all(&byte_is_good)
    };
    text.len() <= PATH_MAX && text.split('/').all(part_is_good)
}

impl RelPath {
    /// Whether a text is such a path.
    pub(crate) fn is_one(text: &str) -> bool {
        is_path(text, |byte| byte >= 0x20 && byte != 0x7f && byte != b'\\')
    }

    /// Where it lies below a folder.
    pub fn below(&self, folder: &Path) -> PathBuf {
        folder.join(&*self.0)
    }

    /// This path with another one below it.
    pub fn join(&self, below: &str) -> Result<Self, BadName> {
        Self::new(&format!("{}/{below}", self.0))
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

impl SuiteName {
    /// A flat repository has no `dists` and no components.
    pub fn is_flat(&self) -> bool {
        self.0.ends_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_folder() {
        for good in ["a", "pool/main/a/a_1%3a2.deb", "pool/main/libc++/x", "a/..b/c", "é/ü"] {
            assert!(RelPath::new(good).is_ok(), "{good}");
        }
        let long = "a/".repeat(600) + "a";
        let wide = "a".repeat(256);
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\0b", &long,
            &wide,
        ] {
            assert!(RelPath::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn suites_may_have_slashes_and_be_flat() {
        for good in ["bookworm", "bookworm-updates", "stable/updates", "./", "noble~x/"] {
            assert!(SuiteName::new(good).is_ok(), "{good}");
        }
        assert!(SuiteName::new("./").is_ok_and(|suite| suite.is_flat()));
        for bad in ["", "/", "../x", "a b", "a/../b", "$(x)"] {
            assert!(SuiteName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn builds_have_plain_numbers() {
        assert_eq!("725".parse(), Ok(BuildNumber(725)));
        for bad in ["", "0", "-1", "+1", "7 ", "4294967296", "abc"] {
            assert!(bad.parse::<BuildNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_channel_is_neither_a_build_nor_a_file_beside_it() {
        assert!(ChannelName::new("prod-2").is_ok());
        for bad in ["725", "prod.json", ".prod"] {
            assert!(ChannelName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_plain() {
        for bad in ["", ".", "..", "-a", "a/b", "a b", "a_b", &"a".repeat(65)] {
            assert!(UpstreamName::new(bad).is_err(), "{bad}");
        }
        assert!(UpstreamName::new("debian-12.security").is_ok());
    }
}
