//! The story itself, chapter by chapter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use smith_api::Project;
use smith_repo::mirror::mirrors;
use smith_repo::store::Store;

use super::compare::Newest;
use super::fleet::{FAILS, FAULT, MIRRORS};
use super::hands::{ASKS, People, Who, address};
use super::news::listen;
use super::place::{read, size, write};
use super::recipe::PROFILES;
use super::settings::{BEFORE, CANARY, REST, TEST, WEEK, write_recipes, write_site};
use super::tell::{Watch, is};
use super::times::{Times, about};
use super::world::World;
use super::{Afterwards, Options};
use crate::failure::{Exit, Failure};
use crate::output::{BOLD, count, counted, styled};

/// The chapters, and how many seconds each takes on a computer with two processors once everything is downloaded.
const CHAPTERS: [(&str, u64); 9] = [
    ("a lab of real machines", 15),
    ("a build without security updates, on two mirrors", 10),
    ("the server", 8),
    ("the week begins: a build with security updates", 12),
    ("from dev to stage, with a machine that fails", 120),
    ("it soaks, and somebody else says yes", 62),
    ("the channel of production, region by region", 6),
    ("the canary region", 90),
    ("the other region, and the end", 100),
];

/// Longer than a server takes to find its machines and builds.
const START_MAX: Duration = Duration::from_secs(60);

/// Whoever signs the demo's builds.
const SIGNER: &str = "Demo builds <builds@demo.example>";

struct Story<'w, 'p, 'o> {
    world: &'w mut World<'p>,
    options: &'o Options,
    times: Times,
    number: usize,
    /// The boots of the machines before anything was done to them.
    boots: BTreeMap<String, String>,
}

pub(super) fn tell(world: &mut World<'_>, options: &Options) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let times = Times::open(world.place.times(), &CHAPTERS);
    let mut story = Story { world, options, times, number: 0, boots: BTreeMap::new() };
    story.opening()?;
    let had = size(&story.world.place.store());
    let gateway = story.machines()?;
    let addresses = story.mirrors(&gateway)?;
    let people = story.server(&addresses)?;
    let news = listen(people.listener())?;
    let Story { world, options, times, number, boots } = story;
    let watch = Watch::new(world, people, news);
    let mut acts = Acts { watch, options, times, number, boots, week: 0, build: 0 };
    acts.week_begins(had)?;
    acts.test()?;
    acts.soak()?;
    acts.channel()?;
    acts.production(CANARY)?;
    acts.production(REST)?;
    let exit = acts.evidence()?;
    acts.times.end();
    acts.closing(begun.elapsed())?;
    Ok(exit)
}

