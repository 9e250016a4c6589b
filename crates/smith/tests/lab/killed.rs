//! A patch whose worker, connection or controller is killed at a random moment comes to its build, and nothing is done twice.
//!
//! How often each is killed says `SMITH_LAB_KILLS`; a few times unless it is set.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::site::{Package, RUNS, Site};
use super::world::{Said, World};

const KILLS: usize = 3;

/// Each script takes a while, so that most of a patch is dpkg's work.
const fn slow(name: &'static str) -> Package {
    Package { name, epoch: "", depends: "", conffile: "", postinst: "sleep 0.2", unit: "" }
}

const PACKAGES: [Package; 7] = [
    slow("part-1"),
    slow("part-2"),
    slow("part-3"),
    slow("part-4"),
    Package { depends: "part-1, part-3", ..slow("part-5") },
    Package { conffile: "/etc/part-6.conf", ..slow("part-6") },
    Package { unit: "[Service]\nExecStart=/usr/bin/sleep infinity\n", ..slow("part-7") },
];

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The agent's worker; apt and dpkg go on by themselves.
    Worker,
    /// The worker with apt, dpkg and the scripts that run.
    Everything,
    /// The process of sshd that has the connection.
    Connection,
    /// `smith agent run`.
    Controller,
}

const VICTIMS: [Victim; 4] = [Victim::Worker, Victim::Everything, Victim::Connection, Victim::Controller];

#[test]
fn a_killed_patch_comes_to_its_build() {
    let Some(world) = World::new() else { return };
    let kills = std::env::var("SMITH_LAB_KILLS").ok().map_or(KILLS, |text| text.parse().unwrap());
    let machines = world.up_with_agent(VICTIMS.len());
    let site = Site::new(&world, &machines, &PACKAGES);
    let (world, site) = (&world, &site);
    thread::scope(|scope| {
        for (seed, (victim, machine)) in VICTIMS.into_iter().zip(&machines).enumerate() {
            scope.spawn(move || many(world, site, machine, victim, kills, seed as u64 + 1));
        }
    });
}

fn many(world: &World, site: &Site<'_>, machine: &str, victim: Victim, kills: usize, seed: u64) {
    let mut random = Random(seed);
    // One that nobody disturbs says how long it takes.
    let begun = Instant::now();
    let said = Said::of(&mut site.patching(machine, "whole"));
    assert_eq!(said.code, Some(0), "{said:?}");
    let whole = begun.elapsed();
    let (mut hit, mut tries) = (0, 0);
    while hit < kills {
        tries += 1;
        assert!(tries <= 10 + 4 * kills, "{victim:?}: {hit} of {tries} hit");
        site.reset(machine);
        let moment = whole.mul_f64(random.fraction());
        let killing = Killing { world, site, machine, victim, moment };
        hit += usize::from(killing.once(&format!("kill-{tries}")));
    }
    eprintln!("{victim:?}: killed {hit} times in {tries} patches of {} ms", whole.as_millis());
}

struct Killing<'a> {
    world: &'a World,
    site: &'a Site<'a>,
    machine: &'a str,
    victim: Victim,
    moment: Duration,
}

