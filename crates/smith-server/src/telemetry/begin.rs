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

/// Tells a collector what the server does. What is dropped without `Telemetry::end` ends where it stands.
#[derive(Debug)]
pub struct Telemetry {
    counts: Counts,
    runtime: Handle,
    ending: watch::Sender<bool>,
    /// Each task holds one until it has ended.
    alive: Sender<Infallible>,
    done: Receiver<Infallible>,
    /// Until what is recorded is followed.
    spans: Option<Spans>,
    numbers: Option<Numbers>,
}

/// What is needed to send spans.
#[derive(Debug)]
struct Spans {
    site: String,
    place: Place,
    deliver: Deliver,
    ended: watch::Receiver<bool>,
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
    /// Makes ready what will be sent. Nothing is looked at yet.
    pub(crate) fn begin(
        settings: &TelemetrySettings,
        (site, data): (&str, &Path),
        runtime: &Handle,
    ) -> Result<Self, TelemetryError> {
        let (target, client) = (Target::new(settings, site)?, client()?);
        let counts = Counts::of(settings.signals.iter().copied());
        let (ending, ended) = watch::channel(false);
        let (alive, done) = channel();
        let spans = settings.signals.contains(&Signal::Traces).then(|| Spans {
            site: site.to_owned(),
            place: Place::in_folder(data),
            deliver: Deliver::new(client.clone(), target.clone(), Signal::Traces, ended.clone()),
            ended,
        });
        let every = Duration::from_millis(settings.interval.0);
        let numbers = settings.signals.contains(&Signal::Metrics);
        let numbers = numbers.then(|| Numbers { client, target, every, since: now() });
        Ok(Self { counts, runtime: runtime.clone(), ending, alive, done, spans, numbers })
    }

    /// Begins to follow what is recorded, once the journal was read. Nobody waits for it from here on.
    pub(crate) fn follow(&mut self, core: &Core) {
        let Some(Spans { site, place, deliver, ended }) = self.spans.take() else { return };
        let (core, counts) = (core.clone(), self.counts.clone());
        let before = Before::of(&core, place);
        let traces = Traces { site, core, before, counts, deliver, ending: ended };
        let alive = self.alive.clone();
        self.runtime.spawn(async move {
            traces.run().await;
            drop(alive);
        });
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The collector gets these numbers, if the settings want that, as soon as there is something to count.
    pub fn tell_numbers(&self, core: Core, source: impl Fn() -> String + Send + Sync + 'static) {
        let Some(Numbers { client, target, every, since }) = &self.numbers else { return };
        let ended = self.ending.subscribe();
        let deliver = Deliver::new(client.clone(), target.clone(), Signal::Metrics, ended);
        let (source, counts) = (Arc::new(source), self.counts.clone());
        let sender = NumberSender { source, deliver, every: *every, since: *since, counts };
        let alive = self.alive.clone();
        self.runtime.spawn(async move {
            core.has_begun().await;
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
