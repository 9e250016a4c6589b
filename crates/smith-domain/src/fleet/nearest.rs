//! Names that somebody who typed another one may have meant.

use super::natural::natural_cmp;

/// Suggestions given for one name: more would be a list to read, not a help.
const SUGGESTED: usize = 3;

/// The names that are nearest to what was typed, the nearest first.
pub(super) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // One slip for each four characters: `wokrer` finds `worker`, `abc` does not find `xyz`.
    let mut most = typed.len().div_ceil(4).min(3);
    let mut best: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let Some(distance) = distance(typed.as_bytes(), name.as_bytes(), most) else { continue };
        let place =
            best.partition_point(|(d, n)| (*d).cmp(&distance).then_with(|| natural_cmp(n, name)).is_lt());
        if best.get(place).is_some_and(|(_, known)| *known == name) {
            continue;
        }
        best.insert(place, (distance, name));
        best.truncate(SUGGESTED);
        if let [.., (worst, _)] = best.as_slice() {
            // From now on only names at least as near are of interest, which most comparisons find out early.
            most = if best.len() == SUGGESTED { *worst } else { most };
        }
    }
    best.into_iter().map(|(_, name)| name).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours, if at most `most` are needed.
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let prefix = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        if next.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|d| *d <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found() {
        let names =
            ["prod-dal10-carrier3-worker-1001", "prod-dal10-carrier3-worker-1002", "prod-lon04-haproxy-01"];
        let near = |typed: &str| nearest(typed, names.into_iter());
        assert_eq!(near("prod-dal10-carrier3-wroker-1002"), [names[1], names[0]]);
        assert_eq!(near("prod-lon04-haproxy01"), [names[2]]);
        assert!(near("completely-else").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (a, b, d) in [("kitten", "sitting", 3), ("ab", "ba", 1), ("", "abc", 3), ("abc", "abc", 0)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes(), 5), Some(d), "{a} {b}");
        }
        assert_eq!(distance(b"kitten", b"sitting", 2), None);
    }
}
