//! The agent put on a machine that has none, by an administrator; and host keys recorded by a person.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::agent::package;
use super::world::{Said, World};

const MACHINE: &str = "prod-syd01-carrier1-worker-1001";

#[test]
fn an_administrator_installs_the_agent_and_keeps_the_way_in() {
    let Some(world) = World::new() else { return };
    world.good(&["up", "--machines", "1"]);
    let (admin, controller) = (world.folder().join("keys/admin"), new_key(&world));
    let install = |key: &Path| {
        let mut command = asked(&world, &["agent", "install", MACHINE], &admin);
        command.arg("--package").arg(package()).arg("--controller-key").arg(key.with_extension("pub"));
        Said::of(&mut command)
    };
    let facts = || Said::of(&mut asked(&world, &["agent", "run", MACHINE, "facts"], &controller));

    // With the key of a person the agent would be all that the person could reach.
    let refused = install(&admin);
    assert!(refused.code == Some(1) && refused.out.contains("that lets a person in"), "{refused:?}");
    assert_eq!(world.on_good(MACHINE, "ls /usr/sbin/smith-agent 2>/dev/null; true"), "");
    assert_eq!(facts().code, Some(1));

    for end in ["installed", "already so"] {
        let installed = install(&controller);
        assert_eq!(installed.code, Some(0), "{installed:?}");
        assert!(installed.line().starts_with(&format!("{end}: {MACHINE}: smith-agent ")), "{installed:?}");
    }
    assert_eq!(facts().code, Some(0));
    // What answers to the controller's own key is the agent, and nothing is installed with it.
    let mut wrong = asked(&world, &["agent", "install", MACHINE], &controller);
    wrong.arg("--package").arg(package()).arg("--controller-key").arg(controller.with_extension("pub"));
    let wrong = Said::of(&mut wrong);
    assert!(wrong.code == Some(1) && wrong.out.contains("an administrator's key is needed"), "{wrong:?}");
    let line = "grep -c 'command=\"/usr/sbin/smith-agent\",restrict .* smith$' /root/.ssh/authorized_keys";
    assert_eq!(world.on_good(MACHINE, line), "1");
    assert_eq!(
        world.on_good(MACHINE, "stat -c %a /root/.ssh/authorized_keys; ls -A /root/.ssh"),
        "600\nauthorized_keys"
    );
}

#[test]
fn a_host_key_is_recorded_once_and_another_is_refused() {
    let Some(world) = World::new() else { return };
    world.up_with_agent(1);
    let folder = world.folder().with_extension("inventory");
    fs::create_dir_all(&folder).unwrap();
    let address = world.machine(MACHINE)["address"].as_str().unwrap().to_owned();
    fs::write(folder.join("sources.yaml"), "sources:\n  - {name: a, file: a.yaml}\nhost-keys: keys\n")
        .unwrap();
    fs::write(folder.join("a.yaml"), format!("machines:\n  - {{name: one, address: {address}}}\n")).unwrap();
    let enroll = |more: &[&str]| {
        let mut command = world.smith(&[&["agent", "enroll", "one"], more].concat());
        Said::of(command.arg("--inventory").arg(folder.join("sources.yaml")))
    };
    let facts = || {
        let mut command = world.smith(&["agent", "run", "one", "facts"]);
        command.arg("--inventory").arg(folder.join("sources.yaml"));
        Said::of(command.arg("--identity").arg(world.folder().join("keys/controller")))
    };
    let unknown = facts();
    assert!(unknown.code == Some(5) && unknown.err.contains("expected the host key of one"), "{unknown:?}");
    // Nobody is there to be asked, and nothing is recorded.
    assert_eq!(enroll(&[]).code, Some(2));
    assert!(!folder.join("keys").exists());
    assert_eq!(enroll(&["--yes"]).code, Some(0));
    let key = world.machine(MACHINE)["host_key"].as_str().unwrap().to_owned();
    let kept = || fs::read_to_string(folder.join("keys")).unwrap();
    assert!(kept().ends_with(&format!("\none {key}\n")), "{}", kept());
    assert_eq!(facts().code, Some(0));

    world.good(&["reload", MACHINE]);
    let (before, changed) = (kept(), enroll(&["--yes"]));
    assert!(changed.code == Some(1) && changed.out.contains("changed"), "{changed:?}");
    assert!(
        changed.err.contains("the recorded key stays") && changed.err.contains("--replace"),
        "{changed:?}"
    );
    assert_eq!(kept(), before);
    let refused = facts();
    assert!(refused.code == Some(1) && refused.out.contains("expected host key "), "{refused:?}");
    assert_eq!(enroll(&["--yes", "--replace"]).code, Some(0));
    assert_eq!(facts().code, Some(0));
}

fn asked(world: &World, words: &[&str], identity: &Path) -> Command {
    let mut command = world.smith(words);
    command.arg("--inventory").arg(world.folder().join("inventory/sources.yaml"));
    command.arg("--identity").arg(identity);
    command
}

/// Beside the lab's folder, in which only the lab's own files may lie.
fn new_key(world: &World) -> PathBuf {
    let path = world.folder().with_file_name("another-key");
    let mut keygen = Command::new("ssh-keygen");
    assert!(keygen.args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&path).status().unwrap().success());
    path
}
