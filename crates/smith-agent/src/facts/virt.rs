//! What virtualises the machine, in a word of systemd-detect-virt.
//!
//! It is the same as long as the machine runs, and finding it out takes longer than all else that is asked of it, so that the
//! answer is kept until the next boot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::files::{Sync, keep, text_of};
use crate::op::Host;
use crate::reboot::Boot;
use crate::tool::Run;

/// Below /run, which no boot finds as another left it; some containers keep theirs, and so the boot stands in it.
const KEPT: &str = "/run/smith-agent/virtualization.json";

/// One word and a boot.
const MOST: u64 = 4 << 10;

/// It looks at a few files.
const ASK: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    boot: Boot,
    word: String,
}

pub(super) fn virtualization(host: &Host) -> String {
    known(host, ask)
}

fn known(host: &Host, ask: impl FnOnce() -> String) -> String {
    let Ok(boot) = Boot::now(host) else { return ask() };
    let text = text_of(&host.path(KEPT), MOST).unwrap_or_default();
    if let Ok(kept) = serde_json::from_str::<Kept>(&text)
        && kept.boot == boot
    {
        return kept.word;
    }
    let word = ask();
    // Where there is no such program nothing is known, and one may be there the next time.
    if !word.is_empty()
        && let Ok(bytes) = serde_json::to_vec(&Kept { boot, word: word.clone() })
    {
        // Who cannot keep it asks again.
        let _ = keep(&host.path(KEPT), &bytes, Sync::Soon);
    }
    word
}

fn ask() -> String {
    // It answers `none` with a bad exit code.
    let output = Run::new("systemd-detect-virt", ASK).run().map(|ran| ran.output).unwrap_or_default();
    // A warning may stand before the answer, which is one word.
    let is_word = |line: &&str| !line.is_empty() && !line.contains(char::is_whitespace);
    output.lines().map(str::trim).find(is_word).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_asked_once_in_a_boot() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        let boot = |id: &str| {
            fs::create_dir_all(root.path().join("proc/sys/kernel/random")).unwrap();
            fs::write(root.path().join("proc/sys/kernel/random/boot_id"), id).unwrap();
        };
        let never = || -> String { panic!("it is known") };
        assert_eq!(known(&host, || "kvm".to_owned()), "kvm", "a machine that does not tell its boot");
        boot("b1");
        assert_eq!(known(&host, String::new), "");
        assert_eq!(known(&host, || "lxc".to_owned()), "lxc");
        assert_eq!(known(&host, never), "lxc");
        boot("b2");
        assert_eq!(known(&host, || "none".to_owned()), "none");
        fs::write(root.path().join("run/smith-agent/virtualization.json"), "{").unwrap();
        assert_eq!(known(&host, || "kvm".to_owned()), "kvm");
    }
}