impl Story<'_, '_, '_> {
    fn opening(&mut self) -> Result<(), Failure> {
        let machines = counted(self.options.size.machines().len() as u64, "machine");
        let whole = about(self.times.sum(&CHAPTERS));
        let how = if self.times.is_measured() {
            "as measured on this computer"
        } else {
            "and what is downloaded besides: about 80 MB for the machines, 120 MB for the builds, once"
        };
        let dir = self.world.place.dir().display().to_string();
        self.world.stage.say(&format!(
            "{}\n{machines} of a lab on this computer, builds of what its own apt is configured for, mirrors, a server: all real.\n\
             About {whole}, {how}. Everything lies in {dir}.\n\
             Ctrl-C ends it at any moment, with everything that runs.",
            styled(BOLD, "smith demo: the weekly patch of a fleet, from upstream to evidence"),
        ))
    }

    fn chapter(&mut self) -> Result<(), Failure> {
        begin(self.world, &mut self.times, &mut self.number)
    }

    /// Makes the machines, and says what they have installed. Gives the address of this computer in their network.
    fn machines(&mut self) -> Result<String, Failure> {
        self.chapter()?;
        self.world.begin_anew()?;
        let (place, suite) = (self.world.place, release());
        write(&place.run("fleet.txt"), &self.options.size.text())?;
        let agent = self.world.agent.display().to_string();
        self.world.show(&["lab", "up", "--fleet", "run/fleet.txt", "--suite", &suite, "--agent", &agent])?;
        write_recipes(place, &suite)?;
        for machine in self.options.size.machines() {
            let status = self.world.good(&["lab", "ssh", machine, "cat", "/var/lib/dpkg/status"])?;
            write(&place.run("server/recipes").join(PROFILES).join(machine), &status)?;
        }
        let labs: serde_json::Value = serde_json::from_str(&self.world.good(&["lab", "list", "--json"])?)?;
        self.boots = boots(&labs);
        let gateway = labs.pointer("/0/gateway").and_then(serde_json::Value::as_str);
        gateway
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(Exit::Bug, "expected the lab's network, found none"))
    }

    /// Makes build 1 unless an earlier run has, and brings it to a mirror for each region. Gives where they listen.
    fn mirrors(&mut self, gateway: &str) -> Result<Vec<String>, Failure> {
        self.chapter()?;
        let place = self.world.place;
        let store = place.store();
        if store.join("builds/1").is_dir() {
            self.world
                .stage
                .note("build 1 is there from an earlier run; packages that are here are not fetched again")?;
        } else {
            self.world.show(&["build", "key", "new", "--user-id", SIGNER])?;
            self.world.show(&["build", "create", &format!("run/server/recipes/{BEFORE}")])?;
        }
        let open = Store::open(&store).map_err(|error| Failure::new(Exit::BadInput, error))?;
        let known = mirrors(&open).map_err(|error| Failure::new(Exit::BadInput, error))?;
        for mirror in known {
            self.world.good(&["mirror", "remove", mirror.name.as_str()])?;
        }
        for (name, region) in MIRRORS {
            let path = place.run("mirrors").join(name).display().to_string();
            self.world.show(&["mirror", "add", name, "--region", region, "--path", &path])?;
        }
        self.world.show(&["mirror", "sync", "--all", "1"])?;
        let reason = "what production has today";
        self.world.show(&["channel", "set", "prod", "1", "--all-mirrors", "--reason", reason])?;
        MIRRORS.iter().map(|(name, _)| self.serve_mirror(name, gateway)).collect()
    }

    /// A mirror as a process of its own, on the bridge of the lab.
    fn serve_mirror(&mut self, name: &str, gateway: &str) -> Result<String, Failure> {
        let (store, listen) = (format!("run/mirrors/{name}"), format!("{gateway}:0"));
        let args = ["mirror", "serve", "--store", &store, "--listen", &listen];
        let mut command = self.world.smith(&args);
        let log = self.world.place.run(&format!("{name}.log"));
        self.world.children.start(&mut command, &log)?;
        let begun = Instant::now();
        loop {
            let said = read("the address of a mirror", &log)?;
            if let Some(address) = said.lines().find(|line| line.starts_with("http://")) {
                self.world.stage.answered(&format!("mirror {name} is served at {address}"))?;
                return Ok(address.to_owned());
            }
            in_time(begun, "a mirror that listens")?;
            self.world.rest(Duration::from_millis(20))?;
        }
    }

    /// Starts the server, and gives people tokens for it.
    fn server(&mut self, addresses: &[String]) -> Result<People, Failure> {
        self.chapter()?;
        let place = self.world.place;
        write_site(place, addresses, self.options.soak, self.options.size)?;
        self.world.stage.typed("$", "smith serve --config run/server/smith.yaml &")?;
        let mut command = self.world.smith(&["serve", "--config", "run/server/smith.yaml"]);
        self.world.children.start(&mut command, &place.run("server/log"))?;
        let begun = Instant::now();
        let address = loop {
            if let Some(address) = address(place)? {
                break address;
            }
            in_time(begun, "a server that listens")?;
            self.world.rest(Duration::from_millis(20))?;
        };
        let people = People::meet(place, address)?;
        let machines = u32::try_from(self.options.size.machines().len()).unwrap_or(u32::MAX);
        loop {
            let status = people.status()?;
            if status.machines == machines && status.builds > 0 {
                break;
            }
            in_time(begun, "a server that knows its machines and builds")?;
            self.world.rest(Duration::from_millis(100))?;
        }
        self.world.show(&["status"])?;
        let (viewer, address) = (&people.viewer, &people.address);
        self.world.stage.note(&format!(
            "to look at it while it runs: curl -H 'Authorization: Bearer {viewer}' {address}/v1/projects"
        ))?;
        Ok(people)
    }
}

