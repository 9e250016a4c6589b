//! What a command made, whether it was carried out now or before under the same key.

use smith_domain::access::AccessEvent;
use smith_domain::change::ChangeEvent;
use smith_domain::cycle::CycleEvent;
use smith_domain::event::Event;
use smith_domain::fleet::{ExemptionId, FleetEvent};
use smith_domain::id::{CycleId, RolloutId, TokenId, TrainId};
use smith_domain::rollout::RolloutEvent;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    pub rollout: Option<RolloutId>,
    pub train: Option<TrainId>,
    pub exemption: Option<ExemptionId>,
    pub token: Option<TokenId>,
    pub cycle: Option<CycleId>,
}

impl Made {
    pub(super) fn by(events: &[Event]) -> Self {
        let mut made = Self::default();
        for event in events {
            if let Event::Rollout(RolloutEvent::Started { rollout, .. }) = event {
                made.rollout = Some(*rollout);
            } else if let Event::Change(ChangeEvent::TrainRaised { train, .. }) = event {
                made.train = Some(*train);
            } else if let Event::Fleet(FleetEvent::ExemptionGranted { exemption, .. }) = event {
                made.exemption = Some(*exemption);
            } else if let Event::Access(AccessEvent::TokenIssued { token, .. }) = event {
                made.token = Some(*token);
            } else if let Event::Cycle(CycleEvent::Started { cycle, .. }) = event {
                made.cycle = Some(*cycle);
            }
        }
        made
    }

    /// From the answer that the journal keeps for a request with a key: `rollout/12 change/3`.
    pub(super) fn before(answer: &str) -> Self {
        let mut made = Self::default();
        for word in answer.split_whitespace() {
            let Some((noun, number)) = word.split_once('/') else { continue };
            let Ok(number) = number.parse() else { continue };
            match noun {
                "rollout" => made.rollout = Some(RolloutId(number)),
                "train" => made.train = Some(TrainId(number)),
                "exemption" => made.exemption = Some(ExemptionId(number)),
                "cycle" => made.cycle = Some(CycleId(number)),
                "token" => made.token = Some(TokenId(number)),
                _ => {}
            }
        }
        made
    }
}
