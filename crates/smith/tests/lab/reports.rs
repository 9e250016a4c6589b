//! What is there of a report that is broken off.

use std::fs;
use std::process::Stdio;

use super::world::World;

#[test]
fn what_has_come_of_a_report_is_there_when_it_is_broken_off() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(2);
    // An agent that is there and never says anything.
    world.on_good(&machines[1], "printf '#!/bin/sh\\nexec sleep 600\\n' >/usr/sbin/smith-agent");
    let into = world.folder().with_extension("reports");
    let mut report = world.controller(&["report", &machines[0], &machines[1]]);
    let mut report = report.arg("--into").arg(&into).stdout(Stdio::null()).spawn().unwrap();
    let summary = into.join(&machines[0]).join("summary.json");
    world.eventually("the report of the first machine", || summary.exists().then_some(()));
    assert!(report.try_wait().unwrap().is_none(), "the other machine has not answered");
    report.kill().unwrap();
    report.wait().unwrap();
    assert!(fs::read_to_string(into.join(&machines[0]).join("agent.log.txt")).is_ok());
    assert!(!into.join(&machines[1]).exists());
}
