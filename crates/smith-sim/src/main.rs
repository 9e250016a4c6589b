//! Runs the simulator over seeds: `smith-sim --seeds 10000`, `smith-sim --seed 42` to replay one with every event; and
//! with a driver in a process of its own that is killed again and again: `smith-sim kill`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use smith_sim::fuzz::{Scenario, Trace, Verdict, run};
use smith_sim::kill;

const USAGE: &str = "\
Runs random worlds around the real driver and checks the invariants after every step.

usage: smith-sim [--seeds N] [--from N] [--jobs N] [--quiet]
           runs N seeds, 1000 unless told, names those that fail, and counts what was reached
       smith-sim --seed N [--quiet]
           replays one seed and prints one line an event
       smith-sim kill [--machines N] [--kills N] [--seed N] [--dir DIR]
           drives 2000 machines from a process that is killed 200 times, unless told, and compares the end
           with a run that nobody killed; the journal is made in DIR, and kept if DIR was told";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Options {
    seeds: u64,
    from: u64,
    jobs: u64,
    seed: Option<u64>,
    show: Show,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Events,
    Verdict,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match args.first().map(String::as_str) {
        Some("kill") => return kill_command(&args[1..]),
        Some("drive") => return drive_command(&args[1..]),
        Some(_) | None => {}
    }
    match options(&args) {
        Ok(Options { seed: Some(seed), show, .. }) => replay(seed, show),
        Ok(options) => many(options),
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(args: &[String]) -> Result<Options, String> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let mut options = Options { seeds: 1000, from: 0, jobs: cores, seed: None, show: Show::Events };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, String> {
            let text = args.next().ok_or_else(|| format!("expected a number after {arg}, found nothing"))?;
            text.parse().map_err(|_| format!("expected a number after {arg}, found {text:?}"))
        };
        match arg.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--jobs" => options.jobs = number()?.max(1),
            "--seed" => options.seed = Some(number()?),
            "--quiet" => options.show = Show::Verdict,
            other => return Err(format!("expected an option, found {other:?}")),
        }
    }
    Ok(options)
}

