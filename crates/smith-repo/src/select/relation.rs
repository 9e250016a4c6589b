//! `Depends: a (>= 1) | b:any, c` – which names stand in it.

/// Alternatives, one list for each thing that is needed: names alone, without versions and architectures.
pub(super) fn needs(relations: &str) -> impl Iterator<Item = impl Iterator<Item = &str>> {
    relations.split(',').map(|group| group.split('|').filter_map(name)).map(|names| names.into_iter())
}

/// The virtual names of a `Provides`.
pub(super) fn provides(relations: &str) -> impl Iterator<Item = &str> {
    relations.split(',').filter_map(name)
}

fn name(relation: &str) -> Option<&str> {
    let end = |char: char| char.is_whitespace() || "(:[<".contains(char);
    let name = relation.trim_start().split(end).next()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_alone() {
        let text = "libc6 (>= 2.34), default-mta | mail-transport-agent,\n python3:any (>= 3.9), x[amd64] <!nocheck>, ";
        let found: Vec<Vec<&str>> = needs(text).map(Iterator::collect).collect();
        assert_eq!(
            found,
            [vec!["libc6"], vec!["default-mta", "mail-transport-agent"], vec!["python3"], vec!["x"], vec![]]
        );
        assert_eq!(provides("awk, a (= 1)").collect::<Vec<_>>(), ["awk", "a"]);
    }
}
