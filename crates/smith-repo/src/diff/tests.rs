//! Hand-made builds and feeds.

use std::fs;

use super::*;
use crate::hash::Sha256;
use crate::manifest::{Origin, PackageEntry, PackageList};
use crate::name::{RelPath, UpstreamName};

/// `upstream/suite name arch version [source [source-version]]`
fn list(lines: &[&str]) -> PackageList {
    PackageList::new(lines.iter().map(|line| entry(line)).collect())
}

fn entry(line: &str) -> PackageEntry {
    let words: Vec<&str> = line.split(' ').collect();
    let (upstream, suite) = words[0].split_once('/').expect("a place");
    PackageEntry {
        name: words[1].to_owned(),
        arch: words[2].to_owned(),
        version: words[3].to_owned(),
        origin: Origin {
            upstream: UpstreamName::new(upstream).expect("a name"),
            suite: suite.to_owned(),
            component: "main".to_owned(),
        },
        sha256: Sha256::of(words[1..4].join(" ").as_bytes()),
        size: 1_000,
        path: RelPath::new("main/a/a.deb").expect("a path"),
        source: words.get(4).map(|word| (*word).to_owned()),
        source_version: words.get(5).map(|word| (*word).to_owned()),
        section: None,
        listed: None,
    }
}

fn kinds(diff: &Diff) -> Vec<String> {
    let of =
        |offer: &Option<Offer>| offer.as_ref().map_or_else(|| "-".to_owned(), |offer| offer.version.clone());
    diff.packages()
        .map(|(source, one)| {
            let (old, new) = (of(&one.old), of(&one.new));
            format!("{} {}:{} {:?} {old} {new}", source.distribution, one.name, one.arch, one.kind)
        })
        .collect()
}

#[test]
fn each_kind_of_change_is_told() {
    let old = list(&[
        "d/bookworm gone amd64 1",
        "d/bookworm up amd64 1.0~rc1",
        "d/bookworm down amd64 1:1",
        "d/bookworm same amd64 1",
        "d/bookworm move amd64 2",
        "d/bookworm turn all 1",
        "d/bookworm back amd64 1",
    ]);
    let mut other = entry("d/bookworm-updates move amd64 2");
    other.origin.suite = "bookworm-security".to_owned();
    let mut packages = vec![other];
    for line in [
        "d/bookworm come amd64 1",
        "d/bookworm up amd64 1.0",
        "d/bookworm down amd64 2",
        "d/bookworm same amd64 1",
        "d/bookworm turn amd64 2",
        "d/bookworm back all 2",
    ] {
        packages.push(entry(line));
    }
    let diff = compare(&old, &PackageList::new(packages), &Filter::default());
    assert_eq!(
        kinds(&diff),
        [
            "bookworm back:amd64 Upgraded 1 2",
            "bookworm come:amd64 Added - 1",
            "bookworm down:amd64 Downgraded 1:1 2",
            "bookworm gone:amd64 Removed 1 -",
            "bookworm move:amd64 Moved 2 2",
            "bookworm turn:amd64 Upgraded 1 2",
            "bookworm up:amd64 Upgraded 1.0~rc1 1.0",
        ]
    );
    let totals = diff.totals;
    assert_eq!((totals.unchanged, totals.upgraded, totals.downgraded, totals.moved), (1, 3, 1, 1));
    assert_eq!((totals.bytes_added, totals.bytes_changed), (1_000, 4_000));
    assert!(!diff.is_empty());
    assert!(compare(&old, &old, &Filter::default()).is_empty());
}

#[test]
fn the_same_version_with_another_content_is_no_small_thing() {
    let old = list(&["d/bookworm a amd64 1"]);
    let mut other = entry("d/bookworm a amd64 1");
    other.sha256 = Sha256::of(b"another");
    let diff = compare(&old, &PackageList::new(vec![other]), &Filter::default());
    assert_eq!(kinds(&diff), ["bookworm a:amd64 Rebuilt 1 1"]);
    assert!(diff.to_text(&titles()).contains("rebuilt"));
}

