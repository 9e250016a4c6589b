//! What all requests share.

use std::sync::{Arc, OnceLock};

use axum::Router;
use smith_api::{AuditLine, AuditQuery, ExportQuery, Page};
use tokio::sync::{Semaphore, watch};

use super::chat::Chat;
use super::events::Hub;
use super::metrics::Metrics;
use super::peers::Peers;
use super::routes;
use crate::telemetry::Counts;
use crate::verbs::{Denied, Kind, Site};

/// Requests that are answered at once; others wait. Reads take less than a millisecond and writes wait for one disk, so more
/// of them at once would only make each slower.
const AT_ONCE: usize = 128;

/// Rows of the newest ones unless somebody asks for another number, and at most: those of a page.
const NEWEST: u32 = 100;
const NEWEST_MAX: u32 = 1_000;

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct Parts {
    pub site: Site,
    pub chat: Arc<dyn Chat>,
    /// Who may use the unix socket.
    pub peers: Peers,
}

/// Clones are the same app.
#[derive(Debug, Clone)]
pub struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Parts,
    hub: Hub,
    metrics: Metrics,
    places: Semaphore,
    /// Where it listens, once it does.
    addresses: OnceLock<Vec<String>>,
    ending: watch::Sender<bool>,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        Self::of(parts, Metrics::new())
    }

    /// The same; its numbers say what became of telemetry.
    pub fn with_telemetry(parts: Parts, telemetry: &Counts) -> Self {
        Self::of(parts, Metrics::new().counting(telemetry))
    }

    fn of(parts: Parts, metrics: Metrics) -> Self {
        let (ending, ended) = watch::channel(false);
        let hub = Hub::new(parts.site.core.clone(), ended);
        let places = Semaphore::new(AT_ONCE);
        let addresses = OnceLock::new();
        Self(Arc::new(Shared { parts, hub, metrics, places, addresses, ending }))
    }

    /// Everything that is served.
    pub fn router(&self) -> Router {
        routes::all().router(self)
    }

    /// All numbers of `/metrics`, as OpenMetrics has them.
    pub fn numbers(&self) -> String {
        self.metrics().text(self.site(), self.hub().listeners())
    }

    pub(super) fn site(&self) -> &Site {
        &self.0.parts.site
    }

    pub(super) fn chat(&self) -> &dyn Chat {
        self.0.parts.chat.as_ref()
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.0.parts.peers
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn places(&self) -> &Semaphore {
        &self.0.places
    }

    /// Rows of the journal.
    pub(super) async fn audit(&self, query: &AuditQuery) -> Result<Page<AuditLine>, Denied> {
        self.site().audit(query).await
    }

    /// An export for an auditor.
    pub(super) async fn export(&self, query: &ExportQuery) -> Result<Vec<u8>, Denied> {
        self.site().export(query).await
    }

    /// The newest rows, as many as the query's limit.
    pub(super) async fn newest(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, Denied> {
        let last = query.limit.unwrap_or(NEWEST);
        if last == 0 || last > NEWEST_MAX {
            let text = format!("expected a limit from 1 to {NEWEST_MAX}, found {last}");
            return Err(Denied::new(Kind::Invalid, "S0417", text));
        }
        if query.after.is_some() {
            let text = "expected no `after` where the newest rows are asked for, found one";
            return Err(Denied::new(Kind::Invalid, "S0417", text));
        }
        self.site().audit_last(query, last).await
    }

    pub(super) fn addresses(&self) -> &[String] {
        self.0.addresses.get().map_or(&[], Vec::as_slice)
    }

    /// Says where it is reached; the first to say so is believed.
    pub(super) fn listens_at(&self, addresses: Vec<String>) {
        let _ = self.0.addresses.set(addresses);
    }

    /// From now on nothing new is begun, and streams of events end.
    pub(super) fn end(&self) {
        self.0.ending.send_replace(true);
    }
}
