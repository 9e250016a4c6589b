//! What `apt-get -s dist-upgrade` says, read line by line.

/// One line of what apt would do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Act {
    pub(super) name: String,
    pub(super) arch: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// What apt said of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Simulated {
    pub(super) installed: Vec<Act>,
    pub(super) upgraded: Vec<Act>,
    pub(super) removed: Vec<Act>,
    pub(super) kept_back: Vec<String>,
    pub(super) broken: Vec<String>,
    pub(super) errors: Vec<String>,
}

/// Which list the indented lines belong to.
enum Section {
    KeptBack,
    Unmet,
    Other,
}

impl Simulated {
    pub(super) fn read(text: &str, native: &str) -> Self {
        let mut all = Self::default();
        let mut section = Section::Other;
        // apt names a package once, and below it only the further kinds of what it lacks.
        let mut lacking = String::new();
        for line in text.lines() {
            if line.starts_with(' ') {
                match section {
                    Section::KeptBack => {
                        all.kept_back.extend(line.split_whitespace().next().map(str::to_owned))
                    }
                    Section::Unmet => all.broken.push(match line.split_once(" : ") {
                        Some((name, _)) => {
                            name.trim().clone_into(&mut lacking);
                            line.trim().to_owned()
                        }
                        None => format!("{lacking} : {}", line.trim()),
                    }),
                    Section::Other => {}
                }
                continue;
            }
            section = match line {
                "The following packages have been kept back:" => Section::KeptBack,
                "The following packages have unmet dependencies:" => Section::Unmet,
                _ => Section::Other,
            };
            if let Some(rest) = line.strip_prefix("Inst ") {
                let act = act(rest, native);
                if act.old.is_some() { all.upgraded.push(act) } else { all.installed.push(act) }
            } else if let Some(rest) = line.strip_prefix("Remv ").or(line.strip_prefix("Purg ")) {
                all.removed.push(act(rest, native));
            } else if line.starts_with("E:") {
                all.errors.push(line.to_owned());
            }
        }
        for acts in [&mut all.installed, &mut all.upgraded, &mut all.removed] {
            acts.sort_unstable();
        }
        all.kept_back.sort_unstable();
        all
    }
}

/// `name:arch [old] (new Origin:1/suite [arch]) []`
fn act(rest: &str, native: &str) -> Act {
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, foreign) = name.split_once(':').map_or((name, None), |(name, arch)| (name, Some(arch)));
    let (old, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((old, rest)) => (Some(old.to_owned()), rest.trim_start()),
        None => (None, rest),
    };
    let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inner, _)| inner);
    let new = inner.and_then(|inner| inner.split(' ').next()).map(str::to_owned);
    let said = inner.and_then(|inner| inner.rsplit_once('[')).map(|(_, arch)| arch.trim_end_matches(']'));
    let arch = said.or(foreign).unwrap_or(native).to_owned();
    Act { name: name.to_owned(), arch, old, new }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_apt_is_understood() {
        let text = "\
Reading package lists...
The following packages have been kept back:
   held (1.0 => 2.0)
   other:i386 (1 => 2)
The following packages will be upgraded:
   a (1 => 2)
Remv gone [1.0] [x:amd64 ]
Inst a [1] (2 Debian:12.5/stable, Debian-Security:12/stable [amd64]) []
Inst new (3:1~rc1 Debian:12.5/stable [all])
Inst b:i386 [1] (2 Debian:12.5/stable [i386])
Conf a (2 Debian:12.5/stable [amd64])
";
        let act = |name: &str, arch: &str, old: Option<&str>, new: Option<&str>| Act {
            name: name.to_owned(),
            arch: arch.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        let found = Simulated::read(text, "amd64");
        assert_eq!(found.installed, [act("new", "all", None, Some("3:1~rc1"))]);
        let upgraded = [act("a", "amd64", Some("1"), Some("2")), act("b", "i386", Some("1"), Some("2"))];
        assert_eq!(found.upgraded, upgraded);
        assert_eq!(found.removed, [act("gone", "amd64", Some("1.0"), None)]);
        assert_eq!(found.kept_back, ["held", "other:i386"]);
        assert!(found.broken.is_empty() && found.errors.is_empty());
        let text =
            "The following packages have unmet dependencies:\n a : Depends: b (>= 2)\nE: Broken packages\n";
        let found = Simulated::read(text, "amd64");
        assert_eq!(found.broken, ["a : Depends: b (>= 2)"]);
        assert_eq!(found.errors, ["E: Broken packages"]);
        let text = "The following packages have unmet dependencies:\n a : Depends: b but it is not installable\n     \
                    Recommends: c\n d:i386 : Depends: e\n          Recommends: f\n";
        let found = Simulated::read(text, "amd64").broken;
        assert_eq!(found[1..], ["a : Recommends: c", "d:i386 : Depends: e", "d:i386 : Recommends: f"]);
    }
}
