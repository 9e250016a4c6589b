//! Recipes of builds: which upstreams, what is taken of them, what people decided, how it is published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use smith_repo::name::{BadName, PartName, SuiteName, UpstreamName};
use smith_repo::pgp::Fingerprint;
use smith_repo::select::Pattern;
use smith_repo::upstream::{
    Closure, Compressions, Extras, Filter, LocalFolder, Publish, Recipe, Rule, RuleKind, Snapshot, Staleness,
    Upstream, Wanted,
};

use super::fields::Fields;
use super::report::{Place, Report, shown};
use super::tree::{self, Node};
use super::value::{full_list, list, number, one_or_more, text, title, word, yes_or_no};
use crate::problem::Problems;

/// Fields of a Release that a recipe may replace; the others say how it is to be used and stay as they are.
const FIELDS: [&str; 3] = ["Origin", "Label", "Description"];

/// A Release that is valid for longer than this might as well not expire.
const DAYS_MAX: u32 = 3650;

/// More signatures than this are looked at by nobody.
const THRESHOLD_MAX: u32 = 16;

/// Reads a recipe. Paths in it are below the folder that it lies in.
pub fn load(file: &str, bytes: &[u8], folder: &Path) -> Result<Recipe, Problems> {
    let mut report = Report::new(file, bytes);
    let root = tree::read(bytes, &mut report);
    let recipe = root.and_then(|root| recipe(&root, folder, &mut report));
    report.finish(recipe)
}

fn recipe(root: &Node, folder: &Path, report: &mut Report) -> Option<Recipe> {
    let mut fields = Fields::open(root, "a recipe", report)?;
    let place = fields.place();
    let upstreams = each(fields.take("upstreams"), "a list of upstreams", report, |node, report| {
        upstream(node, folder, report)
    });
    let mut rules = Vec::new();
    let mut are_rules_good = true;
    for (key, kind) in [("hold", Kind::Hold), ("exclude", Kind::Exclude), ("pin", Kind::Pin)] {
        match each(fields.take(key), "a list of packages with reasons", report, |node, report| {
            rule(node, kind, report)
        }) {
            Some(more) => rules.extend(more),
            None => are_rules_good = false,
        }
    }
    let local =
        each(fields.take("local"), "a list of folders", report, |node, report| local(node, folder, report));
    let publish = match fields.take("publish") {
        Some(node) => publish(node, report),
        None => Some(Publish::default()),
    };
    fields.close(report);
    let (upstreams, local) = (upstreams?, local?);
    if upstreams.is_empty() && local.is_empty() {
        let problem = report.add(place, "S0205", "the key `upstreams` in a recipe", "no `upstreams`");
        problem.with_hint("`smith build init --from-apt` writes one from the sources of a machine");
        return None;
    }
    twice(&upstreams, &local, place, report)?;
    are_rules_good.then_some(())?;
    Some(Recipe { upstreams, rules, local, publish: publish? })
}

/// Each upstream is a folder of the build, so each has a name of its own.
fn twice(upstreams: &[Upstream], local: &[LocalFolder], place: Place, report: &mut Report) -> Option<()> {
    let mut known: Vec<&str> = Vec::new();
    let names =
        upstreams.iter().map(|one| one.name.as_str()).chain(local.iter().map(|one| one.name.as_str()));
    for name in names {
        if known.contains(&name) {
            report.add(place, "S0209", "a name that no other upstream or folder has", shown(name));
            return None;
        }
        known.push(name);
    }
    Some(())
}

