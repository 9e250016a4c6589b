//! Actions that change nothing on the machine. They are done in the talk itself and not kept: whoever loses the answer asks
//! again, and a machine whose disk is full answers all the same.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use smith_agent::protocol::{Action, Body, Follow, Job, Outcome, Refusal};

use super::follow::follow;
use super::wire::Wire;
use crate::act;
use crate::op::{self, Context, Diary, Shape, Store, Teller, fit, line};

/// Between two looks whether the controller has heard something.
const TICK: Duration = Duration::from_secs(1);

pub(crate) fn perform(
    store: &Store<'_>,
    job: &Job,
    peer: Option<&str>,
    diary: &Diary,
    wire: &mut Wire<impl Write + Send>,
) -> io::Result<Option<Refusal>> {
    if let Err(refusal) = op::look(store, job.fence.as_ref()) {
        return Ok(Some(refusal));
    }
    // The name may be that of an operation which was kept, or one that is closed.
    if let Some(operation) = store.find(&job.id) {
        return if operation.is_closed() {
            follow(store, &operation, 0, Follow::ToEnd, diary, wire)
        } else {
            Ok(Some(Refusal::OtherJob { id: job.id.clone() }))
        };
    }
    let wire = Mutex::new(wire);
    let mut direct = Direct { wire: &wire, seq: 0, shape: Shape::default(), failed: None };
    direct.tell(Body::Began { id: job.id.clone(), action: job.action.word().to_owned() });
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        let wire = &wire;
        scope.spawn(move || {
            // Ends when the other end is dropped, or the controller is gone.
            while is_done.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let alive = wire.lock().unwrap_or_else(PoisonError::into_inner).alive();
                if alive.is_err() {
                    break;
                }
            }
        });
        let outcome = outcome(store, job, peer, &mut direct);
        drop(done);
        if matches!(job.action, Action::Report | Action::Clean(_)) {
            diary.line(&format!("{} {}", job.action.word(), op::words(&outcome)));
        }
        let (outcome, cut) = fit(outcome);
        if let Some(text) = cut {
            direct.tell(Body::Log { text });
        }
        direct.tell(Body::Ended(outcome));
    });
    direct.failed.map_or(Ok(None), Err)
}

fn outcome(store: &Store<'_>, job: &Job, peer: Option<&str>, direct: &mut dyn Teller) -> Outcome {
    let folder = store.path("");
    let limit = Duration::from_secs(job.limit_s.into());
    let mut context = Context::new(store.host, &folder, direct, limit);
    context.peer = peer.map(str::to_owned);
    act::beside(&mut context, store, &job.action).unwrap_or_else(Outcome::Failed)
}

/// Takes what the action has to tell straight to the controller.
struct Direct<'a, 'w, W> {
    wire: &'a Mutex<&'w mut Wire<W>>,
    seq: u64,
    shape: Shape,
    /// The controller is gone. The action goes on: there is no harm in its end.
    failed: Option<io::Error>,
}

impl<W: Write> Teller for Direct<'_, '_, W> {
    fn tell(&mut self, body: Body) {
        for body in self.shape.shape(body).bodies {
            if self.failed.is_some() {
                return;
            }
            self.seq += 1;
            let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
            self.failed = line(self.seq, body).and_then(|line| wire.pass(&line)).err();
        }
    }
}
