//! Takes what a worker's action has to tell: into the operation's events and the log for people.

use smith_agent::protocol::{Body, Outcome};

use super::context::Teller;
use super::diary::Diary;
use super::events::{Append, EVENTS};
use super::keep::{CannotKeep, Keep};
use super::lock::Held;
use super::operation::Operation;
use super::shape::{Shape, fit};

#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    append: Append<'a>,
    operation: &'a Operation,
    diary: Diary,
    shape: Shape,
    is_full: bool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn open(operation: &'a Operation, diary: &Diary, held: &'a Held) -> Result<Self, CannotKeep> {
        let append = Append::open(operation.folder(), held).keep("read", &operation.folder().join(EVENTS))?;
        let diary = diary.about(operation.id());
        Ok(Self { append, operation, diary, shape: Shape::default(), is_full: false })
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.append.is_ended()
    }

    /// What only people need to know.
    pub(crate) fn note(&self, text: &str) {
        self.diary.line(text);
    }

    /// The last word. It is on the disk when this returns.
    pub(crate) fn end(&mut self, outcome: Outcome) -> Result<(), CannotKeep> {
        let (outcome, cut) = fit(outcome);
        if let Some(text) = cut {
            self.tell(Body::Log { text });
        }
        let ended = Body::Ended(outcome.clone());
        self.append.end(outcome).keep("ended", &self.operation.folder().join(EVENTS))?;
        self.diary.event(&ended);
        Ok(())
    }
}

impl Teller for Recorder<'_> {
    fn tell(&mut self, body: Body) {
        let shaped = self.shape.shape(body);
        for body in shaped.bodies {
            if shaped.is_news {
                self.diary.event(&body);
            }
            if self.append.has_room() {
                // Where the disk is full the action goes on unheard; there is space for how it ends.
                let _ = self.append.say(body);
            } else if !self.is_full {
                self.is_full = true;
                self.diary.line("the operation has said too much, and what follows is not kept");
            }
        }
    }
}
