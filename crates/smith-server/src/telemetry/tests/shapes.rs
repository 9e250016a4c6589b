//! What is sent, beside what the protocol's mapping to JSON wants. The literals were written by hand.

use jiff::Timestamp as Instant;
use serde_json::{Value, json};
use smith_domain::id::{MachineId, RolloutId};
use smith_domain::time::Timestamp;

use super::site::Folder;
use crate::telemetry::ids::{Part, TraceId};
use crate::telemetry::numbers::metrics;
use crate::telemetry::span::{Attribute, Kind, Notes, Span, SpanLink, Status};
use crate::telemetry::target::Target;

fn span() -> Span {
    let trace = TraceId::of_project("syd", RolloutId(7), Timestamp(1_000));
    let mut notes = Notes::default();
    notes.add(Timestamp(1_795_158_878_500), "rollout.sought", vec![Attribute::number("smith.round", 2)]);
    Span {
        trace_id: trace,
        span_id: trace.span(Part::Action(MachineId(3), 12)),
        parent_span_id: Some(trace.span(Part::Whole)),
        name: "patch".to_owned(),
        kind: Kind::Client,
        start_time_unix_nano: Timestamp(1_795_158_878_123).into(),
        end_time_unix_nano: Timestamp(1_795_158_879_000).into(),
        attributes: vec![Attribute::text("smith.cause", "disk-full"), Attribute::number("smith.took.ms", -1)],
        notes,
        links: vec![SpanLink { trace_id: trace, span_id: trace.span(Part::Whole) }],
        status: Status::error("disk-full: no space"),
    }
}

/// Names are hexadecimal and not base64, 64-bit numbers are text, enums are numbers, keys are in lowerCamelCase.
const SPAN: &str = r#"{
  "traceId": "7ba6a44d80d5938275f79fcee168ab76",
  "spanId": "30b34396f6e0f1e1",
  "parentSpanId": "6752ffc2184f32b4",
  "name": "patch",
  "kind": 3,
  "startTimeUnixNano": "1795158878123000000",
  "endTimeUnixNano": "1795158879000000000",
  "attributes": [
    {"key": "smith.cause", "value": {"stringValue": "disk-full"}},
    {"key": "smith.took.ms", "value": {"intValue": "-1"}}
  ],
  "events": [
    {
      "timeUnixNano": "1795158878500000000",
      "name": "rollout.sought",
      "attributes": [{"key": "smith.round", "value": {"intValue": "2"}}]
    }
  ],
  "links": [{"traceId": "7ba6a44d80d5938275f79fcee168ab76", "spanId": "6752ffc2184f32b4"}],
  "status": {"code": 2, "message": "disk-full: no space"}
}"#;

fn target() -> Target {
    let folder = Folder::new();
    Target::new(&folder.settings("http://127.0.0.1:4318"), "syd").unwrap()
}

fn resource() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "smith-test"}},
        {"key": "service.version", "value": {"stringValue": version}},
        {"key": "service.instance.id", "value": {"stringValue": "syd"}},
        {"key": "smith.site", "value": {"stringValue": "syd"}}
    ]})
}

#[test]
fn a_span_is_what_the_mapping_wants() {
    let wanted: Value = serde_json::from_str(SPAN).unwrap();
    let found: Value = serde_json::to_value(span()).unwrap();
    assert_eq!(found, wanted);
    let text = serde_json::to_string(&span()).unwrap();
    let request: Value = serde_json::from_str(&target().of_spans(&format!("{text},{text}"))).unwrap();
    let scope = json!({"name": "smith", "version": env!("CARGO_PKG_VERSION")});
    let whole = json!({"resourceSpans": [{
        "resource": resource(),
        "scopeSpans": [{"scope": scope, "spans": [wanted, wanted]}]
    }]});
    assert_eq!(request, whole);
}