#[test]
fn the_highest_version_of_a_distribution_is_the_offer() {
    let old = list(&["d/bookworm libssl3 amd64 3.0.9-1 openssl", "d/trixie libssl3 amd64 3.5 openssl"]);
    let new = list(&[
        "d/bookworm libssl3 amd64 3.0.9-1 openssl",
        "s/bookworm-security libssl3 amd64 3.0.10-1 openssl",
        "d/trixie libssl3 amd64 3.5 openssl",
        "d/bookworm-backports libssl3 amd64 3.5~bpo12+1 openssl",
    ]);
    let diff = compare(&old, &new, &Filter::default());
    assert_eq!(
        kinds(&diff),
        [
            "bookworm libssl3:amd64 Upgraded 3.0.9-1 3.0.10-1",
            "bookworm-backports libssl3:amd64 Added - 3.5~bpo12+1"
        ]
    );
    let (_, change) = diff.packages().next().expect("a change");
    let offer = change.new.as_ref().expect("an offer");
    assert_eq!(offer.suites, ["s/bookworm-security"]);
    assert_eq!((offer.others[0].version.as_str(), offer.others[0].suite.as_str()), ("3.0.9-1", "d/bookworm"));
    assert!(change.has(Flag::Security) && change.has(Flag::Reboot) && !change.has(Flag::Kernel));
    let only = |filter: Filter| kinds(&compare(&old, &new, &filter)).len();
    assert_eq!(only(Filter { suite: Some("trixie".to_owned()), ..Filter::default() }), 0);
    assert_eq!(only(Filter { suite: Some("bookworm".to_owned()), ..Filter::default() }), 1);
    assert_eq!(only(Filter { upstream: UpstreamName::new("d").ok(), ..Filter::default() }), 1);
    let known = (UpstreamName::new("d").expect("a name"), "bookworm-backports".to_owned());
    let diff = compare(&old, &new, &Filter { security: [known].into(), ..Filter::default() });
    assert_eq!(diff.flagged(Flag::Security).count(), 2);
}

fn titles() -> Titles {
    Titles { old: "build 724".to_owned(), new: "build 725".to_owned() }
}

fn sample() -> Diff {
    let old = list(&[
        "d/bookworm linux-image-6.1.0-20-cloud-amd64-with-a-long-name amd64 6.1.85-1 linux-signed-amd64 6.1.85+1",
        "d/bookworm libssl3 amd64 3.0.9-1 openssl",
        "d/bookworm openssl amd64 3.0.9-1",
        "d/bookworm a_b amd64 1~rc1",
    ]);
    let new = list(&[
        "d/bookworm linux-image-6.1.0-25-cloud-amd64-with-a-long-name amd64 6.1.90-1 linux-signed-amd64 6.1.90+1",
        "s/bookworm-security libssl3 amd64 3.0.9-1+deb12u2 openssl",
        "s/bookworm-security openssl amd64 3.0.9-1+deb12u2",
        "d/bookworm a_b amd64 1~rc2",
    ]);
    compare(&old, &new, &Filter::default())
}

fn marked(diff: &mut Diff, feeds: &[(FeedKind, &str)]) -> Result<(), AdvisoryError> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |(number, (kind, text)): (usize, &(FeedKind, &str))| {
        let path = folder.path().join(number.to_string());
        fs::write(&path, text).expect("written");
        Feed { kind: *kind, path }
    };
    let feeds: Vec<Feed> = feeds.iter().enumerate().map(write).collect();
    mark(diff, &feeds)
}

fn closed(diff: &Diff) -> Vec<String> {
    let of = |source: &SourceChange| {
        let name = source.source.clone();
        let one = move |one: &Closed| format!("{name} {} {} {}", one.id, one.fixed, one.exploited);
        source.closes.iter().map(one).collect::<Vec<_>>()
    };
    diff.sources.iter().flat_map(of).collect()
}

