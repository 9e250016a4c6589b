//! Lines in their canonical form.

use std::fmt;

use super::clean::{clean, guarded};
use super::key::Key;
use super::line::{Audit, ChangeNumber, Channel, Completion, Desk, Line, Request, TestPassed, Work};

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::SmithStatus { changes } => write!(f, "smith-status{}", Listed(changes)),
            Line::TaskStatus { project: None } => f.write_str("task status"),
            Line::TaskStatus { project: Some(project) } => write!(f, "task status {project}"),
            Line::ListConfigs => f.write_str("listconfigs"),
            Line::ShowConfig { config } => write!(f, "showconfig {}", word(config)),
            Line::Help { word: None } => f.write_str("help"),
            Line::Help { word: Some(about) } => write!(f, "help {}", text(about)),
            Line::Gaps => f.write_str("gaps"),
            Line::Builds => f.write_str("builds"),
            Line::Channels => f.write_str("channels"),
            Line::Clock => f.write_str("clock"),
            Line::Sources => f.write_str("sources"),
            Line::Audit(audit) => write_audit(f, audit),
            Line::WhyMachine { machine, project } => {
                write!(f, "why {}", unkeyed(machine.as_str()))?;
                project.map_or(Ok(()), |project| write!(f, " project:{project}"))
            }
            Line::WhyProject { project } => write!(f, "why {project}"),
            Line::Lookup { select: machines } => write!(f, "lookup {}", unkeyed(machines.as_str())),
            Line::Cycle(line) => line.fmt(f),
            Line::Exemption(line) => line.fmt(f),
            Line::Work(work) => write_work(f, work),
            Line::Desk(desk) => write_desk(f, desk),
        }
    }
}

fn write_work(f: &mut fmt::Formatter<'_>, work: &Work) -> fmt::Result {
    match work {
        Work::Patch { build, config, step, reason } => {
            write!(f, "patch {build} config:{}", word(config))?;
            spaced(f, Key::Step, step.as_deref())?;
            spaced(f, Key::Reason, reason.as_deref())
        }
        Work::SmithPatch { build, request } => {
            write!(f, "smith-patch {} ", word(build))?;
            write_request(f, request)
        }
        Work::Reboot(request) => {
            f.write_str("reboot ")?;
            write_request(f, request)
        }
        Work::Steer { steering, project, reason } => {
            write!(f, "{} {project}", steering.word())?;
            spaced(f, Key::Reason, reason.as_deref())
        }
        Work::Resume { project, step, grant, reason } => {
            write!(f, "resume {project}")?;
            spaced(f, Key::Step, step.as_deref())?;
            if *grant > 0 {
                write!(f, " grant:{grant}")?;
            }
            spaced(f, Key::Reason, reason.as_deref())
        }
        Work::Retry { project, machines, reason } => {
            write!(f, "retry {project}")?;
            if let Some(machines) = machines {
                write!(f, " machines: {}", select(machines.as_str()))?;
            }
            spaced(f, Key::Reason, reason.as_deref())
        }
        Work::Skip { project, machines, reason } => {
            write!(f, "skip {project} machines: {}", select(machines.as_str()))?;
            spaced(f, Key::Reason, Some(reason))
        }
        Work::ApproveGate { project, step, gate, reason } => {
            write!(f, "approve {project}")?;
            spaced(f, Key::Step, Some(step))?;
            spaced(f, Key::Gate, gate.as_deref())?;
            spaced(f, Key::Reason, reason.as_deref())
        }
        Work::SignOff { machines, reason } => {
            write!(f, "sign-off {}", unkeyed(machines.as_str()))?;
            spaced(f, Key::Reason, Some(reason))
        }
        Work::Withdraw { build, reason } => {
            write!(f, "withdraw {build}")?;
            spaced(f, Key::Reason, Some(reason))
        }
        Work::ConfirmSource { source, lost, reason } => {
            write!(f, "confirm source {} {}", word(source), word(lost))?;
            spaced(f, Key::Reason, Some(reason))
        }
        Work::AcceptClock { ahead, reason } => {
            write!(f, "accept clock {ahead}")?;
            spaced(f, Key::Reason, Some(reason))
        }
    }
}

fn write_desk(f: &mut fmt::Formatter<'_>, desk: &Desk) -> fmt::Result {
    match desk {
        Desk::Rule { ruling, changes, reason } => {
            write!(f, "{}{}", ruling.word(), Listed(changes))?;
            spaced(f, Key::Reason, reason.as_deref())
        }
        Desk::RaiseTrain { template } => {
            let safe = clean(&format!("raise train\n{template}")) == format!("raise train\n{template}");
            let template = if safe { template.clone() } else { guarded(template) };
            write!(f, "raise train\n{template}")
        }
        Desk::StartTrain { changes } => write!(f, "start train{}", Listed(changes)),
        Desk::CompleteTrain(completion) => write_completion(f, completion),
        Desk::SetChannel(channel) => write_channel(f, channel),
    }
}

