//! Addresses that bring a name, a password or a token with them. They are refused before anything is kept, and never repeated.

use super::{Action, Job, Refusal};

/// Whether an address has what only its owner should know: a name and password before the host, or a question behind the path.
pub fn has_credentials(address: &str) -> bool {
    address.contains(['@', '?'])
}

/// A text with such parts of the addresses in it left out.
pub fn without_credentials(text: &str) -> String {
    const HIDDEN: &str = "…";
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        // A password may hold any sign, so that the address goes as far as a word of JSON or of a sentence does.
        let end = after.find(|sign: char| sign.is_whitespace() || sign == '"').unwrap_or(after.len());
        let (address, more) = after.split_at(end);
        let address = match address.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str(HIDDEN);
                shown.push('@');
                host
            }
            None => address,
        };
        match address.split_once('?') {
            Some((path, _)) => {
                shown.push_str(path);
                shown.push('?');
                shown.push_str(HIDDEN);
            }
            None => shown.push_str(address),
        }
        rest = more;
    }
    shown.push_str(rest);
    shown
}

/// A job with such an address is not taken: a job is kept, and its addresses are told to people.
pub(super) fn refuse_credentials(job: &Job) -> Result<(), Refusal> {
    let sources = match &job.action {
        Action::Check(patch) | Action::Patch(patch) => &patch.sources,
        Action::Facts
        | Action::Drain
        | Action::Undrain
        | Action::Reboot(_)
        | Action::Health(_)
        | Action::Report
        | Action::Attach(_)
        | Action::Clean(_) => return Ok(()),
    };
    match sources.iter().position(|source| has_credentials(&source.uri)) {
        None => Ok(()),
        Some(at) => {
            let message = format!(
                "expected addresses of repositories without a name, password or token, found one in that of source {}: \
                 it would be kept on the machine and in its logs; a build is protected by its signature and needs none",
                at + 1
            );
            Err(Refusal::Malformed { message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_an_owner_knows_is_left_out() {
        for (text, shown) in [
            ("found \"http://u:p@m/a\" at 3", "found \"http://…@m/a\" at 3"),
            ("https://u:p/@x@m:80/a?t=1 and http://m/b", "https://…@m:80/a?… and http://m/b"),
            ("://", "://"),
            ("a@b is no address", "a@b is no address"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
