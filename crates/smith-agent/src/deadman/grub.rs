//! The entry of GRUB's menu that boots a kernel.

use crate::files::text_of;
use crate::op::Host;

/// A menu of some kernels and systems has a few hundred lines.
const MOST: u64 = 4 << 20;

const CONFIG: &str = "/boot/grub/grub.cfg";

/// As `grub-reboot` takes it: the identities of the menus above it and its own, with `>` between.
pub(super) fn entry_of(host: &Host, kernel: &str) -> Result<String, String> {
    let text =
        text_of(&host.path(CONFIG), MOST).map_err(|error| format!("{CONFIG} cannot be read: {error}"))?;
    // Without it the order for one boot would be passed over.
    if !text.contains("next_entry") {
        return Err(format!("{CONFIG} knows no order for one boot"));
    }
    find(&text, kernel).ok_or_else(|| format!("{CONFIG} has no entry for the kernel {kernel}"))
}

/// Entries are blocks that begin with `menuentry … {` or `submenu … {` and end with a line of `}`. One that only repairs is not
/// meant: it waits for a person.
fn find(text: &str, kernel: &str) -> Option<String> {
    // Every open block with its identity; blocks of other kinds (`if`, functions) count for nothing.
    let mut open: Vec<Option<&str>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if (line.starts_with("menuentry ") || line.starts_with("submenu ")) && line.ends_with('{') {
            open.push(identity(line));
        } else if line.ends_with('{') {
            open.push(None);
        } else if line == "}" {
            open.pop();
        } else if line.starts_with("linux") && boots(line, kernel) {
            let path: Vec<&str> = open.iter().flatten().copied().collect();
            let is_repair = path.last().is_none_or(|last| last.contains("recovery"));
            if !is_repair {
                return Some(path.join(">"));
            }
        }
    }
    None
}

/// `linux /boot/vmlinuz-RELEASE root=…`
fn boots(line: &str, kernel: &str) -> bool {
    let image = line.split_whitespace().nth(1).unwrap_or_default();
    image.rsplit('/').next() == Some(&format!("vmlinuz-{kernel}"))
}

/// `menuentry 'Title' … $menuentry_id_option 'identity' {`
fn identity(line: &str) -> Option<&str> {
    line.split_once("$menuentry_id_option '")?.1.split('\'').next().filter(|identity| !identity.contains('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = "
if [ \"${next_entry}\" ] ; then
   set default=\"${next_entry}\"
fi
function load_video {
  insmod all_video
}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-U' {
\tlinux\t/boot/vmlinuz-6.1.0-22-amd64 root=UUID=U ro quiet
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-U' {
\tmenuentry 'Debian, with Linux 6.1.0-21-amd64 (recovery mode)' $menuentry_id_option 'gnulinux-6.1.0-21-amd64-recovery-U' {
\t\tlinux\t/boot/vmlinuz-6.1.0-21-amd64 root=UUID=U ro single
\t}
\tmenuentry 'Debian, with Linux 6.1.0-21-amd64' $menuentry_id_option 'gnulinux-6.1.0-21-amd64-advanced-U' {
\t\tif [ x = y ]; then
\t\t\tinsmod x
\t\tfi
\t\tlinux\t/vmlinuz-6.1.0-21-amd64 root=UUID=U ro quiet
\t}
}
";

    #[test]
    fn the_entry_of_a_kernel_is_named_with_its_menu() {
        let entry = "gnulinux-advanced-U>gnulinux-6.1.0-21-amd64-advanced-U";
        assert_eq!(find(MENU, "6.1.0-21-amd64").as_deref(), Some(entry));
        assert_eq!(find(MENU, "6.1.0-22-amd64").as_deref(), Some("gnulinux-simple-U"));
        assert_eq!(find(MENU, "6.1.0-2-amd64"), None);
    }

    #[test]
    fn a_menu_without_orders_for_one_boot_is_of_no_use() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        assert!(entry_of(&host, "6.1.0-21-amd64").unwrap_err().contains("cannot be read"));
        std::fs::create_dir_all(root.path().join("boot/grub")).unwrap();
        std::fs::write(root.path().join("boot/grub/grub.cfg"), MENU.replace("next_entry", "x")).unwrap();
        assert_eq!(
            entry_of(&host, "6.1.0-21-amd64").unwrap_err(),
            "/boot/grub/grub.cfg knows no order for one boot"
        );
    }
}
