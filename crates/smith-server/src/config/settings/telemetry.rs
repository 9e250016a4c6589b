//! The collector that a server tells what it does: a section of the settings, or the variables that every program with
//! OpenTelemetry has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use smith_domain::time::Span;

use super::read::path;
use crate::config::fields::Fields;
use crate::config::report::{Place, Report, shown};
use crate::config::tree::{Entry, Kind, Node};
use crate::config::value::{full_list, span, text, word};

/// Numbers that come less often than each hour say nothing of an hour.
const INTERVAL_MAX: Span = Span::hours(1);

/// Headers of a request. One has a token, and a second names a tenant.
const HEADERS_MAX: usize = 32;

/// What the server says itself.
const OWN: [&str; 4] = ["content-type", "content-length", "host", "transfer-encoding"];

/// What is expected of an address.
const ENDPOINT: &str = "an address such as http://127.0.0.1:4318, without a user and a query";

/// What is expected of a header's value.
const VALUE: &str = "text on one line, of printable characters";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Without `/v1/traces`, and without a slash at its end.
    pub endpoint: String,
    /// By their names, in small letters.
    pub headers: BTreeMap<String, HeaderFrom>,
    /// The name that the server goes by among other services.
    pub service: String,
    /// How often numbers are sent.
    pub interval: Span,
    pub signals: BTreeSet<Signal>,
}

/// Where the value of a header is.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderFrom {
    Text(String),
    /// The first line of this file.
    File(PathBuf),
}

/// A value may be a secret, wherever it stands.
impl fmt::Debug for HeaderFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFrom::Text(_) => f.write_str("Text(…)"),
            HeaderFrom::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What a collector is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    const ALL: [(&'static str, Signal); 2] = [("traces", Signal::Traces), ("metrics", Signal::Metrics)];

    /// The word in settings, in addresses and in `/metrics`.
    pub fn word(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
        }
    }
}

impl TelemetrySettings {
    /// What holds where nothing else is said.
    fn to(endpoint: String) -> Self {
        Self {
            endpoint,
            headers: BTreeMap::new(),
            service: "smith".to_owned(),
            interval: Span::mins(1),
            signals: Signal::ALL.iter().map(|(_, signal)| *signal).collect(),
        }
    }
}

pub(super) fn telemetry(node: &Node, folder: &Path, report: &mut Report) -> Option<TelemetrySettings> {
    let mut fields = Fields::open(node, "telemetry", report)?;
    let endpoint = fields.need("endpoint").and_then(|node| endpoint(node, report));
    let mut headers = BTreeMap::new();
    if let Some(node) = fields.take("headers") {
        each_header(node, &mut headers, report, |node, report| {
            let text = text(node, VALUE, report)?;
            if is_value(text) {
                return Some(HeaderFrom::Text(text.to_owned()));
            }
            // What it is may be a secret, so it is not shown.
            report
                .add(node.place, "S0207", VALUE, "something else")
                .with_hint("secrets go into `header-files`");
            None
        });
    }
    if let Some(node) = fields.take("header-files") {
        each_header(node, &mut headers, report, |node, report| {
            path(node, folder, report).map(HeaderFrom::File)
        });
    }
    let service = fields.take("service").map(|node| service(node, report));
    let interval = fields.take("interval").map(|node| span(node, INTERVAL_MAX, report));
    let signals = fields.take("signals").map(|node| {
        let items = full_list(node, "`traces`, `metrics` or both, in a list", report)?;
        items.iter().map(|item| word(item, &Signal::ALL, report)).collect::<Option<BTreeSet<_>>>()
    });
    fields.close(report);
    let usual = TelemetrySettings::to(endpoint?);
    Some(TelemetrySettings {
        headers,
        service: service.unwrap_or(Some(usual.service))?,
        interval: interval.unwrap_or(Some(usual.interval))?,
        signals: signals.unwrap_or(Some(usual.signals))?,
        endpoint: usual.endpoint,
    })
}

