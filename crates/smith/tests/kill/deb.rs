//! Package files, made without tools: an `ar` of two small `tar` archives.

use crate::world::Draw;

/// A package whose content is so many bytes that nobody can pack.
pub(crate) fn deb(name: &str, version: &str, size: usize, draw: &mut Draw) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\nDescription: {name}\n long\n"
    );
    let data: Vec<u8> = (0..size).map(|_| draw.below(256) as u8).collect();
    let mut file = b"!<arch>\n".to_vec();
    member(&mut file, "debian-binary", b"2.0\n");
    member(&mut file, "control.tar", &tar("./control", control.as_bytes()));
    member(&mut file, "data.tar", &tar("./usr/share/data", &data));
    file
}

fn member(file: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let (time, owner, mode, size) = (0, 0, 100_644, bytes.len());
    file.extend(format!("{name:<16}{time:<12}{owner:<6}{owner:<6}{mode:<8}{size:<10}`\n").into_bytes());
    file.extend(bytes);
    if bytes.len() % 2 == 1 {
        file.push(b'\n');
    }
}

/// One plain file, and the two empty blocks that end an archive.
fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", bytes.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(bytes);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