const TRACKER: &str = r#"{
  "unrelated": {"CVE-1-1": {"anything": [1, {"x": null}]}},
  "openssl": {
    "CVE-2024-0001": {"scope": "local", "releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.9-1+deb12u1", "urgency": "low"}}},
    "CVE-2024-0002": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.9-1+deb12u2"}}},
    "CVE-2024-0003": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.9-1"}}},
    "CVE-2024-0004": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.9-1+deb12u3"}}},
    "CVE-2024-0005": {"releases": {"bookworm": {"status": "open"}, "sid": {"status": "resolved", "fixed_version": "3.0.9-1+deb12u2"}}},
    "CVE-2024-0006": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0"}}}
  },
  "linux": {"CVE-2024-0009": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "6.1.90-1"}}}}
}"#;

const KEV: &str = r#"{"title": "x", "vulnerabilities": [{"cveID": "CVE-2024-0009", "product": "y"}, {"cveID": "CVE-1999-1"}]}"#;

#[test]
fn the_tracker_tells_what_is_closed_and_kev_what_is_exploited() {
    let mut diff = sample();
    marked(&mut diff, &[(FeedKind::Kev, KEV), (FeedKind::DebianTracker, TRACKER)]).expect("good feeds");
    assert_eq!(
        closed(&diff),
        [
            "linux-signed-amd64 CVE-2024-0009 6.1.90-1 true",
            "openssl CVE-2024-0001 3.0.9-1+deb12u1 false",
            "openssl CVE-2024-0002 3.0.9-1+deb12u2 false",
        ]
    );
    assert_eq!((diff.totals.closed, diff.totals.exploited), (3, 1));
    let text = diff.to_text(&titles());
    assert!(text.contains("CVE-2024-0009 (exploited)"), "{text}");
    assert!(diff.to_markdown(&titles()).contains("**CVE-2024-0009 (known to be exploited)**"));
}

