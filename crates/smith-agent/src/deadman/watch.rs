//! The wait for a sign of the controller.

use std::time::Duration;

use smith_agent::protocol::{Cause, Failure};

use super::heard::was_heard_since;
use super::note::{self, Noted};
use super::record::{Acted, Stage, Watch, remember};
use super::rescue;
use super::work::{LIMIT, Work};
use crate::health;
use crate::op::Context;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// A neighbour that has gone stays known to the kernel for some seconds, and a switch that learns anew drops what it is sent:
/// the network is gone when so many looks in a row say so.
const LOOKS: u32 = 3;

/// A controller that is silent over a network that works is at fault itself; so long is the network looked at.
const WATCHED_S: u64 = 900;

/// A watch is over so long after its controller was to be heard, whatever is waited for and tried meanwhile.
pub(super) const WATCH_MAX_S: u64 = WATCHED_S + LIMIT.as_secs() + 1800;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    Heard,
    /// The controller was silent, and the network was there.
    Silent,
    Rescue,
}

/// Waits, and saves the machine if it comes to that. It returns when there is nothing more to wait for.
pub(crate) fn watch(ctx: &mut Context<'_>) -> Result<(), Failure> {
    watch_every(ctx, LOOK, Work::new(LIMIT))
}

pub(super) fn watch_every(ctx: &mut Context<'_>, look: Duration, mut work: Work) -> Result<(), Failure> {
    // Fails where systemd has made one already.
    let _ = rustix::process::setsid();
    let broken =
        |why: String| Failure::new(Cause::Interrupted, format!("the machine will not save itself: {why}"));
    let mut watch = Watch::load(ctx.folder).map_err(broken)?;
    let noted = note::load(ctx.folder).map_err(broken)?;
    if watch.stage != Stage::Armed {
        return Err(broken("it did so once for this operation".to_owned()));
    }
    let step = loop {
        match wait(ctx, &watch, &noted, look) {
            // All is looked at anew then: who was at work may have brought the network back.
            Step::Rescue if work.must_wait(ctx) => std::thread::sleep(look),
            step @ (Step::Rescue | Step::Wait | Step::Heard | Step::Silent) => break step,
        }
    };
    let text = match step {
        Step::Heard => "the controller was heard after the change".to_owned(),
        Step::Silent => {
            format!("the controller was not heard within {} s, and {}", watch.within_s, known(&noted))
        }
        Step::Wait => "the machine was booted while the controller was waited for".to_owned(),
        Step::Rescue => return save(ctx, &mut watch, &noted, &mut work, look).map_err(broken),
    };
    ctx.log(text);
    Watch { stage: Stage::Ended, ..watch }.keep(ctx.folder).map_err(broken)
}

fn known(noted: &Noted) -> &'static str {
    if noted.paths.is_empty() {
        "nothing is known of the network before the change"
    } else {
        "the network is there"
    }
}

/// Looks until there is something to do; `Step::Wait` is an end only where the machine has booted since.
fn wait(ctx: &Context<'_>, watch: &Watch, noted: &Noted, look: Duration) -> Step {
    let mut gone = 0;
    loop {
        let heard = was_heard_since(ctx.host, &watch.armed);
        let Some(elapsed) = watch.armed.seconds_ago(ctx.host) else { return Step::Wait };
        // Paths are looked at only when the controller is missed, so that a watch costs nothing.
        if !heard && elapsed >= u64::from(watch.within_s) && !noted.paths.is_empty() {
            let works = noted.paths.iter().any(|path| path.works(ctx.host));
            gone = if works { 0 } else { gone + 1 };
        }
        match next(heard, elapsed, gone, watch.within_s) {
            Step::Wait => std::thread::sleep(look),
            step @ (Step::Heard | Step::Silent | Step::Rescue) => return step,
        }
    }
}

fn next(heard: bool, elapsed: u64, gone: u32, within_s: u32) -> Step {
    let within = u64::from(within_s);
    if heard {
        Step::Heard
    } else if gone >= LOOKS {
        Step::Rescue
    } else if gone == 0 && elapsed >= within.saturating_add(WATCHED_S) {
        Step::Silent
    } else {
        Step::Wait
    }
}

/// It is noted that it was begun before anything is done: a machine that falls in the middle does not do it again.
fn save(
    ctx: &mut Context<'_>,
    watch: &mut Watch,
    noted: &Noted,
    work: &mut Work,
    look: Duration,
) -> Result<(), String> {
    watch.stage = Stage::Acting;
    watch.keep(ctx.folder)?;
    let paths: Vec<String> = noted.paths.iter().map(ToString::to_string).collect();
    let why = format!(
        "the controller was not heard within {} s after the change, and no path that worked before it works ({})",
        watch.within_s,
        paths.join(", ")
    );
    ctx.log(why.clone());
    let operation = ctx.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut acted = Acted {
        operation,
        at: health::seconds(),
        text: format!("{why}: {}the network is being started again", work.words(ctx.host)),
    };
    note_acted(ctx, &acted);
    let restarted = rescue::restart_network(ctx, noted);
    let mut text = restarted.text;
    while !restarted.is_back && work.must_wait(ctx) {
        std::thread::sleep(look);
    }
    text.insert_str(0, &work.words(ctx.host));
    let falls = (!restarted.is_back).then(|| rescue::previous_kernel(ctx.host, &watch.kernel_before));
    match &falls {
        None => {}
        Some(Ok(kernel)) => {
            text.push_str(&format!("; the machine boots the kernel {kernel}, which ran before, once"))
        }
        Some(Err(why)) => text.push_str(&format!("; there is nothing more to try: {why}")),
    }
    acted.text = format!("{why}: {text}");
    note_acted(ctx, &acted);
    ctx.log(text);
    watch.stage = Stage::Ended;
    watch.keep(ctx.folder)?;
    match falls {
        Some(Ok(_)) => rescue::go_down(ctx.host),
        Some(Err(_)) | None => Ok(()),
    }
}

fn note_acted(ctx: &mut Context<'_>, acted: &Acted) {
    if let Err(why) = remember(ctx.host, acted) {
        ctx.log(format!("what the machine does by itself cannot be kept: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rescue_needs_silence_and_a_network_that_is_gone() {
        assert_eq!(next(false, 10, 0, 60), Step::Wait);
        assert_eq!(next(true, 100, 9, 60), Step::Heard);
        assert_eq!(next(false, 100, 2, 60), Step::Wait);
        assert_eq!(next(false, 100, 3, 60), Step::Rescue);
        assert_eq!(next(false, 959, 0, 60), Step::Wait);
        assert_eq!(next(false, 960, 0, 60), Step::Silent);
        assert_eq!(next(false, 960, 1, 60), Step::Wait);
    }
}
