//! `cargo xtask bench NAME`: the benchmarks by name, each a list of programs that run one after the other.

use crate::failure::Failure;
use crate::process::{cargo, run as run_command};

struct Bench {
    name: &'static str,
    what: &'static str,
    /// What each step runs: arguments of cargo, optimised as a release is.
    steps: &'static [&'static [&'static str]],
}

const BENCHES: [Bench; 4] = [
    Bench {
        name: "spine",
        what: "the journal alone, then command to decision to journal to plan",
        steps: &[
            &["run", "--release", "-p", "smith-journal", "--example", "bench_journal"],
            &["run", "--release", "-p", "smith-sim", "--bin", "smith-bench-spine"],
        ],
    },
    Bench {
        name: "machines",
        what: "agents reached by ssh, beside Ansible and Python's clients",
        steps: &[
            &["build", "--release", "-p", "smith-agent"],
            &["bench", "-p", "smith", "--bench", "machines"],
        ],
    },
    Bench {
        name: "repo",
        what: "builds and mirrors of 63,000 packages, beside the usual tools",
        steps: &[&["bench", "-p", "smith", "--bench", "repo"]],
    },
    Bench {
        name: "server",
        what: "a whole server with simulated machines: speed, answers meanwhile, memory, restarts",
        steps: &[&["bench", "-p", "smith", "--bench", "server"]],
    },
];

/// Arguments after the name go to every program that the benchmark runs.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (bench, rest) = find(args)?;
    for step in bench.steps {
        let mut command = cargo::<0>([]);
        command.args(*step).args(["--locked", "-q"]);
        // What only builds something takes no arguments of a benchmark.
        if step.first() != Some(&"build") {
            command.arg("--").args(rest);
        }
        run_command(&mut command)?;
    }
    Ok(())
}

fn find(args: &[String]) -> Result<(&'static Bench, &[String]), Failure> {
    let (name, rest) = args.split_first().map_or(("nothing", args), |(name, rest)| (name.as_str(), rest));
    let bench = BENCHES.iter().find(|bench| bench.name == name).ok_or_else(|| {
        let known: Vec<_> = BENCHES.iter().map(|bench| format!("{} ({})", bench.name, bench.what)).collect();
        Failure::Usage(format!("expected the name of a benchmark, {}, found {name}", known.join(", ")))
    })?;
    Ok((bench, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_goes_to_the_programs() {
        let args = ["spine".to_owned(), "--machines".to_owned(), "10".to_owned()];
        let (bench, rest) = find(&args).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((bench.name, rest), ("spine", &args[1..]));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for (args, found) in [(vec!["spin".to_owned()], "found spin"), (vec![], "found nothing")] {
            let failure = find(&args).err().map(|failure| failure.to_string()).unwrap_or_default();
            assert!(failure.contains("spine (the journal alone") && failure.ends_with(found), "{failure}");
        }
    }
}
