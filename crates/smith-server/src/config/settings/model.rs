//! What a server is told about its site.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use smith_domain::cycle::WeekPlan;
use smith_domain::time::Span;

use super::schedule::Schedule;
use super::telemetry::TelemetrySettings;
use crate::verbs::{Environments, RequestRules};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of this controller on its machines. Two controllers that reach the same machines have two names.
    pub site: String,
    /// Where the journal is and everything else that the server keeps.
    pub data: PathBuf,
    pub listen: Listen,
    /// The configuration of the inventory; without one the fleet stays as it is.
    pub inventory: Option<PathBuf>,
    /// How often the inventory is read.
    pub inventory_every: Span,
    pub pipelines: PathBuf,
    /// The store of builds; without one the server knows only the builds that it is told of.
    pub store: Option<PathBuf>,
    /// The first line of this file unlocks the keys of the store, which builds are signed with.
    pub store_passphrase: Option<PathBuf>,
    /// Under which addresses machines find the mirrors: by the mirror's name, or `default` for all machines without one.
    pub mirrors: BTreeMap<String, String>,
    pub ssh: SshSettings,
    pub machines: MachineRules,
    pub requests: RequestRules,
    pub people: Vec<Person>,
    pub notify: Vec<NoticeRule>,
    pub weeks: Vec<Week>,
    /// The collector that is told what the server does; without one nobody is.
    pub telemetry: Option<TelemetrySettings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub socket: PathBuf,
    /// Whose members may come to the socket, beside root and the user of the server; who may do what is said by `people`.
    pub group: Option<String>,
    pub http: HttpListen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpListen {
    No,
    At(SocketAddr),
}

/// How machines are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSettings {
    /// Private keys; without any, those of the ssh-agent that `agent` names.
    pub identity: Vec<PathBuf>,
    pub passphrase_file: Option<PathBuf>,
    /// The socket of an ssh-agent.
    pub agent: Option<PathBuf>,
    pub sessions: u32,
    pub handshakes: u32,
}

/// What holds for all machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRules {
    /// A machine saves itself if it loses the network and hears nothing for so long after a change.
    pub dead_man: Option<Span>,
    /// How much its clock may differ from ours.
    pub skew: Span,
    /// How long a health check waits for units that are still starting.
    pub settle: Span,
}

/// Somebody who has an account on the server's computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub uid: u32,
    pub name: String,
    pub roles: Vec<String>,
    pub environments: Environments,
}

/// Who is told about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRule {
    pub about: Subjects,
    pub to: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subjects {
    All,
    /// Kinds of notices by their words, and `call` for what needs a person now.
    These(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program with its arguments; the notice is on its standard input, as JSON.
    Command(Vec<String>),
    /// An address that the notice is posted to, as JSON.
    Webhook(String),
    /// Addresses, by the computer's own mail system.
    Mail(Vec<String>),
}

/// A week: the chain from a new build to the last region, and when it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    pub plan: WeekPlan,
    /// Paths of the plan are below this.
    pub folder: PathBuf,
    /// Without one the week is started by hand.
    pub schedule: Option<Schedule>,
    /// Profiles of machines that a build is checked against: their dpkg status files.
    pub profiles: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site: "smith".to_owned(),
            // Not where the agent keeps its own: a computer may have both, and what one purges is not the other's.
            data: PathBuf::from("/var/lib/smith-server"),
            listen: Listen {
                socket: PathBuf::from("/run/smith/smith.sock"),
                group: None,
                http: HttpListen::At(SocketAddr::from(([127, 0, 0, 1], 11_240))),
            },
            inventory: None,
            inventory_every: Span::mins(1),
            pipelines: PathBuf::from("/etc/smith/pipelines"),
            store: None,
            store_passphrase: None,
            mirrors: BTreeMap::new(),
            ssh: SshSettings {
                identity: Vec::new(),
                passphrase_file: None,
                agent: None,
                sessions: 4_000,
                handshakes: 64,
            },
            machines: MachineRules { dead_man: None, skew: Span::secs(30), settle: Span::mins(1) },
            requests: RequestRules::default(),
            people: Vec::new(),
            notify: Vec::new(),
            weeks: Vec::new(),
            telemetry: None,
        }
    }
}
