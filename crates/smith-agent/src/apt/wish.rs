//! What a job asks for, checked and in the form in which apt reads it.
//!
//! A job comes from outside. Whatever of it reaches a file that apt reads, or a path, passes here, through sets of characters in
//! which nothing can be said but what is meant.

use std::collections::{BTreeMap, BTreeSet};

use smith_agent::protocol::{Cause, Failure, Patch, Release, Removals, Source, has_credentials};

use super::base64;
use super::version::is_version;

/// A build has a handful of sources; apt takes milliseconds for each.
const SOURCES_MAX: usize = 32;

/// The keyring of all of Debian's and Ubuntu's archives together is 200 KiB.
const KEYRING_MAX: usize = 512 << 10;

/// The longest address. Longer ones have no file name in apt's lists.
const ADDRESS_MAX: usize = 160;

/// A job's wish that can be carried out.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) patch: &'a Patch,
    pub(crate) keyring: Vec<u8>,
    pub(crate) releases: Vec<Asked<'a>>,
}

/// One release of one source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) uri: &'a str,
    pub(crate) suite: &'a str,
    pub(crate) components: &'a [String],
    pub(crate) in_release_sha256: Option<&'a str>,
}

impl<'a> Wish<'a> {
    pub(crate) fn read(patch: &'a Patch) -> Result<Self, Failure> {
        let counted = patch.sources.len();
        if counted == 0 || counted > SOURCES_MAX {
            return Err(unfit(format!("expected 1 to {SOURCES_MAX} sources, found {counted}")));
        }
        let mut releases = Vec::new();
        for source in &patch.sources {
            releases.extend(of_source(source)?);
        }
        if let Some(expect) = &patch.expect {
            check_expected(expect)?;
        }
        if let Removals::Named(names) = &patch.removals
            && let Some(bad) = names.iter().find(|name| !is_package(name))
        {
            return Err(unfit(format!("expected names of packages that may go, found {bad:?}")));
        }
        Ok(Self { patch, keyring: keyring(&patch.keyring)?, releases })
    }

    /// The sources as apt reads them, one line each.
    pub(crate) fn sources_list(&self, keyring: &str) -> String {
        let line = |asked: &Asked<'_>| {
            format!(
                "deb [signed-by={keyring}] {} {} {}\n",
                asked.uri,
                asked.suite,
                asked.components.join(" ")
            )
        };
        self.releases.iter().map(line).collect()
    }

    /// Whether the job lets a package go.
    pub(crate) fn may_go(&self, name: &str) -> bool {
        match &self.patch.removals {
            Removals::None => false,
            Removals::Named(names) => {
                let bare = name.split_once(':').map_or(name, |(bare, _)| bare);
                names.iter().any(|named| named == name || named == bare)
            }
            Removals::Any => true,
        }
    }
}

impl Asked<'_> {
    /// The name that apt gives the release's file among its lists.
    pub(crate) fn list_stem(&self) -> String {
        let address = self.uri.split_once(':').map_or(self.uri, |(_, rest)| rest);
        let address = address.strip_prefix("//").unwrap_or(address).trim_end_matches('/');
        let mut stem = String::new();
        for sign in format!("{address}/dists/{}", self.suite).chars() {
            match sign {
                '/' => stem.push('_'),
                '_' => stem.push_str("%5f"),
                '~' => stem.push_str("%7e"),
                '[' => stem.push_str("%5b"),
                ']' => stem.push_str("%5d"),
                plain => stem.push(plain),
            }
        }
        stem
    }
}

/// The name of a package, with its architecture or without.
pub(crate) fn is_package(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "all"));
    let is_name = |text: &str, more: &[u8], longest: usize| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || more.contains(&byte);
        text.len() <= longest
            && text.bytes().all(fits)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    is_name(name, b"+-.", 128) && is_name(architecture, b"-", 32)
}

