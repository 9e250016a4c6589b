//! Which indexes are read: what the recipe asks for and each suite offers. What a suite does not offer is said.

use std::collections::BTreeSet;

use crate::create::CreateError;
use crate::create::gather::{Frozen, Source, before, stem};
use crate::create::run::Run;
use crate::create::sources::SourceText;
use crate::mirror::Held;
use crate::name::{PartName, RelPath, SuiteName};
use crate::release::Release;
use crate::upstream::{Fault, IndexText, Offer, RuleKind, Upstream, Wanted};

/// How an index may be packed.
const PACKINGS: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// What is read of all suites.
#[derive(Default)]
pub(super) struct Indexes {
    pub(super) packages: Vec<Source>,
    pub(super) sources: Vec<SourceText>,
    pub(super) extras: Extras,
    /// What the recipe asks for and is not there.
    pub(super) notes: Vec<String>,
}

/// Indexes that are passed on, each with the suite that it is of.
pub(super) type Extras = Vec<(usize, ReadyIndex)>;

/// An index that is passed on.
pub(super) struct ReadyIndex {
    pub(super) stem: String,
    pub(super) index: IndexText,
}

/// An index that the recipe asks for.
struct Asked {
    stem: String,
    role: Role,
}

enum Role {
    /// Of a component and an architecture; of neither in a flat suite.
    Packages(Option<(PartName, PartName)>),
    /// Packages for all architectures, which nobody asked for by name.
    Implied((PartName, PartName)),
    Sources(Option<PartName>),
    PassedOn,
}

impl Indexes {
    fn take(
        &mut self,
        (upstream, suite): (usize, usize),
        part: Option<(PartName, PartName)>,
        index: IndexText,
        before: impl Fn(&str) -> Result<Vec<u8>, CreateError>,
    ) -> Result<(), CreateError> {
        let before = before(&stem(part.as_ref()))?;
        let IndexText { path, text, .. } = index;
        self.packages.push(Source { upstream, suite, part, path, text, before });
        Ok(())
    }
}

impl Run<'_> {
    /// All indexes. A component or an architecture that only some suites of an upstream have is taken from those.
    pub(super) fn indexes(
        &self,
        frozen: &mut [Frozen],
        parent: Option<&Held>,
    ) -> Result<Indexes, CreateError> {
        let keeps = self.recipe.rules.iter().any(|rule| !matches!(rule.kind, RuleKind::Exclude));
        let mut indexes = Indexes::default();
        for (at, one) in frozen.iter_mut().enumerate() {
            let upstream = &self.recipe.upstreams[one.upstream];
            let suite_name = one.suite.clone();
            let suite = self.suite_of(one.upstream, &suite_name);
            let asked = asked(upstream, &suite_name, &one.believed.release);
            let (asked, absent): (Vec<Asked>, Vec<Asked>) =
                asked.into_iter().partition(|asked| is_offered(&one.believed.release, &asked.stem));
            if !asked.iter().any(|asked| matches!(asked.role, Role::Packages(_))) {
                let path = absent.into_iter().next().map(|asked| asked.stem).unwrap_or_default();
                let fault = not_offered(upstream, &one.believed.release, path);
                return Err(suite.refused(fault).into());
            }
            let named = absent.into_iter().filter(|asked| !matches!(asked.role, Role::Implied(_)));
            one.absent = named.map(|asked| asked.stem).collect();
            let stems: Vec<String> = asked.iter().map(|asked| asked.stem.clone()).collect();
            let (believed, texts) = suite.indexes(one.believed.clone(), &stems)?;
            one.believed = believed;
            for (asked, index) in asked.into_iter().zip(texts) {
                one.note(&index);
                let name = upstream.name.as_str();
                let before = |stem: &str| match parent.filter(|_| keeps) {
                    Some(held) => before(self.store, held, name, suite_name.as_str(), stem),
                    None => Ok(Vec::new()),
                };
                let from = (one.upstream, at);
                match asked.role {
                    Role::Packages(part) => indexes.take(from, part, index, before)?,
                    Role::Implied(part) => indexes.take(from, Some(part), index, before)?,
                    Role::Sources(component) => {
                        let (before, text, upstream) = (before(&asked.stem)?, index.text, one.upstream);
                        indexes.sources.push(SourceText { upstream, suite: at, component, text, before });
                    }
                    Role::PassedOn => indexes.extras.push((at, ReadyIndex { stem: asked.stem, index })),
                }
            }
        }
        self.check_offers(frozen)?;
        for one in frozen.iter().filter(|one| !one.absent.is_empty()) {
            let upstream = &self.recipe.upstreams[one.upstream].name;
            indexes.notes.push(format!(
                "upstream {upstream}, suite {} does not offer {}",
                one.suite,
                one.absent.join(", ")
            ));
        }
        Ok(indexes)
    }

    /// What no suite of an upstream has is a mistake in the recipe.
    fn check_offers(&self, frozen: &[Frozen]) -> Result<(), CreateError> {
        for (at, upstream) in self.recipe.upstreams.iter().enumerate() {
            let suites = || frozen.iter().filter(|one| one.upstream == at && !one.suite.is_flat());
            let Some(first) = suites().next() else { continue };
            let pairs = |component: Option<&PartName>, architecture: Option<&PartName>| {
                let components =
                    upstream.components.iter().filter(move |one| component.is_none_or(|it| it == *one));
                let pairs: Vec<String> = components
                    .flat_map(|component| {
                        let all = upstream.architectures.iter();
                        let all = all.filter(move |one| architecture.is_none_or(|it| it == *one));
                        all.map(move |arch| stem(Some(&(component.clone(), arch.clone()))))
                    })
                    .collect();
                pairs
            };
            let components = upstream.components.iter().map(|one| pairs(Some(one), None));
            let architectures = upstream.architectures.iter().map(|one| pairs(None, Some(one)));
            for stems in components.chain(architectures) {
                let is_anywhere =
                    suites().any(|one| stems.iter().any(|stem| is_offered(&one.believed.release, stem)));
                if let (false, Some(path)) = (is_anywhere, stems.into_iter().next()) {
                    let suite = self.suite_of(at, &first.suite);
                    return Err(suite.refused(not_offered(upstream, &first.believed.release, path)).into());
                }
            }
        }
        Ok(())
    }
}

