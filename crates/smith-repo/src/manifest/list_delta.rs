//! The difference between two lists of packages: what a mirror that holds the one needs to know of the other.
//!
//! A package that did not change yet moves in its index when one before it grows, so nearly every line of the list says
//! another number. Therefore lines are compared without that number, and the difference says by how much those of an index
//! have moved.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::thread;

use crate::hash::Sha256;
use crate::manifest::files::{TEXT_MAX, unfold};
use crate::manifest::packages::pack;
use crate::manifest::{ManifestError, PackageList};

const HEAD: &str = "smith-packages-delta 1 ";

/// Most of it is hashes, which no level packs.
const LEVEL: i32 = 9;

/// A difference that has more than one in so many bytes of the list is not worth its making.
const WORTH: usize = 4;

/// What stands before the place of a package in its index, which is the last that is said of it.
const LISTED: &str = "\"listed\":{\"index\":\"";

/// A line that says where its package stands in its index.
struct Placed<'a> {
    /// All of the line before the number.
    head: &'a str,
    index: &'a str,
    number: u64,
    tail: &'a str,
}

impl<'a> Placed<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let index_at = line.rfind(LISTED)? + LISTED.len();
        let index_end = index_at + line[index_at..].find('"')?;
        let number_at =
            index_end + line[index_end..].strip_prefix("\",\"line\":").map(|_| "\",\"line\":".len())?;
        let rest = &line[number_at..];
        let digits = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
        Some(Self {
            head: &line[..number_at],
            index: &line[index_at..index_end],
            number: rest[..digits].parse().ok()?,
            tail: &rest[digits..],
        })
    }
}

/// A list that another is compared with: its lines, by what they say besides the number.
#[derive(Debug)]
pub(crate) struct Before {
    name: Sha256,
    lines: HashMap<u64, (u64, u64)>,
}

/// Two lines for which this is the same by chance make a difference that does not fit, and no more than that.
fn key(line: &str, placed: Option<&Placed<'_>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match placed {
        Some(placed) => {
            hasher.write(placed.head.as_bytes());
            hasher.write_u8(b'\n');
            hasher.write(placed.tail.as_bytes());
        }
        None => hasher.write(line.as_bytes()),
    }
    hasher.finish()
}

impl Before {
    /// Of a list as it lies in a build, and the hash of its text.
    pub(crate) fn read(packed: &[u8], name: Sha256) -> io::Result<Self> {
        let mut text = BufReader::new(zstd::Decoder::new(packed)?.take(TEXT_MAX));
        let (mut lines, mut line) = (HashMap::new(), String::new());
        for at in 0.. {
            line.clear();
            if text.read_line(&mut line)? == 0 {
                break;
            }
            let line = line.trim_end_matches('\n');
            let placed = Placed::of(line);
            let number = placed.as_ref().map_or(0, |placed| placed.number);
            lines.insert(key(line, placed.as_ref()), (at, number));
        }
        Ok(Self { name, lines })
    }
}

/// Lines of the list before that follow each other in this one.
struct Run {
    first: u64,
    count: u64,
}

/// A difference while the lines of the new list go by.
pub(super) struct Differing<'a> {
    before: &'a Before,
    text: String,
    run: Option<Run>,
    moved: HashMap<String, i64>,
    /// Bytes of the new list.
    whole: usize,
}

impl<'a> Differing<'a> {
    pub(super) fn from(before: &'a Before) -> Self {
        let text = format!("{HEAD}{}\n", before.name);
        Self { before, text, run: None, moved: HashMap::new(), whole: 0 }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.whole += line.len();
        let placed = Placed::of(line);
        let Some((at, number)) = self.before.lines.get(&key(line, placed.as_ref())).copied() else {
            self.end_run();
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "+ {line}");
            return;
        };
        if let Some(placed) = placed {
            self.move_to(placed.index, placed.number.wrapping_sub(number).cast_signed());
        }
        match &mut self.run {
            Some(run) if run.first + run.count == at => run.count += 1,
            Some(_) | None => {
                self.end_run();
                self.run = Some(Run { first: at, count: 1 });
            }
        }
    }

    fn move_to(&mut self, index: &str, by: i64) {
        if self.moved.get(index).copied().unwrap_or(0) != by {
            self.end_run();
            let _ = writeln!(self.text, "@ {by} {index}");
            self.moved.insert(index.to_owned(), by);
        }
    }

    fn end_run(&mut self) {
        if let Some(Run { first, count }) = self.run.take() {
            let _ = writeln!(self.text, "= {first} {count}");
        }
    }

    /// Nothing, if the list says the same in little more.
    pub(super) fn finish(mut self) -> io::Result<Option<Vec<u8>>> {
        self.end_run();
        if self.text.len() > HEAD.len() + 65 + self.whole / WORTH {
            return Ok(None);
        }
        zstd::bulk::compress(self.text.as_bytes(), LEVEL).map(Some)
    }
}

