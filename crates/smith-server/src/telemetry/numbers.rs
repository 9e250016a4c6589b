//! The numbers of `/metrics` as OTLP has them in JSON.
//!
//! They are read from the OpenMetrics text that the server makes itself, so what a collector gets is what Prometheus would find: one
//! list of numbers, said in two ways. Counters and histograms are cumulative since the server began.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A sum over time, never since the last request.
const CUMULATIVE: u8 = 2;

/// Metrics of one request with commas between them, and the number of their points.
pub(super) fn metrics(text: &str, since: Timestamp, now: Timestamp) -> (String, usize) {
    let times = Times { since: nanos(since), now: nanos(now) };
    let families = families(text);
    let found: Vec<(Value, usize)> = families.iter().filter_map(|family| family.metric(&times)).collect();
    let texts: Vec<String> = found.iter().map(|(metric, _)| metric.to_string()).collect();
    (texts.join(","), found.iter().map(|(_, points)| points).sum())
}

fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

struct Times {
    since: String,
    now: String,
}

/// Lines about one name.
#[derive(Debug, Default)]
struct Family<'t> {
    name: &'t str,
    kind: &'t str,
    help: &'t str,
    unit: &'t str,
    samples: Vec<Sample<'t>>,
}

#[derive(Debug)]
struct Sample<'t> {
    /// What stands behind the family's name: `_total`, `_bucket`, …
    suffix: &'t str,
    labels: Vec<(&'t str, String)>,
    value: &'t str,
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut all: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            let mut words = described.splitn(3, ' ');
            let (what, name, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
            let Some(name) = name else { continue };
            if all.last().is_none_or(|family| family.name != name) {
                all.push(Family { name, ..Family::default() });
            }
            let Some(family) = all.last_mut() else { continue };
            match what {
                Some("HELP") => family.help = rest,
                Some("TYPE") => family.kind = rest,
                Some("UNIT") => family.unit = rest,
                _ => {}
            }
            continue;
        }
        if let Some(family) = all.last_mut() {
            family.samples.extend(sample(line, family.name));
        }
    }
    all
}

/// `smith_http_requests_total{method="GET",route="/v1/status"} 7`.
fn sample<'t>(line: &'t str, family: &str) -> Option<Sample<'t>> {
    let (named, value) = line.rsplit_once(' ')?;
    let (name, labels) = match named.split_once('{') {
        Some((name, labels)) => (name, self::labels(labels)),
        None => (named, Vec::new()),
    };
    Some(Sample { suffix: name.strip_prefix(family)?, labels, value })
}

/// `a="b",c="d"}` with what OpenMetrics escapes in values.
fn labels(mut text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    while let Some((key, rest)) = text.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next() {
                None => return found,
                Some((at, '"')) => break at,
                Some((_, '\\')) => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => return found,
                },
                Some((_, other)) => value.push(other),
            }
        };
        found.push((key.trim_start_matches(','), value));
        text = &rest[end + 1..];
    }
    found
}

impl Family<'_> {
    fn metric(&self, times: &Times) -> Option<(Value, usize)> {
        let (key, data, points) = match self.kind {
            "counter" => {
                let points = self.points(times, Some(&times.since));
                let number = points.len();
                let sum =
                    json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true});
                ("sum", sum, number)
            }
            "histogram" => {
                let points = self.histograms(times);
                let number = points.len();
                let histogram = json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE});
                ("histogram", histogram, number)
            }
            // What an info says stands in its labels, and its number is one.
            _ => {
                let points = self.points(times, None);
                let number = points.len();
                ("gauge", json!({"dataPoints": points}), number)
            }
        };
        if points == 0 {
            return None;
        }
        let name = if self.kind == "info" { format!("{}_info", self.name) } else { self.name.to_owned() };
        let unit = if self.unit == "seconds" { "s" } else { self.unit };
        let mut metric = json!({"name": name, "description": self.help, "unit": unit});
        metric[key] = data;
        Some((metric, points))
    }

    fn points(&self, times: &Times, since: Option<&str>) -> Vec<Value> {
        let one = |sample: &Sample<'_>| {
            let mut point = json!({"attributes": attributes(&sample.labels), "timeUnixNano": times.now});
            if let Some(since) = since {
                point["startTimeUnixNano"] = since.into();
            }
            match sample.value.parse::<i64>() {
                Ok(whole) => point["asInt"] = whole.to_string().into(),
                Err(_) => point["asDouble"] = sample.value.parse::<f64>().ok()?.into(),
            }
            Some(point)
        };
        self.samples.iter().filter_map(one).collect()
    }

    /// One point for each set of labels. Buckets count all below them in OpenMetrics, and those since the one before in OTLP.
    fn histograms(&self, times: &Times) -> Vec<Value> {
        let mut points: Vec<(Vec<(&str, String)>, Point)> = Vec::new();
        for sample in &self.samples {
            let of: Vec<_> = sample.labels.iter().filter(|(key, _)| *key != "le").cloned().collect();
            let at = points.iter().position(|(labels, _)| *labels == of).unwrap_or_else(|| {
                points.push((of, Point::default()));
                points.len() - 1
            });
            let point = &mut points[at].1;
            let bound = sample.labels.iter().find(|(key, _)| *key == "le").map(|(_, bound)| bound.as_str());
            match (sample.suffix, bound) {
                ("_sum", _) => point.sum = sample.value.parse().unwrap_or(0.0),
                ("_count", _) => point.count = sample.value.parse().unwrap_or(0),
                ("_bucket", Some(bound)) => point.add(bound, sample.value.parse().unwrap_or(0)),
                _ => {}
            }
        }
        points.iter().map(|(labels, point)| point.value(labels, times)).collect()
    }
}

#[derive(Debug, Default)]
struct Point {
    sum: f64,
    count: u64,
    bounds: Vec<f64>,
    buckets: Vec<u64>,
    /// All that the buckets so far count.
    below: u64,
}

impl Point {
    fn add(&mut self, bound: &str, below: u64) {
        self.buckets.push(below.saturating_sub(self.below));
        self.below = below;
        // The last bucket has no bound, here as there.
        if let Some(bound) = bound.parse().ok().filter(|bound: &f64| bound.is_finite()) {
            self.bounds.push(bound);
        }
    }

    fn value(&self, labels: &[(&str, String)], times: &Times) -> Value {
        let buckets: Vec<String> = self.buckets.iter().map(u64::to_string).collect();
        json!({
            "attributes": attributes(labels),
            "startTimeUnixNano": times.since,
            "timeUnixNano": times.now,
            "count": self.count.to_string(),
            "sum": self.sum,
            "bucketCounts": buckets,
            "explicitBounds": self.bounds,
        })
    }
}

fn attributes(labels: &[(&str, String)]) -> Vec<Value> {
    labels.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}