fn upstream(node: &Node, folder: &Path, report: &mut Report) -> Option<Upstream> {
    let mut fields = Fields::open(node, "an upstream", report)?;
    let name = fields.need("upstream").and_then(|node| named(node, UpstreamName::new, report));
    let snapshot = optional(fields.take("snapshot"), report, snapshot);
    let uris = match (fields.take("uris"), &snapshot) {
        (Some(node), _) => texts(node, "addresses", report).and_then(|uris| addresses(node, uris, report)),
        (None, Some(Some(_))) => Some(Vec::new()),
        (None, _) => {
            fields.need("uris");
            None
        }
    };
    let suites = fields.need("suites").and_then(|node| names(node, SuiteName::new, report));
    let is_flat = suites.as_ref().is_some_and(|suites| suites.iter().all(SuiteName::is_flat));
    let components = match fields.take("components") {
        Some(node) => names(node, PartName::new, report),
        None if is_flat => Some(Vec::new()),
        None => {
            fields.need("components");
            None
        }
    };
    let architectures = fields.need("architectures").and_then(|node| names(node, PartName::new, report));
    let keyrings = fields.need("keyring").and_then(|node| texts(node, "keyring files", report));
    let signers = optional(fields.take("signers"), report, fingerprints);
    let threshold =
        optional(fields.take("threshold"), report, |node, report| number(node, 1..=THRESHOLD_MAX, report));
    let distribution = optional(fields.take("distribution"), report, |node, report| {
        text(node, "a name", report).map(str::to_owned)
    });
    let filter = optional(fields.take("take"), report, |node, report| filter(node, folder, report));
    let staleness = optional(fields.take("stale"), report, |node, report| {
        word(node, &[("refuse", Staleness::Refuse), ("allow", Staleness::Allow)], report)
    });
    let translations = optional_texts(fields.take("translations"), report);
    let contents = optional(fields.take("contents"), report, |node, report| {
        yes_or_no(node, Wanted::Yes, Wanted::No, report)
    });
    let sources = optional(fields.take("sources"), report, |node, report| {
        yes_or_no(node, Wanted::Yes, Wanted::No, report)
    });
    fields.close(report);
    Some(Upstream {
        name: name?,
        uris: uris?,
        suites: suites?,
        components: components?,
        architectures: architectures?,
        keyrings: keyrings?.iter().map(|path| folder.join(path)).collect(),
        signers: signers?.unwrap_or_default(),
        threshold: threshold?.unwrap_or(1),
        distribution: distribution?,
        filter: filter?.unwrap_or_default(),
        snapshot: snapshot?,
        staleness: staleness?.unwrap_or_default(),
        extras: Extras {
            translations: translations?,
            contents: contents?.unwrap_or_default(),
            sources: sources?.unwrap_or_default(),
        },
    })
}

fn addresses(node: &Node, uris: Vec<String>, report: &mut Report) -> Option<Vec<String>> {
    let known =
        |uri: &String| ["http://", "https://", "file:///"].iter().any(|scheme| uri.starts_with(scheme));
    match uris.iter().find(|uri| !known(uri)) {
        None => Some(uris),
        Some(bad) => {
            report.add(
                node.place,
                "S0207",
                "addresses that begin with http://, https:// or file:///",
                shown(bad),
            );
            None
        }
    }
}

/// A mistyped one would be found only when everything else was fetched.
fn fingerprints(node: &Node, report: &mut Report) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for item in one_or_more(node, "fingerprints", report)? {
        let text = text(item, "a fingerprint", report)?;
        if text.parse::<Fingerprint>().is_err() {
            let expected = "a fingerprint of 40 or 64 hexadecimal digits, as `gpg --fingerprint` shows it";
            report.add(item.place, "S0207", expected, shown(text));
            return None;
        }
        found.push(text.to_owned());
    }
    Some(found)
}

fn snapshot(node: &Node, report: &mut Report) -> Option<Snapshot> {
    let mut fields = Fields::open(node, "a snapshot", report)?;
    let uri = fields.need("uri").and_then(|node| {
        let uri = text(node, "an address with {date} in it", report)?;
        if !uri.contains("{date}") {
            report.add(node.place, "S0207", "an address with {date} in it", shown(uri));
            return None;
        }
        Some(uri.to_owned())
    });
    let date = fields.need("date").and_then(|node| {
        let date = text(node, "a date such as 20250520T000000Z", report)?;
        if date.is_empty() || !date.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            report.add(node.place, "S0207", "a date such as 20250520T000000Z", shown(date));
            return None;
        }
        Some(date.to_owned())
    });
    fields.close(report);
    Some(Snapshot { uri: uri?, date: date? })
}

