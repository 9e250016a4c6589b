//! Ranges in host names: `web[01:50]`, `web[1:9:2]`, `db-[a:f]`.

/// Hosts of one line. Ansible itself has no bound; ten thousand hosts are the largest group seen in one line.
pub(super) const MAX_HOSTS: usize = 10_000;

/// Digits of a number with zeros in front. A number of hosts has ten at most.
const WIDTH_MAX: usize = 20;

/// What is wrong, and after how many characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRange {
    pub(super) offset: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

/// All names that a pattern stands for, in order; one where there is no range in it.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, BadRange> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    loop {
        let offset = |part: &str| pattern[..pattern.len() - part.len()].chars().count();
        let bad = |part: &str, expected: &str, found: &str| BadRange {
            offset: offset(part),
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let Some(open) = rest.find('[') else {
            names.iter_mut().for_each(|name| name.push_str(rest));
            return Ok(names);
        };
        let inner = &rest[open + 1..];
        let Some(close) = inner.find(']') else { return Err(bad("", "`]`", "the end of the name")) };
        let range = &inner[..close];
        let items = items(range)
            .ok_or_else(|| bad(inner, "a range such as 01:50, 1:9:2 or a:f", &format!("`{range}`")))?;
        if names.len().saturating_mul(items.len()) > MAX_HOSTS {
            let expected = format!("at most {MAX_HOSTS} hosts in one line");
            return Err(bad(&rest[open..], &expected, "more"));
        }
        let before = &rest[..open];
        names =
            names.iter().flat_map(|name| items.iter().map(move |n| format!("{name}{before}{n}"))).collect();
        rest = &inner[close + 1..];
    }
}

fn items(range: &str) -> Option<Vec<String>> {
    let mut parts = range.split(':');
    let (first, last) = (parts.next()?, parts.next()?);
    let step: usize = parts.next().map_or(Some(1), |step| step.parse().ok())?;
    if parts.next().is_some() || step == 0 {
        return None;
    }
    if let ([from @ b'a'..=b'z'], [to @ b'a'..=b'z']) | ([from @ b'A'..=b'Z'], [to @ b'A'..=b'Z']) =
        (first.as_bytes(), last.as_bytes())
    {
        let letters: Vec<String> = (*from..=*to).step_by(step).map(|c| char::from(c).to_string()).collect();
        return (!letters.is_empty()).then_some(letters);
    }
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    // Nothing before the colon means zero.
    let (from, to) = (if first.is_empty() { 0 } else { number(first)? }, number(last)?);
    let width = if first.starts_with('0') { first.len() } else { 0 };
    if width > WIDTH_MAX {
        return None;
    }
    // One more than the bound is enough to see that it is exceeded.
    let numbers = (from..=to).step_by(step).take(MAX_HOSTS + 1);
    let texts: Vec<String> = numbers.map(|n| format!("{n:0width$}")).collect();
    (!texts.is_empty()).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_expanded_as_ansible_does() {
        for (pattern, names) in [
            ("web", "web"),
            ("web[01:03].x", "web01.x web02.x web03.x"),
            ("web[8:11]", "web8 web9 web10 web11"),
            ("web[1:9:4]", "web1 web5 web9"),
            ("db-[a:c]", "db-a db-b db-c"),
            ("r[1:2]s[1:2]", "r1s1 r1s2 r2s1 r2s2"),
            ("w[:1]", "w0 w1"),
        ] {
            assert_eq!(expand(pattern).unwrap().join(" "), names, "{pattern}");
        }
        for (pattern, offset) in
            [("web[1:", 6), ("web[]", 4), ("web[3:1]", 4), ("w[1-3]", 2), ("w[a:2]", 2), ("w[1:2:0]", 2)]
        {
            assert_eq!(expand(pattern).unwrap_err().offset, offset, "{pattern}");
        }
        assert!(expand(&format!("w[{}1:5]", "0".repeat(70_000))).is_err());
        assert!(expand("w[1:9999][1:9]").unwrap_err().expected.contains("10000 hosts"));
        assert!(expand("w[0:4294967295]").unwrap_err().expected.contains("10000 hosts"));
    }
}
