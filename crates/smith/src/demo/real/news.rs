//! What the server records, in words, as it happens.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde::Deserialize;
use smith_api::{Client, Hearing};
use tokio::runtime::Builder;

use crate::failure::{Exit, Failure};

/// A stream that ends is listened to again after this.
const AGAIN: Duration = Duration::from_millis(200);

/// A line and a half of a wide terminal.
const WORDS_MAX: usize = 180;

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct News {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) words: String,
}

impl News {
    /// The time of day.
    pub(super) fn moment(&self) -> &str {
        self.at.split_once('T').map_or(self.at.as_str(), |(_, moment)| moment.trim_end_matches('Z'))
    }

    /// What happened, in so many signs as are read at a glance: a patch names all its packages.
    pub(super) fn short(&self) -> String {
        let cut: String = self.words.chars().take(WORDS_MAX).collect();
        if cut.len() == self.words.len() { cut } else { format!("{cut} …") }
    }

    /// Whether people who watch want to read it; the rest is small print.
    pub(super) fn is_told(&self) -> bool {
        const TOLD: [&str; 22] = [
            "rollout.started",
            "rollout.gate-approved",
            "rollout.step-opened",
            "rollout.halted",
            "rollout.called",
            "rollout.resumed",
            "rollout.retried",
            "rollout.step-ended",
            "rollout.ended",
            "change.raised",
            "change.approved",
            "change.closed",
            "change.train-raised",
            "cycle.started",
            "cycle.build-made",
            "cycle.link-done",
            "cycle.link-failed",
            "cycle.gate-opened",
            "cycle.gate-approved",
            "cycle.ended",
            "ticket.raised",
            "build.channel-set",
        ];
        // Of what machines do, the patch, the reboot and the end are what it is about.
        let is_work = match self.kind.as_str() {
            "rollout.asked" => self.words.ends_with("reboot begins"),
            "rollout.reported" => {
                ["is patched", "; pass", "; fail", "; lost"].iter().any(|part| self.words.contains(part))
            }
            _ => false,
        };
        TOLD.contains(&self.kind.as_str()) || is_work
    }
}

/// Listens from the first event on, until the server is gone and nobody takes the news.
pub(super) fn listen(client: Client) -> Result<Receiver<News>, Failure> {
    let (sender, receiver) = channel();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Bug, error))?;
    std::thread::spawn(move || {
        let mut after = "0".to_owned();
        loop {
            let mut last = after.clone();
            let mut is_over = false;
            let heard = client.listen("/v1/events", Some(&after), |told| {
                last = told.id.clone().unwrap_or_else(|| last.clone());
                let Ok(news) = serde_json::from_str(&told.data) else { return Hearing::GoOn };
                is_over = sender.send(news).is_err();
                if is_over { Hearing::Enough } else { Hearing::GoOn }
            });
            // What ended the stream ends the next one too if it lasts; the story notices a server that is gone.
            let _ = runtime.block_on(heard);
            if is_over {
                return;
            }
            after = last;
            std::thread::sleep(AGAIN);
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(kind: &str, words: &str) -> News {
        let at = "2026-11-20T07:14:38.123Z".to_owned();
        News { at, kind: kind.to_owned(), words: words.to_owned() }
    }

    #[test]
    fn of_machines_only_the_work_is_told() {
        assert!(news("rollout.reported", "m: is patched and needs a reboot after 9s").is_told());
        assert!(news("rollout.asked", "m: reboot begins").is_told());
        assert!(!news("rollout.asked", "m: health begins").is_told());
        assert!(!news("rollout.reported", "m: done after 1s").is_told());
        assert!(news("cycle.ended", "cycle 1 is complete").is_told() && !news("errand.asked", "x").is_told());
        assert_eq!(news("x", "").moment(), "07:14:38.123");
        assert_eq!(news("x", &"é".repeat(400)).short(), format!("{} …", "é".repeat(WORDS_MAX)));
        assert_eq!(news("x", "short").short(), "short");
    }
}
