//! Telemetry of a server, from its beginning to its end.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::counts::Counts;
use super::cursor::Place;
use super::deliver::{Deliver, client, now};
use super::send::NumberSender;
use super::target::Target;
use super::traces::{Before, Traces};
use crate::config::settings::{Signal, TelemetrySettings};
use crate::core::Core;

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("expected a header for the collector in {}", path.display())]
    Header { path: PathBuf, source: io::Error },
    #[error("expected the header {name} for the collector as text on one line, of printable characters")]
    BadHeader { name: String },
    #[error("nothing can be sent to a collector")]
    Client(#[from] reqwest::Error),
}

/// How long the end of a server waits until the collector has the rest. What it has not by then is sent by the next server.
pub(super) const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Tells a collector what the server does. What is dropped without [`Telemetry::end`] ends where it stands.
#[derive(Debug)]
pub struct Telemetry {
    counts: Counts,
    runtime: Handle,
    ending: watch::Sender<bool>,
    /// Each task holds one until it has ended.
    alive: Sender<Infallible>,
    done: Receiver<Infallible>,
    numbers: Option<Numbers>,
}

/// What is needed to send numbers.
#[derive(Debug)]
struct Numbers {
    client: Client,
    target: Target,
    every: Duration,
    since: Timestamp,
}

impl Telemetry {
    /// Begins to follow what is recorded. Nobody waits for it from here on.
    pub(crate) fn begin(
        settings: &TelemetrySettings,
        (site, data): (&str, &Path),
        core: &Core,
        runtime: &Handle,
    ) -> Result<Self, TelemetryError> {
        let (target, client) = (Target::new(settings, site)?, client()?);
        let counts = Counts::of(settings.signals.iter().copied());
        let (ending, ended) = watch::channel(false);
        let (alive, done) = channel();
        if settings.signals.contains(&Signal::Traces) {
            let deliver = Deliver::new(client.clone(), target.clone(), Signal::Traces, ended.clone());
            let (site, core, counts) = (site.to_owned(), core.clone(), counts.clone());
            let before = Before::of(&core, Place::in_folder(data));
            let traces = Traces { site, core, before, counts, deliver, ending: ended };
            let alive = alive.clone();
            runtime.spawn(async move {
                traces.run().await;
                drop(alive);
            });
        }
        let every = Duration::from_millis(settings.interval.0);
        let numbers = settings.signals.contains(&Signal::Metrics);
        let numbers = numbers.then(|| Numbers { client, target, every, since: now() });
        Ok(Self { counts, runtime: runtime.clone(), ending, alive, done, numbers })
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// From now on the collector gets these numbers, if the settings want that.
    pub fn tell_numbers(&self, source: impl Fn() -> String + Send + Sync + 'static) {
        let Some(Numbers { client, target, every, since }) = &self.numbers else { return };
        let ended = self.ending.subscribe();
        let deliver = Deliver::new(client.clone(), target.clone(), Signal::Metrics, ended);
        let (source, counts) = (Arc::new(source), self.counts.clone());
        let sender = NumberSender { source, deliver, every: *every, since: *since, counts };
        let alive = self.alive.clone();
        self.runtime.spawn(async move {
            sender.run().await;
            drop(alive);
        });
    }

    /// Sends the rest, and waits a little for that. Everything must be recorded by now.
    pub(crate) fn end(self) {
        let Self { ending, alive, done, .. } = self;
        ending.send_replace(true);
        drop(alive);
        // It ends when the last task has, which says nothing, or when the time is over.
        let _ = done.recv_timeout(FLUSH_MAX);
    }
}