/// The text that a difference makes of the text of a list with this name. What it makes is believed for its hash alone, so
/// nobody needs to ask whether the list is what it is called.
fn apply(delta: &[u8], (base, name): (&str, &Sha256), expected: &Sha256) -> Result<String, ManifestError> {
    let delta = unfold(delta)?;
    let mut lines = (1..).zip(delta.lines());
    let from = lines.next().and_then(|(_, head)| head.strip_prefix(HEAD)?.parse::<Sha256>().ok());
    let from = from.ok_or_else(|| bad(1, "the head of a difference", &delta))?;
    if from != *name {
        return Err(ManifestError::Misfit { what: format!("it applies to {from}, not to {name}") });
    }
    // Most lists are as long as the one before.
    let text = String::with_capacity(base.len() + base.len() / 16);
    let mut making = Making { base: base.lines().collect(), moved: HashMap::new(), text };
    for (at, line) in lines {
        making.take(line).ok_or_else(|| bad(at, "a line of a difference", line))?;
    }
    let found = Sha256::of(making.text.as_bytes());
    if found != *expected {
        return Err(ManifestError::Hash { expected: *expected, found });
    }
    Ok(making.text)
}

fn bad(line: usize, expected: &'static str, found: &str) -> ManifestError {
    ManifestError::Line { line, expected, found: found.chars().take(200).collect() }
}

struct Making<'a> {
    base: Vec<&'a str>,
    moved: HashMap<&'a str, i64>,
    text: String,
}

impl<'a> Making<'a> {
    fn take(&mut self, line: &'a str) -> Option<()> {
        let (what, rest) = line.split_at_checked(2)?;
        match what {
            "+ " => {
                self.text.push_str(rest);
                self.text.push('\n');
            }
            "@ " => {
                let (by, index) = rest.split_once(' ')?;
                self.moved.insert(index, by.parse().ok()?);
            }
            "= " => {
                let (first, count) = rest.split_once(' ')?;
                let first: usize = first.parse().ok()?;
                let end = first.checked_add(count.parse().ok()?)?;
                for at in first..end {
                    let line = *self.base.get(at)?;
                    self.copy(line);
                    self.check_size()?;
                }
            }
            _ => return None,
        }
        self.check_size()
    }

