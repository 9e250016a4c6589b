//! Chooses the packages of a build from everything that the upstreams have.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash::Sha256;
use crate::manifest::Change;
use crate::select::Pattern;
use crate::select::closure::Names;
use crate::select::needed::needed;
use crate::upstream::{Closure, Filter, Recipe, Rule, RuleKind};

/// A package as an index of an upstream, or of the build before, describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub arch: &'a str,
    pub sha256: Sha256,
    pub section: &'a str,
    pub priority: &'a str,
    pub source: &'a str,
    pub pre_depends: &'a str,
    pub depends: &'a str,
    pub recommends: &'a str,
    pub provides: &'a str,
    /// Which upstream of the recipe.
    pub upstream: usize,
    /// Within which names are looked for together.
    pub distribution: &'a str,
    /// Which index of the build it stands in, or would stand in.
    pub index: usize,
    pub from: Choice,
}

/// Where a candidate was read. Those of the build before are there for rules that keep what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    Upstream,
    BuildBefore,
}

/// What is in the build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Places in the list of candidates, rising.
    pub chosen: Vec<usize>,
    /// What people's decisions did.
    pub changes: Vec<Change>,
    /// Decisions that did nothing, and why; and those that leave something out that others need.
    pub idle: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "package {package} exists twice in upstream {upstream}: expected one content, found sha256 {one} and {other}"
    )]
    TwoContents { upstream: String, package: Box<str>, one: Sha256, other: Sha256 },
    #[error(
        "package {package} stands twice in one index of upstream {upstream}: expected one content, found sha256 {one} and {other}"
    )]
    TwiceInIndex { upstream: String, package: Box<str>, one: Sha256, other: Sha256 },
    #[error("package {package} is pinned to version {wanted}, found {found} and nothing else")]
    PinMissing { package: String, wanted: String, found: String },
    #[error("the filter of upstream {upstream} selects nothing, expected at least one package of {among}")]
    Empty { upstream: String, among: usize },
}

/// `installed` has, for each upstream, the names that machines have installed.
pub fn choose(
    recipe: &Recipe,
    installed: &[BTreeSet<String>],
    candidates: &[Candidate<'_>],
) -> Result<Selection, Refusal> {
    let mut selection = Selection::default();
    let taken = filtered(recipe, installed, candidates)?;
    selection.idle = unmatched(recipe, candidates);
    let taken = decided(&recipe.rules, candidates, taken, &mut selection)?;
    one_content(recipe, candidates, &taken)?;
    selection.chosen = once(candidates, taken);
    let needed = needed(recipe, candidates, &selection.chosen);
    selection.idle.extend(needed);
    Ok(selection)
}

/// Words of filters that no package of any upstream matches: most often a slip of the pen. One upstream may well lack what
/// another has: security fixes are of few packages.
fn unmatched(recipe: &Recipe, candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut unmatched = Vec::new();
    for upstream in recipe.upstreams.iter().filter(|upstream| !upstream.filter.takes_all()) {
        let filter = &upstream.filter;
        let priorities: Vec<Pattern> = filter.priorities.iter().map(|one| Pattern::new(one)).collect();
        type Field = for<'a> fn(&Candidate<'a>) -> &'a str;
        let words: [(&str, &[Pattern], Field); 5] = [
            ("packages", &filter.packages, |one| one.name),
            ("sections", &filter.sections, |one| one.section),
            ("priorities", &priorities, |one| one.priority),
            ("sources", &filter.sources, |one| one.source),
            ("without", &filter.without, |one| one.name),
        ];
        for (key, patterns, field) in words {
            if patterns.is_empty() {
                continue;
            }
            let there: BTreeSet<&str> = candidates.iter().map(field).collect();
            let lost = patterns.iter().filter(|pattern| {
                // Most are plain names, of which there may be thousands.
                !there.contains(pattern.as_str()) && !there.iter().any(|text| pattern.matches(text))
            });
            let name = &upstream.name;
            unmatched.extend(lost.map(|pattern| {
                format!("upstream {name}: {key} {pattern}: no package of any upstream is meant by it")
            }));
        }
    }
    unmatched
}

