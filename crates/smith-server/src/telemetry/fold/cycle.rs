//! The trace of a cycle: the whole and its links.

use std::collections::BTreeMap;

use smith_domain::cycle::{Cycle, CycleEvent, CycleState, Link, LinkState};
use smith_domain::id::CycleId;
use smith_domain::time::Timestamp;

use super::met::{Ended, Met};
use crate::telemetry::ids::{Part, SpanId, TraceId};
use crate::telemetry::span::{Attribute, Kind, Notes, Span, SpanLink, Status};

#[derive(Debug)]
pub(super) struct CycleTrace {
    id: CycleId,
    site: String,
    trace: TraceId,
    began: u64,
    start: Timestamp,
    notes: Notes,
    links: BTreeMap<Link, OpenLink>,
}

#[derive(Debug)]
struct OpenLink {
    span: SpanId,
    start: Timestamp,
    notes: Notes,
}

/// How a link or a cycle ended.
enum End<'a> {
    Done(&'a str),
    Failed(&'a str),
    Skipped(&'a str),
    /// Somebody stopped the cycle, or had the link done again.
    Stopped(&'a str),
}

impl CycleTrace {
    /// The trace of a cycle that something happens to; see that of a project.
    pub(super) fn of(site: &str, met: &Met<'_>, id: CycleId) -> Option<Self> {
        let cycle = met.state.cycles.get(id)?;
        let now = met.recorded.at;
        let over = match cycle.state {
            CycleState::Running => None,
            CycleState::Ended { at } | CycleState::Stopped { at, .. } => Some(at),
        };
        if over.is_some_and(|at| at < now) {
            return None;
        }
        let trace = TraceId::of_cycle(site, id, cycle.started_at);
        let under_way = cycle.links.iter().filter_map(|(link, run)| match run.state {
            LinkState::Begun { at } if at <= now => {
                Some((*link, open(trace, *link, at, met.by_calendar(at))))
            }
            LinkState::Begun { .. }
            | LinkState::Waiting
            | LinkState::Done { .. }
            | LinkState::Failed { .. }
            | LinkState::Skipped { .. } => None,
        });
        Some(Self {
            id,
            site: site.to_owned(),
            trace,
            began: met.recorded.seq,
            start: met.by_calendar(cycle.started_at),
            notes: Notes::default(),
            links: under_way.collect(),
        })
    }

    pub(super) fn began(&self) -> u64 {
        self.began
    }

    pub(super) fn fold(&mut self, met: &Met<'_>, event: &CycleEvent, out: &mut Vec<Ended>) {
        match event {
            CycleEvent::LinkBegun { link, .. } => {
                self.links.insert(*link, open(self.trace, *link, met.recorded.at, met.at));
            }
            CycleEvent::LinkDone { link, note, .. } => self.end_link(met, *link, &End::Done(note), out),
            CycleEvent::LinkFailed { link, reason, .. } => {
                self.end_link(met, *link, &End::Failed(reason), out);
            }
            CycleEvent::LinkSkipped { link, reason, .. } => {
                met.note(&mut self.notes);
                self.end_link(met, *link, &End::Skipped(reason), out);
            }
            CycleEvent::LinkRerun { link, .. } => {
                met.note(&mut self.notes);
                self.end_link(met, *link, &End::Stopped("it is done again"), out);
            }
            CycleEvent::GateOpened { .. } | CycleEvent::GateApproved { .. } => {
                let gates = self.links.get_mut(&Link::Gates).map(|link| &mut link.notes);
                met.note(gates.unwrap_or(&mut self.notes));
            }
            CycleEvent::TrainRaised { .. } => {
                let trains = self.links.get_mut(&Link::Trains).map(|link| &mut link.notes);
                met.note(trains.unwrap_or(&mut self.notes));
            }
            CycleEvent::BuildMade { .. } => met.note(&mut self.notes),
            CycleEvent::Ended { .. } => self.end(met, &End::Done(""), out),
            CycleEvent::Stopped { reason, .. } => self.end(met, &End::Stopped(reason), out),
            CycleEvent::Started { .. } | CycleEvent::Missed { .. } => {}
        }
    }

    fn end_link(&mut self, met: &Met<'_>, link: Link, end: &End<'_>, out: &mut Vec<Ended>) {
        let Some(cycle) = met.state.cycles.get(self.id) else { return };
        // What was skipped before it began has no span of its own.
        let Some(open) = self.links.remove(&link) else { return };
        let mut attributes = of_cycle(cycle);
        attributes.push(Attribute::text("smith.link", link.to_string()));
        attributes
            .extend(cycle.plan.pipeline(link).map(|name| Attribute::text("smith.pipeline", name.as_str())));
        attributes.extend(end.attributes());
        let project = cycle.rollout(met.state, link);
        let links = project.map(|project| {
            let trace_id = TraceId::of_project(&self.site, project.id, project.started_at);
            SpanLink { trace_id, span_id: trace_id.span(Part::Whole) }
        });
        attributes.extend(project.map(|project| Attribute::number("smith.project", project.id.0)));
        out.push(Ended {
            began: self.began,
            span: Span {
                trace_id: self.trace,
                span_id: open.span,
                parent_span_id: Some(self.trace.span(Part::Whole)),
                name: format!("link {link}"),
                kind: Kind::Internal,
                start_time_unix_nano: open.start.into(),
                end_time_unix_nano: met.at.into(),
                attributes,
                notes: open.notes,
                links: links.into_iter().collect(),
                status: end.status(),
            },
        });
    }

    fn end(&mut self, met: &Met<'_>, end: &End<'_>, out: &mut Vec<Ended>) {
        let open: Vec<Link> = self.links.keys().copied().collect();
        for link in open {
            self.end_link(met, link, &End::Stopped("the cycle has ended"), out);
        }
        let Some(cycle) = met.state.cycles.get(self.id) else { return };
        let mut attributes = of_cycle(cycle);
        attributes.push(Attribute::text("smith.by", cycle.by.as_str()));
        attributes.extend(end.attributes());
        out.push(Ended {
            began: self.began,
            span: Span {
                trace_id: self.trace,
                span_id: self.trace.span(Part::Whole),
                parent_span_id: None,
                name: format!("cycle {}", cycle.plan.name),
                kind: Kind::Internal,
                start_time_unix_nano: self.start.into(),
                end_time_unix_nano: met.at.into(),
                attributes,
                notes: std::mem::take(&mut self.notes),
                links: Vec::new(),
                status: end.status(),
            },
        });
    }
}

fn open(trace: TraceId, link: Link, begun: Timestamp, start: Timestamp) -> OpenLink {
    OpenLink { span: trace.span(Part::Link(link, begun)), start, notes: Notes::default() }
}

fn of_cycle(cycle: &Cycle) -> Vec<Attribute> {
    let build = cycle.build.map(|build| Attribute::number("smith.build", build.0));
    let known = [
        Attribute::number("smith.cycle", cycle.id.0),
        Attribute::text("smith.week", cycle.plan.name.as_str()),
        Attribute::text("smith.channel", cycle.plan.channel.as_str()),
    ];
    known.into_iter().chain(build).collect()
}

impl End<'_> {
    fn attributes(&self) -> Vec<Attribute> {
        let (word, said) = match self {
            End::Done(said) => ("done", said),
            End::Failed(said) => ("failed", said),
            End::Skipped(said) => ("skipped", said),
            End::Stopped(said) => ("stopped", said),
        };
        let said = (!said.is_empty()).then(|| Attribute::text("smith.reason", *said));
        [Attribute::text("smith.outcome", word)].into_iter().chain(said).collect()
    }

    fn status(&self) -> Status {
        match self {
            End::Done(_) => Status::good(),
            End::Failed(why) => Status::error(*why),
            End::Skipped(_) | End::Stopped(_) => Status::unset(),
        }
    }
}