fn replay(seed: u64, show: Show) -> ExitCode {
    println!("seed {seed}");
    let mut trace = Trace { lines: Vec::new(), wanted: show == Show::Events };
    let verdict = run(Scenario::of_seed(seed), &mut trace);
    for line in &trace.lines {
        println!("{line}");
    }
    tell(&verdict);
    println!(
        "seed {seed}: {} events, {} turns, {} deaths of drivers",
        verdict.events, verdict.turns, verdict.deaths
    );
    if verdict.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(verdict: &Verdict) {
    for violation in &verdict.violations {
        println!("seed {} VIOLATION {violation}", verdict.seed);
    }
}

/// Seeds are dealt to the processors in turn; what is printed does not depend on how many there are.
fn many(options: Options) -> ExitCode {
    let begun = Instant::now();
    let deal = |job: u64| {
        thread::spawn(move || {
            let mut seed = options.from + job;
            let (mut bad, mut events, mut deaths) = (Vec::new(), 0_u64, 0_u64);
            let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
            while seed < options.from + options.seeds {
                let verdict = run(Scenario::of_seed(seed), &mut Trace::default());
                events += verdict.events;
                deaths += verdict.deaths;
                for (kind, count) in &verdict.kinds {
                    *kinds.entry(kind.clone()).or_default() += count;
                }
                if !verdict.violations.is_empty() {
                    bad.push(verdict);
                }
                seed += options.jobs;
            }
            (bad, events, deaths, kinds)
        })
    };
    let threads: Vec<_> = (0..options.jobs).map(deal).collect();
    let (mut bad, mut events, mut deaths) = (Vec::new(), 0, 0);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for thread in threads {
        match thread.join() {
            Ok((more, e, d, k)) => {
                bad.extend(more);
                events += e;
                deaths += d;
                for (kind, count) in k {
                    *kinds.entry(kind).or_default() += count;
                }
            }
            Err(_) => {
                println!("a run panicked: replay the seeds one by one to find it");
                return ExitCode::FAILURE;
            }
        }
    }
    bad.sort_by_key(|verdict| verdict.seed);
    bad.iter().take(50).for_each(tell);
    if options.show == Show::Events {
        kinds.iter().for_each(|(kind, count)| println!("{count:>9} {kind}"));
    }
    let (seeds, failed, took) = (options.seeds, bad.len() as u64, begun.elapsed());
    println!("{events} events, {deaths} deaths of drivers, {:.1} s", took.as_secs_f64());
    println!("{} passed, {failed} failed", seeds - failed);
    if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Kill {
    options: kill::Options,
    dir: Dir,
}

/// Where the journal is, and what becomes of it.
enum Dir {
    Told,
    /// Made for this run and removed after it, unless it shows a difference.
    Own(PathBuf),
}

fn kill_command(args: &[String]) -> ExitCode {
    let Kill { options, dir } = match kill_options(args) {
        Ok(kill) => kill,
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    println!("{} machines, seed {}, journal {}", options.machines, options.seed, options.journal.display());
    let report = match kill::kill(&options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    tell_kills(&report, begun.elapsed().as_secs_f64());
    let failed = report.checks.iter().filter(|check| !check.found.is_empty()).count();
    println!("{} passed, {failed} failed", report.checks.len() - failed);
    if failed > 0 {
        return ExitCode::FAILURE;
    }
    if let Dir::Own(dir) = dir
        && let Err(error) = std::fs::remove_dir_all(&dir)
    {
        eprintln!("error: {} was not removed: {error}", dir.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn tell_kills(report: &kill::Report, seconds: f64) {
    let struck = report.struck;
    println!("{:>7} kills while the journal was opened", struck.opening);
    println!("{:>7} in a turn before its commit", struck.before);
    println!("{:>7} after the commit, before the first effect was out", struck.committed);
    println!("{:>7} while effects were handed out", struck.between);
    println!("{:>7} after the last effect", struck.after);
    for check in &report.checks {
        println!("{:<4} {}", if check.found.is_empty() { "ok" } else { "FAIL" }, check.what);
        check.found.iter().for_each(|found| println!("       {found}"));
    }
    let (turns, alone) = (report.turns, report.undisturbed_turns);
    println!("{} events, {turns} turns ({alone} undisturbed), {} of its time", report.events, report.took);
    println!("{seconds:.1} s");
}

fn kill_options(args: &[String]) -> Result<Kill, String> {
    let (mut machines, mut kills, mut seed, mut told) = (2000, 200, 1, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("expected a value after {arg}, found nothing"));
        let number = |text: &String| -> Result<u64, String> {
            text.parse().map_err(|_| format!("expected a number after {arg}, found {text:?}"))
        };
        match arg.as_str() {
            "--machines" => {
                let text = value()?;
                machines = text.parse().ok().filter(|machines| *machines > 0).ok_or_else(|| {
                    format!("expected a number of machines after --machines, found {text:?}")
                })?;
            }
            "--kills" => kills = number(value()?)?,
            "--seed" => seed = number(value()?)?,
            "--dir" => told = Some(PathBuf::from(value()?)),
            other => return Err(format!("expected an option, found {other:?}")),
        }
    }
    let program =
        std::env::current_exe().map_err(|error| format!("the own program is not found: {error}"))?;
    let (path, dir) = match told {
        Some(path) => (path, Dir::Told),
        None => {
            let own = std::env::temp_dir().join(format!("smith-sim-kill-{}", std::process::id()));
            (own.clone(), Dir::Own(own))
        }
    };
    std::fs::create_dir_all(&path).map_err(|error| format!("{} was not made: {error}", path.display()))?;
    let journal = path.join("journal.db");
    if journal.exists() {
        return Err(format!("expected no journal, found {}", journal.display()));
    }
    Ok(Kill { options: kill::Options { machines, kills, seed, program, journal }, dir })
}

/// What `kill` starts as a process of its own.
fn drive_command(args: &[String]) -> ExitCode {
    let [journal, owner] = args else {
        eprintln!("error: expected a journal and the name of an owner");
        return ExitCode::from(2);
    };
    match kill::drive(Path::new(journal), owner, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