/// The component or the architecture that a suite does not have, rather than the index that it would make up.
fn not_offered(upstream: &Upstream, release: &Release, path: String) -> Fault {
    let parts = || {
        let indexes = release.files.keys().filter_map(|path| path.as_str().split_once("/binary-"));
        indexes.filter_map(|(component, rest)| Some((component, rest.split_once('/')?.0)))
    };
    let components: BTreeSet<&str> = parts().map(|(component, _)| component).collect();
    let architectures: BTreeSet<&str> = parts().map(|(_, architecture)| architecture).collect();
    let wanted = [
        (Offer::Component, &upstream.components, components),
        (Offer::Architecture, &upstream.architectures, architectures),
    ];
    for (offer, names, offered) in wanted.into_iter().filter(|(_, _, offered)| !offered.is_empty()) {
        if let Some(name) = names.iter().find(|name| !offered.contains(name.as_str())) {
            let known = offered.into_iter().collect::<Vec<_>>().join(", ");
            return Fault::NotOffered { offer, name: name.to_string(), known };
        }
    }
    Fault::NoIndex { path }
}

/// Everything that the recipe asks for in a suite.
fn asked(upstream: &Upstream, suite: &SuiteName, release: &Release) -> Vec<Asked> {
    let mut all = Vec::new();
    let wants_sources = upstream.extras.sources == Wanted::Yes;
    if suite.is_flat() {
        all.push(Asked { stem: stem(None), role: Role::Packages(None) });
        if wants_sources {
            all.push(Asked { stem: "Sources".to_owned(), role: Role::Sources(None) });
        }
        return all;
    }
    let implied = implied(upstream, release);
    for component in &upstream.components {
        for architecture in &upstream.architectures {
            let part = (component.clone(), architecture.clone());
            all.push(Asked { stem: stem(Some(&part)), role: Role::Packages(Some(part)) });
        }
        if let Some(architecture) = &implied {
            let part = (component.clone(), architecture.clone());
            all.push(Asked { stem: stem(Some(&part)), role: Role::Implied(part) });
        }
        if wants_sources {
            let role = Role::Sources(Some(component.clone()));
            all.push(Asked { stem: format!("{component}/source/Sources"), role });
        }
        let languages = upstream.extras.translations.iter();
        let mut passed_on: Vec<String> =
            languages.map(|language| format!("{component}/i18n/Translation-{language}")).collect();
        if upstream.extras.contents == Wanted::Yes {
            let architectures = upstream.architectures.iter();
            passed_on
                .extend(architectures.map(|architecture| format!("{component}/Contents-{architecture}")));
        }
        all.extend(passed_on.into_iter().map(|stem| Asked { stem, role: Role::PassedOn }));
    }
    all
}

/// Packages for all architectures have an index of their own where the Release does not say otherwise.
fn implied(upstream: &Upstream, release: &Release) -> Option<PartName> {
    let all = release.architectures.iter().find(|name| name.as_str() == "all")?;
    let everywhere = release.no_support_for_all.as_deref().is_some_and(|what| what.contains("Packages"));
    (!everywhere && !upstream.architectures.contains(all)).then(|| all.clone())
}

fn is_offered(release: &Release, stem: &str) -> bool {
    PACKINGS.iter().any(|packing| {
        RelPath::new(&format!("{stem}{packing}")).is_ok_and(|path| release.files.contains_key(&path))
    })
}
