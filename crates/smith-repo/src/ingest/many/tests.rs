use std::io::Write as _;
use std::process::Command;

use super::*;
use crate::fixture::{ar, tar};
use crate::oracle::is_installed;
use crate::store::Store;

fn main() -> PartName {
    PartName::new("main").expect("a name")
}

fn read(path: &Path) -> Result<LocalDeb, DebError> {
    LocalDeb::read(path, &main(), Destination::ReadOnly)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

const CONTROL: &str =
    "Package: a\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n y\n";

fn deb(control: &str) -> Vec<u8> {
    let control = gz(&tar(&[("./control", control.as_bytes()), ("./md5sums", b"")]));
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.xz", b"data!")])
}

fn error(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.deb");
    fs::write(&path, bytes).expect("written");
    let error = read(&path).expect_err("refused");
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    error.to_string() + &source.unwrap_or_default()
}

#[test]
fn packages_of_every_packing_are_read_as_dpkg_reads_them() {
    if !is_installed("dpkg-deb") {
        println!("skipped: dpkg-deb is not on this machine");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("DEBIAN")).expect("made");
    fs::write(root.join("DEBIAN/control"), CONTROL.replace("Maintainer", "Source: libsrc (1.9)\nMaintainer"))
        .expect("written");
    fs::write(root.join("file"), vec![b'x'; 300_000]).expect("written");
    let mut stanzas = Vec::new();
    for packing in ["none", "gzip", "xz", "zstd"] {
        let path = folder.path().join(format!("a_latest_{packing}.deb"));
        let built = Command::new("dpkg-deb")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .args(["--root-owner-group", "--uniform-compression", &format!("-Z{packing}"), "-b"])
            .args([&root, &path])
            .output()
            .expect("dpkg-deb runs");
        assert!(built.status.success(), "{packing}: {}", String::from_utf8_lossy(&built.stderr));
        let deb = read(&path).unwrap_or_else(|error| panic!("{packing}: {error}"));
        assert_eq!((deb.sha256, deb.size), Sha256::of_file(&path).expect("hashed"));
        assert_eq!(deb.filename.as_str(), "pool/main/libs/libsrc/a_2.0-1_all.deb");
        let record = deb.record().expect("a record");
        assert_eq!(
            (record.package, record.version.as_str(), record.source_name()),
            ("a", "1:2.0-1", "libsrc")
        );
        assert_eq!((record.size, record.sha256, &record.filename), (deb.size, deb.sha256, &deb.filename));
        let fields = Command::new("dpkg-deb").arg("-f").arg(&path).output().expect("dpkg-deb runs").stdout;
        assert!(deb.stanza.starts_with(&fields), "{}", String::from_utf8_lossy(&deb.stanza));
        stanzas.push(deb.stanza.len());
    }
}

#[test]
fn a_file_taken_into_the_store_is_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(&folder.path().join("store")).expect("a store");
    let path = folder.path().join("x.deb");
    fs::write(&path, deb(CONTROL)).expect("written");
    let bad = folder.path().join("y.deb");
    fs::write(&bad, &deb(CONTROL)[..300]).expect("written");
    let intake = store.intake().expect("an intake");
    let paths = [path.clone(), path.clone(), bad.clone()];
    let ingested = ingest(&paths, &main(), Destination::Store(&intake));
    assert_eq!(intake.settle().expect("settled"), 1);
    assert_eq!(ingested.debs.len(), 1);
    assert_eq!(ingested.refused.iter().map(|refused| &refused.path).collect::<Vec<_>>(), [&bad]);
    let deb = &ingested.debs[0];
    assert_eq!(fs::read(store.object(&deb.sha256)).expect("an object"), fs::read(&path).expect("a file"));
    assert_eq!(fs::read_dir(store.incoming()).expect("read").count(), 0);
}

#[test]
fn what_the_control_file_claims_of_its_file_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.deb");
    fs::write(&path, deb(&format!("{CONTROL}filename: ../../etc/passwd\nSize: 1\nsha256: 0\nMD5sum: 0\n")))
        .expect("written");
    let text = String::from_utf8(read(&path).expect("a package").stanza).expect("text");
    let size = fs::metadata(&path).expect("there").len();
    assert_eq!(text.matches("ilename").count() + text.matches("ize:").count(), 2);
    assert!(
        text.contains(&format!("Filename: pool/main/a/a/a_2.0-1_all.deb\nSize: {size}\nSHA256: ")),
        "{text}"
    );
    assert!(!text.contains("MD5sum") && !text.contains("passwd"));
}

