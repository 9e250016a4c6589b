//! Everything that verbs need of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smith_domain::access::AccessCommand;
use smith_domain::actor::Actor;
use smith_domain::decide::{Command, Rejection};
use smith_domain::pipeline::Pipeline;
use smith_domain::state::State;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::keeper::Keeper;
use super::made::Made;
use super::refusals::{Note, Told};
use super::request::RequestRules;
use crate::config::nearest;
use crate::config::pipeline::load_folder;
use crate::config::settings::Week;
use crate::core::{Core, Refused};
use crate::words::count;

/// Clones are the same site.
#[derive(Debug, Clone)]
pub struct Site {
    pub core: Core,
    /// The folder of pipelines. It is read whenever one is needed, so that an edit counts from then on.
    pub pipelines: Arc<PathBuf>,
    pub requests: Arc<RequestRules>,
    /// As the settings say. A cycle keeps the plan that it was started with.
    pub weeks: Arc<Vec<Week>>,
    pub keeper: Arc<Keeper>,
}

/// Files of a folder of pipelines. A site has some dozens.
const FILES_MAX: usize = 1_000;

impl Site {
    /// Does what a request asks for, unless the same one was carried out under its key before: then its first answer is
    /// given, whatever has become since of who asks and of what was asked for.
    pub(super) async fn once(
        &self,
        caller: &Caller,
        what: &str,
        work: impl Future<Output = Result<Made, Denied>>,
    ) -> Result<Made, Denied> {
        match self.before(caller) {
            None => work.await,
            Some(Ok(made)) => Ok(made),
            Some(Err(denied)) => Err(self.noted(caller, what, denied).await),
        }
    }

    /// What came of the request with the caller's key.
    fn before(&self, caller: &Caller) -> Option<Result<Made, Denied>> {
        let key = caller.key.as_ref()?;
        self.core.read(|state| {
            let kept = state.access.request(caller.name(), &key.key, state.at)?;
            if kept.digest == key.digest {
                return Some(Ok(Made::before(&kept.answer)));
            }
            Some(Err(Rejection::KeyReused { key: key.key.clone() }.into()))
        })
    }

    /// Has a command carried out; with the caller's key only once.
    pub(super) async fn submit(&self, caller: &Caller, what: &str, command: Command) -> Result<Made, Denied> {
        let command = match &caller.key {
            None => command,
            Some(key) => Command::Keyed {
                key: key.key.clone(),
                digest: key.digest.clone(),
                command: Box::new(command),
            },
        };
        match self.core.submit(caller.actor.clone(), command).await {
            Ok(accepted) => Ok(Made::by(&accepted.events)),
            Err(Refused::Rejected(Rejection::Repeated { answer })) => Ok(Made::before(&answer)),
            Err(refused) => Err(self.noted(caller, what, refused.into()).await),
        }
    }

    /// A no that belongs into the record is recorded before it is given; further ones of the same actor are counted, and
    /// recorded as a number after a minute.
    pub(super) async fn noted(&self, caller: &Caller, what: &str, denied: Denied) -> Denied {
        if !denied.is_for_the_record() {
            return denied;
        }
        let told = Told { what: what.to_owned(), why: denied.to_string() };
        match self.keeper.refusals.add(caller.name(), told.clone(), Instant::now()) {
            Note::Now => self.note(caller.name(), 0, told).await,
            Note::Counted => {}
            Note::Later => {
                let (site, actor) = (self.clone(), caller.name().to_owned());
                tokio::spawn(async move {
                    let rest = site.keeper.refusals.left(&actor, Instant::now());
                    tokio::time::sleep(rest).await;
                    site.note_counted(&actor).await;
                });
            }
        }
        denied
    }

    /// Records what was counted and not told yet. A server that ends does so at last.
    pub async fn note_refusals(&self) {
        for actor in self.keeper.refusals.actors() {
            self.note_counted(&actor).await;
        }
    }

    async fn note_counted(&self, actor: &str) {
        if let Some((more, told)) = self.keeper.refusals.take(actor, Instant::now()) {
            self.note(actor, more, told).await;
        }
    }

    async fn note(&self, actor: &str, more: u32, told: Told) {
        let note = AccessCommand::NoteRefusal { what: told.what, why: told.why, more };
        // Where nothing can be recorded, the no is given all the same.
        let _ = self.core.submit(Actor::person(actor), Command::Access(note)).await;
    }

    /// What a server does that does not drive yet, and how far it is.
    pub fn beginning(&self) -> String {
        let reading = self.core.reading();
        format!("the journal is being read: row {} of {}", count(reading.row), count(reading.of))
    }

    /// Waits until the state shows something, or no longer than that.
    pub(super) async fn until<T>(&self, longest: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut news = self.core.view().listen();
        let found = async {
            loop {
                if let Some(found) = self.core.read(&look) {
                    return Some(found);
                }
                match news.recv().await {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        timeout(longest, found).await.ok().flatten()
    }

    /// All pipelines, as the files say now.
    pub async fn all_pipelines(&self) -> Result<Vec<Pipeline>, Denied> {
        let folder = Arc::clone(&self.pipelines);
        let read = tokio::task::spawn_blocking(move || read_pipelines(&folder)).await;
        read.map_err(|_| Denied::new(Kind::Broken, "S0405", "the pipelines could not be read"))?
    }

    pub async fn pipeline(&self, name: &str) -> Result<Pipeline, Denied> {
        let mut all = self.all_pipelines().await?;
        if let Some(at) = all.iter().position(|one| one.name.as_str() == name) {
            return Ok(all.swap_remove(at));
        }
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let near = nearest(name, names.iter().copied());
        let text = format!("expected the name of a config, found {name:?}");
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => format!("{} has none", self.pipelines.display()),
            None => "`listconfigs` shows them all".to_owned(),
        };
        Err(Denied::new(Kind::NotFound, "S0404", text).with_hint(hint))
    }
}

/// All pipelines of a folder.
pub(crate) fn read_pipelines(folder: &std::path::Path) -> Result<Vec<Pipeline>, Denied> {
    let failed = |error: std::io::Error| {
        let text = format!("expected pipelines in {}, found that {error}", folder.display());
        Denied::new(Kind::Broken, "S0405", text)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !is_yaml || !path.is_file() {
            continue;
        }
        if files.len() == FILES_MAX {
            let text = format!("expected at most {FILES_MAX} files in {}", folder.display());
            return Err(Denied::new(Kind::Broken, "S0405", text));
        }
        files.push((path.display().to_string(), std::fs::read(&path).map_err(failed)?));
    }
    files.sort();
    load_folder(&files).map_err(|problems| {
        let text = problems.0.first().map_or_else(String::new, ToString::to_string);
        Denied::new(Kind::Broken, "S0405", text)
            .with_hint(format!("`smith pipeline check {}` shows all mistakes", folder.display()))
    })
}