    fn copy(&mut self, line: &str) {
        match Placed::of(line) {
            Some(Placed { head, index, number, tail }) => {
                let by = self.moved.get(index).copied().unwrap_or(0);
                let _ = writeln!(self.text, "{head}{}{tail}", number.wrapping_add_signed(by));
            }
            None => {
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }

    /// A few lines can say that a list is repeated for ever.
    fn check_size(&self) -> Option<()> {
        (self.text.len() as u64 <= TEXT_MAX).then_some(())
    }
}

/// The list of a build, packed, from that of its parent, which is called by its hash, and the difference.
pub(crate) fn derive(
    (base, name): (&[u8], &Sha256),
    delta: &[u8],
    expected: &Sha256,
) -> Result<Vec<u8>, ManifestError> {
    let base = unfold(base)?;
    let text = apply(delta, (&base, name), expected)?;
    drop(base);
    // Each takes a good part of what all of it does.
    let (packed, read) = thread::scope(|scope| {
        let packing = scope.spawn(|| pack(&text));
        let read = PackageList::from_text(&text);
        (packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), read)
    });
    read?;
    packed.map_err(|error| ManifestError::Form {
        expected: "a list that can be packed",
        found: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{Listed, Origin, PackageLine, PackedList};

    /// Packages by number, with what version and on which line; every third stands in another index, every seventh in none.
    fn list(packages: &[(u8, u8, u64)], before: Option<&Before>) -> PackedList {
        let names: Vec<String> = (0..=255u8).map(|number| format!("p{number:03}")).collect();
        let versions: Vec<String> = (0..=255u8).map(|version| version.to_string()).collect();
        let line = |(number, version, line): &(u8, u8, u64)| PackageLine {
            name: &names[usize::from(*number)],
            arch: "amd64",
            version: &versions[usize::from(*version)],
            origin: Origin {
                upstream: "debian".parse().expect("a name"),
                suite: "stable",
                component: "main",
            },
            sha256: Sha256::of(&[*number, *version]),
            size: 1,
            path: "main/p",
            source: None,
            source_version: None,
            section: Some("\"listed\":{\"index\":\"x\",\"line\":7}"),
            listed: (number % 7 != 0).then_some(Listed {
                index: if number % 3 == 0 { "contrib/binary-amd64/Packages.xz" } else { "main/Packages.xz" },
                line: *line,
                build: None,
            }),
        };
        PackedList::of(packages.iter().map(line).collect(), before).expect("packed")
    }

    proptest! {
        #[test]
        fn the_difference_leads_from_one_to_the_other(
            a in prop::collection::btree_map(0u8..40, (0u8..2, 0u64..2000), 0..40),
            b in prop::collection::btree_map(0u8..40, (0u8..2, 0u64..2000), 0..40),
        ) {
            let flat = |map: std::collections::BTreeMap<u8, (u8, u64)>| -> Vec<(u8, u8, u64)> {
                map.into_iter().map(|(number, (version, line))| (number, version, line)).collect()
            };
            let (a, b) = (flat(a), flat(b));
            let old = list(&a, None);
            let before = Before::read(&old.bytes, old.hash).expect("read");
            let new = list(&b, Some(&before));
            if let Some(delta) = &new.delta {
                prop_assert_eq!(derive((&old.bytes, &old.hash), delta, &new.hash), Ok(new.bytes.clone()));
                if old.hash != new.hash {
                    prop_assert!(derive((&new.bytes, &new.hash), delta, &new.hash).is_err());
                    prop_assert!(derive((&old.bytes, &old.hash), delta, &old.hash).is_err());
                }
            }
        }
    }

    #[test]
    fn packages_that_only_moved_cost_nothing_each() {
        let old: Vec<(u8, u8, u64)> = (0..250u8).map(|number| (number, 0, u64::from(number) * 10)).collect();
        let mut new = old.clone();
        // One is new and has three lines more, and all that follow in its index have moved.
        new[100].1 = 1;
        new.iter_mut().skip(101).filter(|one| one.0 % 3 != 0).for_each(|one| one.2 += 3);
        let old = list(&old, None);
        let before = Before::read(&old.bytes, old.hash).expect("read");
        let new = list(&new, Some(&before));
        let delta = new.delta.expect("a difference");
        let text = unfold(&delta).expect("text");
        let said: Vec<&str> =
            text.lines().skip(1).map(|line| line.split('"').next().unwrap_or(line)).collect();
        assert_eq!(said, ["= 0 100", "+ {", "@ 3 main/Packages.xz", "= 101 149"]);
        assert_eq!(derive((&old.bytes, &old.hash), &delta, &new.hash), Ok(new.bytes));
    }

    #[test]
    fn a_difference_that_says_nonsense_is_refused() {
        let old = list(&[(1, 0, 1), (2, 0, 9)], None);
        let head = format!("{HEAD}{}\n", old.hash);
        let expected = Sha256::of(b"another list");
        for said in [
            "",
            "nonsense",
            "= 0 3",
            "= 18446744073709551615 2",
            "= 0 x",
            "= 1",
            "@ 1",
            "@ x y",
            "- 1 2",
            "é",
            // A list that begins again and again.
            "= 0 2\n= 0 2",
        ] {
            let delta = zstd::bulk::compress(format!("{head}{said}\n").as_bytes(), 3).expect("packed");
            assert!(derive((&old.bytes, &old.hash), &delta, &expected).is_err(), "{said}");
        }
        for delta in [b"no zstd".to_vec(), zstd::bulk::compress(b"another head\n", 3).expect("packed")] {
            assert!(derive((&old.bytes, &old.hash), &delta, &old.hash).is_err());
        }
    }

    #[test]
    fn where_nearly_all_is_new_there_is_no_difference() {
        let old: Vec<(u8, u8, u64)> = (0..100).map(|number| (number, 0, 1)).collect();
        let new: Vec<(u8, u8, u64)> = (0..100).map(|number| (number, u8::from(number > 20), 1)).collect();
        let old = list(&old, None);
        let before = Before::read(&old.bytes, old.hash).expect("read");
        assert_eq!(list(&new, Some(&before)).delta, None);
    }
}
