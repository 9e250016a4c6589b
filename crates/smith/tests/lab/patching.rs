//! A machine is brought to a build, shows it, and goes on well.

use super::site::{Package, Site};
use super::world::{Said, World};

const PACKAGES: [Package; 4] = [
    Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "", unit: "" },
    Package {
        name: "scripted",
        epoch: "1:",
        depends: "plain (>= 1.0)",
        conffile: "",
        postinst: "cp /usr/share/doc/plain/version /root/plain-when-scripted",
        unit: "",
    },
    Package {
        name: "served",
        epoch: "",
        depends: "",
        conffile: "",
        postinst: "systemctl daemon-reload; systemctl restart served.service",
        unit: "[Service]\nExecStart=/usr/bin/sleep infinity\nEnvironment=SERVED=VERSION\n",
    },
    Package {
        name: "settled",
        epoch: "",
        depends: "",
        conffile: "/etc/settled.conf",
        postinst: "",
        unit: "",
    },
];

#[test]
fn a_machine_comes_to_the_build_once_and_stays_well() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(1);
    let machine = machines[0].as_str();
    let site = Site::new(&world, &machines, &PACKAGES);
    world.on_good(machine, "echo mine >/etc/settled.conf; systemctl daemon-reload; systemctl start served");

    let build = site.build();
    let build: Vec<&str> = build.iter().map(String::as_str).collect();
    let checked = world.agent(machine, &[&["check"], &build[..]].concat());
    assert!(checked.out.starts_with(&format!("done: {machine} packages to install, ")), "{checked:?}");
    the_changes_are_told(&checked);
    assert_eq!(world.on_good(machine, "cat /usr/share/doc/*/version | sort -u"), "1.0");

    let patched = site.patch(machine, &[]);
    let so = format!("{machine} build 1, 4 packages verified of ");
    assert!(patched.line().starts_with(&format!("done: {so}")), "{patched:?}");
    the_changes_are_told(&patched);
    site.is_at_build(machine);
    assert_eq!(world.on_good(machine, "cat /root/plain-when-scripted"), "2.0");
    assert_eq!(
        world.on_good(machine, "cat /etc/settled.conf /etc/settled.conf.dpkg-dist"),
        "mine\nfrom = 2.0"
    );
    assert_eq!(
        world.on_good(
            machine,
            "xargs -0 -n1 </proc/$(systemctl show -P MainPID served)/environ | grep SERVED"
        ),
        "SERVED=2.0"
    );

    let again = site.patch(machine, &[]);
    assert!(again.line().starts_with(&format!("already so: {so}")), "{again:?}");
    // The same as an apt repository that nobody knows as a build.
    let plain = site.plain();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    let so = format!("already so: {}", so.replace("build 1", "build 0"));
    let by_hand = world.agent_good(machine, &[&["patch"], &plain[..]].concat());
    assert!(by_hand.starts_with(&so), "{by_hand}");

    it_reboots_and_is_well(&world, machine);
    it_explains_itself(&world, &site, machine);
}

fn the_changes_are_told(said: &Said) {
    let changes: Vec<&str> = said.out.lines().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(
        changes,
        ["  plain 1.0 -> 2.0", "  scripted 1:1.0 -> 1:2.0", "  served 1.0 -> 2.0", "  settled 1.0 -> 2.0"],
        "{said:?}"
    );
}

fn it_reboots_and_is_well(world: &World, machine: &str) {
    let boot = || world.machine(machine)["boot_id"].as_str().unwrap().to_owned();
    let before = boot();
    let told = world.agent_good(machine, &["reboot"]);
    let after = boot();
    assert_ne!(before, after);
    assert!(told.starts_with(&format!("done: {machine} boot {after} (before {before}), kernel ")), "{told}");
    let health = world.agent(machine, &["health"]);
    assert!(health.code == Some(0) && health.line().starts_with(&format!("done: {machine} ")), "{health:?}");
}

/// `smith report` finds nothing on a machine that is well, and what a person needs is in its folder all the same.
fn it_explains_itself(world: &World, site: &Site<'_>, machine: &str) {
    let into = site.path("reports");
    let told = Said::of(&mut world.controller(&["report", machine, "--into", into.to_str().unwrap()]));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.starts_with(&format!("good: {machine}: no likely cause found")), "{told:?}");
    let piece = |name: &str| std::fs::read_to_string(into.join(machine).join(name)).unwrap();
    assert!(piece("agent.log.txt").contains("patch began"));
    assert!(piece("dpkg.log.txt").contains("upgrade scripted:all 1:1.0 1:2.0"));
    assert!(piece("summary.json").contains("\"causes\": []"));
}