#[test]
fn osv_records_close_by_ranges_and_by_lists() {
    let record = |id: &str, more: &str, affected: &str| {
        format!(
            r#"{{"id": "{id}", {more} "affected": [{{"package": {{"ecosystem": "Debian:12", "name": "openssl"}}, {affected}}}]}}"#
        )
    };
    let range = |events: &str| format!(r#""ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]"#);
    let fixed = |version: &str| range(&format!(r#"{{"introduced": "0"}}, {{"fixed": "{version}"}}"#));
    let all = [
        record("DSA-1-1", r#""upstream": ["CVE-2024-1", "CVE-2024-2"],"#, &fixed("3.0.9-1+deb12u2")),
        record("DEBIAN-CVE-2024-3", "", &fixed("3.0.9-1+deb12u1")),
        record("CVE-2024-4", "", &fixed("3.0.9-1+deb12u9")),
        record("CVE-2024-5", "", &fixed("3.0.8")),
        record("CVE-2024-6", r#""withdrawn": "2024-01-01T00:00:00Z","#, &fixed("3.0.9-1+deb12u1")),
        record("CVE-2024-7", "", r#""versions": ["3.0.8", "3.0.9-1"]"#),
        // The old version is older than the flaw.
        record("CVE-2024-8", "", &range(r#"{"introduced": "3.0.9-1+b1"}, {"fixed": "3.0.9-1+deb12u1"}"#)),
        record("CVE-2024-9", "", &fixed("3.0.9-1+deb12u1")).replace("Debian:12", "Debian:11"),
        record("DSA-2-1", "", &fixed("3.0.9-1+deb12u1")),
    ];
    let mut diff = sample();
    let text = format!("[{}]", all.join(","));
    marked(&mut diff, &[(FeedKind::Osv, &text), (FeedKind::Osv, &all[1])]).expect("a good feed");
    assert_eq!(
        closed(&diff),
        [
            "openssl CVE-2024-1 3.0.9-1+deb12u2 false",
            "openssl CVE-2024-2 3.0.9-1+deb12u2 false",
            "openssl CVE-2024-3 3.0.9-1+deb12u1 false",
            "openssl CVE-2024-7 3.0.9-1+deb12u2 false",
            "openssl DSA-2-1 3.0.9-1+deb12u1 false",
        ]
    );
}

#[test]
fn a_broken_feed_is_refused_with_its_file_and_place() {
    use std::error::Error as _;
    for (kind, text, place) in [
        (FeedKind::DebianTracker, "[]", "line 1"),
        (FeedKind::DebianTracker, "{\n\"openssl\": {\"CVE-1\": 5}}", "line 2"),
        (FeedKind::DebianTracker, &TRACKER[..TRACKER.len() - 9], "line 11"),
        (FeedKind::Kev, "{\"vulnerabilities\": [\n{\"x\": 1}]}", "line 2"),
        (FeedKind::Osv, "[{\"id\": \"a\"},\n7]", "line 2"),
        (FeedKind::Osv, "{\"id\": \"a\"}\nmore", "line 2"),
        (FeedKind::Osv, "", "line 1"),
    ] {
        let mut diff = sample();
        let error = marked(&mut diff, &[(kind, text)]).expect_err(text);
        let source = error.source().expect("a source").to_string();
        assert!(source.contains(place), "{text}: {source}");
        assert!(error.to_string().contains("/0: expected"), "{error}");
        assert_eq!(diff, sample());
    }
}

#[test]
fn the_text_fits_a_hundred_columns_and_kernels_come_first() {
    let mut diff = sample();
    marked(&mut diff, &[(FeedKind::DebianTracker, TRACKER)]).expect("a good feed");
    let text = diff.to_text(&titles());
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert_eq!(
        text.split_once("\nKernels").map(|(_, rest)| rest),
        TEXT.split_once("\nKernels").map(|(_, rest)| rest)
    );
    assert!(text.starts_with("From build 724 to build 725:\n  3 upgraded  1 added  1 removed"), "{text}");
}

const TEXT: &str = "
Kernels (2)
package                             old                      new
linux-image-6.1.0-20-cloud-amd64-w  6.1.85-1                 -                        removed kernel
 ith-a-long-name
linux-image-6.1.0-25-cloud-amd64-w  -                        6.1.90-1                 added kernel
 ith-a-long-name                                                                       reboot

Security (2)
package                             old                      new
libssl3                             3.0.9-1                  3.0.9-1+deb12u2          reboot
                                                                                       security
openssl                             3.0.9-1                  3.0.9-1+deb12u2          reboot
                                                                                       security

Others (1)
package                             old                      new
a_b                                 1~rc1                    1~rc2

Vulnerabilities closed (3)
linux-signed-amd64 6.1.90+1 (bookworm)
  CVE-2024-0009
openssl 3.0.9-1+deb12u2 (bookworm)
  CVE-2024-0001  CVE-2024-0002
";

#[test]
fn json_reads_what_it_wrote() {
    let diff = sample();
    let text = serde_json::to_string(&diff).expect("text");
    assert_eq!(serde_json::from_str::<Diff>(&text).expect("a difference"), diff);
    assert!(
        text.contains(r#""kind":"upgraded""#) && text.contains(r#""flags":["reboot","security"]"#),
        "{text}"
    );
}

#[test]
fn markdown_has_no_markup_from_names() {
    let text = sample().to_markdown(&titles());
    assert!(text.starts_with("## Packages: build 724 → build 725\n\n**3 upgraded"), "{text}");
    assert!(text.contains("| `a_b` | `a_b` | `1~rc1` | `1~rc2` |  |\n"), "{text}");
    let (kernels, security, all) =
        (text.find("### Kernels"), text.find("### Security"), text.find("<details>"));
    assert!(kernels < security && security < all && kernels.is_some(), "{text}");
    let evil = list(&["d/bookworm a`|<b>\u{1b} amd64 1"]);
    let diff = compare(&PackageList::default(), &evil, &Filter::default());
    assert!(diff.to_markdown(&titles()).contains("`a'\\|<b>?`"));
    assert!(!diff.to_text(&titles()).contains('\u{1b}'));
}

#[test]
fn sizes_are_as_apt_writes_them() {
    for (bytes, text) in [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_949, "1.9 kB"),
        (1_950, "2.0 kB"),
        (999_999, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (4_200_000_000, "4.2 GB"),
    ] {
        assert_eq!(size(bytes), text);
    }
}
