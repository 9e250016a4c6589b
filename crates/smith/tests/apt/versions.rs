//! Versions have the order that dpkg gives them: every neighbour in the real indexes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;

use smith_repo::version::compare;

use crate::site::{KEYRING, Site, has, upstream};

#[test]
fn every_neighbour_in_the_real_indexes_has_the_order_of_dpkg() {
    let (true, Some(upstream)) = (has(&["dpkg", "apt-get"]), upstream()) else { return };
    let mut versions: Vec<String> = real_versions(&upstream.0).into_iter().collect();
    assert!(versions.len() > 10_000, "{}", versions.len());
    versions.sort_by(|a, b| compare(a, b));
    let pairs: Vec<(&str, &str)> =
        versions.iter().zip(&versions[1..]).map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let wrong: Vec<(&str, &str)> = thread::scope(|scope| {
        let differing = |chunk: &[(&'_ str, &'_ str)]| chunk.iter().position(|(a, b)| !agrees(a, b));
        let asked: Vec<_> = pairs
            .chunks(pairs.len().div_ceil(threads))
            .map(|chunk| scope.spawn(move || differing(chunk).map(|at| chunk[at])))
            .collect();
        asked.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("{} neighbours compared", pairs.len());
}

/// dpkg sees the two in the same order.
fn agrees(a: &str, b: &str) -> bool {
    let operator = if compare(a, b).is_eq() { "eq" } else { "lt" };
    Command::new("dpkg").args(["--compare-versions", a, operator, b]).status().unwrap().success()
}

/// All versions in two releases of the distribution, as the machine's apt reads them.
fn real_versions(main: &str) -> BTreeSet<String> {
    let site = Site::new();
    let apt = site.apt("apt", "");
    let lines =
        ["bookworm", "trixie"].map(|suite| format!("deb [signed-by={KEYRING}] {main} {suite} main\n"));
    fs::write(site.path("apt/sources.list"), lines.concat()).unwrap();
    apt.update();
    let (is_good, text) = apt.run("apt-cache", &["dumpavail"]);
    assert!(is_good);
    text.lines().filter_map(|line| line.strip_prefix("Version: ")).map(str::to_owned).collect()
}
