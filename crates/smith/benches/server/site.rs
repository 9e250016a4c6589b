//! A site on the disk: settings, a pipeline, a fleet, and where its journal is going to be.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use smith_domain::pipeline::Pipeline;
use smith_server::config::pipeline::load;
use smith_sim::rehearse::{Shape, generate};
use tempfile::TempDir;

use crate::Outcome;

/// About a fifth of each cluster at a time: first a few machines, as nobody begins with everything, then all the others. Every
/// step has its change and its ticket, and every machine goes through all six actions.
const PIPELINE: &str = "
pipeline: everything
title: the whole fleet
owner: role:sre-oncall
limits:
  - {per: cluster, max: 20}
defaults:
  drain: yes
  budget: 50%
  parallel: unbounded
steps:
  - step: first
    title: a few machines
    bags:
      - {bag: first, machines: environment=prod, take: 2%}
  - step: others
    title: all other machines
    bags:
      - {bag: workers, machines: environment=prod role=worker}
      - {bag: others, machines: environment=prod not role=worker}
";

pub(crate) const PIPELINE_NAME: &str = "everything";

const SETTINGS: &str = "data: data
pipelines: pipelines
inventory: sources.yaml
listen: {socket: smith.sock, http: 127.0.0.1:0}
";

/// A folder that goes with it.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// A site with so many machines in clusters of a hundred, on the disk that programs are built on.
    pub(crate) fn of(machines: u32) -> Outcome<Self> {
        let site = Self { folder: new_folder()? };
        fs::create_dir(site.path("pipelines"))?;
        fs::write(site.path("pipelines/everything.yaml"), PIPELINE)?;
        fs::write(site.path("smith.yaml"), SETTINGS)?;
        fs::write(site.path("sources.yaml"), "sources:\n  - {name: bench, file: fleet.yaml}\n")?;
        fs::write(site.path("fleet.yaml"), fleet(machines)?)?;
        Ok(site)
    }

    /// The same with the journal as it lies there now, whether or not somebody had it open when he was killed.
    pub(crate) fn copy(&self) -> Outcome<Self> {
        let site = Self { folder: new_folder()? };
        copy_all(self.folder.path(), site.folder.path())?;
        Ok(site)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last line of the log with these words.
    pub(crate) fn last_said(&self, words: &str) -> Outcome<Option<String>> {
        let log = fs::read_to_string(self.path("log"))?;
        Ok(log.lines().rfind(|line| line.contains(words)).map(str::to_owned))
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path("data/journal.db")
    }
}

fn new_folder() -> Outcome<TempDir> {
    Ok(tempfile::Builder::new().prefix("server-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

fn copy_all(from: &Path, to: &Path) -> Outcome {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&path, &target)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(&path, &target)?;
            // What is measured next shall not wait for this to reach the disk.
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

fn fleet(machines: u32) -> Outcome<String> {
    let pipelines: Vec<Pipeline> =
        load("everything.yaml", PIPELINE.as_bytes()).map_err(|problems| format!("{problems:?}"))?;
    let shape = Shape { machines, clusters: machines.div_ceil(100), seed: 7 };
    let mut text = "machines:\n".to_owned();
    for facts in generate(&shape, &pipelines) {
        write!(text, "  - {{name: {}", facts.name)?;
        for address in &facts.addresses {
            write!(text, ", address: {address}")?;
        }
        for (attr, value) in &facts.attrs {
            write!(text, ", {attr}: {value}")?;
        }
        text.push_str("}\n");
    }
    Ok(text)
}
