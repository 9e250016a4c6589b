//! The driver dies at every append and at every effect, on both stores, and by real kills; the end is always the same.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, in its helpers too")]

use std::process::Command;
use std::sync::Arc;

use smith_journal::faulty::AppendFault;
use smith_journal::{MemoryStore, SqliteStore, Store};
use smith_sim::fuzz::{Scenario, Trace, run};
use smith_sim::kill::{End, Point, Project, Side, Trouble, compare, crash, undisturbed};

/// Eight machines in three clusters.
const SMALL: Project = Project::one_step(8, 3);

/// Each sort of point, and how its n-th is written.
type Sort = fn(u64) -> Point;

const SORTS: [Sort; 5] = [
    |number| Point::Append { number, fault: AppendFault::Refuse },
    |number| Point::Append { number, fault: AppendFault::LoseAnswer },
    |number| Point::Append { number, fault: AppendFault::LoseRows },
    |number| Point::Effect { number, side: Side::Before },
    |number| Point::Effect { number, side: Side::After },
];

/// Goes through all points of a sort until a run no longer comes to one; answers how many there were.
fn every<S: Store, J>(sort: Sort, journal: impl Fn() -> J, open: impl Fn(&J) -> S) -> u64 {
    let expected = undisturbed(SMALL).unwrap();
    for number in 0.. {
        let point = sort(number);
        let journal = journal();
        match crash(SMALL, point, || Ok(open(&journal))) {
            Ok(Some(end)) => same(point, &end, &expected),
            Ok(None) => return number,
            Err(trouble) => panic!("{point:?}: {}", chain(&trouble)),
        }
    }
    unreachable!("a run has fewer points than numbers")
}

fn same(point: Point, end: &End, expected: &End) {
    let found: Vec<_> = compare(end, expected).into_iter().filter(|check| !check.found.is_empty()).collect();
    assert!(found.is_empty(), "{point:?}: {found:#?}");
}

fn chain(trouble: &Trouble) -> String {
    format!("{trouble}: {trouble:?}")
}

/// The sorts are independent; each is a thread of its own.
fn every_sort<S: Store, J>(journal: impl Fn() -> J + Sync, open: impl Fn(&J) -> S + Sync) -> Vec<u64> {
    std::thread::scope(|scope| {
        let (journal, open) = (&journal, &open);
        let threads = SORTS.map(|sort| scope.spawn(move || every(sort, journal, open)));
        threads.map(|thread| thread.join().unwrap()).to_vec()
    })
}

#[test]
fn a_driver_that_dies_at_any_append_or_effect_comes_to_the_same_end_in_memory() {
    let reached = every_sort(|| Arc::new(MemoryStore::new()), Arc::clone);
    // Each of eight machines is checked, drained, patched, proven and undrained, and there are errands.
    assert!(reached.iter().all(|count| *count >= 20), "{reached:?}");
}

#[test]
fn a_driver_that_dies_at_any_append_or_effect_comes_to_the_same_end_on_a_file() {
    let reached = every_sort(
        || tempfile::tempdir().unwrap(),
        |dir| SqliteStore::open(dir.path().join("journal.db")).unwrap(),
    );
    assert!(reached.iter().all(|count| *count >= 20), "{reached:?}");
}

#[test]
fn nobody_dies_and_everything_holds() {
    let end = undisturbed(SMALL).unwrap();
    let found: Vec<_> = compare(&end, &end).into_iter().filter(|check| !check.found.is_empty()).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_process_that_is_killed_comes_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_smith-sim"))
        .args(["kill", "--machines", "60", "--kills", "12", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("ok   12 kills\n"), "{text}");
    assert!(text.ends_with(" 0 failed\n"), "{text}");
}

#[test]
fn the_first_seeds_hold() {
    for seed in 0..40 {
        let verdict = run(Scenario::of_seed(seed), &mut Trace::default());
        assert!(verdict.violations.is_empty(), "seed {seed}: {:#?}", verdict.violations);
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in [7, 23] {
        let lines = || {
            let mut trace = Trace { lines: Vec::new(), wanted: true };
            run(Scenario::of_seed(seed), &mut trace);
            trace.lines
        };
        let first = lines();
        assert!(first.len() > 10, "seed {seed} does nothing");
        assert!(first == lines(), "seed {seed} came out differently");
    }
}
