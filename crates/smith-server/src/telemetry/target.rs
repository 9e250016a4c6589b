//! Where telemetry goes, and what is said with each request.

use std::fs;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::begin::TelemetryError;
use crate::config::settings::{HeaderFrom, Signal, TelemetrySettings};

/// Everything about a collector that does not change.
#[derive(Debug, Clone)]
pub(super) struct Target {
    endpoint: String,
    pub(super) headers: HeaderMap,
    /// Who sends, as JSON.
    resource: String,
}

impl Target {
    /// Headers that lie in files are read here, once.
    pub(super) fn new(settings: &TelemetrySettings, site: &str) -> Result<Self, TelemetryError> {
        let mut headers = HeaderMap::new();
        for (name, from) in &settings.headers {
            let text = match from {
                HeaderFrom::Text(text) => text.clone(),
                HeaderFrom::File(path) => {
                    let text = fs::read_to_string(path)
                        .map_err(|source| TelemetryError::Header { path: path.clone(), source })?;
                    text.lines().next().unwrap_or_default().trim().to_owned()
                }
            };
            let bad = || TelemetryError::BadHeader { name: name.clone() };
            let header = HeaderName::try_from(name).map_err(|_| bad())?;
            let mut value = HeaderValue::try_from(text).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { endpoint: settings.endpoint.clone(), headers, resource: resource(settings, site) })
    }

    pub(super) fn address(&self, signal: Signal) -> String {
        format!("{}/v1/{}", self.endpoint, signal.word())
    }

    /// A whole request around spans that have commas between them.
    pub(super) fn of_spans(&self, spans: &str) -> String {
        let (resource, scope) = (&self.resource, scope());
        format!(
            r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":[{spans}]}}]}}]}}"#
        )
    }

    /// The same around metrics.
    pub(super) fn of_metrics(&self, metrics: &str) -> String {
        let (resource, scope) = (&self.resource, scope());
        format!(
            r#"{{"resourceMetrics":[{{"resource":{resource},"scopeMetrics":[{{"scope":{scope},"metrics":[{metrics}]}}]}}]}}"#
        )
    }
}

fn resource(settings: &TelemetrySettings, site: &str) -> String {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    json!({"attributes": [
        text("service.name", &settings.service),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", site),
        text("smith.site", site),
    ]})
    .to_string()
}

fn scope() -> String {
    json!({"name": "smith", "version": env!("CARGO_PKG_VERSION")}).to_string()
}