#[test]
fn what_has_no_end_is_cut() {
    let mut notes = Notes::default();
    for _ in 0..300 {
        notes.add(Timestamp(1), "rollout.resumed", vec![Attribute::text("smith.words", "é".repeat(1_000))]);
    }
    let span = Span { notes, status: Status::error("x".repeat(1_000)), ..span() };
    let found = serde_json::to_value(span).unwrap();
    assert_eq!(found["events"].as_array().unwrap().len(), 256);
    assert_eq!(found["droppedEventsCount"], 44);
    let words = &found["events"][255]["attributes"][0]["value"]["stringValue"];
    assert_eq!(words.as_str().unwrap(), format!("{}…", "é".repeat(300)));
    assert_eq!(found["status"]["message"].as_str().unwrap().chars().count(), 301);
}

const NUMBERS: &str = r#"# HELP smith_build The version of the server.
# TYPE smith_build info
smith_build_info{version="0.1.0"} 1
# HELP smith_http_requests Requests that were answered.
# TYPE smith_http_requests counter
smith_http_requests_total{method="GET",route="/v1/\"a\\b\nc",status="200"} 7
smith_http_requests_total{method="POST",route="none",status="404"} 1
# HELP smith_http_request_seconds How long requests took to be answered.
# TYPE smith_http_request_seconds histogram
# UNIT smith_http_request_seconds seconds
smith_http_request_seconds_sum{route="/metrics"} 1.25
smith_http_request_seconds_count{route="/metrics"} 6
smith_http_request_seconds_bucket{le="0.5",route="/metrics"} 4
smith_http_request_seconds_bucket{le="1.0",route="/metrics"} 5
smith_http_request_seconds_bucket{le="+Inf",route="/metrics"} 6
# HELP smith_clock_ahead_seconds How far.
# TYPE smith_clock_ahead_seconds gauge
# UNIT smith_clock_ahead_seconds seconds
smith_clock_ahead_seconds -3
# TYPE smith_project_machines gauge
# EOF
"#;

const METRICS: &str = r#"[
  {
    "name": "smith_build_info", "description": "The version of the server.", "unit": "",
    "gauge": {"dataPoints": [{
      "attributes": [{"key": "version", "value": {"stringValue": "0.1.0"}}],
      "timeUnixNano": "2000000000", "asInt": "1"
    }]}
  },
  {
    "name": "smith_http_requests", "description": "Requests that were answered.", "unit": "",
    "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
      {
        "attributes": [
          {"key": "method", "value": {"stringValue": "GET"}},
          {"key": "route", "value": {"stringValue": "/v1/\"a\\b\nc"}},
          {"key": "status", "value": {"stringValue": "200"}}
        ],
        "startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "asInt": "7"
      },
      {
        "attributes": [
          {"key": "method", "value": {"stringValue": "POST"}},
          {"key": "route", "value": {"stringValue": "none"}},
          {"key": "status", "value": {"stringValue": "404"}}
        ],
        "startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "asInt": "1"
      }
    ]}
  },
  {
    "name": "smith_http_request_seconds", "description": "How long requests took to be answered.", "unit": "s",
    "histogram": {"aggregationTemporality": 2, "dataPoints": [{
      "attributes": [{"key": "route", "value": {"stringValue": "/metrics"}}],
      "startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000",
      "count": "6", "sum": 1.25, "bucketCounts": ["4", "1", "1"], "explicitBounds": [0.5, 1.0]
    }]}
  },
  {
    "name": "smith_clock_ahead_seconds", "description": "How far.", "unit": "s",
    "gauge": {"dataPoints": [{"attributes": [], "timeUnixNano": "2000000000", "asInt": "-3"}]}
  }
]"#;

#[test]
fn numbers_are_what_the_mapping_wants() {
    let [since, now] = [1, 2].map(|second| Instant::from_second(second).unwrap());
    let (found, points) = metrics(NUMBERS, since, now);
    let found: Value = serde_json::from_str(&format!("[{found}]")).unwrap();
    let wanted: Value = serde_json::from_str(METRICS).unwrap();
    assert_eq!((found, points), (wanted, 5));
    let whole: Value = serde_json::from_str(&target().of_metrics("")).unwrap();
    let scope = json!({"name": "smith", "version": env!("CARGO_PKG_VERSION")});
    let wanted = json!({"resourceMetrics": [{
        "resource": resource(),
        "scopeMetrics": [{"scope": scope, "metrics": []}]
    }]});
    assert_eq!(whole, wanted);
}
