//! The order of Debian versions, as dpkg has it.
//!
//! Every decision about what is newer, held or downgraded ends here, so the comparison is our own: it works on bytes,
//! allocates nothing, and answers for texts that are no versions too.

use std::cmp::Ordering;
use std::fmt;

/// Longer than any version of Debian or Ubuntu (under 100); it keeps reports readable.
const LENGTH_MAX: usize = 512;

/// What dpkg reads an epoch into.
const EPOCH_MAX: u64 = i32::MAX as u64;

/// A version that dpkg would install. Its order and equality are those of dpkg: `1.0` equals `1.00-0`.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(&'a str);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a version: {expected}; found {found:?}")]
pub struct BadVersion {
    pub expected: &'static str,
    pub found: String,
}

/// What a version is made of. A revision that is missing is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    pub epoch: u64,
    pub upstream: &'a str,
    pub revision: &'a str,
}

impl<'a> Version<'a> {
    pub fn new(text: &'a str) -> Result<Self, BadVersion> {
        match flaw(text) {
            None => Ok(Self(text)),
            Some(expected) => Err(BadVersion { expected, found: text.chars().take(120).collect() }),
        }
    }

    pub fn as_str(&self) -> &'a str {
        self.0
    }

    pub fn parts(&self) -> Parts<'a> {
        parts(self.0)
    }
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        compare(self.0, other.0) == Ordering::Equal
    }
}

impl Eq for Version<'_> {}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

/// Which of two versions is newer. Texts that are no versions have an order too, so that sorting never fails.
pub fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let (one, other) = (parts(one), parts(other));
    one.epoch
        .cmp(&other.epoch)
        .then_with(|| compare_part(one.upstream.as_bytes(), other.upstream.as_bytes()))
        .then_with(|| compare_part(one.revision.as_bytes(), other.revision.as_bytes()))
}

/// What keeps a text from being a version.
fn flaw(text: &str) -> Option<&'static str> {
    if text.len() > LENGTH_MAX {
        return Some("at most 512 bytes");
    }
    let (epoch, rest) = text.split_once(':').map_or((None, text), |(epoch, rest)| (Some(epoch), rest));
    if let Some(epoch) = epoch {
        let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || epoch_of(epoch).is_none_or(|epoch| epoch > EPOCH_MAX) {
            return Some("a number up to 2147483647 before the colon");
        }
    }
    let (upstream, revision) =
        rest.rsplit_once('-').map_or((rest, None), |(upstream, revision)| (upstream, Some(revision)));
    if !upstream.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
        return Some("a digit first");
    }
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".+~".contains(&byte);
    if !upstream.bytes().all(|byte| is_good(byte) || byte == b'-' || byte == b':') {
        return Some("letters, digits and `.+-:~`");
    }
    match revision {
        Some("") => Some("something after the last dash"),
        Some(revision) if !revision.bytes().all(is_good) => {
            Some("letters, digits and `.+~` after the last dash")
        }
        Some(_) | None => None,
    }
}

fn parts(text: &str) -> Parts<'_> {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => match epoch_of(epoch) {
            Some(epoch) => (epoch, rest),
            None => (0, text),
        },
        None => (0, text),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    Parts { epoch, upstream, revision }
}

