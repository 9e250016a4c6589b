//! Whether dpkg would have anything to say of its packages. Asking it costs more than all other facts of a machine together:
//! it reads its database again and looks for two files of each package by name.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use super::status::{Key, Machine, Present};
use crate::op::{Host, read_bounded};

/// The architectures that a machine takes packages of besides its own are a few lines.
const ARCHITECTURES_MAX: u64 = 64 << 10;

/// Whether `dpkg --audit` is silent: all is installed, of an architecture that the machine takes, and has its control files. A
/// false alarm costs the question to dpkg, whose word is what is told.
pub(super) fn is_sane(host: &Host, machine: &Machine) -> bool {
    let (Ok(files), Some(foreign)) = (control_files(host), foreign(host)) else { return false };
    let is_known = |of: &str| of == "all" || of == machine.native || foreign.iter().any(|known| known == of);
    machine.unfinished().is_empty()
        && machine.packages.iter().all(|(key, present)| {
            is_known(&present.architecture)
                && ["list", "md5sums"].into_iter().all(|kind| has(&files, key, present, kind))
        })
}

/// Packages that may be there for several architectures at once have theirs in the names of their files.
fn has(files: &BTreeSet<String>, key: &Key, present: &Present, kind: &str) -> bool {
    files.contains(&format!("{}.{kind}", key.name))
        || files.contains(&format!("{}:{}.{kind}", key.name, present.architecture))
}

fn control_files(host: &Host) -> io::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(host.path("/var/lib/dpkg/info"))? {
        if let Ok(name) = entry?.file_name().into_string() {
            files.insert(name);
        }
    }
    Ok(files)
}

/// Nothing where they cannot be read.
fn foreign(host: &Host) -> Option<Vec<String>> {
    let text = read_bounded(&host.path("/var/lib/dpkg/arch"), ARCHITECTURES_MAX).ok()?.unwrap_or_default();
    Some(String::from_utf8_lossy(&text).lines().map(|line| line.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Run;
    use std::time::Duration;

    const ENTRY: &str = "Package: NAME\nStatus: install ok STATE\nMaintainer: A <a@site.example>\n\
                         Architecture: ARCH\nVersion: 1\nDescription: d\n\n";

    struct Folder(tempfile::TempDir);

    impl Folder {
        /// A machine with these packages: name, state, architecture, and the names of its control files.
        fn of(packages: &[(&str, &str, &str, &[&str])]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            let dpkg = folder.0.path().join("var/lib/dpkg");
            for name in ["info", "updates", "triggers"] {
                fs::create_dir_all(dpkg.join(name)).unwrap();
            }
            // Files of several architectures have them in their names since this format.
            fs::write(dpkg.join("info/format"), "1\n").unwrap();
            let mut status = String::new();
            for (name, state, architecture, files) in packages {
                let of_several = files.iter().any(|file| file.contains(':'));
                let entry = ENTRY.replace("NAME", name).replace("STATE", state).replace("ARCH", architecture);
                let entry =
                    if of_several { entry.replace("\nVer", "\nMulti-Arch: same\nVer") } else { entry };
                status.push_str(&entry);
                for file in *files {
                    fs::write(dpkg.join("info").join(file), "").unwrap();
                }
            }
            fs::write(dpkg.join("status"), status).unwrap();
            folder
        }

        /// What is found here, and whether dpkg itself is silent.
        fn judged(&self, native: &str) -> (bool, bool) {
            let host = Host::at(self.0.path());
            let machine = Machine::read(&host, native).unwrap();
            let admin = host.path("/var/lib/dpkg");
            let run = Run::new("dpkg", Duration::from_secs(30)).arg("--admindir").arg(&admin).arg("--audit");
            let said = run.run().unwrap();
            (is_sane(&host, &machine), said.is_good() && said.output.trim().is_empty())
        }
    }

    #[test]
    fn dpkg_says_the_same() {
        let asked = Run::new("dpkg", Duration::from_secs(30)).arg("--print-architecture").run().unwrap();
        let native = asked.output.trim();
        let other = if native == "armhf" { "riscv64" } else { "armhf" };
        let both = format!("two:{native}.list");
        let sums = format!("two:{native}.md5sums");
        let whole: &[&str] = &["one.list", "one.md5sums"];
        for (packages, is_well) in [
            (vec![("one", "installed", "all", whole)], true),
            (vec![("one", "installed", native, whole), ("two", "installed", native, &[&both, &sums])], true),
            (vec![("one", "half-configured", native, whole)], false),
            (vec![("one", "half-installed", native, whole)], false),
            (vec![("one", "unpacked", native, whole)], false),
            (vec![("one", "installed", native, &["one.md5sums"])], false),
            (vec![("one", "installed", native, &["one.list"])], false),
            (vec![("one", "installed", other, whole)], false),
            (vec![("one", "config-files", native, &[])], true),
        ] {
            let judged = Folder::of(&packages).judged(native);
            assert_eq!(judged, (is_well, is_well), "{packages:?}");
        }
        let folder = Folder::of(&[("one", "installed", other, whole)]);
        fs::write(folder.0.path().join("var/lib/dpkg/arch"), format!("{native}\n{other}\n")).unwrap();
        assert_eq!(folder.judged(native), (true, true), "a machine of two architectures");
    }

    #[test]
    fn what_cannot_be_seen_is_not_well() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_sane(&Host::at(folder.path()), &Machine::default()));
    }
}
