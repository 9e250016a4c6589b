//! Faults that are done to a machine from outside: in its network, and to its share of this computer.

use crate::cgroup::Groups;
use crate::error::LabError;
use crate::machine::Leader;
use crate::net;
use crate::state::{Member, State};
use crate::tool::{SHORT, Tool, ToolError};

/// Of one processor.
const SLOW_PERCENT: u32 = 10;

/// The table in the machine's network; no packet filter of the machine itself has this name.
const TABLE: &str = "smith_lab";

/// What the machine opens is refused, what is opened to it goes on: a controller still reaches it.
const UNREACHABLE: &str = "add table inet smith_lab\n\
    flush table inet smith_lab\n\
    table inet smith_lab {\n\
      chain out {\n\
        type filter hook output priority 0;\n\
        oif != \"lo\" tcp flags & (syn | ack) == syn reject with icmpx type host-unreachable\n\
        oif != \"lo\" udp dport 53 reject with icmpx type host-unreachable\n\
      }\n\
    }\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Break,
    Heal,
}

impl Direction {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::Heal => "heal",
        }
    }
}

pub(super) fn packets(leader: Leader, direction: Direction) -> Result<(), LabError> {
    let rules = match direction {
        Direction::Break => UNREACHABLE.to_owned(),
        // Added first, so that removing it twice is no mistake.
        Direction::Heal => format!("add table inet {TABLE}\ndelete table inet {TABLE}\n"),
    };
    leader.within_network("nft").arg(rules).run()?;
    Ok(())
}

pub(super) fn share(
    groups: &Groups,
    state: &State,
    member: &Member,
    leader: Leader,
    direction: Direction,
) -> Result<(), LabError> {
    let percent = match direction {
        Direction::Break => Some(SLOW_PERCENT),
        Direction::Heal => None,
    };
    groups.set_quota(member.name(), percent)?;
    let outer = net::outer(&state.name, member.slot);
    line(|| Tool::new("tc", SHORT), &outer, direction)?;
    line(|| leader.within_network("tc"), "eth0", direction)?;
    Ok(())
}

/// Slows what a link sends.
fn line(tc: impl Fn() -> Tool, link: &str, direction: Direction) -> Result<(), ToolError> {
    match direction {
        Direction::Break => {
            let limits = ["tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms"];
            tc().args(["qdisc", "replace", "dev", link, "root"]).args(limits).run()?;
        }
        Direction::Heal => {
            let there = tc().args(["qdisc", "show", "dev", link]).run()?;
            if there.contains("tbf") {
                tc().args(["qdisc", "delete", "dev", link, "root"]).run()?;
            }
        }
    }
    Ok(())
}