fn filter(node: &Node, folder: &Path, report: &mut Report) -> Option<Filter> {
    let mut fields = Fields::open(node, "what is taken", report)?;
    let packages = optional_texts(fields.take("packages"), report);
    let sections = optional_texts(fields.take("sections"), report);
    let priorities = optional(fields.take("priorities"), report, priorities);
    let sources = optional_texts(fields.take("sources"), report);
    let installed = optional_texts(fields.take("installed"), report);
    let without = optional_texts(fields.take("without"), report);
    let closure = optional(fields.take("closure"), report, |node, report| {
        word(
            node,
            &[("no", Closure::None), ("depends", Closure::Depends), ("recommends", Closure::Recommends)],
            report,
        )
    });
    fields.close(report);
    let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect();
    Some(Filter {
        packages: patterns(packages?),
        sections: patterns(sections?),
        priorities: priorities?.unwrap_or_default(),
        sources: patterns(sources?),
        installed: installed?.iter().map(|path| folder.join(path)).collect(),
        closure: closure?.unwrap_or_default(),
        without: patterns(without?),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hold,
    Exclude,
    Pin,
}

fn rule(node: &Node, kind: Kind, report: &mut Report) -> Option<Rule> {
    let mut fields = Fields::open(node, "a decision about a package", report)?;
    let package = fields.need("package").and_then(|node| text(node, "the name of a package", report));
    let version = match kind {
        Kind::Pin => fields.need("version").and_then(|node| text(node, "a version", report)),
        Kind::Hold | Kind::Exclude => None,
    };
    let reason = fields.need("reason").and_then(|node| title(node, report));
    fields.close(report);
    let kind = match (kind, version) {
        (Kind::Exclude, _) => RuleKind::Exclude,
        (_, Some(version)) => RuleKind::Pin(Pattern::new(version)),
        (Kind::Hold, None) => RuleKind::Hold,
        (Kind::Pin, None) => return None,
    };
    Some(Rule { kind, package: Pattern::new(package?), reason: reason? })
}

fn local(node: &Node, folder: &Path, report: &mut Report) -> Option<LocalFolder> {
    let mut fields = Fields::open(node, "a folder of packages", report)?;
    let name = fields.need("local").and_then(|node| named(node, UpstreamName::new, report));
    let path =
        fields.need("folder").and_then(|node| text(node, "a folder", report)).map(|path| folder.join(path));
    let suite = fields.need("suite").and_then(|node| named(node, SuiteName::new, report));
    let component = match fields.take("component") {
        Some(node) => named(node, PartName::new, report),
        None => PartName::new("main").ok(),
    };
    fields.close(report);
    Some(LocalFolder { name: name?, folder: path?, suite: suite?, component: component? })
}

fn publish(node: &Node, report: &mut Report) -> Option<Publish> {
    let mut fields = Fields::open(node, "how a build is published", report)?;
    let compressions = optional(fields.take("compressions"), report, compressions);
    let days =
        optional(fields.take("valid-for-days"), report, |node, report| number(node, 1..=DAYS_MAX, report));
    let md5 =
        optional(fields.take("md5"), report, |node, report| yes_or_no(node, Wanted::Yes, Wanted::No, report));
    let words = optional(fields.take("fields"), report, release_fields);
    let uri = optional(fields.take("snapshots"), report, |node, report| {
        text(node, "an address", report).map(str::to_owned)
    });
    fields.close(report);
    let default = Publish::default();
    Some(Publish {
        compressions: compressions?.unwrap_or(default.compressions),
        valid_for_days: days?,
        md5: md5?.unwrap_or_default(),
        fields: words?.unwrap_or_default(),
        snapshots_uri: uri?,
    })
}

fn compressions(node: &Node, report: &mut Report) -> Option<Compressions> {
    let mut found = Compressions { gz: Wanted::No, xz: Wanted::No, zst: Wanted::No };
    for item in full_list(node, "a list of `gz`, `xz` and `zst`", report)? {
        match word(item, &[("gz", 0_u8), ("xz", 1), ("zst", 2)], report)? {
            0 => found.gz = Wanted::Yes,
            1 => found.xz = Wanted::Yes,
            _ => found.zst = Wanted::Yes,
        }
    }
    Some(found)
}

fn release_fields(node: &Node, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let mut fields = Fields::open(node, "fields of a Release", report)?;
    let mut found = BTreeMap::new();
    for field in FIELDS {
        if let Some(node) = fields.take(field) {
            found.insert(field.to_owned(), title(node, report)?);
        }
    }
    fields.close(report);
    Some(found)
}

/// The value of a key that may be missing: nothing at all if it is wrong.
#[expect(
    clippy::option_option,
    reason = "the outer says whether it could be read, the inner whether it is there"
)]
fn optional<T>(
    node: Option<&Node>,
    report: &mut Report,
    read: impl FnOnce(&Node, &mut Report) -> Option<T>,
) -> Option<Option<T>> {
    match node {
        None => Some(None),
        Some(node) => read(node, report).map(Some),
    }
}

