//! Entry points of the actions that are built beside this.

pub(crate) mod apt {
    use crate::op::{Context, Host};
    use smith_agent::protocol::{Cause, Failure, Outcome, Patch};
    pub(crate) fn check(_: &mut Context<'_>, _: &Patch) -> Result<Outcome, Failure> {
        Err(Failure::new(Cause::Mismatch, "absent"))
    }
    pub(crate) fn patch(_: &mut Context<'_>, _: &Patch) -> Result<Outcome, Failure> {
        Err(Failure::new(Cause::Mismatch, "absent"))
    }
    pub(crate) fn facts(_: &Host) -> (u32, String, Vec<String>, Vec<String>) {
        Default::default()
    }
}
pub(crate) mod kernel {
    use crate::op::Host;
    use smith_agent::protocol::Kernel;
    pub(crate) fn facts(_: &Host) -> Kernel {
        Kernel::default()
    }
}
pub(crate) mod hooks {
    use crate::op::Context;
    use smith_agent::protocol::{Cause, Done, Failure, Outcome};
    pub(crate) fn drain(ctx: &mut Context<'_>) -> Result<Outcome, Failure> {
        let mut names: Vec<_> = std::fs::read_dir(ctx.host.path("/etc/smith/drain.d"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        names.sort();
        for path in &names {
            ctx.phase("drain");
            let ran = crate::tool::Run::new(path, std::time::Duration::from_secs(60)).run();
            if !ran.is_ok_and(|ran| ran.is_good()) {
                return Err(Failure::new(Cause::DrainRefused, path.display().to_string()));
            }
        }
        Ok(if names.is_empty() { Outcome::AlreadySo(Done::Drained) } else { Outcome::Done(Done::Drained) })
    }
    pub(crate) fn undrain(_: &mut Context<'_>) -> Result<Outcome, Failure> {
        Ok(Outcome::AlreadySo(Done::Undrained))
    }
}
pub(crate) mod health {
    use crate::op::Context;
    use smith_agent::protocol::{Cause, Failure, Health, Outcome};
    pub(crate) fn check(_: &mut Context<'_>, _: &Health) -> Result<Outcome, Failure> {
        Err(Failure::new(Cause::Mismatch, "absent"))
    }
}
pub(crate) mod reboot {
    use crate::op::Context;
    use smith_agent::protocol::{Cause, Failure, Outcome, Reboot};
    pub(crate) struct Ordered;
    pub(crate) fn order(_: &mut Context<'_>, _: &Reboot) -> Result<Ordered, Failure> {
        if false {
            return Ok(Ordered);
        }
        Err(Failure::new(Cause::Mismatch, "absent"))
    }
    pub(crate) fn settle(_: &mut Context<'_>) -> Option<Outcome> {
        None
    }
}
pub(crate) mod deadman {
    use crate::op::Host;
    pub(crate) fn heard(_: &Host) {}
}
pub(crate) mod report {
    use crate::op::Context;
    use smith_agent::protocol::{Cause, Failure, Outcome};
    pub(crate) fn collect(_: &mut Context<'_>) -> Result<Outcome, Failure> {
        Err(Failure::new(Cause::Mismatch, "absent"))
    }
}
