//! A pipeline in words: the text of `showconfig`.

use std::fmt::{self, Write};

use super::model::{
    Actions, Amount, Bag, Budget, ChangeRule, Counts, Drain, Gate, Health, IfEmpty, Limit, Parallel, Patch,
    Phase, Pipeline, Reboot, RetryRule, Revisit, SoakFrom, Step, Timeouts,
};

/// The whole pipeline as people read it. Steps are shown as they are named in commands: `ID : TITLE`.
pub fn describe(pipeline: &Pipeline) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_pipeline(&mut text, pipeline);
    text
}

fn write_pipeline(out: &mut String, pipeline: &Pipeline) -> fmt::Result {
    writeln!(out, "{}: {}", pipeline.name, pipeline.title)?;
    writeln!(out, "owner: {}", pipeline.owner)?;
    writeln!(out, "limits: {}", limits(&pipeline.limits))?;
    for (at, step) in pipeline.steps.iter().enumerate() {
        writeln!(out)?;
        write_step(out, at, step, &pipeline.steps)?;
    }
    Ok(())
}

fn write_step(out: &mut String, at: usize, step: &Step, all: &[Step]) -> fmt::Result {
    writeln!(out, "{}. {} : {}", at + 1, step.id, step.title)?;
    let the_one_before = at.checked_sub(1).and_then(|before| u16::try_from(before).ok());
    if step.after.as_slice() != the_one_before.as_slice() {
        let names: Vec<String> =
            step.after.iter().filter_map(|i| Some(all.get(usize::from(*i))?.id.to_string())).collect();
        writeln!(
            out,
            "   after: {}",
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        )?;
    }
    for gate in &step.gates {
        writeln!(out, "   gate: {}", gate_text(gate))?;
    }
    if let Some(name) = &step.exclusive {
        writeln!(out, "   exclusive: {name}")?;
    }
    for window in step.calendar.windows() {
        writeln!(out, "   window: {window}")?;
    }
    for freeze in step.calendar.freezes() {
        writeln!(out, "   freeze: {freeze}")?;
    }
    writeln!(out, "   budget: {}", budget(&step.budget))?;
    writeln!(out, "   change: {}", change(&step.change))?;
    if !step.limits.is_empty() {
        writeln!(out, "   limits: {}", limits(&step.limits))?;
    }
    for phase in &step.phases {
        write_phase(out, phase, step)?;
    }
    Ok(())
}

fn write_phase(out: &mut String, phase: &Phase, step: &Step) -> fmt::Result {
    // A step without phases has one, with its own title.
    if step.phases.len() > 1 || phase.title != step.title || phase.each.is_some() {
        let each = phase.each.as_ref().map(|attr| format!(", each {attr} in turn")).unwrap_or_default();
        writeln!(out, "   phase {}{each}", phase.title)?;
    }
    phase.bags.iter().try_for_each(|bag| write_bag(out, bag))
}

fn write_bag(out: &mut String, bag: &Bag) -> fmt::Result {
    write!(out, "     bag {}: {}", bag.name, bag.select)?;
    if let Some(take) = &bag.take {
        write!(out, "; take {}", take.amount)?;
        if let Some(first) = &take.first {
            write!(out, ", first {first}")?;
        }
    }
    writeln!(out)?;
    let parallel = match bag.parallel {
        Parallel::AtMost(1) => "in series".to_owned(),
        Parallel::AtMost(n) => format!("{n} at once"),
        Parallel::Unbounded => "as many at once as limits allow".to_owned(),
    };
    write!(out, "       {}; {parallel}", actions(bag.actions))?;
    match bag.revisit {
        Revisit::Skip => {}
        Revisit::Again => write!(out, "; also machines of earlier steps")?,
    }
    match bag.if_empty {
        IfEmpty::Refuse => {}
        IfEmpty::Allow => write!(out, "; may be empty")?,
    }
    writeln!(out)?;
    if !bag.limits.is_empty() {
        writeln!(out, "       limits: {}", limits(&bag.limits))?;
    }
    if bag.retry != RetryRule::default() {
        writeln!(out, "       retry: {}", retry(&bag.retry))?;
    }
    if bag.timeouts != Timeouts::default() {
        writeln!(out, "       timeouts: {}", timeouts(&bag.timeouts))?;
    }
    Ok(())
}

fn gate_text(gate: &Gate) -> String {
    match gate {
        Gate::Soak { pipeline, step, from, length } => {
            let from = match from {
                SoakFrom::Start => "start",
                SoakFrom::End => "end",
            };
            let of = pipeline.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
            format!("{length} since {from} of {step}{of}")
        }
        Gate::Approval { name, who, count } => format!("approval \"{name}\" by {count} of {who}"),
        Gate::Succeeded { pipeline } => format!("{pipeline} has succeeded with the same build"),
    }
}

fn budget(budget: &Budget) -> String {
    let may_fail = |amount: Amount| match amount {
        Amount::Count(0) | Amount::Percent(0) => "none".to_owned(),
        Amount::Count(_) | Amount::Percent(_) => amount.to_string(),
    };
    let mut text = format!("{} may fail", may_fail(budget.failures));
    for (environment, amount) in &budget.environments {
        let _ = write!(text, ", {} in {environment}", may_fail(*amount));
    }
    let machines = match budget.all_failing {
        1 => "the first machine fails".to_owned(),
        n => format!("the first {n} machines all fail"),
    };
    text + "; halts when " + &machines
}

fn change(rule: &ChangeRule) -> String {
    match rule {
        ChangeRule::None => "none".to_owned(),
        ChangeRule::Record => "recorded".to_owned(),
        ChangeRule::Approve { who, count } => format!("approved by {count} of {who}"),
    }
}

fn limits(limits: &[Limit]) -> String {
    if limits.is_empty() {
        return "none".to_owned();
    }
    let one = |limit: &Limit| {
        let per: Vec<&str> = limit.per.iter().map(crate::id::AttrName::as_str).collect();
        let per = if per.is_empty() { "in the fleet".to_owned() } else { format!("per {}", per.join("+")) };
        let counts = match limit.counts {
            Counts::Disturbed => "disturbed",
            Counts::Running => "running",
        };
        let within = limit.within.as_ref().map(|select| format!(" within {select}")).unwrap_or_default();
        format!("{} {counts} {per}{within}", limit.max)
    };
    limits.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn actions(actions: Actions) -> String {
    let drain = match actions.drain {
        Drain::Yes => Some("drain"),
        Drain::No => None,
    };
    let patch = match actions.patch {
        Patch::Yes => Some("patch"),
        Patch::No => None,
    };
    let reboot = match actions.reboot {
        Reboot::Never => None,
        Reboot::IfNeeded => Some("reboot if needed"),
        Reboot::Always => Some("reboot"),
    };
    let health = match actions.health {
        Health::Yes => Some("health check"),
        Health::No => None,
    };
    [drain, patch, reboot, health].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn retry(rule: &RetryRule) -> String {
    let mut text = format!("{} tries, {} to {} apart", rule.attempts, rule.first, rule.longest);
    for (cause, tries) in &rule.causes {
        let _ = write!(text, ", {tries} when {cause}");
    }
    text
}

fn timeouts(timeouts: &Timeouts) -> String {
    let Timeouts { check, drain, patch, reboot, health, undrain } = timeouts;
    format!(
        "check {check}, drain {drain}, patch {patch}, reboot {reboot}, health {health}, undrain {undrain}"
    )
}
