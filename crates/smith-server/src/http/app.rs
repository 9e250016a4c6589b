//! What all requests share.

use std::sync::Arc;

use axum::Router;
use tokio::sync::{Semaphore, watch};

use super::chat::Chat;
use super::events::Hub;
use super::metrics::Metrics;
use super::peers::Peers;
use super::routes;
use crate::verbs::Site;

/// Requests that are answered at once; others wait. Reads take less than a millisecond and writes wait for one disk, so more
/// of them at once would only make each slower.
const AT_ONCE: usize = 128;

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
    ending: watch::Sender<bool>,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        let (ending, ended) = watch::channel(false);
        let hub = Hub::new(parts.site.core.clone(), ended);
        Self(Arc::new(Shared {
            parts,
            hub,
            metrics: Metrics::new(),
            places: Semaphore::new(AT_ONCE),
            ending,
        }))
    }

    /// Everything that is served.
    pub fn router(&self) -> Router {
        routes::all().router(self)
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

    /// From now on nothing new is begun, and streams of events end.
    pub(super) fn end(&self) {
        self.0.ending.send_replace(true);
    }
}
