//! Package files, made without tools.

#[path = "../../../smith-repo/src/fixture/deb.rs"]
mod archive;

use crate::world::Draw;
use archive::{ar, tar};

/// A package whose content is so many bytes that nobody can pack.
pub(crate) fn deb(name: &str, version: &str, size: usize, draw: &mut Draw) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\nDescription: {name}\n long\n"
    );
    let data: Vec<u8> = (0..size).map(|_| draw.below(256) as u8).collect();
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(&[("./control", control.as_bytes())])),
        ("data.tar", &tar(&[("./usr/share/data", &data)])),
    ])
}
