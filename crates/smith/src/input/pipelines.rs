//! Pipelines from files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use smith_domain::pipeline::Pipeline;
use smith_server::config::pipeline;
use smith_server::problem::Problems;

use super::unreadable;
use crate::failure::{Exit, Failure};

/// What was read: each pipeline with the file it stands in.
#[derive(Debug)]
pub(crate) struct Pipelines {
    pub(crate) all: Vec<Pipeline>,
    /// Files that were read.
    pub(crate) files: usize,
}

/// A pipeline file is a page or ten of text; what is much larger is something else.
const MOST_BYTES: u64 = 4 << 20;

/// Reads files and folders. A folder is checked as a whole; files alone may name pipelines that are not there.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Pipelines, Failure> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut whole = false;
    for path in paths {
        if path.is_dir() {
            whole = true;
            for file in folder(path)? {
                read(&file, &mut files)?;
            }
        } else {
            read(path, &mut files)?;
        }
    }
    let loaded = if whole || files.len() > 1 { together(&files, whole) } else { alone(&files) };
    match loaded {
        Ok(all) => Ok(Pipelines { all, files: files.len() }),
        Err(problems) => Err(mistakes(problems, files)),
    }
}

/// Files that are named one by one need not be the whole process; names that stand nowhere are no mistake then.
fn together(files: &[(String, Vec<u8>)], whole: bool) -> Result<Vec<Pipeline>, Problems> {
    if whole {
        return pipeline::load_folder(files);
    }
    let each = alone(files)?;
    match pipeline::load_folder(files) {
        Ok(all) => Ok(all),
        Err(Problems(problems)) => {
            let kept: Vec<_> = problems.into_iter().filter(|problem| problem.code != UNKNOWN_NAME).collect();
            if kept.is_empty() { Ok(each) } else { Err(Problems(kept)) }
        }
    }
}

/// The code of a name of a pipeline or step that there is not.
const UNKNOWN_NAME: &str = "S0230";

fn alone(files: &[(String, Vec<u8>)]) -> Result<Vec<Pipeline>, Problems> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        match pipeline::load(name, bytes) {
            Ok(more) => all.extend(more),
            Err(Problems(more)) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
}

fn mistakes(problems: Problems, files: Vec<(String, Vec<u8>)>) -> Failure {
    let text = |(name, bytes): (String, Vec<u8>)| (name, String::from_utf8_lossy(&bytes).into_owned());
    let texts = files.into_iter().map(text).collect();
    Failure::mistakes(problems, texts)
}

fn read(path: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    let failed = |source| unreadable("a pipeline", path, source);
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MOST_BYTES {
        let error =
            format!("expected a pipeline of at most {MOST_BYTES} bytes, found {size} in {}", path.display());
        return Err(Failure::new(Exit::BadInput, error));
    }
    let name = path.display().to_string();
    // The same file may be meant by its name and by its folder.
    if files.iter().all(|(known, _)| *known != name) {
        files.push((name, fs::read(path).map_err(failed)?));
    }
    Ok(())
}

/// The pipeline files of a folder, in the order of their names.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |source| unreadable("a folder of pipelines", path, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let is_yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && file.is_file() {
            found.push(file);
        }
    }
    if found.is_empty() {
        let error = format!("expected pipelines (*.yaml) in {}, found none", path.display());
        return Err(Failure::new(Exit::BadInput, error));
    }
    found.sort();
    Ok(found)
}
