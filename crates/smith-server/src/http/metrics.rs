//! Numbers for Prometheus: how the server stands, and what is asked of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use smith_domain::errand::ErrandId;
use smith_domain::rollout::Tally;
use smith_domain::state::State;

use crate::core::Standing;
use crate::telemetry::Counts;
use crate::verbs::Site;

/// From what a read in memory takes to what the slowest verb waits for.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stands {
    standing: &'static str,
}

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram>,
    gauges: Gauges,
    /// When each open errand was first seen here: the state does not say how old one is.
    seen: Mutex<BTreeMap<ErrandId, Instant>>,
}

/// Set when somebody looks.
#[derive(Debug, Default)]
struct Gauges {
    driver: Family<Stands, Gauge>,
    rows: Gauge,
    projects: Gauge,
    present: Gauge,
    machines: Family<Stands, Gauge>,
    disturbed: Gauge,
    errands: Gauge,
    oldest: Gauge,
    listeners: Gauge,
    clock: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("smith");
        let requests = Family::default();
        let seconds: Family<Route, Histogram> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The version of the server", Info::new(version));
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let took = "How long requests took to be answered";
        registry.register_with_unit("http_request", took, Unit::Seconds, seconds.clone());
        let gauges = Gauges::default();
        gauges.register(&mut registry);
        Self { registry, requests, seconds, gauges, seen: Mutex::default() }
    }

    /// The same with what became of telemetry.
    pub(super) fn counting(mut self, telemetry: &Counts) -> Self {
        telemetry.register(&mut self.registry);
        self
    }

    pub(super) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // Anybody may invent methods; those that are not ours are one.
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let label = Request { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&label).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// All numbers as OpenMetrics has them.
    pub(super) fn text(&self, site: &Site, listeners: usize) -> String {
        let core = &site.core;
        self.gauges.stand(&core.standing());
        self.gauges.listeners.set(whole(listeners));
        self.gauges.clock.set(site.clock().map_or(0, |clock| clock.ahead));
        let open = core.view().read_at(|state, rows| {
            self.gauges.look(state, rows);
            state.errands.open().map(|(id, _)| id).collect::<Vec<_>>()
        });
        self.gauges.oldest.set(i64::try_from(self.oldest(&open).as_secs()).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn oldest(&self, open: &[ErrandId]) -> Duration {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|id, _| open.binary_search(id).is_ok());
        for id in open {
            seen.entry(*id).or_insert(now);
        }
        seen.values().map(|since| now.duration_since(*since)).max().unwrap_or_default()
    }
}

impl Gauges {
    fn register(&self, to: &mut Registry) {
        to.register("driver", "How the driver stands: 1 for what holds", self.driver.clone());
        to.register("journal_rows", "Rows of the journal", self.rows.clone());
        to.register("projects_open", "Projects that have not ended", self.projects.clone());
        to.register("machines_present", "Machines of the inventory", self.present.clone());
        let machines = "Machines of the projects that have not ended, by how they stand";
        to.register("project_machines", machines, self.machines.clone());
        let disturbed = "Machines that count on limits as disturbed";
        to.register("machines_disturbed", disturbed, self.disturbed.clone());
        to.register("errands_open", "Things that outside services have not done yet", self.errands.clone());
        let oldest = "How long the oldest open errand is known to be open, since it was first seen here";
        to.register_with_unit("errand_oldest", oldest, Unit::Seconds, self.oldest.clone());
        let clock =
            "How far the clock is ahead of the time that has passed, unaccepted; below zero it is behind";
        to.register_with_unit("clock_ahead", clock, Unit::Seconds, self.clock.clone());
        to.register("event_listeners", "Streams of events that somebody reads", self.listeners.clone());
    }

    fn stand(&self, found: &Standing) {
        let word = match found {
            Standing::Starting => "starting",
            Standing::Driving => "driving",
            Standing::NotRecording { .. } => "not recording",
            Standing::Ended => "ending",
        };
        for standing in ["starting", "driving", "not recording", "ending"] {
            self.driver.get_or_create(&Stands { standing }).set(i64::from(standing == word));
        }
    }

    fn look(&self, state: &State, rows: u64) {
        let mut sum = Tally::default();
        let mut projects = 0;
        for rollout in state.rollouts.active() {
            projects += 1;
            let tally = rollout.tally();
            sum.waiting += tally.waiting;
            sum.running += tally.running;
            sum.done += tally.done;
            sum.failed += tally.failed;
            sum.lost += tally.lost;
            sum.skipped += tally.skipped;
            sum.gone += tally.gone;
        }
        let Tally { waiting, running, done, failed, lost, skipped, gone } = sum;
        let standings = [
            ("unstarted", waiting),
            ("running", running),
            ("pass", done),
            ("failed", failed),
            ("lost", lost),
            ("skipped", skipped),
            ("gone", gone),
        ];
        for (standing, number) in standings {
            self.machines.get_or_create(&Stands { standing }).set(i64::from(number));
        }
        self.rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.projects.set(projects);
        self.present.set(whole(state.fleet.present_count()));
        self.disturbed.set(whole(state.gauges.disturbed_count()));
        self.errands.set(whole(state.errands.open().count()));
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same numbers in Prometheus' first text form, which names a counter in its descriptions as it does in its samples.
pub(super) fn classic(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let infos: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" info")).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let described = line.strip_prefix("# HELP ").map(|rest| ("HELP", rest));
        let described = described.or_else(|| line.strip_prefix("# TYPE ").map(|rest| ("TYPE", rest)));
        let Some((what, rest)) = described else {
            if !line.starts_with('#') {
                out.push_str(line);
                out.push('\n');
            }
            continue;
        };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (suffix, rest) = if counters.contains(&name) {
            ("_total", rest)
        } else if infos.contains(&name) {
            ("_info", if what == "TYPE" { "gauge" } else { rest })
        } else {
            ("", rest)
        };
        // Writing into a string cannot fail.
        let _ = writeln!(out, "# {what} {name}{suffix} {rest}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_form_names_counters_as_their_samples_are_named() {
        let text = "# HELP smith_a All.\n# TYPE smith_a counter\nsmith_a_total{b=\"c\"} 1\n\
                    # TYPE smith_b info\nsmith_b_info{v=\"1\"} 1\n# UNIT smith_c seconds\n# TYPE smith_c gauge\nsmith_c 2\n# EOF\n";
        let expected = "# HELP smith_a_total All.\n# TYPE smith_a_total counter\nsmith_a_total{b=\"c\"} 1\n\
                        # TYPE smith_b_info gauge\nsmith_b_info{v=\"1\"} 1\n# TYPE smith_c gauge\nsmith_c 2\n";
        assert_eq!(classic(text), expected);
    }
}
