//! Package files, made by hand so that each part can be what it should not be.

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

pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let (time, owner, mode, size) = (0, 0, 100_644, bytes.len());
        file.extend(format!("{name:<16}{time:<12}{owner:<6}{owner:<6}{mode:<8}{size:<10}`\n").into_bytes());
        file.extend_from_slice(bytes);
        if bytes.len() % 2 == 1 {
            file.push(b'\n');
        }
    }
    file
}

pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive: Vec<u8> = files.iter().flat_map(|(name, bytes)| entry(name, b'0', "", bytes)).collect();
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// One entry of an archive: `0` is a file, `1` a hard and `2` a symbolic link.
pub(crate) fn entry(name: &str, kind: u8, target: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", bytes.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(157, target);
    put(257, "ustar\x0000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut whole = header.to_vec();
    whole.extend_from_slice(bytes);
    whole.resize(whole.len().next_multiple_of(512), 0);
    whole
}
