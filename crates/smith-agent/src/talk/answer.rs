//! One talk, from its first line to its last.

use std::io::{self, BufRead, Write};

use smith_agent::protocol::{Action, Body, Hello, Refusal, VERSION, read_job};

use super::wire::Wire;
use super::{attach, begin, beside};
use crate::deadman;
use crate::facts;
use crate::op::{Diary, Host, Store};

/// How a talk went. How its operation ended is told in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    Told,
    Refused,
}

/// Answers one job. Fails only when the controller is gone.
pub(crate) fn answer(
    host: &Host,
    input: &mut impl BufRead,
    output: impl Write + Send,
    peer: Option<&str>,
) -> io::Result<Answered> {
    let mut wire = Wire::new(output);
    wire.say(Body::Hello(Hello {
        protocol: VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot: facts::boot(host),
    }))?;
    let diary = Diary::open(host);
    let job = match read_job(input) {
        Ok(job) => job,
        Err(refusal) => return refuse(&mut wire, &diary, refusal),
    };
    let store = Store::of(host);
    let diary = diary.about(&job.id);
    // Whoever comes over the network shows that there is one.
    if job.fence.is_some() || peer.is_some() {
        deadman::heard(host);
    }
    let answered = match &job.action {
        Action::Attach(attach) => attach::attach(&store, &job, attach, &diary, &mut wire),
        Action::Facts | Action::Report | Action::Clean(_) => {
            beside::perform(&store, &job, peer, &diary, &mut wire)
        }
        Action::Check(_)
        | Action::Patch(_)
        | Action::Drain
        | Action::Undrain
        | Action::Reboot(_)
        | Action::Health(_) => begin::begin(&store, &job, peer, &diary, &mut wire),
    };
    match answered? {
        Some(refusal) => refuse(&mut wire, &diary, refusal),
        None => Ok(Answered::Told),
    }
}

fn refuse(wire: &mut Wire<impl Write>, diary: &Diary, refusal: Refusal) -> io::Result<Answered> {
    diary.event(&Body::Refused(refusal.clone()));
    wire.refuse(refusal)?;
    Ok(Answered::Refused)
}
