//! Documents that the system wrote about what was done, and the package lists that the journal names.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use smith_api::{EvidenceLine, Page, PageQuery, PatchRecord};
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::rollout::Rollout;
use smith_domain::state::State;
use smith_journal::{BlobFault, BlobFolder, Hash, sha256};

use super::denied::{Denied, Kind};
use super::fleet::machine_of;
use super::page::{Part, part};
use super::projects::find;
use super::site::Site;
use crate::answers;
use crate::week::EVIDENCE;

/// The longest document is that of a step of 100,000 machines.
const DOCUMENT_MAX: u64 = 64 << 20;

impl Site {
    /// The folder in which the journal and everything beside it are.
    pub(super) fn data(&self) -> PathBuf {
        self.core.journal().parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// All documents, by name.
    pub async fn evidence(&self, query: &PageQuery) -> Result<Page<EvidenceLine>, Denied> {
        let part = part(query.after.as_deref(), query.limit)?;
        let folder = self.data().join(EVIDENCE);
        let listed = tokio::task::spawn_blocking(move || listed(&folder, part)).await;
        let page = listed.map_err(|error| unread(&error.to_string()))?;
        let mut page = page.map_err(|error| unread(&error.to_string()))?;
        page.items.retain_mut(|line| {
            let Some(bytes) = self.core.read(|state| made(state, &line.name)) else {
                return !is_of_project(&line.name);
            };
            line.bytes = bytes.len() as u64;
            line.sha256 = sha256(&bytes).to_string();
            true
        });
        Ok(page)
    }

    /// One document.
    pub async fn evidence_document(&self, name: &str) -> Result<Vec<u8>, Denied> {
        if let Some(made) = self.core.read(|state| made(state, name)) {
            return Ok(made);
        }
        let folder = self.data().join(EVIDENCE);
        let (wanted, said) = (name.to_owned(), name.chars().take(100).collect::<String>());
        let found = tokio::task::spawn_blocking(move || document(&folder, &wanted)).await;
        let found = found.map_err(|error| unread(&error.to_string()))?;
        let found = found.map_err(|error| unread(&error.to_string()))?;
        if found.is_some() && is_of_project(name) {
            return Err(unread(&format!("no step of the journal that has ended makes {name}")));
        }
        found.ok_or_else(|| {
            Denied::new(Kind::NotFound, "S0450", format!("expected the name of a document, found {said:?}"))
                .with_hint("`smith audit evidence list` shows them")
        })
    }

    /// What a patch changed on a machine: in this project, or in the newest that has a list.
    pub async fn packages(&self, name: &str, project: Option<u32>) -> Result<PatchRecord, Denied> {
        let (machine, project, build, digest) = self.core.read(|state| {
            let id = machine_of(state, name)?;
            let rollout = match project {
                Some(project) => Some(find(state, project)?),
                None => newest(state, id),
            };
            let machine = state.fleet.machine(id).name().to_owned();
            let digest = rollout.and_then(|one| Some((one, answers::packages(one, id)?.to_string())));
            let none = || {
                let text =
                    format!("expected a patch that changed packages of {machine}, found none on record");
                Denied::new(Kind::NotFound, "S0450", text)
            };
            let (rollout, digest) = digest.ok_or_else(none)?;
            Ok::<_, Denied>((machine, rollout.id.0, rollout.build.0, digest))
        })?;
        let folder = BlobFolder::beside(&self.data());
        let hash: Hash =
            digest.parse().map_err(|_| unread("the journal names a list by what is no digest"))?;
        let read = tokio::task::spawn_blocking(move || folder.get(hash)).await;
        let bytes = read.map_err(|error| unread(&error.to_string()))?.map_err(|error| match error {
            BlobFault::Damaged { .. } | BlobFault::Io { .. } => unread(&error.to_string()),
        })?;
        let bytes = bytes.ok_or_else(|| {
            let text = format!("expected the list {digest} beside the journal, found it there no more");
            Denied::new(Kind::NotFound, "S0450", text)
        })?;
        let packages = serde_json::from_slice(&bytes).map_err(|error| unread(&error.to_string()))?;
        Ok(PatchRecord { machine, project, build, sha256: digest, packages })
    }
}

/// Documents of this name are those of projects, and nothing but the journal makes them.
fn is_of_project(name: &str) -> bool {
    name.starts_with("project-")
}

/// The document of a step, made of the journal: the file beside it may say what somebody put there.
fn made(state: &State, name: &str) -> Option<Vec<u8>> {
    let (project, rest) = name.strip_prefix("project-")?.split_once('-')?;
    let (step, ending) = rest.rsplit_once('.')?;
    let rollout = state.rollouts.get(RolloutId(project.parse().ok()?))?;
    let numbers = 0..u16::try_from(rollout.steps.len()).ok()?;
    let mut found = numbers.filter(|number| rollout.rule(*number).id.as_str() == step);
    let evidence = answers::step_evidence(state, rollout, found.next()?)?;
    let document = evidence.documents().into_iter().find(|(of, _)| *of == ending)?;
    Some(document.1)
}

fn newest(state: &State, id: MachineId) -> Option<&Rollout> {
    state.rollouts.iter().rev().find(|rollout| answers::packages(rollout, id).is_some())
}

fn unread(text: &str) -> Denied {
    Denied::new(Kind::Broken, "S0452", format!("expected what is kept beside the journal, found that {text}"))
}

/// The names of documents are made of these alone: none of them leads anywhere else, whatever somebody asks for.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

fn listed(folder: &Path, part: Part) -> io::Result<Page<EvidenceLine>> {
    let mut names = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().into_string().unwrap_or_default();
                if is_name(&name) && entry.file_type()?.is_file() {
                    names.push(name);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    names.sort();
    let Page { items: names, next } = part.of((1..).zip(names), |name| name);
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        // One that was taken away meanwhile is not there.
        let Some(bytes) = document(folder, &name)? else { continue };
        items.push(EvidenceLine { bytes: bytes.len() as u64, sha256: sha256(&bytes).to_string(), name });
    }
    Ok(Page { items, next })
}

fn document(folder: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    if !is_name(name) {
        return Ok(None);
    }
    let path = folder.join(name);
    match fs::symlink_metadata(&path) {
        Ok(there) if there.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(&path)?.take(DOCUMENT_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("evidence");
        fs::create_dir(&inside).unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        fs::write(inside.join("project-1-patchDev.md"), "# one\n").unwrap();
        fs::write(inside.join(".project-2.md.new"), "half").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link.md")).unwrap();
        fs::create_dir(inside.join("folder.md")).unwrap();
        for bad in [
            "",
            ".",
            "..",
            "../secret",
            "..%2Fsecret",
            "/etc/passwd",
            "link.md",
            "folder.md",
            ".project-2.md.new",
            "a\0b",
        ] {
            assert!(document(&inside, bad).unwrap().is_none(), "{bad}");
        }
        assert_eq!(document(&inside, "project-1-patchDev.md").unwrap().as_deref(), Some(&b"# one\n"[..]));
        let page = listed(&inside, part(None, None).unwrap()).unwrap();
        let names: Vec<_> = page.items.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["project-1-patchDev.md"]);
        assert_eq!(listed(&folder.path().join("none"), part(None, None).unwrap()).unwrap().items, []);
    }
}
