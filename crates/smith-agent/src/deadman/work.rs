//! Packages in the middle of being changed are not robbed of their network, and less of their machine.

use std::time::{Duration, Instant};

use crate::op::{Context, Host, Machine, Store};
use crate::reboot::holder;

/// A patch of a slow machine that goes on without its network takes minutes; one that takes longer hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(1800);

/// Between two lines of the log.
const TELL: Duration = Duration::from_secs(300);

/// A wait of a rescue for others to end their work. There is one for all of a rescue.
#[derive(Debug)]
pub(super) struct Work {
    limit: Duration,
    begun: Option<Instant>,
    told: Option<Instant>,
    /// Who was waited for, last.
    who: String,
}

impl Work {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, begun: None, told: None, who: String::new() }
    }

    /// Whether somebody is at work who still has time to end it.
    pub(super) fn must_wait(&mut self, ctx: &mut Context<'_>) -> bool {
        let Some(who) = at_work(ctx.host) else { return false };
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let is_news = self.who != who || self.told.is_none_or(|told| told.elapsed() >= TELL);
        self.who = who;
        if begun.elapsed() >= self.limit {
            return false;
        }
        if is_news {
            self.told = Some(Instant::now());
            let (who, limit) = (&self.who, self.limit.as_secs());
            ctx.log(format!("the machine is to save itself, and waits at most {limit} s for {who} to end"));
        }
        true
    }

    /// What was waited for, in words; empty if nothing was.
    pub(super) fn words(&self, host: &Host) -> String {
        let Some(begun) = self.begun else { return String::new() };
        let end = if at_work(host).is_some() { "in vain" } else { "until it had ended" };
        format!("{} was waited for, {} s, {end}; ", self.who, begun.elapsed().as_secs())
    }
}

/// Who changes packages, or whatever else an operation does.
pub(super) fn at_work(host: &Host) -> Option<String> {
    if let Some(holder) = holder(host) {
        return Some(holder);
    }
    match Store::of(host).machine() {
        Ok(Machine::Taken { by: Some(by) }) => Some(format!("operation {by}")),
        Ok(Machine::Taken { by: None }) => Some("an operation".to_owned()),
        // A disk that cannot be locked on is no sign of work.
        Ok(Machine::Free { .. }) | Err(_) => None,
    }
}
