//! What became of spans and numbers, for `/metrics`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::config::settings::Signal;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    signal: &'static str,
}

/// Clones are the same counters.
#[derive(Debug, Clone)]
pub struct Counts {
    sent: Family<Of, Counter>,
    dropped: Family<Of, Counter>,
    waiting: Gauge,
}

impl Counts {
    /// All that are wanted begin with zero, so that whoever watches them sees the first one.
    pub(super) fn of(signals: impl IntoIterator<Item = Signal>) -> Self {
        let counts = Self { sent: Family::default(), dropped: Family::default(), waiting: Gauge::default() };
        for signal in signals {
            counts.sent(signal, 0);
            counts.dropped(signal, 0);
        }
        counts
    }

    pub(crate) fn register(&self, to: &mut Registry) {
        let sent = "Spans and metrics that a collector has taken";
        to.register("telemetry_sent", sent, self.sent.clone());
        let dropped =
            "Spans and metrics that were given up, because too many waited or a collector refused them";
        to.register("telemetry_dropped", dropped, self.dropped.clone());
        to.register("telemetry_waiting", "Spans that no collector has taken yet", self.waiting.clone());
    }

    pub(super) fn sent(&self, signal: Signal, number: usize) {
        self.sent.get_or_create(&Of { signal: signal.word() }).inc_by(number as u64);
    }

    pub(super) fn dropped(&self, signal: Signal, number: usize) {
        self.dropped.get_or_create(&Of { signal: signal.word() }).inc_by(number as u64);
    }

    pub(super) fn waiting(&self, number: usize) {
        self.waiting.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    #[cfg(test)]
    pub(super) fn all(&self, signal: Signal) -> (u64, u64) {
        let of = Of { signal: signal.word() };
        (self.sent.get_or_create(&of).get(), self.dropped.get_or_create(&of).get())
    }
}
