//! What a process costs: time by the clock, time of processors, memory at its peak.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often the peak of the memory is read; the kernel keeps it, so only the last moments can be missed.
const LOOK: Duration = Duration::from_millis(2);

/// What the kernel counts processor time in, on every Linux that is built as usual.
const TICKS: f64 = 100.0;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    /// Of the process and of those that it started and waited for.
    pub(crate) cpu: f64,
    /// Of the process alone, in bytes.
    pub(crate) rss: u64,
}

/// Runs a command that must end well.
pub(crate) fn run(command: &mut Command) -> Result<Cost, String> {
    let shown = format!("{command:?}");
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{shown}: {error}"))?;
    let errors = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
            text
        })
    });
    let pid = Pid::from_child(&child);
    let mut rss = 0;
    let wall = loop {
        rss = peak(pid).unwrap_or(rss).max(rss);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if waitid(WaitId::Pid(pid), options).map_err(|error| error.to_string())?.is_some() {
            break began.elapsed().as_secs_f64();
        }
        thread::sleep(LOOK);
    };
    let cpu = ticks(pid).unwrap_or(0.0) / TICKS;
    let status = child.wait().map_err(|error| error.to_string())?;
    let errors = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    if status.success() { Ok(Cost { wall, cpu, rss }) } else { Err(format!("{shown}: {status}: {errors}")) }
}

fn peak(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Of a process that has ended and was not waited for yet.
fn ticks(pid: Pid) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name of the program may hold anything; what follows it is plain.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<f64>().ok()).sum()
}

/// The run in the middle, by time; its memory and processor time are those of the middle, too.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    let middle = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    };
    let rss = costs.iter().map(|cost| cost.rss).max().unwrap_or_default();
    Cost {
        wall: middle(costs.iter().map(|cost| cost.wall).collect()),
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
        rss,
    }
}