fn epoch_of(text: &str) -> Option<u64> {
    text.bytes().try_fold(0u64, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

/// Runs of other bytes and runs of digits by turns; a run may be empty. A missing number counts as zero.
fn compare_part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        while starts_with_other(one) || starts_with_other(other) {
            match rank(one.first()).cmp(&rank(other.first())) {
                Ordering::Equal => {}
                unequal @ (Ordering::Less | Ordering::Greater) => return unequal,
            }
            (one, other) = (after_first(one), after_first(other));
        }
        let (number, rest) = split_number(one);
        let (other_number, other_rest) = split_number(other);
        match number.len().cmp(&other_number.len()).then_with(|| number.cmp(other_number)) {
            Ordering::Equal => {}
            unequal @ (Ordering::Less | Ordering::Greater) => return unequal,
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

fn starts_with_other(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// A tilde comes before the end, letters after it, all others after letters.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

fn after_first(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

/// The digits at the front without leading zeros, and what comes after them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    let text = &text[zeros..];
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;

    use super::*;
    use crate::oracle::{indexes_of_this_machine, is_installed};

    /// What dpkg says, for many pairs in one shell: a process each would take minutes.
    fn dpkg(pairs: &[(String, String)]) -> Option<Vec<Ordering>> {
        if !is_installed("dpkg") {
            println!("skipped: dpkg is not on this machine");
            return None;
        }
        let mut script = String::new();
        for (one, other) in pairs {
            script += &format!(
                "dpkg --compare-versions '{one}' lt '{other}' && echo l || \
                 {{ dpkg --compare-versions '{one}' eq '{other}' && echo e || echo g; }}\n"
            );
        }
        let output = Command::new("sh").arg("-c").arg(script).output().expect("a shell");
        let answers: Vec<Ordering> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| match line {
                "l" => Ordering::Less,
                "e" => Ordering::Equal,
                _ => Ordering::Greater,
            })
            .collect();
        assert_eq!(answers.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(answers)
    }

    fn agrees_with_dpkg(pairs: &[(String, String)]) {
        for chunk in pairs.chunks(400) {
            let Some(answers) = dpkg(chunk) else { return };
            for ((one, other), expected) in chunk.iter().zip(answers) {
                assert_eq!(compare(one, other), expected, "{one} {other}");
                assert_eq!(compare(other, one), expected.reverse(), "{other} {one}");
            }
        }
    }

    /// Versions made of what makes the order hard: tildes, zeros, empty numbers, dashes and signs.
    fn version() -> impl Strategy<Value = String> {
        let epoch = proptest::sample::select(vec!["", "", "", "0:", "1:", "01:"]);
        let part = proptest::collection::vec(
            proptest::sample::select(vec![
                "0", "1", "00", "9", "10", "~", "~~", "a", "Z", ".", "+", "-", "ds", "deb12u", "~bpo", "+b",
                "rc",
            ]),
            0..6,
        );
        let revision = proptest::sample::select(vec!["", "", "-0", "-1", "-00", "-1~", "-0+b1", "-~1"]);
        (epoch, 0..3u8, part, revision).prop_map(|(epoch, digit, part, revision)| {
            let text = format!("{epoch}{digit}{}{revision}", part.concat());
            if text.ends_with('-') { text + "1" } else { text }
        })
    }

    #[test]
    fn generated_versions_have_the_order_of_dpkg() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let pairs: Vec<(String, String)> = (0..1500)
            .map(|_| (version(), version()).new_tree(&mut runner).expect("a pair").current())
            .collect();
        for (one, other) in &pairs {
            assert!(Version::new(one).is_ok() && Version::new(other).is_ok(), "{one} {other}");
        }
        agrees_with_dpkg(&pairs);
    }

    /// Sorted by their bytes, so that neighbours are those that differ least.
    fn versions_of_this_machine() -> Vec<String> {
        let mut versions: Vec<String> = Vec::new();
        for index in indexes_of_this_machine() {
            let lines = index.lines().filter_map(|line| line.strip_prefix("Version: "));
            versions.extend(lines.map(str::to_owned));
        }
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    #[test]
    fn versions_of_real_indexes_have_the_order_of_dpkg() {
        let versions = versions_of_this_machine();
        for version in &versions {
            assert!(Version::new(version).is_ok(), "{version}");
        }
        // A process for each pair: some hundreds take a second.
        let step = (versions.len() / 600).max(1);
        let pairs: Vec<(String, String)> =
            versions.windows(2).step_by(step).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        agrees_with_dpkg(&pairs);
    }

    /// All neighbours, and pairs further apart, by dpkg's own library for Perl, which needs one process for all.
    #[test]
    fn all_neighbours_of_real_indexes_have_the_order_of_dpkgs_library() {
        let versions = versions_of_this_machine();
        let pairs: Vec<(&str, &str)> = [1, 2, 17]
            .iter()
            .flat_map(|distance| versions.iter().zip(versions.iter().skip(*distance)))
            .map(|(one, other)| (one.as_str(), other.as_str()))
            .collect();
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("pairs");
        let lines: String = pairs.iter().map(|(one, other)| format!("{one} {other}\n")).collect();
        std::fs::write(&list, lines).expect("written");
        let script = "my ($one, $other) = split; print version_compare($one, $other), qq(\n)";
        let output = Command::new("perl").args(["-MDpkg::Version", "-ne", script]).arg(list).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            println!("skipped: perl and libdpkg-perl are not on this machine");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let answers: Vec<Ordering> =
            text.lines().map(|line| line.parse::<i32>().expect("a number").cmp(&0)).collect();
        assert_eq!(answers.len(), pairs.len());
        for ((one, other), expected) in pairs.into_iter().zip(answers) {
            assert_eq!(compare(one, other), expected, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(one in ".{0,12}", two in "[0-9a~.:+-]{0,8}", three in version()) {
            prop_assert_eq!(compare(&one, &two), compare(&two, &one).reverse());
            let mut all = [one.as_str(), &two, &three];
            all.sort_by(|one, other| compare(one, other));
            prop_assert_ne!(compare(all[0], all[2]), Ordering::Greater);
        }
    }

    #[test]
    fn pairs_that_others_get_wrong() {
        for (lower, higher) in [
            ("0.17+ds~", "0.17+ds"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0+b1"),
            ("1.0a", "1.0+"),
            ("9", "10"),
            ("1:0", "2:0~"),
            ("99", "1:1"),
            ("1-1", "1-1.1"),
            ("1.0-1~bpo12+1", "1.0-1"),
        ] {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
        }
        for (one, other) in
            [("0.17+ds", "0.17+ds0"), ("1", "1-0"), ("0:1", "1"), ("1.00", "1.0"), ("0.4.1~", "0.4.1~0")]
        {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn what_dpkg_would_not_install_is_no_version() {
        for good in ["1", "1:1.0-1", "2:4.5.0~rc1+dfsg-1+b1", "1-2-3", "20240203", "1:2:3"] {
            assert!(Version::new(good).is_ok(), "{good}");
        }
        let long = "1".repeat(600);
        for bad in
            ["", "a1", "1:", ":1", "x:1", "1_2", "1 ", "1-", "-1", "1-1:1", "é", "2147483648:1", "1/2", &long]
        {
            assert!(Version::new(bad).is_err(), "{bad}");
        }
        let version = Version::new("3:1.2-a-4").expect("a version");
        assert_eq!(version.parts(), Parts { epoch: 3, upstream: "1.2-a", revision: "4" });
    }
}
