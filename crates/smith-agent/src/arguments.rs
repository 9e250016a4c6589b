//! The agent's command line. A controller gives none: sshd starts the agent with those of `authorized_keys`.

use std::ffi::OsString;

use smith_agent::protocol::Name;

use crate::op::Host;

pub(crate) const HELP: &str = "\
Usage: smith-agent [status | log [ID] | settle | --version | --help]

Without arguments it reads one job, a line of JSON, from standard input, and answers with lines of JSON.

  status    what the agent does, and what it did last
  log       the end of its log
  log ID    what is kept of an operation
  settle    finds out what became of operations that a reboot ended; systemd does this at boot
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Talk,
    Worker(Name),
    /// For a controller that is missed after a change.
    Watch(Name),
    Settle,
    Status,
    Log(Option<Name>),
    Help,
    Version,
}

#[derive(Debug)]
pub(crate) struct Arguments {
    /// Where the machine is; a folder in tests. It comes from the arguments alone: whoever sets the environment of a session
    /// does not move it.
    pub(crate) host: Host,
    pub(crate) word: Word,
}

impl Arguments {
    pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut args = args.map(|arg| {
            arg.into_string().map_err(|arg| format!("expected an argument in UTF-8, found {arg:?}"))
        });
        let mut next = || args.next().transpose();
        let mut root = "/".to_owned();
        let mut word = next()?;
        if word.as_deref() == Some("--root") {
            root = next()?.ok_or("expected a folder after --root, found nothing")?;
            word = next()?;
        }
        let name = |text: String| text.parse::<Name>().map_err(|error| error.to_string());
        let needed = |text: Option<String>| {
            text.ok_or_else(|| "expected the name of an operation, found nothing".to_owned()).and_then(name)
        };
        let word = match word.as_deref() {
            None => Word::Talk,
            Some("worker") => Word::Worker(needed(next()?)?),
            Some("watch") => Word::Watch(needed(next()?)?),
            Some("settle") => Word::Settle,
            Some("status") => Word::Status,
            Some("log") => Word::Log(next()?.map(name).transpose()?),
            Some("help" | "-h" | "--help") => Word::Help,
            Some("-V" | "--version") => Word::Version,
            Some(other) => return Err(format!("expected one of the words below, found {other:?}")),
        };
        match next()? {
            None => Ok(Self { host: Host::at(root), word }),
            Some(more) => Err(format!("expected nothing more, found {more:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Word, String> {
        Arguments::parse(line.split_whitespace().map(OsString::from)).map(|arguments| arguments.word)
    }

    #[test]
    fn words_and_what_is_wrong_with_others() {
        assert_eq!(parse(""), Ok(Word::Talk));
        assert_eq!(parse("--root /a worker b-1"), Ok(Word::Worker("b-1".parse().unwrap())));
        assert_eq!(parse("log"), Ok(Word::Log(None)));
        for (line, found) in [
            ("worker", "found nothing"),
            ("worker ../a", "found \"../a\""),
            ("status now", "found \"now\""),
            ("run id", "found \"run\""),
            ("--root", "found nothing"),
        ] {
            assert!(parse(line).is_err_and(|wrong| wrong.contains(found)), "{line}");
        }
    }
}
