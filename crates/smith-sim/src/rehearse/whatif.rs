//! What-if: small changes to a rehearsal, so that two futures can be put side by side.

use smith_domain::calendar::{Calendar, Window};
use smith_domain::fleet::Selector;
use smith_domain::id::AttrName;
use smith_domain::pipeline::{Amount, Counts, Limit, Parallel, Pipeline};
use thiserror::Error;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `limit cluster 2`: so many machines of each cluster at a time; `limit fleet 500` for all together.
    Limit { per: Vec<AttrName>, max: Amount },
    /// `parallel workers 20`: how many machines of a bag run at once; `unbounded` for as many as limits allow.
    Parallel { bag: String, parallel: Parallel },
    /// `windows Europe/Berlin Mon-Fri 22:00-04:00`, or `windows always`.
    Windows(Calendar),
    /// `lost zone=dal10`: machines that nobody can reach.
    Lost(Selector),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}, found {found:?}")]
pub struct ChangeError {
    pub expected: String,
    pub found: String,
}

const FORMS: &str =
    "limit ATTRIBUTE MAX, parallel BAG N, windows ZONE DAYS FROM-TO, windows always, or lost SELECTOR";

impl Change {
    pub fn parse(text: &str) -> Result<Self, ChangeError> {
        let error = |expected: &str| ChangeError { expected: expected.to_owned(), found: text.to_owned() };
        let (word, rest) = text.trim().split_once(' ').ok_or_else(|| error(FORMS))?;
        let rest = rest.trim();
        match word {
            "limit" => {
                let (per, max) = rest.rsplit_once(' ').ok_or_else(|| error("limit ATTRIBUTE MAX"))?;
                let max = Amount::parse(max).map_err(|why| error(&why.to_string()))?;
                if matches!(max, Amount::Count(0) | Amount::Percent(0)) {
                    return Err(error("a limit of at least one machine"));
                }
                let names = per.split(',').map(str::trim).filter(|name| *name != "fleet");
                let per: Result<Vec<AttrName>, _> = names.map(AttrName::new).collect();
                Ok(Change::Limit { per: per.map_err(|why| error(&why.to_string()))?, max })
            }
            "parallel" => {
                let (bag, most) = rest.rsplit_once(' ').ok_or_else(|| error("parallel BAG N"))?;
                let parallel = if most == "unbounded" {
                    Parallel::Unbounded
                } else {
                    let most: u32 = most.parse().map_err(|_| error("a whole number or unbounded"))?;
                    if most == 0 {
                        return Err(error("at least one machine at a time"));
                    }
                    Parallel::AtMost(most)
                };
                Ok(Change::Parallel { bag: bag.to_owned(), parallel })
            }
            "windows" if rest == "always" => Ok(Change::Windows(Calendar::default())),
            "windows" => {
                let (zone, times) = rest.split_once(' ').ok_or_else(|| error("windows ZONE DAYS FROM-TO"))?;
                let zone = smith_domain::calendar::Zone::new(zone).map_err(|why| error(&why.to_string()))?;
                let times =
                    smith_domain::calendar::parse_times(times).map_err(|why| error(&why.to_string()))?;
                let window = Window::new(zone, times).map_err(|why| error(&why.to_string()))?;
                Ok(Change::Windows(Calendar::new(vec![window], Vec::new())))
            }
            "lost" => Selector::parse(rest).map(Change::Lost).map_err(|why| error(&why.to_string())),
            _ => Err(error(FORMS)),
        }
    }

    /// Changes the pipelines; machines that are lost are the engine's business.
    pub(super) fn apply(&self, pipelines: &mut [Pipeline]) {
        for pipeline in pipelines {
            match self {
                Change::Limit { per, max } => limit(pipeline, per, *max),
                Change::Parallel { bag, parallel } => {
                    let phases = pipeline.steps.iter_mut().flat_map(|step| &mut step.phases);
                    for found in phases.flat_map(|phase| &mut phase.bags).filter(|b| b.name.as_str() == bag) {
                        found.parallel = *parallel;
                    }
                }
                Change::Windows(calendar) => {
                    for step in &mut pipeline.steps {
                        step.calendar = calendar.clone();
                    }
                }
                Change::Lost(_) => {}
            }
        }
    }
}

/// The new limit takes the place of every one that counts the same.
fn limit(pipeline: &mut Pipeline, per: &[AttrName], max: Amount) {
    let same = |limit: &Limit| limit.per == per && limit.within.is_none();
    pipeline.limits.retain(|limit| !same(limit));
    for step in &mut pipeline.steps {
        step.limits.retain(|limit| !same(limit));
        for bag in step.phases.iter_mut().flat_map(|phase| &mut phase.bags) {
            bag.limits.retain(|limit| !same(limit));
        }
    }
    pipeline.limits.push(Limit { per: per.to_vec(), within: None, max, counts: Counts::Disturbed });
}
