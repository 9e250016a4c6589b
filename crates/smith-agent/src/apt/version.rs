//! The order of Debian versions, as dpkg has it.
//!
//! The agent has no other crate of ours below it, so it has its own; dpkg is asked in the tests.

use std::cmp::Ordering;

/// Which of two versions is newer.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let (epoch, rest) = epoch(one);
    let (other_epoch, other_rest) = self::epoch(other);
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let (other_upstream, other_revision) = other_rest.rsplit_once('-').unwrap_or((other_rest, ""));
    epoch
        .cmp(&other_epoch)
        .then_with(|| part(upstream.as_bytes(), other_upstream.as_bytes()))
        .then_with(|| part(revision.as_bytes(), other_revision.as_bytes()))
}

/// Whether a text is made as versions are: what dpkg would not install does not reach a file that apt reads.
pub(crate) fn is_version(text: &str) -> bool {
    /// Longer than any version of Debian or Ubuntu (under 100).
    const LENGTH_MAX: usize = 256;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+-:~".contains(&byte);
    text.len() <= LENGTH_MAX
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(fits)
}

fn epoch(text: &str) -> (u64, &str) {
    match text.split_once(':') {
        Some((epoch, rest)) => epoch.parse().map_or((0, text), |epoch| (epoch, rest)),
        None => (0, text),
    }
}

/// Texts without digits and numbers by turns, from the left.
fn part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    let word = |text: &[u8]| text.iter().take_while(|byte| !byte.is_ascii_digit()).count();
    let number = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    while !one.is_empty() || !other.is_empty() {
        let (mine, rest) = one.split_at(word(one));
        let (theirs, other_rest) = other.split_at(word(other));
        let by_words = words(mine, theirs);
        let (digits, rest) = rest.split_at(number(rest));
        let (other_digits, other_rest) = other_rest.split_at(number(other_rest));
        let by_both = by_words.then_with(|| numbers(digits, other_digits));
        if by_both != Ordering::Equal {
            return by_both;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

/// A tilde comes before the end of a text, letters after it, all else after letters.
fn words(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let longest = one.len().max(other.len());
    (0..longest)
        .map(|at| rank(one.get(at)).cmp(&rank(other.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn numbers(one: &[u8], other: &[u8]) -> Ordering {
    let plain =
        |digits: &[u8]| digits.iter().skip_while(|digit| **digit == b'0').copied().collect::<Vec<u8>>();
    let (one, other) = (plain(one), plain(other));
    one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn dpkg(one: &str, sign: &str, other: &str) -> bool {
        Command::new("dpkg").args(["--compare-versions", one, sign, other]).status().expect("dpkg").success()
    }

    #[test]
    fn the_order_is_that_of_dpkg() {
        let all = [
            "0",
            "00",
            "1.0~rc1",
            "1.0",
            "1.0-0",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1.1",
            "1.0a",
            "1.0+",
            "1.0+b1",
            "9",
            "10",
            "0.17+ds",
            "0.17+ds0",
            "0.17+ds~",
            "0.4.1~",
            "0.4.1~0",
            "1:0",
            "2:0~",
            "99",
            "6.1.0-9",
            "6.1.0-10",
            "1-2-3",
            "1.00",
            "20240203",
            "1.2.3~~",
            "1.2.3~~a",
            "1.2.3~",
        ];
        for one in all {
            for other in all {
                let sign = match compare(one, other) {
                    Ordering::Less => "lt",
                    Ordering::Equal => "eq",
                    Ordering::Greater => "gt",
                };
                assert!(dpkg(one, sign, other), "{one} {sign} {other}");
            }
        }
    }

    #[test]
    fn what_is_no_version_is_told() {
        for good in ["1", "2:4.5.0~rc1+dfsg-1+b1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "a", "1 ", "1\n2", "1*", "1/2", "é"] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
