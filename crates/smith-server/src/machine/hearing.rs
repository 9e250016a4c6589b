//! Making replies of the bytes of an agent, which may be hostile, broken or no agent at all.

use smith_agent::protocol::{Body, Hello, LINE_MAX, ReadError, Reply, read_reply};
use thiserror::Error;

use super::text::harmless;

/// All that one talk may say. A report is 8 MiB; what says eight times as much does not stop.
const TALK_MAX: u64 = 64 << 20;

/// The ears of one talk. Bytes go in as they come; whole replies come out, in order and without gaps.
#[derive(Debug)]
pub struct Hearing {
    partial: Vec<u8>,
    taken: u64,
    /// The number of the last reply of the operation that was heard, in this talk or an earlier one.
    last: u64,
    hello: Option<Hello>,
    ended: bool,
}

/// Why what was heard is not an agent's talk.
#[derive(Debug, Error)]
pub enum Heard {
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    #[error("expected an agent that says who it is, found {found:?}")]
    NoHello { found: String },
    #[error("expected reply {expected} of the operation, found {found}")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("expected an end after the last reply, found more")]
    AfterTheEnd,
    #[error("expected at most {TALK_MAX} bytes in one talk, found more")]
    Endless,
    #[error("expected a reply of the operation with a number, found one without")]
    Unnumbered,
}

impl Hearing {
    /// `last` is the number of the last reply that an earlier talk about the operation brought.
    pub fn new(last: u64) -> Self {
        Self { partial: Vec::new(), taken: 0, last, hello: None, ended: false }
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes bytes and gives the replies that are new with them.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Result<Vec<Reply>, Heard> {
        self.taken += bytes.len() as u64;
        if self.taken > TALK_MAX {
            return Err(Heard::Endless);
        }
        let mut replies = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            let reply = if self.partial.is_empty() {
                self.check_length(line.len())?;
                read_reply(line)?
            } else {
                self.check_length(self.partial.len() + line.len())?;
                self.partial.extend_from_slice(line);
                let reply = read_reply(&self.partial)?;
                self.partial.clear();
                reply
            };
            bytes = rest;
            replies.extend(self.accept(reply)?);
        }
        self.check_length(self.partial.len() + bytes.len())?;
        self.partial.extend_from_slice(bytes);
        Ok(replies)
    }

    /// The talk is over: nothing may be left half said.
    pub fn close(&self) -> Result<(), Heard> {
        if self.partial.is_empty() { Ok(()) } else { Err(ReadError::Truncated.into()) }
    }

    fn check_length(&self, length: usize) -> Result<(), Heard> {
        if length > LINE_MAX { Err(ReadError::TooLong.into()) } else { Ok(()) }
    }

