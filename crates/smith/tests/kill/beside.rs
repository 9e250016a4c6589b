//! A purge beside a create and beside a sync takes nothing that they rely on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::world::World;

/// Builds that come while purges run.
const BUILDS: usize = 8;

#[test]
fn purges_beside_creates_and_syncs_break_neither() {
    let world = World::new();
    world.store("site");
    world.store("source");
    for recipe in ["1.yaml", "2.yaml", "1.yaml", "2.yaml"] {
        world.good(&["build", "create", recipe, "--store", "source", "--allow-older", "--even-if-unchanged"]);
    }
    let source = world.serve("source");
    let pull = |build: &str| {
        world.good(&[
            "mirror",
            "sync",
            build,
            "--store",
            "mirror",
            "--from",
            &source.url,
            "--keyring",
            "ours.gpg",
        ]);
    };
    world.good(&["build", "create", "1.yaml", "--store", "site"]);
    pull("4");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for store in ["site", "mirror"] {
            let (world, is_over) = (&world, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    world.good(&["build", "purge", "--keep-newest", "1", "--now", "--yes", "--store", store]);
                }
            });
        }
        let creates = scope.spawn(|| {
            for recipe in ["2.yaml", "1.yaml"].into_iter().cycle().take(BUILDS) {
                let create = ["build", "create", recipe, "--store", "site"];
                world.good(&[&create[..], &["--even-if-unchanged", "--allow-older"]].concat());
            }
        });
        let syncs = scope.spawn(|| {
            // Older than the one that stays: each is purged again, perhaps at once.
            ["1", "2", "3"].into_iter().cycle().take(BUILDS).for_each(pull);
        });
        let ended = (creates.join(), syncs.join());
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.0.is_ok() && ended.1.is_ok());
    });
    for store in ["site", "mirror"] {
        world.good(&["build", "purge", "--keep-newest", "1", "--now", "--yes", "--store", store]);
        world.is_clean(store);
    }
}
