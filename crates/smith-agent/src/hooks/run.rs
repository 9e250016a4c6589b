//! Running hooks one after the other.

use std::path::Path;
use std::time::Duration;

use smith_agent::protocol::{Cause, Done, Failure, Outcome};

use super::{Folder, Listed, Owner, list};
use crate::files::tail_of;
use crate::op::Context;
use crate::settings;
use crate::tool::{Ended, Ran, Run, Stopped};

/// What became of one hook.
#[derive(Debug)]
pub(crate) struct Hooked {
    /// Why it is not good, as the end of a sentence about the file.
    pub(crate) bad: Option<String>,
    pub(crate) tail: Vec<String>,
}

/// Takes the machine's work off it. The first file that refuses ends it: the machine keeps its work.
pub(crate) fn drain(ctx: &mut Context<'_>) -> Result<Outcome, Failure> {
    all(ctx, Folder::Drain, Done::Drained)
}

/// Gives the machine its work again. Every file is run even if one fails, for each gives back what only it can.
pub(crate) fn undrain(ctx: &mut Context<'_>) -> Result<Outcome, Failure> {
    all(ctx, Folder::Undrain, Done::Undrained)
}

pub(super) fn all(ctx: &mut Context<'_>, folder: Folder, done: Done) -> Result<Outcome, Failure> {
    let (settings, wrong) = settings::read(ctx.host);
    if let Some(wrong) = wrong {
        ctx.log(wrong);
    }
    let limit = Duration::from_secs(settings.hooks.drain_s.into());
    let hooks = list(ctx.host, folder, Owner::of(ctx.host)).map_err(refused)?;
    // A file that cannot be trusted is found before any is run: to stop half way is worse.
    for hook in &hooks {
        if let Listed::Refused { name, why } = hook {
            return Err(refused(format!(
                "expected {}/{name} to be root's alone, found it {why}",
                folder.word()
            )));
        }
    }
    let (mut ran, mut first) = (0_usize, None);
    for hooked in &hooks {
        let Listed::Usable { name, path } = hooked else {
            if let Listed::Off { name } = hooked {
                ctx.log(format!("{}/{name} cannot be executed and is passed over", folder.word()));
            }
            continue;
        };
        ctx.progress(folder.word().trim_end_matches(".d"), None, name);
        ran += 1;
        let found = hook(ctx, folder, path, limit)?;
        let Some(bad) = found.bad else { continue };
        let message = format!("expected {}/{name} to end with exit code 0, found {bad}", folder.word());
        ctx.log(message.clone());
        let failure = Failure { tail: found.tail, ..refused(message) };
        if folder == Folder::Drain {
            // What was given away by then comes back, so that the machine keeps its work whole.
            if let Err(more) = undrain(ctx) {
                ctx.log(format!("what was drained could not be given back: {}", more.message));
            }
            return Err(failure);
        }
        first.get_or_insert(failure);
    }
    match (first, ran) {
        (Some(failure), _) => Err(failure),
        (None, 0) => {
            ctx.log(format!("no program is in /etc/smith/{} to be run: nothing was done", folder.word()));
            Ok(Outcome::AlreadySo(done))
        }
        (None, _) => Ok(Outcome::Done(done)),
    }
}

/// Runs one. It learns from its environment what it is run for.
pub(crate) fn hook(
    ctx: &mut Context<'_>,
    folder: Folder,
    path: &Path,
    limit: Duration,
) -> Result<Hooked, Failure> {
    let limit = ctx.left(limit)?;
    let id = ctx.folder.file_name().unwrap_or_default();
    let ran = Run::new(path, limit)
        .env("SMITH_ACTION", folder.word().trim_end_matches(".d"))
        .env("SMITH_OPERATION", id)
        .run();
    // A hook that was stopped because the whole action's time is over is not to blame.
    ctx.left(limit)?;
    Ok(match ran {
        Ok(ran) if ran.is_good() => Hooked { bad: None, tail: tail_of(&ran.output) },
        Ok(Ran { ended, output, .. }) => Hooked { bad: Some(said(ended, limit)), tail: tail_of(&output) },
        Err(Stopped { error, .. }) => {
            Hooked { bad: Some(format!("that it could not be run: {error}")), tail: Vec::new() }
        }
    })
}

fn said(ended: Ended, limit: Duration) -> String {
    if ended == Ended::TimedOut {
        return format!("no end within {} s", limit.as_secs());
    }
    ended.to_string()
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Cause::DrainRefused, message)
}
