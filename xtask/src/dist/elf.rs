//! Whether a program needs anything of the machine that it runs on.

/// Segments of an ELF file that say that another file is needed: the loader.
const INTERPRETER: u32 = 3;

/// Why the program is not one that runs anywhere, if it is not.
pub(super) fn needs(bytes: &[u8]) -> Option<String> {
    match interpreter(bytes) {
        None => Some("no whole ELF file".to_owned()),
        Some(None) => None,
        Some(Some(loader)) => Some(format!("one that is loaded by {loader}")),
    }
}

/// The loader that the file names; `None` where it is no whole ELF file.
fn interpreter(bytes: &[u8]) -> Option<Option<String>> {
    let is_64 = match bytes.get(..6)? {
        [0x7f, b'E', b'L', b'F', 2, 1] => true,
        [0x7f, b'E', b'L', b'F', 1, 1] => false,
        _ => return None,
    };
    let number = |at: usize, length: usize| -> Option<usize> {
        let digits = bytes.get(at..at.checked_add(length)?)?;
        usize::try_from(digits.iter().rev().fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit))).ok()
    };
    let (table, size, count) = if is_64 {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    for index in 0..count {
        let at = table.checked_add(index.checked_mul(size)?)?;
        if number(at, 4)? as u32 != INTERPRETER {
            continue;
        }
        let (from, length) = if is_64 {
            (number(at + 8, 8)?, number(at + 32, 8)?)
        } else {
            (number(at + 4, 4)?, number(at + 16, 4)?)
        };
        let name = bytes.get(from..from.checked_add(length)?)?;
        return Some(Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()));
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_machine_is_loaded_by_something() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = needs(&own).unwrap();
        assert!(found.starts_with("one that is loaded by /lib"), "{found}");
    }

    #[test]
    fn what_is_no_program_is_told() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for bytes in [&b"#!/bin/sh\n"[..], b"", &own[..40], &own[..70]] {
            assert_eq!(needs(bytes), Some("no whole ELF file".to_owned()));
        }
    }

    #[test]
    fn a_header_without_a_loader_needs_nothing() {
        let mut header = vec![0; 64];
        header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        assert_eq!(needs(&header), None);
    }
}