/// What the filters take, and what that draws in.
fn filtered(
    recipe: &Recipe,
    installed: &[BTreeSet<String>],
    candidates: &[Candidate<'_>],
) -> Result<BTreeSet<usize>, Refusal> {
    let nobody = BTreeSet::new();
    let mut roots: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let Some(upstream) = recipe.upstreams.get(candidate.upstream) else { continue };
        let (all, own) = counts.entry(candidate.upstream).or_default();
        *all += 1;
        if takes(&upstream.filter, installed.get(candidate.upstream).unwrap_or(&nobody), candidate) {
            *own += 1;
            taken.insert(at);
            if upstream.filter.closure != Closure::None {
                roots.entry(candidate.distribution).or_default().insert(candidate.name);
            }
        }
    }
    for (distribution, roots) in roots {
        let closure = closure_of(recipe, candidates, distribution);
        let here =
            || candidates.iter().filter(|one| one.distribution == distribution && allowed(recipe, one));
        let names = Names::of(here()).close(roots, closure);
        let drawn = candidates.iter().enumerate().filter(|(_, one)| {
            one.distribution == distribution && allowed(recipe, one) && names.contains(one.name)
        });
        taken.extend(drawn.map(|(at, _)| at));
    }
    // A filter that selects nothing is a mistake in it, unless its packages are there for others to draw in.
    for (upstream, (all, own)) in counts {
        let rule = &recipe.upstreams[upstream];
        let drawn = taken.iter().any(|at| candidates[*at].upstream == upstream);
        if own == 0 && all > 0 && !drawn {
            return Err(Refusal::Empty { upstream: rule.name.to_string(), among: all });
        }
    }
    Ok(taken)
}