/// The acts in which the server does the work.
struct Acts<'w, 'p, 'o> {
    watch: Watch<'w, 'p>,
    options: &'o Options,
    times: Times,
    number: usize,
    boots: BTreeMap<String, String>,
    week: u32,
    build: u32,
}

impl Acts<'_, '_, '_> {
    fn chapter(&mut self) -> Result<(), Failure> {
        self.watch.hear()?;
        begin(self.watch.world, &mut self.times, &mut self.number)
    }

    /// The week makes a build with security updates, and brings it to the mirrors.
    fn week_begins(&mut self, had: u64) -> Result<(), Failure> {
        self.chapter()?;
        for (_, region) in MIRRORS {
            // Without a change only an admin says what a channel names.
            let line = format!("set channel prod region:{region} build:1 reason: what production has");
            self.watch.people.say(&mut self.watch.world.stage, Who::Root, &line)?;
        }
        self.watch.asks("gaps")?;
        let reason = "the weekly patches";
        let shown = format!("POST /v1/cycles {{\"week\": \"{WEEK}\", \"reason\": \"{reason}\"}}");
        self.watch.world.stage.typed(&format!("{ASKS}:"), &shown)?;
        self.week = self.watch.people.start_week(WEEK, reason)?.cycle;
        let cycle = self.watch.week(self.week, |cycle| is(cycle, "gates", "under way"))?;
        self.build =
            cycle.build.ok_or_else(|| Failure::new(Exit::Bug, "expected a build of the week, found none"))?;
        if self.build == 1 {
            let error = "expected security updates since the release came out, found none for these machines";
            return Err(Failure::new(Exit::Finding, error));
        }
        self.watch.rest()?;
        let now = size(&self.watch.world.place.store());
        let fetched = now.saturating_sub(had) >> 20;
        self.watch.world.stage.note(&format!(
            "{} MiB were downloaded for the builds now; the store has {} MiB, and hard links make the mirrors of it",
            count(fetched),
            count(now >> 20)
        ))
    }

    /// The test: people ask for it in chat as they always did.
    fn test(&mut self) -> Result<(), Failure> {
        self.chapter()?;
        self.watch.world.show(&["lab", "break", FAILS, FAULT])?;
        let started = self.watch.asks(&format!("patch {} config:{TEST}", self.build))?;
        let id = self.watch.project_of(TEST, self.build)?;
        if !started.starts_with(&format!("starting project ID: {id} ")) {
            return Err(Failure::new(
                Exit::Bug,
                format!("expected project {id} to start, found {started:?}"),
            ));
        }
        let mut mended = BTreeSet::new();
        let project = self.watch.project(id, |watch, project| mend(watch, project, &mut mended))?;
        if !mended.contains(FAILS) {
            let error = format!("expected {FAILS} to fail, found that it did not");
            return Err(Failure::new(Exit::Finding, error));
        }
        self.ended(&project)
    }

    fn ended(&mut self, project: &Project) -> Result<(), Failure> {
        self.watch.asks(&format!("task status {}", project.project))?;
        let failed = project.totals.failed + project.totals.lost;
        if project.state == "complete" && failed == 0 {
            return Ok(());
        }
        let error =
            format!("expected project {} to be complete, found it {}", project.project, project.state);
        Err(Failure::new(Exit::Finding, error))
    }

    fn soak(&mut self) -> Result<(), Failure> {
        self.chapter()?;
        let waits = |cycle: &smith_api::Cycle| {
            !is(cycle, "gates", "under way") || cycle.waits.iter().all(|wait| wait.contains("to approve it"))
        };
        self.watch.week(self.week, waits)?;
        self.watch.approve_week(self.week)?;
        self.watch.week(self.week, |cycle| is(cycle, "gates", "done")).map(drop)
    }

    /// Trains are raised, approved, begun and closed; the channel moves under them.
    fn channel(&mut self) -> Result<(), Failure> {
        self.chapter()?;
        self.watch.week(self.week, |cycle| is(cycle, "channel", "done"))?;
        self.watch.asks("channels")?;
        let name = format!("smith-prod-symlink-{}-evidence.txt", self.build);
        let path = self.watch.world.place.evidence().join(&name);
        self.watch.world.stage.note(&format!("evidence of the trains, {name}:"))?;
        let evidence = read("evidence of the channel", &path)?;
        self.watch.world.stage.answered(&evidence)
    }

    /// A region of production, one machine of a cluster at a time.
    fn production(&mut self, pipeline: &str) -> Result<(), Failure> {
        self.chapter()?;
        let id = self.watch.project_of(pipeline, self.build)?;
        let mut mended = BTreeSet::new();
        let project = self.watch.project(id, |watch, project| mend(watch, project, &mut mended))?;
        self.ended(&project)
    }

    /// What there is to show for it.
    fn evidence(&mut self) -> Result<Exit, Failure> {
        self.watch.week(self.week, |cycle| cycle.state == "complete")?;
        self.watch.world.stage.say(&format!("\n{}", styled(BOLD, "What there is to show for it")))?;
        let all_same = self.compare()?;
        self.count_boots()?;
        let evidence = self.watch.world.place.evidence();
        let mut files: Vec<String> = std::fs::read_dir(&evidence)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().display().to_string())
            .collect();
        files.sort();
        self.watch.world.stage.good(&format!("{} of evidence:", counted(files.len() as u64, "document")))?;
        self.watch.world.stage.answered(&files.join("\n"))?;
        let journal = self.watch.world.place.journal().display().to_string();
        self.watch.world.show(&["audit", "verify", &journal])?;
        // What an auditor gets, who has neither the journal nor the server.
        let export = self.watch.world.place.run("auditor.smith").display().to_string();
        let about = ["--journal", &journal, "--machine", FAILS, "--with-packages", "--out", &export];
        self.watch.world.show(&[&["audit", "export"], &about[..]].concat())?;
        self.watch.world.show(&["audit", "verify", &export])?;
        Ok(if all_same { Exit::Good } else { Exit::Finding })
    }

    /// Each machine's own `dpkg -l` beside the build.
    fn compare(&mut self) -> Result<bool, Failure> {
        let store = Store::open(&self.watch.world.place.store())
            .map_err(|error| Failure::new(Exit::BadInput, error))?;
        let newest = Newest::of(&store, self.build)?;
        let mut good = 0;
        let machines = self.options.size.machines();
        for machine in &machines {
            let listed = self.watch.world.good(&["lab", "ssh", machine, "COLUMNS=400 dpkg -l"])?;
            let compared = newest.compare(&listed);
            let others = match compared.others.as_slice() {
                [] => String::new(),
                others => format!(", besides {}", others.join(", ")),
            };
            let line = format!(
                "{machine}: {} at build {}{others}",
                counted(compared.same as u64, "package"),
                self.build
            );
            if compared.differ.is_empty() && compared.same > 0 {
                good += 1;
                self.watch.world.stage.answered(&line)?;
            } else {
                self.watch.world.stage.bad(&format!("{line}; {}", compared.differ.join("; ")))?;
            }
        }
        let told = format!("{good} of {} machines have in `dpkg -l` what the build has", machines.len());
        let all = good == machines.len();
        if all {
            self.watch.world.stage.good(&told)?
        } else {
            self.watch.world.stage.bad(&told)?
        }
        Ok(all)
    }

    /// A reboot leaves another boot id behind.
    fn count_boots(&mut self) -> Result<(), Failure> {
        let listed = self.watch.world.good(&["lab", "list", "--json"])?;
        let now = boots(&serde_json::from_str(&listed)?);
        let again = self.boots.iter().filter(|(name, boot)| now.get(*name).is_some_and(|now| now != *boot));
        let told = format!("{} of {} machines have booted anew", again.count(), self.boots.len());
        self.watch.world.stage.good(&told)
    }

    fn closing(&mut self, took: Duration) -> Result<(), Failure> {
        let dir = self.watch.world.place.dir().display().to_string();
        let (address, viewer) = (self.watch.people.address.clone(), self.watch.people.viewer.clone());
        let environment: Vec<String> =
            self.watch.world.environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let stage = &mut self.watch.world.stage;
        stage.say(&format!("\n{} It took {}.", styled(BOLD, "All is done."), about(took)))?;
        if self.options.afterwards == Afterwards::Remove {
            stage.say(&format!(
                "Machines, mirrors and server are ended now; `smith demo --keep` leaves them running to look at.\n\
                 The journal and the evidence stay in {dir}/run until the next run, packages in {dir}/cache;\n\
                 `rm -r {dir}` removes all of it."
            ))
        } else {
            stage.say(&format!(
                "Everything goes on running. Look at it:\n  \
                 curl -H 'Authorization: Bearer {viewer}' {address}/v1/projects\n  \
                 curl -H 'Authorization: Bearer {viewer}' {address}/v1/cycles/{week}\n  \
                 export {environment}\n  smith chat task status 1\n  smith lab list\n\
                 `smith demo --down --dir {dir}` ends it, and `rm -r {dir}` then removes what it wrote and downloaded.",
                week = self.week,
                environment = environment.join(" "),
            ))
        }
    }
}

