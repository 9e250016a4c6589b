//! Machines come and go while others are patched.

use super::server::Serving;
use super::site::{Package, Site};
use super::world::World;

const PACKAGES: [Package; 1] =
    [Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "sleep 4", unit: "" }];

/// The fourth machine belongs to nobody.
const PIPELINE: &str = "pipeline: all
title: all machines but one
owner: role:operator
steps:
  - step: patch
    title: most machines
    change: none
    budget: 0
    bags: [{bag: most, machines: not number=1003, parallel: unbounded}]
";

#[test]
fn who_joins_is_patched_and_who_leaves_is_gone() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(4);
    let site = Site::new(&world, &machines, &PACKAGES);
    let [stays, leaves, joins, missed] = &machines[..] else { panic!("{machines:?}") };
    let mut serving = Serving::new(&world, &site, PIPELINE, &[stays, leaves]);
    serving.good(&["chat", "patch 1 config:all"]);
    world.eventually("the first machine at work", || {
        serving.good(&["rollout", "why", stays]).contains("patch").then_some(())
    });
    serving.list(&[stays, joins, missed]);
    let project = world.eventually("the end of it", || {
        let project = serving.project();
        (project["state"] != "running").then_some(project)
    });
    let totals = &project["totals"];
    assert_eq!(
        (&project["state"], &totals["pass"], &totals["gone"]),
        (&"complete".into(), &2.into(), &1.into())
    );
    for machine in [stays, joins] {
        site.is_at_build(machine);
    }
    for machine in [leaves, missed] {
        assert_eq!(world.on_good(machine, "cat /usr/share/doc/plain/version"), "1.0", "{machine}");
    }
    let why = |machine: &str| serving.good(&["rollout", "why", machine]).trim().to_owned();
    assert_eq!(why(leaves), format!("{leaves}: project 1: gone: it left the fleet"));
    assert_eq!(why(missed), format!("{missed}: no rollout has this machine in its scope"));
    let gaps = serving.good(&["chat", "gaps"]);
    assert_eq!(gaps.trim(), format!("3 machines: 2 in configs, 0 exempt, 1 missed\n - {missed}"));
    serving.audit();
}
