//! What a benchmark is told: how often, and which of its parts.

use crate::Outcome;

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) runs: u32,
    only: Option<String>,
}

impl Arguments {
    /// `--runs N` and `--only PART`, of the parts that there are.
    pub(crate) fn read(runs: u32, parts: &[&str]) -> Outcome<Self> {
        let mut read = Self { runs, only: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What cargo tells every benchmark.
                "--bench" => {}
                "--runs" => {
                    read.runs = arguments.next().ok_or("expected a number after --runs")?.parse()?;
                }
                "--only" => read.only = Some(arguments.next().ok_or("expected a part after --only")?),
                other => return Err(format!("expected --runs N or --only PART, found {other}").into()),
            }
        }
        match read.only.as_deref().filter(|only| !parts.contains(only)) {
            Some(only) => Err(format!("expected one of {}, found {only}", parts.join(", ")).into()),
            None => Ok(read),
        }
    }

    pub(crate) fn is_wanted(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