fn unfit(message: impl Into<String>) -> Failure {
    Failure::new(Cause::Mismatch, message)
}

fn of_source(source: &Source) -> Result<Vec<Asked<'_>>, Failure> {
    if has_credentials(&source.uri) {
        return Err(unfit(
            "expected the address of a repository without a name, password or token, found one",
        ));
    }
    if !is_address(&source.uri) {
        return Err(unfit(format!(
            "expected an http, https or file address of a repository, found {:?}",
            source.uri
        )));
    }
    let is_count = |count: usize| (1..=SOURCES_MAX).contains(&count);
    if !is_count(source.components.len()) || !is_count(source.releases.len()) {
        let (components, releases) = (source.components.len(), source.releases.len());
        return Err(unfit(format!(
            "expected 1 to {SOURCES_MAX} components and releases of {}, found {components} and {releases}",
            source.uri
        )));
    }
    if let Some(bad) = source.components.iter().find(|component| !is_word(component)) {
        return Err(unfit(format!("expected a component, found {bad:?}")));
    }
    source.releases.iter().map(|release| of_release(source, release)).collect()
}

fn of_release<'a>(source: &'a Source, release: &'a Release) -> Result<Asked<'a>, Failure> {
    if !is_word(&release.suite) {
        return Err(unfit(format!("expected a suite, found {:?}", release.suite)));
    }
    let in_release_sha256 = release.in_release_sha256.as_deref();
    if let Some(bad) = in_release_sha256.filter(|hash| !is_sha256(hash)) {
        return Err(unfit(format!("expected a SHA-256 in 64 hexadecimal digits, found {bad:?}")));
    }
    Ok(Asked { uri: &source.uri, suite: &release.suite, components: &source.components, in_release_sha256 })
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A suite or component: words between slashes, none of which apt could take for an option, a variable or the way up.
fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_~".contains(&byte);
    let is_part =
        |part: &str| part.starts_with(|first: char| first.is_ascii_alphanumeric()) && part.bytes().all(fits);
    text.len() <= ADDRESS_MAX && text.split('/').all(is_part)
}

fn is_address(text: &str) -> bool {
    let is_path = |path: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-_~".contains(&byte);
        path.bytes().all(fits) && path.split('/').all(|part| part != ".." && part != ".")
    };
    if text.len() > ADDRESS_MAX {
        return false;
    }
    if let Some(path) = text.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return path.starts_with('/') && is_path(path);
    }
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return false;
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    is_host(host) && is_path(path)
}

fn is_host(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('+');
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let is_good_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<std::net::Ipv6Addr>().is_ok() && is_good_port;
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(fits)
        && port.is_none_or(is_port)
}

fn check_expected(expect: &BTreeMap<String, String>) -> Result<(), Failure> {
    let is_good = |(name, version): &(&String, &String)| is_package(name) && is_version(version);
    match expect.iter().find(|pair| !is_good(pair)) {
        None => Ok(()),
        Some((name, version)) => {
            Err(unfit(format!("expected a package and its version, found {name:?} and {version:?}")))
        }
    }
}

fn keyring(text: &str) -> Result<Vec<u8>, Failure> {
    if text.len() > KEYRING_MAX {
        return Err(unfit(format!(
            "expected a keyring of at most {KEYRING_MAX} bytes, found {}",
            text.len()
        )));
    }
    let bytes = base64::decode(text).map_err(|why| unfit(format!("expected a keyring: {why}")))?;
    // Every packet of OpenPGP begins with this bit; armour and text do not.
    if bytes.first().is_none_or(|first| first & 0x80 == 0) {
        return Err(unfit("expected a binary OpenPGP keyring, found something else"));
    }
    Ok(bytes)
}