fn endpoint(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, ENDPOINT, report)?;
    match address(text) {
        Ok(endpoint) => Some(endpoint),
        Err(hint) => {
            // An address with a user has a password, too.
            let found = if text.contains('@') { "one with a user".to_owned() } else { shown(text) };
            let problem = report.add(node.place, "S0207", ENDPOINT, found);
            if let Some(hint) = hint {
                problem.with_hint(hint);
            }
            None
        }
    }
}

/// The address without what comes behind it; else a hint, if there is one.
fn address(text: &str) -> Result<String, Option<&'static str>> {
    let url = Url::parse(text).map_err(|_| None)?;
    let is_known = matches!(url.scheme(), "http" | "https") && url.has_host();
    let has_more = url.query().is_some() || url.fragment().is_some();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Some("a user and a password go into `header-files`, as `authorization`"));
    }
    if !is_known || has_more || text.chars().any(char::is_whitespace) {
        return Err(None);
    }
    let text = text.trim_end_matches('/');
    if text.ends_with("/v1/traces") || text.ends_with("/v1/metrics") {
        return Err(Some("the server adds `/v1/traces` and `/v1/metrics` itself"));
    }
    Ok(text.to_owned())
}

fn each_header(
    node: &Node,
    to: &mut BTreeMap<String, HeaderFrom>,
    report: &mut Report,
    value: impl Fn(&Node, &mut Report) -> Option<HeaderFrom>,
) {
    let Kind::Map(entries) = &node.kind else {
        report.add(node.place, "S0206", "a map of headers", "something else");
        return;
    };
    for Entry { key, place, value: node } in entries {
        let Some(name) = header_name(key, *place, report) else { continue };
        let Some(from) = value(node, report) else { continue };
        if to.len() == HEADERS_MAX {
            report.add(*place, "S0208", format!("at most {HEADERS_MAX} headers"), "one more");
            return;
        }
        if to.insert(name, from).is_some() {
            report.add(*place, "S0209", "each header once", shown(key));
        }
    }
}

fn header_name(key: &str, place: Place, report: &mut Report) -> Option<String> {
    const EXPECTED: &str = "the name of a header that the server does not set itself";
    match HeaderName::try_from(key) {
        Ok(name) if !OWN.contains(&name.as_str()) => Some(name.as_str().to_owned()),
        Ok(_) | Err(_) => {
            report.add(place, "S0207", EXPECTED, shown(key));
            None
        }
    }
}

fn is_value(text: &str) -> bool {
    !text.is_empty() && HeaderValue::try_from(text).is_ok_and(|value| value.to_str().is_ok())
}

fn service(node: &Node, report: &mut Report) -> Option<String> {
    const EXPECTED: &str = "a name of at most 200 characters on one line";
    let name = text(node, EXPECTED, report)?;
    if is_service(name) {
        return Some(name.to_owned());
    }
    report.add(node.place, "S0207", EXPECTED, shown(name));
    None
}

fn is_service(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control)
}

/// A variable of the environment that cannot be meant so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} in the variable {name}, found {found}")]
pub struct BadVariable {
    pub name: &'static str,
    pub expected: &'static str,
    pub found: String,
}

const VARIABLE_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const VARIABLE_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const VARIABLE_SERVICE: &str = "OTEL_SERVICE_NAME";

