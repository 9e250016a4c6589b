//! `cargo xtask ci`: the whole gate, in the order in which a mistake is found soonest for the least work.

use std::time::{Duration, Instant};

use crate::deny::{self, Advisories};
use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process::{cargo, run as run_command};
use crate::{dist, fuzz, sim, tidy};

/// How many worlds the gate simulates. The numbers are fixed, so two runs of the gate judge alike; 200 finish within
/// a few minutes on two cores.
const SEEDS: &str = "200";

struct Stage {
    name: &'static str,
    run: fn(&Options) -> Result<Ending, Failure>,
}

const STAGES: [Stage; 10] = [
    Stage { name: "fmt", run: |_| passed(run_command(&mut cargo(["fmt", "--all", "--check"]))) },
    Stage {
        name: "clippy",
        run: |_| {
            let args = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            passed(run_command(&mut cargo(args)))
        },
    },
    Stage { name: "deny", run: |options| passed(run_deny(options.advisories)) },
    Stage { name: "tidy", run: |_| passed(tidy::run(&[])) },
    Stage {
        name: "test",
        run: |_| {
            let args = ["test", "--workspace", "--locked", "--lib", "--bins", "--tests"];
            passed(run_command(&mut cargo(args)))
        },
    },
    Stage {
        name: "doctest",
        run: |_| passed(run_command(&mut cargo(["test", "--workspace", "--locked", "--doc"]))),
    },
    Stage {
        name: "fuzz",
        run: |_| {
            let why_not = fuzz::check(&Metadata::load()?.target_directory)?;
            Ok(why_not.map_or(Ending::Passed, Ending::NothingToDo))
        },
    },
    Stage { name: "sim", run: |_| simulate() },
    Stage {
        name: "dist",
        run: |_| {
            let why_not = dist::try_here()?;
            Ok(why_not
                .map_or(Ending::Passed, |why| Ending::NothingToDo(format!("built and not tried, {why}"))))
        },
    },
    Stage {
        name: "doc",
        run: |_| {
            let args = ["doc", "--workspace", "--no-deps", "--locked"];
            passed(run_command(cargo(args).env("RUSTDOCFLAGS", "-D warnings")))
        },
    },
];

/// How a stage that did not fail ended.
#[derive(Debug)]
enum Ending {
    Passed,
    NothingToDo(String),
    NotAsked,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    only: Vec<String>,
    skip: Vec<String>,
    advisories: Advisories,
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::parse(args)?;
    let started = Instant::now();
    let mut rows = Vec::new();
    for stage in &STAGES {
        let stage_started = Instant::now();
        let result = perform(stage, &options);
        let took = stage_started.elapsed();
        println!("{}", row(stage.name, &result, took));
        rows.push(row(stage.name, &result, took));
        if let Err(source) = result {
            summarise(&rows, started.elapsed());
            return Err(Failure::Stage { stage: stage.name, source: Box::new(source) });
        }
    }
    summarise(&rows, started.elapsed());
    Ok(())
}

fn perform(stage: &Stage, options: &Options) -> Result<Ending, Failure> {
    if !options.asks_for(stage.name) {
        return Ok(Ending::NotAsked);
    }
    println!("\n== {} ==", stage.name);
    (stage.run)(options)
}

fn row(name: &str, result: &Result<Ending, Failure>, took: Duration) -> String {
    let ending = match result {
        Ok(Ending::Passed) => "passed".to_owned(),
        Ok(Ending::NothingToDo(why)) => format!("nothing to do: {why}"),
        Ok(Ending::NotAsked) => "not asked for".to_owned(),
        Err(_) => "FAILED".to_owned(),
    };
    format!("{name:<8} {:>7.1}s  {ending}", took.as_secs_f64())
}

fn summarise(rows: &[String], took: Duration) {
    println!("\n== summary ==");
    for row in rows {
        println!("{row}");
    }
    println!("{:<8} {:>7.1}s", "all", took.as_secs_f64());
}

fn passed(result: Result<(), Failure>) -> Result<Ending, Failure> {
    result.map(|()| Ending::Passed)
}

fn run_deny(advisories: Advisories) -> Result<(), Failure> {
    deny::check(&Metadata::load()?.target_directory, advisories)
}

fn simulate() -> Result<Ending, Failure> {
    if !Metadata::load()?.has_package(sim::PACKAGE) {
        return Ok(Ending::NothingToDo(format!("the workspace has no package {}", sim::PACKAGE)));
    }
    passed(run_command(sim::command().args(["--seeds", SEEDS])))
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self { only: Vec::new(), skip: Vec::new(), advisories: Advisories::Leave };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--only" => options.only.push(stage_name(arg, args.next())?),
                "--skip" => options.skip.push(stage_name(arg, args.next())?),
                "--advisories" => options.advisories = Advisories::Check,
                other => {
                    let known = "--only STAGE, --skip STAGE or --advisories";
                    return Err(Failure::Usage(format!("ci: expected {known}, found {other:?}")));
                }
            }
        }
        Ok(options)
    }

    fn asks_for(&self, stage: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == stage);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

fn stage_name(option: &str, value: Option<&String>) -> Result<String, Failure> {
    let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    match value {
        Some(name) if known.contains(&name.as_str()) => Ok(name.clone()),
        found => {
            let found = found.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
            Err(Failure::Usage(format!("{option}: expected one of {}, found {found}", known.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, Failure> {
        Options::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn without_options_every_stage_runs() {
        let options = parse(&[]).unwrap();
        assert!(STAGES.iter().all(|stage| options.asks_for(stage.name)));
        assert_eq!(options.advisories, Advisories::Leave);
    }

    #[test]
    fn stages_are_chosen_by_name() {
        let options = parse(&["--only", "fmt", "--only", "tidy", "--skip", "fmt"]).unwrap();
        let chosen: Vec<_> = STAGES.iter().map(|stage| stage.name).filter(|s| options.asks_for(s)).collect();
        assert_eq!(chosen, ["tidy"]);
    }

    #[test]
    fn a_misspelt_stage_never_means_all_is_well() {
        let all = "fmt, clippy, deny, tidy, test, doctest, fuzz, sim, dist, doc";
        for (args, found) in [(vec!["--only", "tests"], "\"tests\""), (vec!["--skip"], "nothing")] {
            let text = parse(&args).unwrap_err().to_string();
            assert_eq!(text, format!("{}: expected one of {all}, found {found}", args[0]));
        }
        assert!(parse(&["tidy"]).is_err());
    }
}