fn begin(world: &mut World<'_>, times: &mut Times, number: &mut usize) -> Result<(), Failure> {
    let Some((title, _)) = CHAPTERS.get(*number) else {
        return Err(Failure::new(Exit::Bug, "expected no more chapters than there are titles"));
    };
    let rest = CHAPTERS.get(*number..).unwrap_or_default();
    let (own, left) = (about(times.expected(title)), about(times.sum(rest)));
    *number += 1;
    times.begin(title);
    world.stage.title((*number, CHAPTERS.len()), title, &format!("about {own}; all that is left: {left}"))
}

/// The boot ids of a lab's machines.
fn boots(labs: &serde_json::Value) -> BTreeMap<String, String> {
    let machines = labs.pointer("/0/machines").and_then(serde_json::Value::as_array);
    let text = |machine: &serde_json::Value, key: &str| machine.get(key)?.as_str().map(str::to_owned);
    let known = machines.into_iter().flatten();
    known.filter_map(|machine| Some((text(machine, "name")?, text(machine, "boot_id")?))).collect()
}

/// A machine that failed is explained, healed and tried again, once.
fn mend(watch: &mut Watch<'_, '_>, project: &Project, mended: &mut BTreeSet<String>) -> Result<(), Failure> {
    for failed in &project.failures {
        if mended.contains(&failed.machine) {
            continue;
        }
        if failed.machine != FAILS {
            let error = format!("expected only {FAILS} to fail, found {}: {}", failed.machine, failed.why);
            return Err(Failure::new(Exit::Finding, error));
        }
        let id = project.project.to_string();
        watch.world.show(&["rollout", "why", &failed.machine])?;
        let ticket =
            project.steps.iter().find(|step| step.step == failed.step).and_then(|step| step.ticket.clone());
        if let Some(ticket) = ticket {
            watch.world.show(&["ticket", "show", &ticket])?;
        }
        watch.world.show(&["lab", "heal", &failed.machine])?;
        watch.asks(&format!(
            "retry {id} machines: {} reason: the package that failed is gone",
            failed.machine
        ))?;
        mended.insert(failed.machine.clone());
    }
    if project.steps.iter().any(|step| step.state == "halted") {
        let id = project.project;
        watch.asks(&format!("resume {id} reason: the machine is mended"))?;
    }
    Ok(())
}

/// The release of this computer, which its own apt has sources of.
fn release() -> String {
    let about = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let word = about.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    word.map_or_else(|| "bookworm".to_owned(), |word| word.trim_matches('"').to_owned())
}

fn in_time(begun: Instant, what: &str) -> Result<(), Failure> {
    if begun.elapsed() < START_MAX {
        return Ok(());
    }
    let error = format!("expected {what} within {} seconds, found none", START_MAX.as_secs());
    Err(Failure::new(Exit::Bug, error))
}
