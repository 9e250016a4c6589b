//! A lab that is killed on the way can be removed or finished, and what is not the lab's stays.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::world::World;

/// After how many milliseconds `up` is killed: from the first file to machines that boot. It takes about two seconds.
const KILLS: [u64; 9] = [5, 20, 60, 150, 300, 500, 800, 1200, 1700];

#[test]
fn what_was_killed_on_the_way_is_removed() {
    let Some(world) = World::new() else { return };
    for after in KILLS {
        let mut up = world.start(&["up", "--machines", "2"]);
        std::thread::sleep(Duration::from_millis(after));
        up.kill().unwrap();
        up.wait().unwrap();
        let token = world.token();
        let down = world.lab(&["down"]);
        // Killed before the first file, there is no lab.
        assert!(matches!(down.code, Some(0 | 5)), "after {after} ms: {down:?}");
        world.nothing_is_left(token.as_deref());
    }
}

#[test]
fn a_removal_that_was_killed_is_finished() {
    let Some(world) = World::new() else { return };
    for after in [3, 10, 25, 60, 120, 200] {
        world.good(&["up", "--machines", "1"]);
        let token = world.token();
        let mut down = world.start(&["down"]);
        std::thread::sleep(Duration::from_millis(after));
        down.kill().unwrap();
        down.wait().unwrap();
        let again = world.lab(&["down"]);
        // The first one may have been done by then.
        assert!(matches!(again.code, Some(0 | 5)), "after {after} ms: {again:?}");
        world.nothing_is_left(token.as_deref());
    }
}

#[test]
fn what_was_killed_on_the_way_is_finished() {
    let Some(world) = World::new() else { return };
    for after in [100, 400, 900] {
        let mut up = world.start(&["up", "--machines", "2"]);
        std::thread::sleep(Duration::from_millis(after));
        up.kill().unwrap();
        up.wait().unwrap();
    }
    world.good(&["up", "--machines", "2"]);
    for machine in world.machines() {
        let name = machine["name"].as_str().unwrap();
        assert_eq!(world.on_good(name, "hostname"), name);
    }
    // Killed machines are booted again, with what was on their disks.
    let name = "prod-syd01-carrier1-worker-1001";
    world.on_good(name, "echo kept >/root/file; sync");
    let group = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(|root| format!("{root}/smith-lab-{}/{name}/cgroup.kill", world.token().unwrap()));
    let killed = group.iter().filter(|path| fs::write(path, "1").is_ok()).count();
    assert_eq!(killed, 1);
    world.eventually("a stopped machine", || (world.machine(name)["condition"] == "stopped").then_some(()));
    let refused = world.lab(&["break", name, "full-disk"]);
    assert!(refused.code == Some(5) && refused.err.contains("found it stopped"), "{refused:?}");
    assert!(
        world.good(&["up", "--machines", "2"]).contains("1 machine booted again, 1 machine running before")
    );
    assert_eq!(world.on_good(name, "cat /root/file"), "kept");
}

#[test]
fn what_is_not_the_labs_stays() {
    let Some(world) = World::new() else { return };
    let ip = |args: &[&str]| Command::new("ip").args(args).output().unwrap().status.success();
    let bridge = world.bridge();
    assert!(ip(&["link", "add", &bridge, "type", "bridge"]));
    let refused = world.lab(&["up", "--machines", "1"]);
    assert!(
        refused.code == Some(5) && refused.err.contains(&format!("expected no link {bridge}")),
        "{refused:?}"
    );
    let there = fs::read_to_string(format!("/sys/class/net/{bridge}/address")).is_ok();
    assert!(ip(&["link", "delete", &bridge]) && there);

    world.good(&["up", "--machines", "1"]);
    // In the place of the lab's own link there is somebody else's: nothing at all is removed.
    let link = format!("{bridge}-0");
    assert!(ip(&["link", "delete", &link]) && ip(&["link", "add", &link, "type", "bridge"]));
    let refused = world.lab(&["down"]);
    assert!(refused.code == Some(5) && refused.err.contains("which stays untouched"), "{refused:?}");
    assert_eq!(world.machine("prod-syd01-carrier1-worker-1001")["condition"], "running");
    assert!(ip(&["link", "delete", &link]));
    world.good(&["down"]);

    fs::create_dir(world.folder()).unwrap();
    fs::write(world.folder().join("letters"), "mine").unwrap();
    let refused = world.lab(&["up", "--machines", "1"]);
    assert!(refused.code == Some(5) && refused.err.contains("letters"), "{refused:?}");
    assert_eq!(world.lab(&["down"]).code, Some(74));
    assert_eq!(fs::read_to_string(world.folder().join("letters")).unwrap(), "mine");
    fs::remove_dir_all(world.folder()).unwrap();
}