#[test]
fn each_flaw_has_its_own_error() {
    let good = deb(CONTROL);
    for (bytes, expected) in [
        (b"".to_vec(), "at byte 0: expected an ar archive"),
        (b"!<arch>\n".to_vec(), "at byte 8: expected debian-binary first"),
        (ar(&[("debian-binary", b"3.0\n")]), "at byte 72: expected a package of format 2"),
        (
            ar(&[("debian-binary", b"2.0\n"), ("control.tar.lzma", b"")]),
            "at byte 132: expected control.tar, packed by",
        ),
        (ar(&[("debian-binary", b"2.0\n"), ("control.tar", b"")]), "at byte 132: expected data.tar"),
        (
            ar(&[("debian-binary", b"2.0\n"), ("control.tar", b""), ("x", b"")]),
            "at byte 192: expected data.tar",
        ),
        ([good.as_slice(), &ar(&[("x", b"")])[8..]].concat(), "at byte "),
        (good[..good.len() - 3].to_vec(), "expected 5 bytes of data.tar.xz, found the end after 3"),
        (
            deb("Package: a\r\nVersion: 1\r\n"),
            "its control file: line 1: expected lines that end with a line feed",
        ),
        (deb("Package: a\n\nVersion: 1\n"), "its control file: expected one stanza, found 2"),
        (
            deb(&CONTROL.replace(": a\n", ": ../a\n")),
            "its control file: line 1: ../a: expected a package's name",
        ),
        (deb(&CONTROL.replace("1:2.0-1", "1_2")), "its control file: line 2: a: expected letters, digits"),
        (deb(&CONTROL.replace("all", "a/b")), "its control file: line 3: a: expected an architecture"),
        (
            deb(&CONTROL.replace("Version", "Wersion")),
            "its control file: line 1: a: expected the field Version",
        ),
        (deb(&format!("{CONTROL}Version: 9\n")), "its control file: line 7: expected each field once"),
    ] {
        let found = error(&bytes);
        assert!(found.starts_with(expected), "{found:?} does not start with {expected:?}");
    }
    let signed = [good.as_slice(), &ar(&[("_gpgorigin", b"x")])[8..]].concat();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.deb");
    fs::write(&path, signed).expect("written");
    assert!(read(&path).is_ok());
    assert!(matches!(read(folder.path()), Err(DebError::NotAFile)));
}

#[test]
fn archives_that_unfold_to_too_much_or_to_two_are_refused() {
    let with =
        |control: &[u8]| ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar", b"")]);
    let bomb = gz(&tar(&[("./bomb", &vec![0; 64 << 20]), ("./control", CONTROL.as_bytes())]));
    assert!(bomb.len() < 1 << 20);
    assert!(error(&with(&bomb)).starts_with("expected a control archive of at most"));
    let large = gz(&tar(&[("./control", &vec![b'x'; 2 << 20])]));
    assert!(error(&with(&large)).starts_with("expected a control archive of at most"));
    let twice = gz(&tar(&[("./control", CONTROL.as_bytes()), ("control", CONTROL.as_bytes())]));
    assert_eq!(error(&with(&twice)), "expected one file named control in the control archive, found 2");
    assert_eq!(
        error(&with(&gz(&tar(&[])))),
        "expected one file named control in the control archive, found 0"
    );
    let names: Vec<String> = (0..1100).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(error(&with(&gz(&tar(&many)))).contains("more than 1024 files"));
    assert!(error(&with(b"nonsense")).starts_with("expected a control archive that can be read"));
    let huge = vec![0; 9 << 20];
    assert!(error(&with(&huge)).starts_with("expected a control archive of at most"));
}

#[test]
fn cut_off_anywhere_it_is_refused_and_nothing_panics() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, good) = (folder.path().join("a.deb"), deb(CONTROL));
    // The last byte only fills up.
    for length in 0..good.len() - 1 {
        fs::write(&path, &good[..length]).expect("written");
        assert!(read(&path).is_err(), "{length}");
    }
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).expect("written");
        let _ = read(&path);
    }
}

#[test]
fn folders_are_searched_and_two_contents_of_one_version_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("b/c")).expect("made");
    let paths = ["a.deb", "b/a.deb", "b/c/a_again.deb"].map(|name| folder.path().join(name));
    fs::write(&paths[0], deb(CONTROL)).expect("written");
    fs::write(&paths[1], deb(&CONTROL.replace("x\n", "other\n"))).expect("written");
    fs::write(&paths[2], deb(CONTROL)).expect("written");
    fs::write(folder.path().join("b/notes.txt"), "x").expect("written");
    let found = find_debs(folder.path()).expect("searched");
    assert_eq!(found, paths);
    let ingested = ingest(&found, &main(), Destination::ReadOnly);
    assert_eq!(ingested.debs.len(), 1);
    assert_eq!(ingested.debs[0].path, paths[0]);
    let [Refused { path, error: DebError::Twice { name, .. } }] = &ingested.refused[..] else {
        panic!("{:?}", ingested.refused);
    };
    assert_eq!((path, name.as_str()), (&paths[1], "a_2.0-1_all.deb"));
}
