//! Package files, of which each part can be what it should not be.

#[path = "../../src/fixture/deb.rs"]
mod archive;

pub(crate) use archive::{ar, entry, tar};

/// A package that is sound.
pub(crate) fn good(name: &str, version: &str, size: usize) -> Vec<u8> {
    let content: Vec<u8> = name.bytes().chain(version.bytes()).cycle().take(size).collect();
    package(&tar(&[("./control", control(name, version).as_bytes())]), &tar(&[("./data", &content)]))
}

pub(crate) fn control(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@b>\nDescription: {name}\n long\n"
    )
}

pub(crate) fn package(control_tar: &[u8], data_tar: &[u8]) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", control_tar), ("data.tar", data_tar)])
}