fn optional_texts(node: Option<&Node>, report: &mut Report) -> Option<Vec<String>> {
    node.map_or_else(|| Some(Vec::new()), |node| texts(node, "names", report))
}

/// Policy has these and no others, so that a slip is one.
fn priorities(node: &Node, report: &mut Report) -> Option<Vec<String>> {
    const ALL: [&str; 5] = ["required", "important", "standard", "optional", "extra"];
    let known = ALL.map(|name| (name, name));
    let items = one_or_more(node, "priorities", report)?;
    items.into_iter().map(|item| word(item, &known, report).map(str::to_owned)).collect()
}

/// One text or several, none of them empty.
fn texts(node: &Node, what: &str, report: &mut Report) -> Option<Vec<String>> {
    let items = one_or_more(node, what, report)?;
    if items.is_empty() {
        report.add(node.place, "S0212", what, "an empty list");
        return None;
    }
    items.into_iter().map(|item| text(item, what, report).map(str::to_owned)).collect()
}

fn names<T>(node: &Node, new: fn(&str) -> Result<T, BadName>, report: &mut Report) -> Option<Vec<T>> {
    let items = one_or_more(node, "names", report)?;
    if items.is_empty() {
        report.add(node.place, "S0212", "at least one name", "an empty list");
        return None;
    }
    items.into_iter().map(|item| named(item, new, report)).collect()
}

fn named<T>(node: &Node, new: fn(&str) -> Result<T, BadName>, report: &mut Report) -> Option<T> {
    let text = text(node, "a name", report)?;
    match new(text) {
        Ok(name) => Some(name),
        Err(BadName { expected, .. }) => {
            report.add(node.place, "S0207", expected, shown(text));
            None
        }
    }
}

