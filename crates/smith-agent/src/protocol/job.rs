//! What a controller asks for. There is no "run a command".
//!
//! An agent refuses a job with a field or a value that it does not know: half of a wish is another wish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Name;

/// The version that this code speaks. It goes up when an old agent would misunderstand a job; fields that are only added
/// are told by the agent's own refusal of what it does not know.
pub const VERSION: u32 = 1;

/// One line on the agent's standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// [`VERSION`](super::VERSION) of the controller.
    pub protocol: u32,
    /// The name under which the action is done once. An action under a name that the machine knows is not done again:
    /// what is known of it is told.
    pub id: Name,
    /// Who asks; absent when a person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// When the action counts as failed, in seconds from its beginning; the agent ends it in an orderly way before.
    pub limit_s: u32,
    pub action: Action,
}

/// A controller and its tenure. A machine that has seen a newer tenure of the same controller refuses the older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    pub controller: Name,
    pub tenure: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// What the machine is. Changes nothing.
    Facts,
    /// What a patch would do, from lists fetched for it. Changes no package. Keeps what health is compared with.
    Check(Patch),
    Patch(Patch),
    /// The machine's own `drain.d`, in the order of names.
    Drain,
    Undrain,
    Reboot(Reboot),
    Health(Health),
    /// What a person needs to see why a machine failed.
    Report,
    /// What became of an operation. Begins nothing.
    Attach(Attach),
    /// Forgets old operations.
    Clean(Clean),
}

/// The build that the machine is to have, and what may be done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// For people and logs; what is installed is decided by the sources.
    pub build: u32,
    pub sources: Vec<Source>,
    /// The only keys that are believed: an OpenPGP keyring, binary, in base64.
    pub keyring: String,
    /// Packages and the versions that the controller expects after the patch. A patch that would come to another end is
    /// not begun. Absent when the controller knows no profile of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub removals: Removals,
    #[serde(default)]
    pub downgrades: Downgrades,
    #[serde(default)]
    pub holds: Holds,
    #[serde(default)]
    pub conffiles: Conffiles,
    #[serde(default)]
    pub kernels: Kernels,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_man: Option<DeadMan>,
}

/// One apt source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `http`, `https` or `file`, without anything that apt would take for an option.
    pub uri: String,
    pub components: Vec<String>,
    pub releases: Vec<Release>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub suite: String,
    /// SHA-256 of the InRelease of exactly this build, in hexadecimal digits. A mirror that serves another one is a mismatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_release_sha256: Option<String>,
}

/// Packages that a patch may take off the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removals {
    #[default]
    None,
    /// These and no others.
    Named(Vec<String>),
    Any,
}

/// What is done with a package that is newer on the machine than in the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downgrades {
    /// The patch is refused as a mismatch that names the packages.
    #[default]
    Refuse,
    /// They stay and are reported.
    Leave,
    /// They go back to the build's version.
    Take,
}

/// What is done where a held package keeps the machine from being at the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// The patch fails before anything is touched, and names them.
    #[default]
    Refuse,
    /// They stay and are reported.
    Leave,
}

/// Which configuration file wins where the machine's owner has changed one that a package brings anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conffiles {
    #[default]
    Keep,
    Replace,
}

/// What is done with kernels that are neither running nor the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernels {
    #[default]
    Purge,
    Leave,
}

/// After a change the machine waits for a sign of its controller, and saves itself if the network took it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadMan {
    /// A controller that has not been heard for so long after the change is missed.
    pub within_s: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reboot {
    /// How long the machine may take to come back.
    pub back_within_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_man: Option<DeadMan>,
    /// The controller's time in seconds since 1970, to which the machine's clock is compared when it is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The controller's time in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// How many seconds the clocks may differ.
    pub skew_max_s: u32,
    /// How long units that are still starting are waited for.
    pub settle_s: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The operation that is asked about.
    pub to: Name,
    /// Replies with smaller numbers were seen.
    #[serde(default)]
    pub from: u64,
    #[serde(default)]
    pub follow: Follow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follow {
    /// Until the operation has ended.
    #[default]
    ToEnd,
    /// What is known now.
    Now,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clean {
    /// Operations that ended longer ago are forgotten.
    pub older_than_s: u64,
}

impl Action {
    pub fn word(&self) -> &'static str {
        match self {
            Action::Facts => "facts",
            Action::Check(_) => "check",
            Action::Patch(_) => "patch",
            Action::Drain => "drain",
            Action::Undrain => "undrain",
            Action::Reboot(_) => "reboot",
            Action::Health(_) => "health",
            Action::Report => "report",
            Action::Attach(_) => "attach",
            Action::Clean(_) => "clean",
        }
    }
}