/// What the usual variables say. They count where the settings have no `telemetry`; without an endpoint there is none here either.
pub fn telemetry_of_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<TelemetrySettings>, BadVariable> {
    // A variable that is empty is one that is not set.
    let given = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some(text) = given(VARIABLE_ENDPOINT) else { return Ok(None) };
    let bad = |name, expected, found| BadVariable { name, expected, found };
    let endpoint = address(&text).map_err(|_| {
        let found = if text.contains('@') { "one with a user".to_owned() } else { shown(&text) };
        bad(VARIABLE_ENDPOINT, ENDPOINT, found)
    })?;
    let mut settings = TelemetrySettings::to(endpoint);
    if let Some(service) = given(VARIABLE_SERVICE) {
        if !is_service(&service) {
            let expected = "a name of at most 200 characters on one line";
            return Err(bad(VARIABLE_SERVICE, expected, shown(&service)));
        }
        settings.service = service;
    }
    let Some(headers) = given(VARIABLE_HEADERS) else { return Ok(Some(settings)) };
    for pair in headers.split(',').filter(|pair| !pair.trim().is_empty()) {
        // Not what was found: it may be a secret.
        let wrong = || {
            let expected = "headers as `name=value`, with commas between them and percent signs before what has a meaning";
            bad(VARIABLE_HEADERS, expected, "something else".to_owned())
        };
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
        let value = plain(value.trim()).filter(|value| is_value(value)).ok_or_else(wrong)?;
        if OWN.contains(&name.as_str()) {
            return Err(wrong());
        }
        settings.headers.insert(name.as_str().to_owned(), HeaderFrom::Text(value));
    }
    Ok(Some(settings))
}

/// `%20` is a space.
fn plain(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<TelemetrySettings>, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        telemetry_of_environment(find).map_err(|error| error.to_string())
    }

    #[test]
    fn the_usual_variables_are_understood() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(VARIABLE_ENDPOINT, " "), (VARIABLE_SERVICE, "x")]), Ok(None));
        let found = of(&[
            (VARIABLE_ENDPOINT, "https://collector.example/otlp/"),
            (VARIABLE_HEADERS, "Authorization=Bearer%20a%3Db, x-scope-orgid = sre ,"),
            (VARIABLE_SERVICE, "smith-syd"),
        ]);
        let found = found.unwrap().unwrap();
        assert_eq!(found.endpoint, "https://collector.example/otlp");
        assert_eq!((found.service.as_str(), found.interval), ("smith-syd", Span::mins(1)));
        let header = |text: &str| HeaderFrom::Text(text.to_owned());
        assert_eq!(found.headers["authorization"], header("Bearer a=b"));
        assert_eq!(found.headers["x-scope-orgid"], header("sre"));
        assert_eq!(found.signals.len(), 2);
        assert!(!format!("{found:?}").contains("Bearer"), "{found:?}");
    }

    #[test]
    fn a_bad_variable_is_named_and_no_secret_is_shown() {
        let endpoint = (VARIABLE_ENDPOINT, "http://127.0.0.1:4318");
        for (variables, expected) in [
            (
                vec![(VARIABLE_ENDPOINT, "collector:4318")],
                "in the variable OTEL_EXPORTER_OTLP_ENDPOINT, found `collector:4318`",
            ),
            (vec![(VARIABLE_ENDPOINT, "http://u:secret@h")], "found one with a user"),
            (vec![(VARIABLE_ENDPOINT, "http://h/?key=1")], "found `http://h/?key=1`"),
            (vec![endpoint, (VARIABLE_HEADERS, "secret")], "in the variable OTEL_EXPORTER_OTLP_HEADERS"),
            (vec![endpoint, (VARIABLE_HEADERS, "a=%zz")], "in the variable OTEL_EXPORTER_OTLP_HEADERS"),
            (vec![endpoint, (VARIABLE_HEADERS, "a=%0a")], "in the variable OTEL_EXPORTER_OTLP_HEADERS"),
            (vec![endpoint, (VARIABLE_HEADERS, "a=%2")], "in the variable OTEL_EXPORTER_OTLP_HEADERS"),
            (vec![endpoint, (VARIABLE_HEADERS, "host=secret")], "in the variable OTEL_EXPORTER_OTLP_HEADERS"),
            (vec![endpoint, (VARIABLE_SERVICE, "a\nb")], "in the variable OTEL_SERVICE_NAME, found `a b`"),
        ] {
            let found = of(&variables).unwrap_err();
            assert!(found.contains(expected) && !found.contains("secret"), "{found}");
        }
    }
}
