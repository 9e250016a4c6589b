//! The machine's sources, without the passwords in them.

use std::fs;

use crate::files::text_of;
use crate::op::Host;

/// As long as the list of a machine with a hundred sources.
const MOST: u64 = 64 << 10;

/// More files than anybody has.
const FILES: usize = 64;

pub(super) fn all(host: &Host) -> String {
    let mut paths = vec!["/etc/apt/sources.list".to_owned()];
    let folder = "/etc/apt/sources.list.d";
    let mut names: Vec<String> = fs::read_dir(host.path(folder))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".list") || name.ends_with(".sources"))
        .collect();
    names.sort();
    paths.extend(names.into_iter().take(FILES).map(|name| format!("{folder}/{name}")));
    let mut text = String::new();
    for path in paths {
        if let Ok(found) = text_of(&host.path(&path), MOST) {
            text.push_str(&format!("# {path}\n{}\n", without_passwords(&found)));
        }
    }
    text
}

/// In `scheme://user:word@machine/` what stands before the `@` goes.
fn without_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(sign) => {
                out.push_str("***");
                &after[sign..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_leave_the_machine() {
        let text = "deb https://me:p@ss@repo.example/x stable main\ndeb http://a.example/ b\nURIs: http://k@b.example\n";
        assert_eq!(
            without_passwords(text),
            "deb https://***@repo.example/x stable main\ndeb http://a.example/ b\nURIs: http://***@b.example\n"
        );
    }

    #[test]
    fn every_list_is_told_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/apt/sources.list.d");
        fs::create_dir_all(&folder).unwrap();
        for name in ["b.sources", "a.list", "c.list.save"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let text = all(&Host::at(root.path()));
        let expected =
            "# /etc/apt/sources.list.d/a.list\na.list\n# /etc/apt/sources.list.d/b.sources\nb.sources\n";
        assert_eq!(text, expected);
    }
}
