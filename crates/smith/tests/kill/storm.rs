//! SIGKILL at random moments of create, sync and purge, until each has ended well: the result is that of a run that nobody
//! disturbed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{Draw, World};

/// Kills in all.
const KILLS: u32 = 100;

/// The moment of a kill lies within the time of an undisturbed run, with an eighth more so that some come too late.
fn moment(took: Duration, draw: &mut Draw) -> Duration {
    let micros = u64::try_from(took.as_micros()).unwrap() * 9 / 8;
    Duration::from_micros(draw.below(micros))
}

/// What is done, in this order, on a store and its mirror.
fn steps<'a>(store: &'a str, mirror: &'a str, source: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["build", "create", "1.yaml", "--store", store],
        vec!["build", "create", "2.yaml", "--store", store],
        vec!["mirror", "sync", "1", "2", "--store", mirror, "--from", source, "--keyring", "ours.gpg"],
        vec!["build", "purge", "--keep-newest", "1", "--now", "--yes", "--store", store],
        vec!["build", "purge", "--keep-newest", "1", "--now", "--yes", "--store", mirror],
    ]
}

/// Runs it, killed again and again, until it ended well. Answers how often it was killed.
fn stormed(world: &World, args: &[&str], took: Duration, draw: &mut Draw) -> u32 {
    let mut kills = 0;
    loop {
        let mut child = world.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(moment(took, draw));
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            return kills;
        }
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), None, "{args:?} after {kills} kills: {told}");
        kills += 1;
    }
}

#[test]
fn a_hundred_kills_leave_what_an_undisturbed_run_leaves() {
    let world = World::new();
    world.store("calm");
    let mut took = Vec::new();
    let mut source = None;
    let mut listings = Vec::new();
    for (at, args) in steps("calm", "calm-mirror", "").into_iter().enumerate() {
        let mut args = args;
        if at == 2 {
            source = Some(world.serve("calm"));
        }
        let url = source.as_ref().map_or_else(String::new, |server| server.url.clone());
        if let Some(from) = args.iter_mut().find(|arg| arg.is_empty()) {
            *from = &url;
        }
        let began = Instant::now();
        world.good(&args);
        took.push(began.elapsed());
        let store = if at == 2 || at == 4 { "calm-mirror" } else { "calm" };
        listings.push(world.listing(store));
    }
    // The purge took the first build away from the source, so it is served from one that still has it.
    world.store("whole");
    for recipe in ["1.yaml", "2.yaml"] {
        world.good(&["build", "create", recipe, "--store", "whole"]);
    }
    let whole = world.serve("whole");
    let (mut kills, mut round, mut draw) = (0, 0, Draw(0x5851_f42d_4c95_7f2d));
    while kills < KILLS {
        round += 1;
        let (store, mirror) = (format!("store-{round}"), format!("mirror-{round}"));
        world.store(&store);
        for (at, args) in steps(&store, &mirror, &whole.url).into_iter().enumerate() {
            let here = if at == 2 || at == 4 { &mirror } else { &store };
            let now = stormed(&world, &args, took[at], &mut draw);
            kills += now;
            if now > 0 {
                world.is_sound(here);
            }
            let (expected, found) = (&listings[at], world.listing(here));
            let differs = |(name, one): &(&String, &String)| expected.get(*name) != Some(*one);
            let other: Vec<_> = found.iter().filter(differs).collect();
            let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
            assert!(
                other.is_empty() && missing.is_empty(),
                "round {round}, {args:?} after {now} kills: other {other:#?}, missing {missing:#?}"
            );
        }
        world.is_clean(&store);
        world.is_clean(&mirror);
    }
}