impl Killing<'_> {
    /// Whether there was somebody to be killed at that moment.
    fn once(&self, id: &str) -> bool {
        let &Killing { site, machine, victim, moment, .. } = self;
        let what = format!("{victim:?} on {machine} after {moment:?}");
        let is_hit = match victim {
            Victim::Controller => self.controller(id, &what),
            Victim::Connection => self.connection(id, &what),
            Victim::Worker | Victim::Everything => self.worker(id, &what),
        };
        site.is_at_build(machine);
        let most = if victim == Victim::Everything { 1 } else { 0 };
        self.nothing_was_done_twice(most, &what);
        is_hit
    }

    fn controller(&self, id: &str, what: &str) -> bool {
        let quiet = |mut command: std::process::Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut run = quiet(self.site.patching(self.machine, id)).spawn().unwrap();
        thread::sleep(self.moment);
        let is_hit = run.try_wait().unwrap().is_none();
        run.kill().unwrap();
        run.wait().unwrap();
        self.is_done(id, what);
        is_hit
    }

    /// The same process takes the connection up again.
    fn connection(&self, id: &str, what: &str) -> bool {
        let script = "for pid in $(pgrep -x sshd); do for child in $(pgrep -P $pid); do
            [ \"$(readlink /proc/$child/exe)\" = /usr/sbin/smith-agent ] && kill -9 $pid && echo hit; done; done; true";
        let (said, is_hit) = self.struck(id, script);
        assert!(said.code == Some(0) && said.line().starts_with("done: "), "{what}: {said:?}");
        is_hit
    }

    fn worker(&self, id: &str, what: &str) -> bool {
        let script = match self.victim {
            Victim::Everything => {
                "systemctl kill --kill-whom=all --signal=KILL $unit 2>/dev/null && echo hit; true"
            }
            Victim::Worker | Victim::Connection | Victim::Controller => {
                "kill -9 $pid 2>/dev/null && echo hit; true"
            }
        };
        let (said, is_hit) = self.struck(id, script);
        if said.code == Some(0) {
            return is_hit && said.line().starts_with("done: ");
        }
        let line = said.line();
        assert!(is_hit && line.starts_with(&format!("interrupted: {} ", self.machine)), "{what}: {said:?}");
        // What was interrupted stays so under its name, and is not begun again.
        let again = Said::of(&mut self.site.patching(self.machine, id));
        let before = format!("{line} (it had ended at ");
        assert!(again.code == said.code && again.line().starts_with(&before), "{what}: {again:?}");
        self.is_done(&format!("{id}-again"), what);
        true
    }

    /// A patch during which the script runs on the machine, so long after the worker has begun.
    fn struck(&self, id: &str, script: &str) -> (Said, bool) {
        let mut run = self.site.patching(self.machine, id);
        let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let struck = self.world.on_good(
            self.machine,
            &format!(
                "unit=smith-op-{id}.service; tries=0
                until pid=$(systemctl show -P MainPID $unit) && [ \"$pid\" != 0 ]; do
                    tries=$((tries + 1)); [ $tries -lt 500 ] || exit 0; sleep 0.005
                done
                sleep {}; {script}",
                self.moment.as_secs_f64()
            ),
        );
        (Said::from(run.wait_with_output().unwrap()), struck.contains("hit"))
    }

    fn is_done(&self, id: &str, what: &str) {
        let said = Said::of(&mut self.site.patching(self.machine, id));
        let line = said.line();
        let is_good = line.starts_with("done: ") || line.starts_with("already so: ");
        assert!(said.code == Some(0) && is_good, "{what}: {said:?}");
    }

    /// Each script ran to its end once. Of scripts that ran again there are at most so many, and each had been interrupted, or the
    /// dpkg that was to note it.
    fn nothing_was_done_twice(&self, most: usize, what: &str) {
        let runs = self.world.on_good(self.machine, &format!("cat {RUNS}"));
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for line in runs.lines() {
            *count.entry(line).or_default() += 1;
        }
        for package in PACKAGES {
            let (begun, ended) = (format!("begin {}", package.name), format!("end {}", package.name));
            assert!(count.contains_key(&*begun) && count.contains_key(&*ended), "{what}: {runs}");
        }
        let again = count.iter().filter(|(line, times)| line.starts_with("begin ") && **times > 1);
        let again: Vec<_> = again.map(|(line, times)| (*line, *times)).collect();
        assert!(
            again.len() <= most && again.iter().all(|(_, times)| *times == 2),
            "{what}: {again:?} {runs}"
        );
    }
}

/// Numbers that are the same in each run: xorshift.
struct Random(u64);

impl Random {
    /// At least 0 and less than 1.
    fn fraction(&mut self) -> f64 {
        // The first numbers of small seeds are small.
        for _ in 0..8 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
        }
        (self.0 >> 40) as f64 / f64::from(1 << 24)
    }
}