fn write_request(f: &mut fmt::Formatter<'_>, request: &Request) -> fmt::Result {
    write!(f, "machines: {} outage:{}", select(request.machines.as_str()), request.outage)?;
    spaced(f, Key::Reason, request.reason.as_deref())
}

fn write_completion(f: &mut fmt::Formatter<'_>, completion: &Completion) -> fmt::Result {
    let Completion { changes, test_url, test_passed, summary } = completion;
    let passed = match test_passed {
        TestPassed::Yes => "true",
        TestPassed::No => "false",
    };
    write!(f, "complete train{}\ntestURL: {}\ntestPassed: {passed}", Listed(changes), word(test_url))?;
    summary.as_ref().map_or(Ok(()), |summary| write!(f, "\nsummary: {}", text(summary)))
}

fn write_channel(f: &mut fmt::Formatter<'_>, channel: &Channel) -> fmt::Result {
    let Channel { channel, region, build, change, reason } = channel;
    write!(f, "set channel {} region:{} build:{build}", word(channel), word(region))?;
    if let Some(change) = change {
        write!(f, " change:{change}")?;
    }
    spaced(f, Key::Reason, reason.as_deref())
}

fn write_audit(f: &mut fmt::Formatter<'_>, audit: &Audit) -> fmt::Result {
    f.write_str("audit")?;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let words = [
        (Key::Machine, audit.machine.clone()),
        (Key::Project, number(audit.project)),
        (Key::Change, audit.change.as_ref().map(ToString::to_string)),
        (Key::Build, number(audit.build)),
        (Key::By, audit.by.clone()),
        (Key::Since, audit.since.clone()),
        (Key::Until, audit.until.clone()),
        (Key::Last, number(audit.last)),
    ];
    for (key, value) in words {
        if let Some(value) = value {
            write!(f, " {}:{}", key.name(), word(&value))?;
        }
    }
    Ok(())
}

struct Listed<'a>(&'a [ChangeNumber]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

pub(super) fn spaced(f: &mut fmt::Formatter<'_>, key: Key, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {}: {}", key.name(), text(value)))
}

/// Signs that end sentences. They are no part of names and numbers, however close they stand.
pub(super) const STOPS: [char; 5] = ['.', ',', ';', '!', '?'];
/// The same behind machines, whose patterns may end with `?`.
pub(super) const LIST_STOPS: [char; 4] = ['.', ',', ';', '!'];

/// A single word: bare where it comes back as it is.
pub(super) fn word(value: &str) -> String {
    let is_word = !value.contains(char::is_whitespace) && !value.ends_with(STOPS) && !value.starts_with('#');
    if is_word { text(value) } else { quoted(value) }
}

/// Some words.
fn text(value: &str) -> String {
    let comes_back = value.split_whitespace().eq(value.split(' ')) && !value.starts_with(['"', '\'']);
    if !value.is_empty() && comes_back && !has_key(value) { kept(value) } else { quoted(value) }
}

/// Machines. Quotation marks in a selector are its own, so the marks around the whole are the others.
fn select(value: &str) -> String {
    let is_quoted =
        value.starts_with('\'') || (value.starts_with('"') && value.contains(char::is_whitespace));
    let comes_back = value.split_whitespace().eq(value.split(' ')) && !value.ends_with(LIST_STOPS);
    let plain = if is_quoted || !comes_back || has_key(value) {
        format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    } else {
        value.to_owned()
    };
    if clean(&plain) == plain { plain } else { guarded(&plain) }
}

/// Machines without their key, where they are not taken for the ID of a project or the end of a sentence.
pub(super) fn unkeyed(value: &str) -> String {
    let plain = |word: &str| word.trim_end_matches(STOPS).trim_start_matches('#').to_owned();
    let is_number = |word: &str| plain(word).bytes().all(|byte| byte.is_ascii_digit());
    let keyed = value.split_whitespace().next().is_some_and(is_number)
        || value.split_whitespace().next_back().is_some_and(|word| plain(word).is_empty());
    if keyed { format!("machines: {}", select(value)) } else { select(value) }
}

/// Whether a word in it would be read as a key.
fn has_key(value: &str) -> bool {
    let keyed = |word: &str| word.split_once(':').is_some_and(|(name, _)| Key::meant_near(name));
    value.split_whitespace().any(keyed)
}

fn quoted(value: &str) -> String {
    kept(&format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Angle brackets of two texts of one line could be taken for a link, so all of them are guarded.
fn kept(value: &str) -> String {
    if value.contains(['<', '>', '&']) { guarded(value) } else { value.to_owned() }
}
