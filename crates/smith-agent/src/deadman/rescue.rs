//! The two things that are tried.

use std::path::Path;
use std::time::{Duration, Instant};

use super::grub;
use super::note::Noted;
use super::saved;
use super::work::at_work;
use crate::op::{Context, Host};
use crate::reboot::running;
use crate::tool::Run;

/// An interface that asks for its address waits for an answer.
const RESTART: Duration = Duration::from_secs(90);

/// After the network was started: an address, a route and the neighbours come one after the other.
const BACK: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Restarted {
    pub(super) text: String,
    pub(super) is_back: bool,
}

/// Brings back the network's configuration and starts what was active before.
pub(super) fn restart_network(ctx: &mut Context<'_>, noted: &Noted) -> Restarted {
    let mut done = saved::restore(ctx.host, ctx.folder, &noted.saved);
    if ctx.host.path("/") != Path::new("/") {
        return Restarted { text: "expected a machine, found a folder".to_owned(), is_back: false };
    }
    done.extend(start_services(ctx.host, noted));
    for line in &done {
        ctx.log(line.clone());
    }
    let is_back = comes_back(ctx.host, noted);
    let end = if is_back { "and a path works again" } else { "and no path works" };
    Restarted {
        text: format!("the network was started again as it was ({}), {end}", done.join(", ")),
        is_back,
    }
}

fn start_services(host: &Host, noted: &Noted) -> Vec<String> {
    let mut told = Vec::new();
    let mut run = |program: &str, args: &[&str]| {
        let words = [&[program], args].concat().join(" ");
        told.push(match Run::new(program, RESTART).args(args).run() {
            Ok(ran) if ran.is_good() => words,
            Ok(ran) => format!("{words}: {}", ran.ended),
            Err(stopped) => stopped.to_string(),
        });
    };
    let has_systemd = host.path("/run/systemd/system").is_dir();
    if has_systemd {
        // A unit that was changed on the disk is otherwise started as it was read.
        run("systemctl", &["daemon-reload"]);
    }
    if is_filled(host, "/etc/netplan") && host.path("/usr/sbin/netplan").exists() {
        run("netplan", &["apply"]);
    }
    for service in &noted.services {
        run("systemctl", &["restart", service.as_str()]);
    }
    // Nothing that we know was active: ifupdown is what a machine without systemd has.
    if !has_systemd && host.path("/etc/init.d/networking").exists() {
        run("/etc/init.d/networking", &["restart"]);
    }
    told
}

fn is_filled(host: &Host, folder: &str) -> bool {
    std::fs::read_dir(host.path(folder)).is_ok_and(|mut entries| entries.next().is_some())
}

fn comes_back(host: &Host, noted: &Noted) -> bool {
    let begun = Instant::now();
    loop {
        if noted.paths.iter().any(|path| path.works(host)) {
            return true;
        }
        if begun.elapsed() >= BACK {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// Makes the next boot one of the kernel from before; the one after it is as usual. The kernel, or why not.
pub(super) fn previous_kernel(host: &Host, before: &str) -> Result<String, String> {
    let now = running(host);
    if before.is_empty() || before == now {
        return Err(format!("the kernel {now} is the one from before the change"));
    }
    if !host.path(&format!("/boot/vmlinuz-{before}")).exists() {
        return Err(format!("the kernel {before} from before the change is not installed any more"));
    }
    // Half an installation may not boot at all, and is worse than a network that is gone.
    if let Some(who) = at_work(host) {
        return Err(format!("the machine is not rebooted while {who} is at work"));
    }
    let entry = grub::entry_of(host, before)?;
    let ran = Run::new("grub-reboot", RESTART).arg(&entry).run().map_err(|stopped| stopped.to_string())?;
    if !ran.is_good() {
        return Err(format!("grub-reboot: {}", ran.ended));
    }
    Ok(before.to_owned())
}

pub(super) fn go_down(host: &Host) -> Result<(), String> {
    if host.path("/") != Path::new("/") {
        return Err("expected a machine to reboot, found a folder".to_owned());
    }
    rustix::fs::sync();
    for (program, args) in
        [("systemctl", &["--no-block", "reboot"][..]), ("shutdown", &["-r", "now"]), ("reboot", &[])]
    {
        if Run::new(program, RESTART).args(args).run().is_ok_and(|ran| ran.is_good()) {
            return Ok(());
        }
    }
    Err("nothing takes the order to reboot".to_owned())
}