/// The widest closure that an upstream of the distribution asks for.
fn closure_of(recipe: &Recipe, candidates: &[Candidate<'_>], distribution: &str) -> Closure {
    let upstreams: BTreeSet<usize> =
        candidates.iter().filter(|one| one.distribution == distribution).map(|one| one.upstream).collect();
    let recommends = upstreams.iter().any(|at| recipe.upstreams[*at].filter.closure == Closure::Recommends);
    if recommends { Closure::Recommends } else { Closure::Depends }
}

fn allowed(recipe: &Recipe, candidate: &Candidate<'_>) -> bool {
    let without = &recipe.upstreams[candidate.upstream].filter.without;
    !without.iter().any(|pattern| pattern.matches(candidate.name))
}

fn takes(filter: &Filter, installed: &BTreeSet<String>, candidate: &Candidate<'_>) -> bool {
    if filter.without.iter().any(|pattern| pattern.matches(candidate.name)) {
        return false;
    }
    filter.takes_all()
        || filter.packages.iter().any(|pattern| pattern.matches(candidate.name))
        || filter.sections.iter().any(|pattern| pattern.matches(candidate.section))
        || filter.priorities.iter().any(|priority| priority == candidate.priority)
        || filter.sources.iter().any(|pattern| pattern.matches(candidate.source))
        || installed.contains(candidate.name)
}

/// Follows the rules in their order. Candidates of the build before are taken by a rule only.
fn decided(
    rules: &[Rule],
    candidates: &[Candidate<'_>],
    taken: BTreeSet<usize>,
    selection: &mut Selection,
) -> Result<BTreeSet<usize>, Refusal> {
    let is_new = |at: &usize| candidates[*at].from == Choice::Upstream;
    let before: BTreeSet<usize> = taken.iter().copied().filter(|at| !is_new(at)).collect();
    let mut taken: BTreeSet<usize> = taken.into_iter().filter(is_new).collect();
    for rule in rules {
        let matching = |at: &usize| rule.package.matches(candidates[*at].name);
        let new: Vec<usize> = taken.iter().copied().filter(matching).collect();
        let old: Vec<usize> = before.iter().copied().filter(matching).collect();
        match &rule.kind {
            RuleKind::Exclude => {
                let names = names(candidates, &new);
                new.iter().for_each(|at| {
                    taken.remove(at);
                });
                note(selection, rule, "exclude", &names, "left out", NOT_THERE);
            }
            RuleKind::Hold => {
                let held = hold(candidates, &mut taken, &new, &old);
                let why = match (new.is_empty(), old.is_empty()) {
                    (true, true) => NOT_THERE,
                    (false, true) => "the build before has none of it, so there is nothing to hold on to",
                    (_, false) => "the upstream has nothing newer than the build before",
                };
                note(selection, rule, "hold", &held, "kept at the version of the build before", why);
            }
            RuleKind::Pin(version) => {
                let fits = |at: &usize| version.matches(candidates[*at].version);
                let fitting: Vec<usize> = new.iter().chain(&old).copied().filter(fits).collect();
                if fitting.is_empty() && !(new.is_empty() && old.is_empty()) {
                    return Err(pin_missing(rule, version.as_str(), candidates, &new));
                }
                new.iter().for_each(|at| {
                    taken.remove(at);
                });
                let newer: Vec<usize> = fitting.iter().copied().filter(is_new).collect();
                taken.extend(if newer.is_empty() { &fitting } else { &newer });
                note(selection, rule, "pin", &names(candidates, &fitting), version.as_str(), NOT_THERE);
            }
        }
    }
    Ok(taken)
}

/// What matches is what it was in the build before: other versions and new names stay out. Without a build before that
/// has any of it there is nothing to hold on to.
fn hold(
    candidates: &[Candidate<'_>],
    taken: &mut BTreeSet<usize>,
    new: &[usize],
    old: &[usize],
) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    if old.is_empty() {
        return held;
    }
    let place = |at: &usize| (candidates[*at].upstream, candidates[*at].index, candidates[*at].sha256);
    let known: BTreeSet<_> = old.iter().map(place).collect();
    for at in new.iter().filter(|at| !known.contains(&place(at))) {
        taken.remove(at);
        held.insert(candidates[*at].name.to_owned());
    }
    let present: BTreeSet<_> = new.iter().map(place).collect();
    for at in old.iter().filter(|at| !present.contains(&place(at))) {
        taken.insert(*at);
        held.insert(candidates[*at].name.to_owned());
    }
    held
}

fn pin_missing(rule: &Rule, wanted: &str, candidates: &[Candidate<'_>], new: &[usize]) -> Refusal {
    let found: BTreeSet<&str> = new.iter().map(|at| candidates[*at].version).collect();
    Refusal::PinMissing {
        package: rule.package.to_string(),
        wanted: wanted.to_owned(),
        found: found.into_iter().collect::<Vec<_>>().join(", "),
    }
}

fn names(candidates: &[Candidate<'_>], places: &[usize]) -> BTreeSet<String> {
    places.iter().map(|at| candidates[*at].name.to_owned()).collect()
}

const NOT_THERE: &str = "no package of the build is meant by it";

fn note(
    selection: &mut Selection,
    rule: &Rule,
    kind: &str,
    names: &BTreeSet<String>,
    detail: &str,
    idle: &str,
) {
    if names.is_empty() {
        selection.idle.push(format!("{kind} {}: {idle}", rule.package));
    }
    selection.changes.extend(names.iter().map(|name| Change {
        kind: kind.to_owned(),
        package: name.clone(),
        detail: detail.to_owned(),
        reason: rule.reason.clone(),
    }));
}

/// One version of a package has one content, whatever index it stands in.
fn one_content(
    recipe: &Recipe,
    candidates: &[Candidate<'_>],
    taken: &BTreeSet<usize>,
) -> Result<(), Refusal> {
    let mut seen: BTreeMap<(usize, &str, &str, &str), &Candidate<'_>> = BTreeMap::new();
    for at in taken {
        let one = &candidates[*at];
        let before = seen.insert((one.upstream, one.name, one.arch, one.version), one);
        let Some(before) = before.filter(|before| before.sha256 != one.sha256) else { continue };
        let upstream = recipe.upstreams.get(one.upstream).map(|up| up.name.to_string()).unwrap_or_default();
        let package = format!("{} {} ({})", one.name, one.version, one.arch).into();
        let (is_one_index, one, other) =
            ((before.index, before.from) == (one.index, one.from), before.sha256, one.sha256);
        return Err(if is_one_index {
            Refusal::TwiceInIndex { upstream, package, one, other }
        } else {
            Refusal::TwoContents { upstream, package, one, other }
        });
    }
    Ok(())
}

/// A stanza that an index has twice is taken once, the first, as apt does.
fn once(candidates: &[Candidate<'_>], taken: BTreeSet<usize>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut is_new = |at: &usize| {
        let one = &candidates[*at];
        seen.insert((one.index, one.name, one.arch, one.version))
    };
    taken.into_iter().filter(|at| is_new(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::UpstreamName;
    use crate::select::Pattern;
    use crate::upstream::{Extras, Publish, Staleness, Upstream};

    fn recipe(filter: Filter, rules: Vec<Rule>) -> Recipe {
        let upstream = Upstream {
            name: UpstreamName::new("debian").expect("a name"),
            uris: Vec::new(),
            suites: Vec::new(),
            components: Vec::new(),
            architectures: Vec::new(),
            keyrings: Vec::new(),
            signers: Vec::new(),
            threshold: 1,
            distribution: None,
            filter,
            snapshot: None,
            staleness: Staleness::Refuse,
            extras: Extras::default(),
        };
        Recipe { upstreams: vec![upstream], rules, local: Vec::new(), publish: Publish::default() }
    }

    /// `name version depends / provides`.
    fn candidate<'a>(name: &'a str, version: &'a str, depends: &'a str, provides: &'a str) -> Candidate<'a> {
        Candidate {
            name,
            version,
            arch: "amd64",
            sha256: Sha256::of(format!("{name} {version}").as_bytes()),
            section: "admin",
            priority: "optional",
            source: name,
            pre_depends: "",
            depends,
            recommends: "",
            provides,
            upstream: 0,
            distribution: "bookworm",
            index: 0,
            from: Choice::Upstream,
        }
    }

    fn before<'a>(name: &'a str, version: &'a str) -> Candidate<'a> {
        Candidate { from: Choice::BuildBefore, ..candidate(name, version, "", "") }
    }

    fn chosen(recipe: &Recipe, candidates: &[Candidate<'_>]) -> Vec<String> {
        let selection = choose(recipe, &[], candidates).expect("a selection");
        let text = |at: &usize| format!("{} {}", candidates[*at].name, candidates[*at].version);
        selection.chosen.iter().map(text).collect()
    }

    fn rule(kind: RuleKind, package: &str) -> Rule {
        Rule { kind, package: Pattern::new(package), reason: "because".to_owned() }
    }

    fn named(names: &[&str]) -> Filter {
        Filter { packages: names.iter().map(|name| Pattern::new(name)).collect(), ..Filter::default() }
    }

    #[test]
    fn without_a_filter_everything_is_taken() {
        let all = [candidate("a", "1", "", ""), candidate("b", "1", "", "")];
        assert_eq!(chosen(&recipe(Filter::default(), vec![]), &all), ["a 1", "b 1"]);
        let without = Filter { without: vec![Pattern::new("b")], ..Filter::default() };
        assert_eq!(chosen(&recipe(without, vec![]), &all), ["a 1"]);
    }

    #[test]
    fn the_closure_draws_in_what_is_needed_and_nothing_else() {
        let all = [
            candidate("app", "1", "lib (>= 1), mailer | default-mailer, nothing | ui", ""),
            candidate("lib", "1", "libc", ""),
            candidate("lib", "2", "", ""),
            candidate("libc", "1", "app", ""),
            candidate("zmail", "1", "", "mailer"),
            candidate("amail", "1", "", "mailer"),
            candidate("ui", "1", "", ""),
            candidate("other", "1", "", ""),
        ];
        let filter = Filter { closure: Closure::Depends, ..named(&["app"]) };
        assert_eq!(
            chosen(&recipe(filter, vec![]), &all),
            ["app 1", "lib 1", "lib 2", "libc 1", "amail 1", "ui 1"]
        );
    }

    #[test]
    fn a_filter_that_selects_nothing_is_refused() {
        let error = choose(&recipe(named(&["nginx"]), vec![]), &[], &[candidate("a", "1", "", "")]);
        assert_eq!(error, Err(Refusal::Empty { upstream: "debian".to_owned(), among: 1 }));
    }

    #[test]
    fn what_is_held_is_what_it_was() {
        let all = [
            candidate("ssl", "2", "", ""),
            candidate("ssl-6.2", "1", "", ""),
            candidate("bash", "2", "", ""),
            before("ssl", "1"),
            before("bash", "1"),
        ];
        let recipe = recipe(Filter::default(), vec![rule(RuleKind::Hold, "ssl*")]);
        assert_eq!(chosen(&recipe, &all), ["bash 2", "ssl 1"]);
        let selection = choose(&recipe, &[], &all).expect("a selection");
        let changes: Vec<&str> = selection.changes.iter().map(|change| &*change.package).collect();
        assert_eq!(changes, ["ssl", "ssl-6.2"]);
        // The first build has nothing to hold on to, and says so.
        let first = choose(&recipe, &[], &all[..3]).expect("a selection");
        assert_eq!((first.chosen.len(), first.idle.len()), (3, 1));
    }

    #[test]
    fn a_pin_takes_the_version_from_where_it_is() {
        let all = [candidate("ssl", "3-2", "", ""), before("ssl", "3-1"), candidate("bash", "2", "", "")];
        let pinned = |version: &str| {
            recipe(Filter::default(), vec![rule(RuleKind::Pin(Pattern::new(version)), "ssl")])
        };
        assert_eq!(chosen(&pinned("3-1*"), &all), ["ssl 3-1", "bash 2"]);
        assert_eq!(chosen(&pinned("3-*"), &all), ["ssl 3-2", "bash 2"]);
        let error = choose(&pinned("4"), &[], &all).expect_err("no such version");
        assert!(error.to_string().contains("3-2"), "{error}");
    }

    #[test]
    fn an_excluded_package_is_left_out_and_one_that_nothing_matches_is_named() {
        let all = [candidate("a", "1", "", ""), candidate("b", "1", "", "")];
        let rules = vec![rule(RuleKind::Exclude, "a"), rule(RuleKind::Exclude, "zzz")];
        let recipe = recipe(Filter::default(), rules);
        assert_eq!(chosen(&recipe, &all), ["b 1"]);
        assert_eq!(choose(&recipe, &[], &all).expect("a selection").idle.len(), 1);
    }

    #[test]
    fn what_is_left_out_and_needed_all_the_same_is_told_with_who_needs_it() {
        let all = [
            candidate("app", "1", "lib, mailer | exim, ghost", ""),
            candidate("tool", "1", "lib (>= 1) | zlib", ""),
            candidate("other", "1", "lib | also", ""),
            candidate("lib", "1", "", ""),
            candidate("also", "1", "", ""),
            candidate("postfix", "1", "", "mailer"),
        ];
        let rules = vec![rule(RuleKind::Exclude, "lib")];
        let without = Filter { without: vec![Pattern::new("postfix")], ..Filter::default() };
        let told = choose(&recipe(without, rules), &[], &all).expect("a selection").idle;
        let install = "cannot be installed from this build";
        assert_eq!(
            told,
            [
                format!("exclude lib: app, tool need it and {install}"),
                format!("without postfix: app needs it and {install}")
            ]
        );
        // Another that provides it is enough.
        let all = [&all[..], &[candidate("sendmail", "1", "", "mailer"), candidate("zlib", "1", "", "lib")]]
            .concat();
        let without = Filter { without: vec![Pattern::new("postfix")], ..Filter::default() };
        let told = choose(&recipe(without, vec![rule(RuleKind::Exclude, "lib")]), &[], &all);
        assert_eq!(told.expect("a selection").idle, Vec::<String>::new());
    }

    #[test]
    fn two_contents_of_one_version_are_refused() {
        let one = candidate("a", "1", "", "");
        let other = Candidate { sha256: Sha256::of(b"other"), index: 1, ..one };
        let error = choose(&recipe(Filter::default(), vec![]), &[], &[one, other]).expect_err("two contents");
        assert!(matches!(error, Refusal::TwoContents { .. }), "{error}");
    }
}
