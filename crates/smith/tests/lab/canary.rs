//! A package of the build is broken: the first machine shows it, and nothing else is touched.

use super::server::Serving;
use super::site::{Package, RUNS, Site};
use super::world::World;

const PACKAGES: [Package; 2] = [
    Package { name: "plain", epoch: "", depends: "", conffile: "", postinst: "", unit: "" },
    Package {
        name: "broken",
        epoch: "",
        depends: "",
        conffile: "",
        postinst: "echo 'no such database'; exit 3",
        unit: "",
    },
];

#[test]
fn a_broken_package_stops_at_the_canary() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(3);
    let site = Site::new(&world, &machines, &PACKAGES);
    let [canary, others @ ..] = &machines[..] else { panic!("{machines:?}") };
    let pipeline = format!(
        "pipeline: all\ntitle: the canary, then production\nowner: role:operator\nsteps:\n  \
         - {{step: canary, title: the canary, change: none, budget: 0, retry: {{attempts: 1}}, bags: [{{bag: canary, machines: {canary}, parallel: unbounded}}]}}\n  \
         - {{step: production, title: the rest, change: none, budget: 0, retry: {{attempts: 1}}, bags: [{{bag: rest, machines: not {canary}, parallel: unbounded}}]}}\n"
    );
    let names: Vec<&str> = machines.iter().map(String::as_str).collect();
    let mut serving = Serving::new(&world, &site, &pipeline, &names);
    serving.good(&["chat", "patch 1 config:all"]);
    let project = world.eventually("a step that halts", || {
        let project = serving.project();
        (project["steps"][0]["state"] == "halted").then_some(project)
    });
    let totals = &project["totals"];
    assert_eq!((&totals["failed"], &totals["pass"]), (&1.into(), &0.into()), "{project}");
    assert_eq!(project["steps"][1]["state"], "unstarted", "{project}");

    // Why, in one line that names machine, package, and what it was.
    let why = serving.good(&["rollout", "why", canary]);
    assert_eq!(why.trim().lines().count(), 1, "{why}");
    for word in [canary.as_str(), "package-failed", "broken", "post-installation script", "exit status 3"] {
        assert!(why.contains(word), "{word}: {why}");
    }
    // So does the ticket, and it names who is waited for.
    let ticket = serving.good(&["ticket", "show", project["steps"][0]["ticket"].as_str().unwrap()]);
    for word in [canary.as_str(), "package-failed", "broken", "role:operator"] {
        assert!(ticket.contains(word), "{word}: {ticket}");
    }

    // Production has never heard of it.
    for machine in others {
        let found = world
            .on_good(machine, &format!("cat {RUNS} 2>/dev/null; cat /usr/share/doc/*/version | sort -u"));
        assert_eq!(found, "1.0", "{machine}");
        let asked = world.on_good(machine, "ls /var/lib/smith/ops 2>/dev/null | wc -l");
        assert_eq!(asked, "0", "{machine}");
    }
    serving.audit();
}
