//! What the agent says to people on the machine itself.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;

use smith_agent::protocol::{Body, Name, read_reply};

use crate::op::{Diary, Events, Machine, Operation, Store, stamp, words};

/// What is shown of the log where nothing is asked for: a few screens.
const LOG_END: u64 = 16 << 10;

pub(crate) fn say(text: &str) -> Result<(), String> {
    let mut output = io::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // A pager that was left has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// The address that this talk comes from, as sshd says it.
pub(crate) fn peer() -> Option<String> {
    let connection = std::env::var("SSH_CONNECTION").ok()?;
    let address: IpAddr = connection.split(' ').next()?.parse().ok()?;
    Some(address.to_string())
}

pub(crate) fn status(store: &Store<'_>) -> Result<(), String> {
    let (doing, last) = match store.machine().map_err(|error| error.to_string())? {
        Machine::Taken { by } => ("runs", by),
        Machine::Free { last, .. } => ("was the last", last),
    };
    let Some(operation) = last.and_then(|last| store.find(&last)) else {
        return say("no operation is known on this machine\n");
    };
    say(&format!("{} {doing}: {}\n", operation.id(), last_line(&operation)?))
}

fn last_line(operation: &Operation) -> Result<String, String> {
    let mut events = Events::open(operation.folder()).map_err(|error| error.to_string())?;
    let mut last = "nothing is kept of it".to_owned();
    while events.next().map_err(|error| error.to_string())?.is_some() {
        if let Some(line) = readable(events.line()) {
            last = line;
        }
    }
    Ok(last)
}

pub(crate) fn log(store: &Store<'_>, id: Option<&Name>) -> Result<(), String> {
    let Some(id) = id else { return log_end(store).map_err(|error| error.to_string()) };
    let operation = store.find(id).ok_or_else(|| format!("nothing is known of an operation {id}"))?;
    let mut events = Events::open(operation.folder()).map_err(|error| error.to_string())?;
    while events.next().map_err(|error| error.to_string())?.is_some() {
        if let Some(line) = readable(events.line()) {
            say(&format!("{line}\n"))?;
        }
    }
    Ok(())
}

fn log_end(store: &Store<'_>) -> io::Result<()> {
    let diary = Diary::open(store.host);
    let mut file = File::open(diary.path())?;
    let early = file.metadata()?.len().saturating_sub(LOG_END);
    file.seek(SeekFrom::Start(early))?;
    let mut file = BufReader::new(file.take(LOG_END));
    if early > 0 {
        file.skip_until(b'\n')?;
    }
    io::copy(&mut file, &mut io::stdout()).map(drop)
}

fn readable(line: &[u8]) -> Option<String> {
    let reply = read_reply(line).ok()?;
    let text = match reply.body {
        Body::Began { action, .. } => format!("{action} began"),
        Body::Phase(phase) => {
            let percent = phase.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
            format!("{}{percent} {}", phase.step, phase.text)
        }
        Body::Log { text } => text,
        Body::Piece { name, text } => format!("{name}: {} bytes", text.len()),
        Body::Ended(outcome) => words(&outcome),
        Body::Hello(_) | Body::Refused(_) | Body::Alive | Body::Running => return None,
    };
    let text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    Some(format!("{} {}", stamp(reply.at_ms), text.trim_end()))
}
