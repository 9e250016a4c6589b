use std::fs;

use super::*;
use crate::deb822::{PackageRecord, Stanzas};
use crate::release::Release;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn stanza(name: &str) -> String {
    format!(
        "Package: {name}\nVersion: 1\nArchitecture: all\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {HASH}\n\
         Phased-Update-Percentage: 10\n\n"
    )
}

fn part(name: &str) -> PartName {
    PartName::new(name).expect("a name")
}

fn chosen(text: &str) -> Vec<IndexStanza<'_>> {
    Stanzas::new(text.as_bytes())
        .map(|stanza| IndexStanza::of(&PackageRecord::read(&stanza.expect("a stanza")).expect("a record")))
        .collect()
}

fn suite<'a>(suite: &str, packages: Vec<PackagesIndex<'a>>) -> SuiteIndex<'a> {
    SuiteIndex {
        suite: SuiteName::new(suite).expect("a suite"),
        release: NewRelease::new(Timestamp::from_second(1_778_927_625).expect("a time")),
        packages,
        ready: Vec::new(),
        compressions: [Compression::Gz, Compression::Zst].into(),
        md5: Md5Sums::LeftOut,
    }
}

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        Self { _folder: folder, store }
    }

    fn write(&self, index: SuiteIndex<'_>) -> Result<SuiteTree, IndexError> {
        let intake = self.store.intake()?;
        let tree = write_suite(&self.store, &intake, index, None)?;
        intake.settle()?;
        Ok(tree)
    }
}

#[test]
fn the_tree_has_every_file_twice_and_the_release_lists_them() {
    let place = Place::new();
    let text = stanza("a") + &stanza("b");
    let packages =
        || vec![PackagesIndex::of(&part("main"), &part("amd64"), chosen(&text)).expect("an index")];
    let tree = place.write(suite("stable", packages())).expect("written");
    let release = Release::parse(tree.release.as_bytes()).expect("a release");
    let plain = &release.files[&RelPath::new("main/binary-amd64/Packages").expect("a path")];
    let expected = text.replace("Phased-Update-Percentage: 10\n", "");
    assert_eq!(plain.sha256, Sha256::of(expected.as_bytes()));
    let gz = &release.files[&RelPath::new("main/binary-amd64/Packages.gz").expect("a path")];
    let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), 5);
    assert!(paths.contains(&&*format!("dists/stable/main/binary-amd64/by-hash/SHA256/{}", gz.sha256)));
    assert!(
        paths.contains(&"dists/stable/main/binary-amd64/Packages.zst")
            && paths.contains(&"dists/stable/Release")
    );
    assert!(!paths.contains(&"dists/stable/main/binary-amd64/Packages"));
    for file in &tree.files {
        let object = place.store.object(&file.sha256);
        assert_eq!(fs::metadata(object).expect("there").len(), file.size);
    }
    // Another store gives the same bytes.
    assert_eq!(Place::new().write(suite("stable", packages())).expect("written"), tree);
}

#[test]
fn flat_repositories_and_empty_indexes_are_written() {
    let place = Place::new();
    let tree = place.write(suite("./", vec![PackagesIndex::flat(Vec::new())])).expect("written");
    let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert!(paths.contains(&"Release") && paths.contains(&"Packages.gz"), "{paths:?}");
    assert!(paths.iter().any(|path| path.starts_with("by-hash/SHA256/")));
    let tree = place.write(suite("cuda/x86/", vec![PackagesIndex::flat(Vec::new())])).expect("written");
    assert!(tree.files.iter().any(|file| file.path.as_str() == "cuda/x86/Packages.zst"));
}

#[test]
fn ready_files_are_passed_on_if_they_are_there() {
    let place = Place::new();
    let intake = place.store.intake().expect("an intake");
    let sha256 = intake.put(b"translated").expect("put");
    intake.settle().expect("settled");
    let ready = |path: &str, sha256, presence| ReadyFile {
        path: RelPath::new(path).expect("a path"),
        blob: Blob { sha256, size: 10 },
        presence,
    };
    let mut index = suite("stable", Vec::new());
    index.ready.push(ready("main/i18n/Translation-en.xz", sha256, Presence::Stored));
    index.ready.push(ready("main/i18n/Translation-en", Sha256::of(b"x"), Presence::ListedOnly));
    let tree = place.write(index).expect("written");
    assert_eq!(tree.files.len(), 3);
    assert_eq!(Release::parse(tree.release.as_bytes()).expect("a release").files.len(), 2);

    let mut index = suite("stable", Vec::new());
    index.ready.push(ready("x", Sha256::of(b"missing"), Presence::Stored));
    assert!(matches!(place.write(index), Err(IndexError::Missing { .. })));
    let mut index = suite("stable", Vec::new());
    index.ready.push(ready("x", Sha256::of(b"1"), Presence::ListedOnly));
    index.ready.push(ready("x", Sha256::of(b"2"), Presence::ListedOnly));
    assert!(matches!(place.write(index), Err(IndexError::Twice { .. })));
}

#[test]
fn old_hashes_are_those_that_md5sum_computes() {
    let place = Place::new();
    let mut index = suite(
        "stable",
        vec![PackagesIndex::of(&part("main"), &part("amd64"), Vec::new()).expect("an index")],
    );
    index.md5 = Md5Sums::Listed;
    let tree = place.write(index).expect("written");
    assert!(
        tree.release.contains(" d41d8cd98f00b204e9800998ecf8427e        0 main/binary-amd64/Packages\n"),
        "{}",
        tree.release
    );
}