/// Reads every item of a list that may be missing; nothing if one is wrong, and then all that are wrong are named.
fn each<T>(
    node: Option<&Node>,
    what: &str,
    report: &mut Report,
    read: impl Fn(&Node, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let items = list(node, what, report)?;
    let found: Vec<Option<T>> = items.iter().map(|item| read(item, report)).collect();
    found.into_iter().collect()
}

/// A recipe that takes everything of these upstreams, as a person would begin one.
pub fn written(upstreams: &[Upstream]) -> String {
    let list =
        |names: Vec<&str>| format!("[{}]", names.into_iter().map(quoted).collect::<Vec<_>>().join(", "));
    let mut out = String::from("# What `smith build create` makes a build from.\nupstreams:\n");
    for one in upstreams {
        let suites = list(one.suites.iter().map(SuiteName::as_str).collect());
        let components = list(one.components.iter().map(PartName::as_str).collect());
        let architectures = list(one.architectures.iter().map(PartName::as_str).collect());
        let keyrings: Vec<String> =
            one.keyrings.iter().map(|path: &PathBuf| path.display().to_string()).collect();
        out.push_str(&format!("  - upstream: {}\n", one.name));
        out.push_str(&format!("    uris: {}\n", list(one.uris.iter().map(String::as_str).collect())));
        out.push_str(&format!("    suites: {suites}\n"));
        if !one.components.is_empty() {
            out.push_str(&format!("    components: {components}\n"));
        }
        out.push_str(&format!("    architectures: {architectures}\n"));
        out.push_str(&format!("    keyring: {}\n", list(keyrings.iter().map(String::as_str).collect())));
        if one.staleness == Staleness::Allow {
            out.push_str("    stale: allow\n");
        }
        out.push_str(&taken(&one.filter));
    }
    out
}

/// The line that says what is taken; nothing where all is.
fn taken(filter: &Filter) -> String {
    let patterns = |all: &[Pattern]| all.iter().map(|one| one.as_str().to_owned()).collect();
    let installed = filter.installed.iter().map(|path| path.display().to_string()).collect();
    let lists: [(&str, Vec<String>); 6] = [
        ("packages", patterns(&filter.packages)),
        ("sections", patterns(&filter.sections)),
        ("priorities", filter.priorities.clone()),
        ("sources", patterns(&filter.sources)),
        ("installed", installed),
        ("without", patterns(&filter.without)),
    ];
    let lists = lists.into_iter().filter(|(_, values)| !values.is_empty());
    let mut parts: Vec<String> = lists
        .map(|(key, values)| {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("{key}: [{}]", values.join(", "))
        })
        .collect();
    match filter.closure {
        Closure::None => {}
        Closure::Depends => parts.push("closure: depends".to_owned()),
        Closure::Recommends => parts.push("closure: recommends".to_owned()),
    }
    if parts.is_empty() { String::new() } else { format!("    take: {{{}}}\n", parts.join(", ")) }
}

/// In quotation marks, so that no address or name is anything else than text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
upstreams:
  - upstream: debian
    uris: http://one.example/debian
    suites: [bookworm, bookworm-updates]
    components: main
    architectures: [amd64]
    keyring: keys/debian.gpg
    threshold: 2
    take: {priorities: [required], packages: ['linux-image-*'], closure: depends, without: [emacs]}
    translations: en
    sources: yes
hold:
  - {package: openssl, reason: breaks the proxy}
pin:
  - {package: nginx, version: 1.22.*, reason: tested}
local:
  - {local: site, folder: debs, suite: stable}
publish: {compressions: [gz, zst], valid-for-days: 14, fields: {Origin: Us}}
";

    fn complaints(text: &str) -> Vec<String> {
        match load("recipe.yaml", text.as_bytes(), Path::new("/etc/smith")) {
            Ok(_) => Vec::new(),
            Err(Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_whole_recipe_is_read() {
        let recipe = load("recipe.yaml", WHOLE.as_bytes(), Path::new("/etc/smith")).expect("good");
        let debian = &recipe.upstreams[0];
        assert_eq!((debian.name.as_str(), debian.suites.len(), debian.threshold), ("debian", 2, 2));
        assert_eq!(debian.keyrings, [PathBuf::from("/etc/smith/keys/debian.gpg")]);
        assert_eq!(debian.filter.closure, Closure::Depends);
        assert_eq!((debian.extras.sources, debian.extras.contents), (Wanted::Yes, Wanted::No));
        assert_eq!(recipe.rules.len(), 2);
        assert_eq!(recipe.rules[1].kind, RuleKind::Pin(Pattern::new("1.22.*")));
        assert_eq!(recipe.local[0].component.as_str(), "main");
        assert_eq!(recipe.publish.compressions.xz, Wanted::No);
        assert_eq!(recipe.publish.valid_for_days, Some(14));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let recipe = load("recipe.yaml", WHOLE.as_bytes(), Path::new("/")).expect("good");
        let again = load("again.yaml", written(&recipe.upstreams).as_bytes(), Path::new("/")).expect("good");
        assert_eq!(again.upstreams[0].suites, recipe.upstreams[0].suites);
        assert_eq!(again.upstreams[0].keyrings, recipe.upstreams[0].keyrings);
        assert_eq!(again.upstreams[0].filter, recipe.upstreams[0].filter);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, expected) in [
            ("threshold: 2", "treshold: 2", "recipe.yaml:8:5: expected one of the keys of an upstream"),
            ("threshold: 2", "threshold: 0", "recipe.yaml:8:16: expected a whole number"),
            ("threshold: 2", "signers: [4CB5]", "recipe.yaml:8:15: expected a fingerprint of 40"),
            ("uris: http://one.example/debian", "uris: ftp://x", "recipe.yaml:3:11: expected addresses"),
            ("    architectures: [amd64]\n", "", "expected the key `architectures`"),
            (
                "suites: [bookworm, bookworm-updates]",
                "suites: [../etc]",
                "recipe.yaml:4:14: expected a suite",
            ),
            ("closure: depends", "closure: all", "`depends`"),
            ("reason: breaks the proxy", "reason: ''", "expected a title"),
            ("version: 1.22.*, ", "", "expected the key `version`"),
            ("local: site", "local: debian", "expected a name that no other upstream"),
            ("[gz, zst]", "[]", "expected a list of `gz`"),
            ("Origin: Us", "Suite: x", "expected one of the keys of fields of a Release"),
        ] {
            let found = complaints(&WHOLE.replace(from, to));
            assert!(found.iter().any(|one| one.contains(expected)), "{to}: {found:?}");
        }
        assert!(complaints("{}")[0].contains("expected the key `upstreams`"));
        assert_eq!(complaints(WHOLE), Vec::<String>::new());
    }
}
