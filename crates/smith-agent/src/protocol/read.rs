//! Reading what the other end writes, within bounds.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize;

use super::address::{refuse_credentials, without_credentials};
use super::{Job, Refusal, Reply, VERSION};

/// The longest job. The versions of four thousand packages are a fifth of it.
pub const JOB_MAX: usize = 1 << 20;

/// The longest reply, its newline included. The outcome of a patch of four thousand packages is half of it.
pub const LINE_MAX: usize = 1 << 20;

/// What is told of a job that is none. The parser repeats words of the job, which are as long as a hostile controller likes.
const WHY_MAX: usize = 1 << 10;

/// Why a reply could not be read.
#[derive(Debug)]
pub enum ReadError {
    Io(io::Error),
    /// The line is longer than [`LINE_MAX`], or the agent does not stop.
    TooLong,
    /// The talk ended in the middle of a line.
    Truncated,
    /// The line is not a reply.
    Garbage {
        found: String,
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "the connection failed: {error}"),
            ReadError::TooLong => write!(f, "expected a reply of at most {LINE_MAX} bytes, found more"),
            ReadError::Truncated => {
                write!(f, "expected a whole line, found the end of the connection in the middle of one")
            }
            ReadError::Garbage { found, why } => {
                write!(f, "expected a reply of an agent, found {found:?}: {why}")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads the one job of a talk. What follows the line is not read: it is left where it is.
pub fn read_job(input: &mut impl BufRead) -> Result<Job, Refusal> {
    let malformed = |message: String| Refusal::Malformed { message: short(&message) };
    let mut line = Vec::new();
    let limit = JOB_MAX as u64 + 1;
    input
        .take(limit)
        .read_until(b'\n', &mut line)
        .map_err(|error| malformed(format!("no job could be read: {error}")))?;
    if line.last() != Some(&b'\n') {
        return Err(malformed(match line.len() {
            0 => "expected a job as one line of JSON, found nothing".to_owned(),
            long if long > JOB_MAX => format!("expected a job of at most {JOB_MAX} bytes, found more"),
            short => format!(
                "expected a job as one line of JSON, found its end after {short} bytes without a newline"
            ),
        }));
    }
    job_of(&line)
}

/// The version is read before all else: a job of a newer protocol may look like anything.
fn job_of(line: &[u8]) -> Result<Job, Refusal> {
    #[derive(Deserialize)]
    struct Spoken {
        protocol: u32,
    }
    let malformed = |error: serde_json::Error| Refusal::Malformed {
        message: short(&format!("expected a job, found {error}")),
    };
    let spoken: Spoken = serde_json::from_slice(line).map_err(malformed)?;
    if spoken.protocol != VERSION {
        let message = format!("expected a job of protocol {VERSION}, found one of {}", spoken.protocol);
        return Err(if spoken.protocol > VERSION {
            Refusal::OldAgent { message }
        } else {
            Refusal::Malformed { message }
        });
    }
    let job: Job = serde_json::from_slice(line).map_err(|error| {
        let message = error.to_string();
        // A wish that this agent does not know may be one that a newer agent knows.
        if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            Refusal::OldAgent { message: short(&message) }
        } else {
            malformed(error)
        }
    })?;
    refuse_credentials(&job)?;
    Ok(job)
}

fn short(text: &str) -> String {
    let mut text = without_credentials(text);
    text.truncate(text.floor_char_boundary(WHY_MAX));
    text
}

/// One whole line, without its newline.
pub fn read_reply(line: &[u8]) -> Result<Reply, ReadError> {
    if line.len() > LINE_MAX {
        return Err(ReadError::TooLong);
    }
    serde_json::from_slice(line).map_err(|error| {
        let found: String = String::from_utf8_lossy(line).chars().take(120).collect();
        ReadError::Garbage { found, why: error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str = r#"{"protocol":1,"id":"a-1","limit_s":60,"action":"facts"}"#;

    fn read(text: &str) -> Result<Job, Refusal> {
        read_job(&mut text.as_bytes())
    }

    fn malformed(text: &str) -> String {
        match read(text) {
            Err(Refusal::Malformed { message }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_is_one_line() {
        assert!(read(&format!("{FACTS}\n")).is_ok());
        let mut two = format!("{FACTS}\nrest").into_bytes();
        let mut reader = two.as_mut_slice() as &[u8];
        assert!(read_job(&mut reader).is_ok());
        assert_eq!(reader, b"rest");
        assert_eq!(malformed(""), "expected a job as one line of JSON, found nothing");
        assert_eq!(
            malformed(FACTS),
            "expected a job as one line of JSON, found its end after 55 bytes without a newline"
        );
        assert_eq!(
            malformed(&"x".repeat(JOB_MAX + 9)),
            "expected a job of at most 1048576 bytes, found more"
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let old = |text: &str| matches!(read(text), Err(Refusal::OldAgent { .. }));
        assert!(old("{\"protocol\":2,\"id\":[],\"anything\":1}\n"));
        assert!(old(&FACTS.replace("\"action\"", "\"also\":1,\"action\"").replace('}', "}\n")));
        assert!(old(&FACTS.replace("facts", "run-a-command").replace('}', "}\n")));
        assert!(!old(&FACTS.replace(":1", ":0").replace('}', "}\n")));
    }

    #[test]
    fn a_refusal_is_short_whatever_was_sent() {
        let long = "ä".repeat(200_000);
        for text in [
            FACTS.replace("\"action\"", &format!("\"{long}\":1,\"action\"")),
            FACTS.replace("facts", &long),
            FACTS.replace("a-1", &long),
            FACTS.replace("60", &format!("\"{long}\"")),
        ] {
            let refusal = read(&text.replace('}', "}\n")).unwrap_err();
            assert!(serde_json::to_vec(&refusal).unwrap().len() < 4 * WHY_MAX, "{refusal:?}");
        }
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_malformed() {
        let text = FACTS.replace("a-1", "../../etc").replace('}', "}\n");
        assert!(malformed(&text).contains("found \"../../etc\""), "{}", malformed(&text));
    }

    #[test]
    fn no_part_of_a_job_is_a_job() {
        for cut in 0..FACTS.len() {
            let text = format!("{}\n", &FACTS[..cut]);
            assert!(read_job(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
