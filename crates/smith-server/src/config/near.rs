//! The word that was probably meant.

/// The candidate nearest to what was typed, if any is near enough to be what was meant.
///
/// Case and the choice between `-`, `_` and a space do not count; two letters that changed places count once.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer words are no typing errors of names; comparing them would only cost time.
    const LONGEST: usize = 64;
    let typed = plain(typed);
    if typed.is_empty() || typed.len() > LONGEST {
        return None;
    }
    // One slip in short words, one for every three letters in longer ones.
    let allowed = (typed.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> Vec<char> {
    let same = |c: char| if matches!(c, '_' | ' ') { '-' } else { c.to_ascii_lowercase() };
    word.chars().map(same).collect()
}

/// Letters to insert, leave out, replace or swap with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let words = ["machines", "parallel", "if-empty", "take"];
        assert_eq!(nearest("machine", words), Some("machines"));
        assert_eq!(nearest("paralell", words), Some("parallel"));
        assert_eq!(nearest("IF_EMPTY", words), Some("if-empty"));
        assert_eq!(nearest("tkae", words), Some("take"));
        assert_eq!(nearest("owner", words), None);
        assert_eq!(nearest("", words), None);
    }
}
