//! The file of settings and its fragments: `smith.yaml`, then `smith.d/*.yaml` in the order of their names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};

use super::model::Settings;
use super::read::{Keys, read_into};
use crate::config::report::{Place, Report};
use crate::problem::{Problem, Problems};

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("expected settings in {}, found none that can be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the settings have mistakes")]
    Mistakes {
        #[source]
        problems: Problems,
        /// The files with their texts, to show the places.
        texts: Vec<(String, String)>,
    },
}

/// Fragments of a site; more of them is a folder of something else.
const FRAGMENTS_MAX: usize = 100;

/// Reads the settings. Without a file they are the defaults; fragments lie in the folder of the same name with `.d`.
pub fn load_settings(path: Option<&Path>) -> Result<Settings, SettingsError> {
    let mut settings = Settings::default();
    let Some(path) = path else { return Ok(settings) };
    let mut files = vec![path.to_owned()];
    files.extend(fragments(&path.with_extension("d"))?);
    let (mut problems, mut texts): (Vec<Problem>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let mut seen: Vec<(String, Keys)> = Vec::new();
    // Paths go on to tools and to other folders, where one that is relative would mean something else. They are meant from where
    // the settings are, also in fragments.
    let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = whole.parent().unwrap_or(Path::new("/"));
    for file in files {
        let bytes = fs::read(&file).map_err(|source| SettingsError::Read { path: file.clone(), source })?;
        let name = file.display().to_string();
        let mut report = Report::new(&name, &bytes);
        let keys = read_into(&mut settings, &bytes, folder, &mut report);
        for (key, (line, column)) in &keys {
            let before = seen.iter().find_map(|(file, keys)| keys.get(key).map(|(line, _)| (file, line)));
            if let Some((other, other_line)) = before {
                let place = Place { line: *line, column: *column };
                let problem = report.add(place, "S0203", "each key in one file", format!("`{key}` again"));
                problem.with_hint(format!("{other}:{other_line} has it already"));
            }
        }
        seen.push((name.clone(), keys));
        texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        problems.extend(report.into_problems());
    }
    if problems.is_empty() {
        return Ok(settings);
    }
    problems.sort();
    Err(SettingsError::Mistakes { problems: Problems(problems), texts })
}

fn fragments(folder: &Path) -> Result<Vec<PathBuf>, SettingsError> {
    let failed = |source| SettingsError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
        if found.len() > FRAGMENTS_MAX {
            let error = io::Error::other(format!("it has more than {FRAGMENTS_MAX} files"));
            return Err(failed(error));
        }
    }
    found.sort();
    Ok(found)
}
