//! Whether names are resolved.
//!
//! A machine without any name server is well if it had none before, or if nothing is known of before: sites with `/etc/hosts`
//! alone exist. Any answer of a server shows that it lives, a refusal too; that it could not find out does not.

use std::net::SocketAddr;

use smith_agent::protocol::Finding;

use super::baseline::Baseline;
use super::check::{bad, good};
use super::dns::{self, Kind, Said, servers};
use crate::op::Host;
use crate::settings::Settings;

/// What all servers said to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) best: Said,
    each: Vec<(SocketAddr, Said)>,
}

/// `None` where no name server is configured.
pub(super) fn ask(host: &Host, name: Option<&str>) -> Option<Asked> {
    put(&servers(host), name)
}

fn put(servers: &[SocketAddr], name: Option<&str>) -> Option<Asked> {
    let said = |server: SocketAddr| {
        let answer = match name {
            Some(name) => dns::ask(server, name, Kind::A),
            None => dns::ask(server, ".", Kind::Ns),
        };
        answer.map_or(Said::Silent, |answer| answer.said)
    };
    let each: Vec<(SocketAddr, Said)> = servers.iter().map(|&server| (server, said(server))).collect();
    let best = each.iter().map(|&(_, said)| said).min()?;
    Some(Asked { best, each })
}

pub(super) fn judge(host: &Host, settings: &Settings, before: Option<&Baseline>) -> Finding {
    let name = settings.health.name.as_deref();
    compare(ask(host, name).as_ref(), name, before.map(|before| before.names))
}

fn compare(asked: Option<&Asked>, name: Option<&str>, before: Option<Option<Said>>) -> Finding {
    let Some(asked) = asked else {
        return match before {
            Some(Some(_)) => bad("names", "expected a name server in /etc/resolv.conf as before, found none"),
            Some(None) | None => good("names", "no name server is configured"),
        };
    };
    let told: Vec<String> =
        asked.each.iter().map(|(server, said)| format!("{} gave {}", server.ip(), said.word())).collect();
    let told = told.join(", ");
    // The name that the site says must be there, and does not merely have to be answered.
    let most = if name.is_some() { Said::Answer } else { Said::Refused };
    let as_before = name.is_none() && before.flatten().is_some_and(|before| asked.best <= before);
    match (asked.best <= most, as_before) {
        (true, _) => good("names", told),
        (false, true) => good("names", format!("as before: {told}")),
        (false, false) => {
            let what = name.map_or_else(|| "an answer".to_owned(), |name| format!("an address for {name}"));
            bad("names", format!("expected {what} from a name server, found: {told}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(said: &[Said]) -> Asked {
        let each: Vec<_> = said.iter().map(|&said| ("10.0.0.1:53".parse().unwrap(), said)).collect();
        Asked { best: *said.iter().min().unwrap(), each }
    }

    #[test]
    fn one_server_that_answers_is_enough() {
        let found = compare(Some(&asked(&[Said::Silent, Said::Refused])), None, None);
        assert_eq!(found, good("names", "10.0.0.1 gave no answer, 10.0.0.1 gave a refusal"));
        let found = compare(Some(&asked(&[Said::Failed])), None, Some(Some(Said::Answer)));
        let text = "expected an answer from a name server, found: 10.0.0.1 gave a failure of the server";
        assert_eq!(found, bad("names", text));
    }

    #[test]
    fn what_was_so_before_is_no_finding() {
        assert!(compare(Some(&asked(&[Said::Failed])), None, Some(Some(Said::Failed))).good);
        assert!(!compare(Some(&asked(&[Said::Silent])), None, Some(Some(Said::Failed))).good);
        assert!(compare(None, None, Some(None)).good && compare(None, None, None).good);
        assert!(!compare(None, None, Some(Some(Said::Silent))).good);
    }

    #[test]
    fn a_name_of_the_site_must_be_there() {
        let name = Some("mirror.example");
        assert!(compare(Some(&asked(&[Said::Answer])), name, None).good);
        let found = compare(Some(&asked(&[Said::NoSuchName])), name, Some(Some(Said::NoSuchName)));
        assert!(found.text.starts_with("expected an address for mirror.example from"), "{found:?}");
    }

    #[test]
    fn servers_that_nobody_configured_are_not_asked() {
        assert_eq!(put(&[], None), None);
    }
}
