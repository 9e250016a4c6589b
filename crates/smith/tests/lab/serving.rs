//! A server patches real machines, and is killed while it does.

use std::time::Duration;

use super::server::Serving;
use super::site::{Package, RUNS, Site};
use super::world::World;

const PACKAGES: [Package; 2] = [
    Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "sleep 1", unit: "" },
    Package { name: "scripted", epoch: "", depends: "plain", conffile: "", postinst: "sleep 1", unit: "" },
];

/// One step that needs a yes, one machine of the cluster at a time.
const PIPELINE: &str = "pipeline: all
title: all machines
owner: role:operator
steps:
  - step: patch
    title: all machines
    change: {approve: role:lead}
    budget: 0
    bags: [{bag: all, machines: all, parallel: unbounded}]
";

/// Of so many machines, one after the other, each is begun or at work when the server is killed about three times.
const MACHINES: usize = 2;

/// More than the work takes, killed as often as it is.
const KILLS_MAX: u64 = 200;

#[test]
fn a_server_patches_a_cluster_one_by_one_and_goes_on_however_often_it_is_killed() {
    let Some(world) = World::new() else { return };
    // As many machines as it takes to be killed so often.
    let wanted = std::env::var("SMITH_LAB_KILLS").ok().map(|text| text.parse::<usize>().unwrap());
    let machines = world.up_with_agent(wanted.map_or(MACHINES, |kills| kills.div_ceil(3).max(1)));
    let site = Site::new(&world, &machines, &PACKAGES);
    let names: Vec<&str> = machines.iter().map(String::as_str).collect();
    let mut serving = Serving::new(&world, &site, PIPELINE, &names);
    let started = serving.good(&["chat", "patch 1 config:all"]);
    assert_eq!(started.trim(), "starting project ID: 1 patch 1 onto config all");
    serving.approve_as_lead("CHG0000001");
    let mut kills = 0;
    while serving.project()["state"] == "running" {
        assert!(kills < KILLS_MAX, "{:?}", serving.project());
        // Another moment each time, spread over the whole of the work.
        std::thread::sleep(Duration::from_millis(300 + kills * 370 % 1_900));
        serving.kill();
        serving.start();
        kills += 1;
    }
    eprintln!("the server was killed {kills} times");
    let project = serving.project();
    assert_eq!(
        (&project["state"], &project["totals"]["pass"]),
        (&"complete".into(), &machines.len().into()),
        "{project}"
    );
    for machine in &machines {
        site.is_at_build(machine);
        let runs = world.on_good(machine, &format!("cat {RUNS}"));
        assert_eq!(runs, "begin plain\nend plain\nbegin scripted\nend scripted", "{machine}");
    }
    let change = serving.json(&["change", "list", "--all"]);
    assert_eq!((change.as_array().unwrap().len(), &change[0]["state"]), (1, &"closed".into()), "{change}");
    let tickets = serving.json(&["ticket", "list", "--all"]);
    assert_eq!(tickets.as_array().unwrap().len(), 2, "an epic and a ticket: {tickets}");
    serving.audit();
}
