//! What the site's own files of `health.d` say.

use std::time::Duration;

use smith_agent::protocol::{Failure, Finding};

use super::check::{bad, good};
use crate::hooks::{Folder, Listed, Owner, hook, list};
use crate::op::Context;

/// Every file is run, whatever the others say: who repairs the machine wants to know all at once.
pub(super) fn judge(ctx: &mut Context<'_>, limit: Duration) -> Result<Vec<Finding>, Failure> {
    let hooks = match list(ctx.host, Folder::Health, Owner::of(ctx.host)) {
        Ok(hooks) => hooks,
        Err(text) => return Ok(vec![bad("health.d", text)]),
    };
    let mut findings = Vec::new();
    for listed in hooks {
        findings.push(match listed {
            Listed::Off { name } => good(&name, "not executable, passed over"),
            Listed::Refused { name, why } => {
                bad(&name, format!("expected it to be root's alone, found it {why}"))
            }
            Listed::Usable { name, path } => {
                ctx.progress("look", None, &name);
                let found = hook(ctx, Folder::Health, &path, limit)?;
                match found.bad {
                    None => good(&name, found.tail.last().cloned().unwrap_or_else(|| "good".to_owned())),
                    Some(found_bad) => {
                        let text = format!("expected exit code 0, found {found_bad}");
                        Finding { tail: found.tail, ..bad(&name, text) }
                    }
                }
            }
        });
    }
    Ok(findings)
}
