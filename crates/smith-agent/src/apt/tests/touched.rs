//! Causes that mean "before a package was touched" are never told of a machine that was.

use std::fs;

use smith_agent::protocol::{Cause, Failure};

use crate::apt::act::of_a_touched_machine;
use crate::apt::status::Machine;
use crate::op::Host;

fn write(root: &std::path::Path, state: &str) {
    let status = format!("Package: a\nStatus: install ok {state}\nArchitecture: all\nVersion: 1\n\n");
    fs::create_dir_all(root.join("var/lib/dpkg/updates")).unwrap();
    fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
}

#[test]
fn a_machine_that_dpkg_has_begun_on_is_not_called_untouched() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::at(root.path());
    write(root.path(), "installed");
    let before = Machine::read(&host, "amd64").unwrap();
    let judged = |cause: Cause| of_a_touched_machine(&host, Failure::new(cause, "words"), &before);
    let of_before = [
        Cause::Busy,
        Cause::MirrorUnreachable,
        Cause::BadSignature,
        Cause::HeldPackage,
        Cause::RemovalRefused,
        Cause::DiskFull,
    ];
    for cause in of_before {
        assert_eq!(judged(cause).cause, cause);
    }
    // The version is the same, but the package is not whole.
    write(root.path(), "half-configured");
    for cause in of_before {
        assert_eq!(judged(cause), Failure::new(Cause::PackageFailed, "words"));
    }
    for cause in Cause::ALL.into_iter().filter(|cause| !of_before.contains(cause)) {
        assert_eq!(judged(cause).cause, cause);
    }
    // Nobody knows what cannot be read.
    fs::remove_file(root.path().join("var/lib/dpkg/status")).unwrap();
    assert_eq!(judged(Cause::DiskFull).cause, Cause::PackageFailed);
}
