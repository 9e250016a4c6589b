//! The demo on real machines: a lab, builds of the real archive, mirrors, a server, and the whole process from dev to the last
//! region, told as it happens.
//!
//! Everything is done by the commands that people have, and by the lines that they say to the bot: what is shown can be typed.

mod chapters;
mod children;
mod compare;
mod fleet;
mod hands;
mod news;
mod picture;
mod pipelines;
mod place;
mod recipe;
mod settings;
mod stage;
mod tell;
mod times;
mod world;

use std::path::{Path, PathBuf};

use smith_lab::LabName;

use crate::failure::{Exit, Failure};
use crate::input::Length;
use crate::output;

pub(crate) use fleet::Size;
use place::Place;
use world::World;

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    /// Where the base of the machines is kept, if not below `dir`.
    pub(crate) base: Option<PathBuf>,
    pub(crate) lab: LabName,
    /// The agent's package.
    pub(crate) agent: Option<PathBuf>,
    pub(crate) afterwards: Afterwards,
    pub(crate) soak: Length,
    pub(crate) size: Size,
}

/// What becomes of what runs when the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Remove,
    Keep,
}

/// Why there can be no real machines here; nothing if there can.
pub(crate) fn hindrance(options: &Options) -> Option<String> {
    if let Err(error) = smith_lab::preflight() {
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        return Some(format!("{error}{hint}"));
    }
    agent(options).err()
}

/// The agent's package: the one that is given, or the one that `cargo xtask dist` left beside the folder of this program.
fn agent(options: &Options) -> Result<PathBuf, String> {
    if let Some(agent) = &options.agent {
        return std::path::absolute(agent).map_err(|error| format!("{}: {error}", agent.display()));
    }
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.ancestors().nth(2).unwrap_or(Path::new("")).join("dist");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let is_package = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("smith-agent_") && name.ends_with(&format!("_{}.deb", recipe::architecture()))
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_package).collect();
    found.sort();
    found.pop().ok_or_else(|| {
        format!(
            "expected the agent's package in {}, found none; `cargo xtask dist` makes it, and --agent names one",
            folder.display()
        )
    })
}

/// Tells the story, and leaves nothing running unless that is wanted.
pub(crate) fn run(options: &Options) -> Result<Exit, Failure> {
    let agent = agent(options).map_err(|why| Failure::new(Exit::NotThere, why))?;
    let place = Place::open(options)?;
    let mut world = World::open(&place, agent)?;
    let told = chapters::tell(&mut world, options);
    let keep = told.is_ok() && options.afterwards == Afterwards::Keep;
    if keep {
        return told;
    }
    let removed = world.remove();
    match told {
        Ok(exit) => removed.map(|()| exit),
        // What went wrong first is what is told; what could not be removed besides is a line.
        Err(failure) => {
            output::note(&format!("what was said and recorded until then is in {}", place.run("").display()));
            if let Err(other) = removed {
                output::note(&format!("what runs could not all be ended: {}", other.reason()));
            }
            Err(failure)
        }
    }
}

/// Ends what an earlier demo left running.
pub(crate) fn remove(options: &Options) -> Result<Exit, Failure> {
    let place = Place::open(options)?;
    World::open(&place, PathBuf::new())?.remove()?;
    output::data(&format!(
        "good: nothing of the demo runs; what it downloaded and wrote is in {}\n",
        place.dir().display()
    ))?;
    Ok(Exit::Good)
}
