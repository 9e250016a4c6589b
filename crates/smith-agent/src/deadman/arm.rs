//! After a change: a process of its own that outlives the operation.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use smith_agent::protocol::DeadMan;

use super::heard::Moment;
use super::note;
use super::record::{Stage, Watch};
use crate::op::{Context, Host};
use crate::tool::{AtLimit, KILLED, Run};

/// systemd answers in milliseconds; a machine that swaps takes longer.
const LIMIT: Duration = Duration::from_secs(10);

/// `systemd-run` only asks; nothing is lost with it.
const GRACE: Duration = Duration::from_secs(1);

/// The longest that arming takes, whatever hangs: systemd is asked twice.
pub(crate) const ARM_MAX: Duration = LIMIT.saturating_add(GRACE).saturating_add(KILLED).saturating_mul(2);

/// The change is done, and from now on a sign of the controller is waited for. The operation is as good as it was where that
/// cannot be: it is said in its log.
pub(crate) fn arm(ctx: &mut Context<'_>, dead_man: &DeadMan) {
    let armed = set(ctx, dead_man, None).and_then(|()| start(ctx.host, ctx.folder));
    say(ctx, dead_man, armed);
}

/// The same where the change is a new boot, before which this kernel ran. It may be said again, for whoever said it before may
/// have been killed before it could note that: a watch over this boot stays as it is.
pub(crate) fn arm_after_reboot(ctx: &mut Context<'_>, dead_man: &DeadMan, kernel_before: &str) {
    if Watch::load(ctx.folder).is_ok_and(|watch| watch.stage != Stage::Armed && watch.is_of_boot(ctx.host)) {
        return;
    }
    let armed = set(ctx, dead_man, Some(kernel_before)).and_then(|()| start(ctx.host, ctx.folder));
    say(ctx, dead_man, armed);
}

fn say(ctx: &mut Context<'_>, dead_man: &DeadMan, armed: Result<(), String>) {
    ctx.log(match armed {
        Ok(()) => format!("the controller is to be heard within {} s", dead_man.within_s),
        Err(why) => format!("the machine will not save itself: {why}"),
    });
}

pub(super) fn set(ctx: &Context<'_>, dead_man: &DeadMan, kernel_before: Option<&str>) -> Result<(), String> {
    let noted = note::load(ctx.folder)?;
    if Watch::load(ctx.folder).is_ok_and(|watch| watch.stage != Stage::Armed) {
        return Err("it did so once for this operation".to_owned());
    }
    // Who was heard in the new boot was heard after the change, however late this is.
    let armed = if kernel_before.is_some() { Moment::of_boot(ctx.host)? } else { Moment::now(ctx.host)? };
    let watch = Watch {
        within_s: dead_man.within_s,
        armed,
        kernel_before: kernel_before.map_or(noted.kernel, str::to_owned),
        stage: Stage::Armed,
    };
    watch.keep(ctx.folder)
}

fn start(host: &Host, folder: &Path) -> Result<(), String> {
    // A folder that stands for a machine has no network to lose.
    if host.path("/") != Path::new("/") {
        return Err("it is a folder".to_owned());
    }
    let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = own_path()?;
    if host.path("/run/systemd/system").is_dir() && by_systemd(&own, &id) {
        return Ok(());
    }
    let mut command = Command::new(&own);
    command.args(["watch", &id]).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It makes a session of its own, and nobody waits for it.
    command.spawn().map(drop).map_err(|error| format!("{} cannot be started: {error}", own.display()))
}

/// The package that brings the agent may have been replaced meanwhile: then the new file stands under the old name.
fn own_path() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("the agent does not find itself: {error}"))?;
    let text = own.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| own.clone(), PathBuf::from))
}

fn by_systemd(own: &Path, id: &str) -> bool {
    let run = |more: &[&str]| {
        Run::new("systemd-run", LIMIT)
            .arg(format!("--unit=smith-watch-{id}"))
            .args(["--quiet", "--property=KillMode=process", "--property=OOMScoreAdjust=-500"])
            .args(more)
            .arg(own)
            .args(["watch", id])
            .at_limit(AtLimit::End { grace: GRACE })
            .run()
            .is_ok_and(|ran| ran.is_good())
    };
    // systemd before 236 does not know how to forget a unit that has failed.
    run(&["--collect"]) || run(&[])
}