/// What of `names` may not go.
pub(crate) fn refused<'n>(wish: &Wish<'_>, names: impl Iterator<Item = &'n String>) -> BTreeSet<&'n String> {
    names.filter(|name| !wish.may_go(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch() -> Patch {
        let release = Release { suite: "stable".to_owned(), in_release_sha256: None };
        let source = Source {
            uri: "http://m:80/a".to_owned(),
            components: vec!["main".to_owned()],
            releases: vec![release],
        };
        Patch {
            build: 1,
            sources: vec![source],
            keyring: "mQ==".to_owned(),
            expect: None,
            removals: Removals::default(),
            downgrades: Default::default(),
            holds: Default::default(),
            conffiles: Default::default(),
            kernels: Default::default(),
            dead_man: None,
        }
    }

    fn refusal(change: impl FnOnce(&mut Patch)) -> String {
        let mut patch = patch();
        change(&mut patch);
        match Wish::read(&patch) {
            Ok(wish) => panic!("{:?}", wish.releases),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn a_plain_wish_is_one_line_for_apt() {
        let patch = patch();
        let wish = Wish::read(&patch).expect("a wish");
        assert_eq!(wish.sources_list("/k.gpg"), "deb [signed-by=/k.gpg] http://m:80/a stable main\n");
        assert_eq!(wish.releases[0].list_stem(), "m:80_a_dists_stable");
    }

    #[test]
    fn nothing_that_apt_would_take_for_more_passes() {
        for bad in [
            "http://m/a b",
            "ftp://m/a",
            "http://m/a\ndeb",
            "http://u:p@m/",
            "http://m/$(ARCH)",
            "file:a",
            "http://",
            "http:///a",
            "http://m/../x",
            "copy:/a",
            "http://m:99999/",
            "http://m/%41",
            "http://[::1/",
            "http://m/[a]",
            "-o",
            "",
            "cdrom:/x",
            "mirror+http://m/",
            "http://m/a#b",
            "file:/a/../b",
        ] {
            refusal(|patch| patch.sources[0].uri = bad.to_owned());
        }
        for bad in [
            "",
            "/",
            "a/",
            "../a",
            "-a",
            "a b",
            "[trusted=yes]",
            "a\n",
            "@SNAPSHOTID@",
            "$(ARCH)",
            "a//b",
            "a\"b",
            "a;",
        ] {
            refusal(|patch| patch.sources[0].components[0] = bad.to_owned());
            refusal(|patch| patch.sources[0].releases[0].suite = bad.to_owned());
        }
        for bad in ["", "a b", "A", "-a", "a/b", "a:b:c", "a*", "a+"] {
            let is_odd_but_good = bad == "a+";
            assert_eq!(is_package(bad), is_odd_but_good, "{bad}");
        }
        refusal(|patch| patch.sources.clear());
        refusal(|patch| patch.sources[0].releases[0].in_release_sha256 = Some("12".to_owned()));
        refusal(|patch| patch.removals = Removals::Named(vec!["a;b".to_owned()]));
        refusal(|patch| patch.expect = Some(BTreeMap::from([("a".to_owned(), "x y".to_owned())])));
        refusal(|patch| patch.keyring = "LS0tLS1CRUdJTg==".to_owned());
        assert!(refusal(|patch| patch.keyring = "m\n==".to_owned()).contains("0x0a"));
    }

    #[test]
    fn addresses_of_every_kind() {
        for good in [
            "https://mirror.example:8443/r/725",
            "file:///srv/r",
            "file:/srv/r",
            "http://[2001:db8::1]:80/x",
            "http://10.0.0.1/~u",
        ] {
            assert!(is_address(good), "{good}");
        }
    }

    #[test]
    fn what_may_go() {
        let mut patch = patch();
        patch.removals = Removals::Named(vec!["a".to_owned(), "b:i386".to_owned()]);
        let wish = Wish::read(&patch).expect("a wish");
        assert_eq!(
            [wish.may_go("a"), wish.may_go("a:i386"), wish.may_go("b"), wish.may_go("b:i386")],
            [true, true, false, true]
        );
    }
}
