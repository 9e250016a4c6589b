//! dpkg's own opinion of what it has installed.

use std::fs;
use std::time::Duration;

use smith_agent::protocol::{Failure, Finding};

use super::check::{bad, good};
use crate::files::tail_of;
use crate::op::Context;
use crate::tool::Run;

/// It reads one file of a few MiB.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn judge(ctx: &mut Context<'_>) -> Result<Finding, Failure> {
    let admin = ctx.host.path("/var/lib/dpkg");
    if !admin.join("status").exists() {
        return Ok(good("dpkg", "no packages here"));
    }
    // Records that dpkg has not yet worked into its status are there only while it runs, or when it was killed.
    let left = fs::read_dir(admin.join("updates")).map_or(0, Iterator::count);
    let ran = Run::new("dpkg", ctx.left(LIMIT)?).arg("--admindir").arg(&admin).arg("--audit").run();
    Ok(match ran {
        Ok(ran) if ran.is_good() && ran.output.trim().is_empty() && left == 0 => {
            good("dpkg", "all is installed")
        }
        Ok(ran) if ran.is_good() && ran.output.trim().is_empty() => bad(
            "dpkg",
            format!("expected a dpkg that has ended its work, found {left} records of work in the middle"),
        ),
        Ok(ran) => Finding { tail: tail_of(&ran.output), ..bad("dpkg", audit(&ran.output)) },
        Err(stopped) => bad("dpkg", stopped.to_string()),
    })
}

/// The packages that the audit names: its lines of packages begin with a space.
fn audit(output: &str) -> String {
    let names: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    format!("expected every package to be whole, found {} that are not: {}", names.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_names_packages() {
        let output = "The following packages are only half configured, probably due to problems\n\
                      configuring them the first time.  The configuration should be retried using\n\
                      dpkg --configure <package> or the configure menu option in dselect:\n libc-bin             \
                      GNU C Library: Binaries\n cron  process scheduling daemon\n";
        assert_eq!(audit(output), "expected every package to be whole, found 2 that are not: libc-bin, cron");
    }
}
