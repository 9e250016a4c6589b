//! What machines are, over reboots, second calls and reloads.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::world::{Said, World};

const FIRST: &str = "prod-syd01-carrier1-worker-1001";
const SECOND: &str = "prod-syd01-carrier1-worker-1002";

#[test]
fn machines_live_as_machines_do() {
    let Some(world) = World::new() else { return };
    let agent = world.folder().with_extension("agent");
    fs::write(&agent, "#!/bin/sh\necho the agent, asked for: $SSH_ORIGINAL_COMMAND\n").unwrap();
    let agent = agent.to_str().unwrap();
    world.good(&["up", "--machines", "1", "--agent", agent]);
    // A lab grows, and what runs goes on as it is.
    let before = world.machine(FIRST);
    world.good(&["up", "--machines", "2", "--agent", agent]);
    assert_eq!(world.machine(FIRST)["boot_id"], before["boot_id"]);
    assert_eq!(world.machines().len(), 2);
    assert!(world.good(&["up", "--machines", "2"]).contains("2 machines running before"));

    assert_eq!(
        world.on_good(FIRST, "hostname; systemctl is-system-running --wait"),
        format!("{FIRST}\nrunning")
    );
    for machine in world.machines() {
        assert_eq!(machine["condition"], "running");
        let memory = machine["memory"].as_u64().unwrap();
        assert!((1 << 20..60 << 20).contains(&memory), "{memory}");
    }
    a_reboot_is_real(&world);
    what_was_off_is_as_it_was(&world);
    the_inventory_is_smiths(&world);
    the_controller_can_only_talk_to_the_agent(&world);
    a_reloaded_machine_is_another(&world);
    nobody_elses_names(&world);

    let token = world.token();
    world.good(&["down"]);
    world.nothing_is_left(token.as_deref());
    let again = world.lab(&["down"]);
    assert_eq!(again.code, Some(5), "{again:?}");
}

fn a_reboot_is_real(world: &World) {
    let boot_id = |machine: &str| world.on(machine, "cat /proc/sys/kernel/random/boot_id");
    let (before, other) = (boot_id(FIRST).out, boot_id(SECOND).out);
    assert!(before.len() == 37 && before != other, "{before:?} {other:?}");
    assert_eq!(world.machine(FIRST)["boot_id"], before.trim());
    world.on(FIRST, "echo kept >/root/file; touch /run/file; reboot");
    world.eventually("another boot", || {
        (boot_id(FIRST).out.len() == 37 && boot_id(FIRST).out != before).then_some(())
    });
    assert_eq!(world.on_good(FIRST, "cat /root/file; ls /run/file 2>/dev/null; true"), "kept");
    assert_eq!(boot_id(SECOND).out, other);
}

/// Its disk does not wait for the medium, so what it holds is believed for as long as the computer runs.
fn what_was_off_is_as_it_was(world: &World) {
    let off = || {
        world.on(SECOND, "echo written >/root/file; poweroff");
        world.eventually("a machine that is off", || {
            (world.machine(SECOND)["condition"] == "stopped").then_some(())
        });
    };
    off();
    world.good(&["up", "--machines", "2"]);
    assert_eq!(world.on_good(SECOND, "cat /root/file"), "written");
    off();
    let written = world.folder().join("machines").join(SECOND).join("written");
    let started = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(fs::read_to_string(&written).unwrap(), started);
    fs::write(&written, "an earlier start of this computer\n").unwrap();
    let said = world.lab(&["up", "--machines", "2"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("since this computer was started"), "{said:?}");
    assert!(said.err.contains(&format!("smith lab reload {SECOND}")), "{said:?}");
    assert_ne!(world.machine(SECOND)["condition"], "running");
    world.good(&["reload", SECOND]);
    assert_eq!(world.on_good(SECOND, "ls /root/file 2>/dev/null; hostname"), SECOND);
}

fn the_inventory_is_smiths(world: &World) {
    let sources = world.folder().join("inventory/sources.yaml");
    let lookup = Command::new(env!("CARGO_BIN_EXE_smith"))
        .args(["fleet", "lookup", "environment=prod role=worker", "--json", "--inventory"])
        .arg(sources)
        .output()
        .unwrap();
    let text = String::from_utf8(lookup.stdout).unwrap();
    assert!(lookup.status.success(), "{}", String::from_utf8_lossy(&lookup.stderr));
    let address = world.machine(FIRST)["address"].as_str().unwrap().to_owned();
    assert!(text.contains(FIRST) && text.contains(SECOND) && text.contains(&address), "{text}");
}

fn the_controller_can_only_talk_to_the_agent(world: &World) {
    let ssh =
        |args: &[&str]| Said::of(world.client("ssh", "controller").arg(world.login(FIRST)).args(args)).out;
    assert_eq!(ssh(&["id"]), "the agent, asked for: id\n");
    assert_eq!(ssh(&[]), "the agent, asked for:\n");
}

fn a_reloaded_machine_is_another(world: &World) {
    let before = world.machine(FIRST);
    world.good(&["break", FIRST, "held-package"]);
    world.good(&["reload", FIRST]);
    // The agent is there again, what was written before is not.
    assert_eq!(
        world.on_good(FIRST, "ls /usr/sbin/smith-agent; ls /root/file 2>/dev/null; true"),
        "/usr/sbin/smith-agent"
    );
    let package = agent_package(world);
    // Interrupted before it is made, it is made by whoever comes next, with the agent that was chosen.
    let mut reload = world.start(&["reload", FIRST, "--agent", &package]);
    world.eventually("a machine that is to be made", || {
        let state = fs::read_to_string(world.folder().join("lab.json")).unwrap();
        state.contains("\"planned\"").then_some(())
    });
    reload.kill().unwrap();
    reload.wait().unwrap();
    world.good(&["up", "--machines", "2"]);
    assert_eq!(world.on_good(FIRST, "dpkg-query -W smith-agent; cat /root/configured"), "smith-agent\t7\nso");
    let after = world.machine(FIRST);
    assert_eq!(after["address"], before["address"]);
    assert_ne!(after["host_key"], before["host_key"]);
    assert_eq!(after["faults"], serde_json::json!([]));
    let key = after["host_key"].as_str().unwrap();
    assert!(fs::read_to_string(world.folder().join("inventory/machines.yaml")).unwrap().contains(key));
}

/// A package whose script leaves a word.
fn agent_package(world: &World) -> String {
    let tree = world.folder().with_extension("package");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control = "Package: smith-agent\nVersion: 7\nArchitecture: all\nMaintainer: a\nDescription: a\n";
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let script = tree.join("DEBIAN/postinst");
    fs::write(&script, "#!/bin/sh\necho so >/root/configured\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let package = tree.with_extension("deb");
    let built = Command::new("dpkg-deb").arg("--build").args([&tree, &package]).output().unwrap();
    assert!(built.status.success(), "{built:?}");
    package.to_str().unwrap().to_owned()
}

fn nobody_elses_names(world: &World) {
    let said = world.on("prod-syd01-carrier1-worker-1003", "true");
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("did you mean prod-syd01-carrier1-worker-100"), "{said:?}");
    assert_eq!(world.lab(&["break", FIRST, "gremlins"]).code, Some(2));
    let said = world.lab(&["up", "--machines", "2", "--suite", "trixie"]);
    assert!(said.code == Some(5) && said.err.contains("expected a lab with the base"), "{said:?}");
}
