//! Errands of a server: changes and tickets are answered by the built-in desk, messages are brought to people, links of the
//! week are done.

use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::errand::{ErrandId, ErrandKind, ErrandOutcome};
use smith_domain::state::State;
use tokio::runtime::Handle;

use super::builtin::answer;
use super::notice::{Brought, Message, Notifier};
use crate::core::Core;
use crate::driver::{Effect, Executor, Input, Mode, Target};
use crate::week::Weeks;

#[derive(Debug, Clone)]
pub struct Errands {
    core: Core,
    runtime: Handle,
    notifier: Notifier,
    weeks: Weeks,
}

impl Errands {
    pub fn new(core: Core, runtime: Handle, notifier: Notifier, weeks: Weeks) -> Self {
        Self { core, runtime, notifier, weeks }
    }

    fn bring(&self, errand: ErrandId, message: Message) {
        let (core, notifier) = (self.core.clone(), self.notifier.clone());
        self.runtime.spawn(async move {
            let outcome = match notifier.tell(&message).await {
                Brought::ToAll => ErrandOutcome::Done,
                Brought::NotToAll(reason) => ErrandOutcome::Failed { reason },
                Brought::UnderWay => return,
            };
            report(&core, errand, outcome);
        });
    }
}

impl Executor for Errands {
    fn start(&mut self, state: &State, effect: Effect) {
        let Target::Errand { errand, kind, .. } = effect.target else { return };
        if let ErrandKind::Link(..) = kind {
            return self.weeks.start(&self.core, &self.runtime, state, &effect);
        }
        let is_message = matches!(kind, ErrandKind::Call(..) | ErrandKind::Notify(_));
        if !is_message {
            return report(&self.core, errand, answer(state, kind));
        }
        if effect.mode == Mode::Seek {
            // Nobody can say whether a message arrived. It is brought again: twice is better than never.
            let reason = "it is not known whether the message arrived".to_owned();
            return report(&self.core, errand, ErrandOutcome::Failed { reason });
        }
        match Message::of(state, errand, kind) {
            Some(message) => self.bring(errand, message),
            // What it was about is gone, so there is nothing to tell any more.
            None => report(&self.core, errand, ErrandOutcome::Done),
        }
    }
}

fn report(core: &Core, errand: ErrandId, outcome: ErrandOutcome) {
    let command = Command::ErrandReport { errand, outcome };
    core.tell(Input { actor: Actor::smith(), command, tag: 0 });
}