    /// The only way in: what comes out of here may be shown.
    fn accept(&mut self, reply: Reply) -> Result<Option<Reply>, Heard> {
        let reply = harmless(reply).map_err(|error| ReadError::Garbage {
            found: "texts that cannot be told".to_owned(),
            why: error.to_string(),
        })?;
        if self.ended {
            return Err(Heard::AfterTheEnd);
        }
        if self.hello.is_none() {
            let Body::Hello(hello) = &reply.body else {
                return Err(Heard::NoHello {
                    found: format!("{:?}", reply.body).chars().take(120).collect(),
                });
            };
            self.hello = Some(hello.clone());
            return Ok(Some(reply));
        }
        self.ended = reply.is_last();
        match (&reply.body, reply.seq) {
            (Body::Refused(_) | Body::Alive | Body::Running | Body::Hello(_), 0) => Ok(Some(reply)),
            (_, 0) => Err(Heard::Unnumbered),
            // An operation that is asked for again tells its story from the beginning.
            (_, seq) if seq <= self.last => Ok(self.ended.then_some(reply)),
            (_, seq) if seq == self.last + 1 => {
                self.last = seq;
                Ok(Some(reply))
            }
            (_, found) => Err(Heard::OutOfOrder { expected: self.last + 1, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(seq: u64, body: Body) -> String {
        format!("{}\n", serde_json::to_string(&Reply { seq, at_ms: 1, body }).unwrap())
    }

    fn hello() -> String {
        line(0, Body::Hello(Hello { protocol: 1, version: "1".into(), boot: "b".into() }))
    }

    fn log(seq: u64) -> String {
        line(seq, Body::Log { text: format!("line {seq}") })
    }

    fn heard(last: u64, text: &str) -> Result<Vec<u64>, String> {
        let mut hearing = Hearing::new(last);
        let replies = hearing.hear(text.as_bytes()).map_err(|error| error.to_string())?;
        hearing.close().map_err(|error| error.to_string())?;
        Ok(replies.iter().map(|reply| reply.seq).collect())
    }

    #[test]
    fn replies_come_in_order_and_once() {
        assert_eq!(heard(0, &(hello() + &log(1) + &log(2))), Ok(vec![0, 1, 2]));
        assert_eq!(heard(2, &(hello() + &log(1) + &log(2) + &log(3))), Ok(vec![0, 3]));
        let gap = heard(0, &(hello() + &log(1) + &log(3)));
        assert_eq!(gap, Err("expected reply 2 of the operation, found 3".to_owned()));
        let ended = line(0, Body::Running) + &log(1);
        assert_eq!(
            heard(0, &(hello() + &ended)),
            Err("expected an end after the last reply, found more".to_owned())
        );
    }

    #[test]
    fn what_is_no_agent_is_told() {
        let shell = heard(0, "bash: smith-agent: command not found\n").unwrap_err();
        assert!(shell.starts_with("expected a reply of an agent, found \"bash: smith-agent"), "{shell}");
        assert!(heard(0, &log(1)).unwrap_err().starts_with("expected an agent that says who it is"));
        let cut = hello() + log(1).trim_end();
        assert!(heard(0, &cut).unwrap_err().contains("in the middle of one"));
    }

    #[test]
    fn an_endless_line_and_an_endless_talk_are_cut() {
        let mut hearing = Hearing::new(0);
        let block = vec![b'x'; 60_000];
        let refused = (0..40).find_map(|_| hearing.hear(&block).err()).unwrap();
        assert!(matches!(refused, Heard::Unreadable(ReadError::TooLong)), "{refused}");
        assert!(hearing.partial.len() <= LINE_MAX);

        let mut hearing = Hearing::new(0);
        hearing.hear(hello().as_bytes()).unwrap();
        let alive = line(0, Body::Alive).repeat(1000);
        let refused = (0..10_000).find_map(|_| hearing.hear(alive.as_bytes()).err()).unwrap();
        assert!(matches!(refused, Heard::Endless), "{refused}");
    }

    #[test]
    fn what_is_heard_may_be_shown() {
        let mut hearing = Hearing::new(0);
        let bad = line(1, Body::Log { text: "a\u{1b}[2J\nb\u{202e}".into() });
        let replies = hearing.hear((hello() + &bad).as_bytes()).unwrap();
        assert_eq!(replies[1].body, Body::Log { text: "a\u{fffd}[2J b\u{fffd}".into() });
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(cuts in proptest::collection::vec(1usize..40, 1..60)) {
            let text = hello() + &log(1) + &log(2) + &line(3, Body::Log { text: "ü\n\u{0}".into() });
            let mut hearing = Hearing::new(0);
            let mut seen = Vec::new();
            let mut rest = text.as_bytes();
            let mut cuts = cuts.iter().cycle();
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                seen.extend(hearing.hear(now).unwrap().into_iter().map(|reply| reply.seq));
                rest = later;
            }
            prop_assert_eq!(seen, vec![0, 1, 2, 3]);
        }

        #[test]
        fn garbage_is_answered_with_an_error(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let mut hearing = Hearing::new(0);
            let heard = hearing.hear(&bytes);
            prop_assert!(heard.is_err() || hearing.close().is_err() || hearing.hello().is_none());
        }
    }
}
