//! The table of verbs: what they are called, what they take, and what `help` says.

use super::args::Args;
use super::cycle;
use super::error::ParseError;
use super::exemption;
use super::key::Key;
use super::line::Line;
use super::parse;

pub(super) struct Verb {
    /// In small letters, one or two words.
    pub(super) name: &'static str,
    /// Other ways in which people write it.
    pub(super) others: &'static [&'static str],
    pub(super) form: &'static str,
    pub(super) about: &'static str,
    pub(super) examples: &'static [&'static str],
    pub(super) keys: &'static [Key],
    /// Reads what follows it.
    pub(super) parse: fn(&mut Args<'_>) -> Result<Line, ParseError>,
}

impl Verb {
    /// Everything that it is called.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.others.iter().copied())
    }
}

/// In the order in which `help` lists them.
pub(super) static VERBS: [Verb; 45] = [
    PATCH,
    SMITH_PATCH,
    SMITH_STATUS,
    TASK_STATUS,
    LISTCONFIGS,
    SHOWCONFIG,
    APPROVE,
    REJECT,
    REVOKE,
    CANCEL,
    RAISE_TRAIN,
    START_TRAIN,
    COMPLETE_TRAIN,
    SET_CHANNEL,
    cycle::WEEKS,
    cycle::STATUS,
    cycle::LIST,
    cycle::START,
    cycle::APPROVE,
    cycle::RERUN,
    cycle::SKIP,
    cycle::STOP,
    PAUSE,
    UNPAUSE,
    RESUME,
    ABORT,
    RETRY,
    SKIP,
    WHY,
    REBOOT,
    LOOKUP,
    GAPS,
    exemption::LIST,
    exemption::EXEMPT,
    exemption::END,
    SIGN_OFF,
    WITHDRAW,
    AUDIT,
    BUILDS,
    CHANNELS,
    CLOCK,
    ACCEPT_CLOCK,
    SOURCES,
    CONFIRM_SOURCE,
    HELP,
];

const PATCH: Verb = Verb {
    name: "patch",
    others: &[],
    form: "patch BUILD config:NAME [step: ID : TITLE] [reason: …]",
    about: "start a project: a build onto a config, or one step of it",
    examples: &[
        "patch 725 config:buildTestDevToStage",
        "patch 1359 config:buildTestDevToStage step: rebootPrestageOnly : reboot prestage",
    ],
    keys: &[Key::Config, Key::Step, Key::Reason],
    parse: parse::patch,
};

const SMITH_PATCH: Verb = Verb {
    name: "smith-patch",
    others: &["smith patch"],
    form: "smith-patch BUILD|prod machines: LIST [outage:MINUTES] [reason: …]",
    about: "patch single machines; raises a change request",
    examples: &[
        "smith-patch prod machines: prod-dal10-carrier3-worker-11 outage:0",
        "smith-patch 725 machines: prod-dal10-carrier3-worker-* outage:0",
        "smith-patch prod machines: prod-dal10-carrier3-worker-1001 prod-dal10-infra-test-02 outage:0",
    ],
    keys: &[Key::Machines, Key::Outage, Key::Reason],
    parse: parse::smith_patch,
};

const SMITH_STATUS: Verb = Verb {
    name: "smith-status",
    others: &["smith status"],
    form: "smith-status CHG…",
    about: "how far the work under a change is",
    examples: &["smith-status CHG0268453"],
    keys: &[],
    parse: parse::smith_status,
};

const TASK_STATUS: Verb = Verb {
    name: "task status",
    others: &[],
    form: "task status [ID]",
    about: "all projects that are under way, or one of them in full",
    examples: &["task status", "task status 1929"],
    keys: &[],
    parse: parse::task_status,
};

const LISTCONFIGS: Verb = Verb {
    name: "listconfigs",
    others: &["list configs"],
    form: "listconfigs",
    about: "all configs",
    examples: &["listconfigs"],
    keys: &[],
    parse: parse::list_configs,
};

const SHOWCONFIG: Verb = Verb {
    name: "showconfig",
    others: &["show config"],
    form: "showconfig NAME",
    about: "a config and its steps, named as `patch` takes them",
    examples: &["showconfig buildTestDevToStage"],
    keys: &[Key::Config],
    parse: parse::show_config,
};

const APPROVE: Verb = Verb {
    name: "approve",
    others: &[],
    form: "approve CHG… [reason: …] | approve ID step: STEP [gate: NAME] [reason: …]",
    about: "say yes to changes, or to a gate of a step",
    examples: &[
        "approve CHG0268453",
        "approve CHG0268453 CHG0268454 reason: tested on stage",
        "approve 1929 step: rebootStgiksOnly",
        "approve 929 step: rebootWorkers gate: patch one production region",
    ],
    keys: &[Key::Step, Key::Gate, Key::Reason],
    parse: parse::approve,
};

const REJECT: Verb = Verb {
    name: "reject",
    others: &[],
    form: "reject CHG… reason: …",
    about: "say no to changes",
    examples: &["reject CHG0268453 reason: not before the release"],
    keys: &[Key::Reason],
    parse: parse::reject,
};

const REVOKE: Verb = Verb {
    name: "revoke",
    others: &[],
    form: "revoke CHG… reason: …",
    about: "take a yes back before the work begins",
    examples: &["revoke CHG0268453 reason: the build is suspected"],
    keys: &[Key::Reason],
    parse: parse::revoke,
};

const CANCEL: Verb = Verb {
    name: "cancel",
    others: &[],
    form: "cancel CHG… reason: …",
    about: "withdraw changes that nothing was done under",
    examples: &["cancel CHG0268453 reason: raised twice"],
    keys: &[Key::Reason],
    parse: parse::cancel,
};

const RAISE_TRAIN: Verb = Verb {
    name: "raise train",
    others: &[],
    form: "raise train, and the template on the lines behind it",
    about: "raise a change for each region of a template",
    examples: &[
        "raise train\nSquad: conductors\nService: redpill\nTitle: Update the smith-patching prod symlink from 724 to 725\nEnvironment: eu-central us-east us-south\nDetails: |\n Testing has been completed from dev to stage in epic #16\nRisk: low\nDeploymentImpact: small\nDeploymentMethod: automated\nPlannedStartTime: now\nPlannedEndTime: now + 1h\nStageDeployDate: 2024-03-28\nVendoredOrNonBuilt: true\nSecurityOnly: true\nBackoutPlan: Revert to previous value",
    ],
    keys: &[],
    parse: parse::template_missing,
};

const START_TRAIN: Verb = Verb {
    name: "start train",
    others: &[],
    form: "start train CHG…",
    about: "begin the work under approved changes of a train",
    examples: &["start train CHG0268453 CHG0268454"],
    keys: &[],
    parse: parse::start_train,
};

const COMPLETE_TRAIN: Verb = Verb {
    name: "complete train",
    others: &[],
    form: "complete train CHG… testURL: URL testPassed: true|false [summary: …]",
    about: "close the changes of a train with their evidence",
    examples: &[
        "complete train CHG0268453 CHG0268454\ntestURL: https://example.com/evidence/smith-prod-symlink-725-evidence.txt\ntestPassed: true",
    ],
    keys: &[Key::TestUrl, Key::TestPassed, Key::Summary],
    parse: parse::complete_train,
};

const SET_CHANNEL: Verb = Verb {
    name: "set channel",
    others: &[],
    form: "set channel NAME region:REGION build:N [change:CHG…] [reason: …]",
    about: "record that a channel of a region names a build now",
    examples: &["set channel prod region:us-south build:725 change:CHG0268453"],
    keys: &[Key::Region, Key::Build, Key::Change, Key::Reason],
    parse: parse::set_channel,
};

const PAUSE: Verb = Verb {
    name: "pause",
    others: &[],
    form: "pause ID [reason: …]",
    about: "start no further machine of a project",
    examples: &["pause 1929 reason: customers report errors"],
    keys: &[Key::Reason],
    parse: parse::pause,
};

const UNPAUSE: Verb = Verb {
    name: "unpause",
    others: &[],
    form: "unpause ID [reason: …]",
    about: "let a paused project go on",
    examples: &["unpause 1929"],
    keys: &[Key::Reason],
    parse: parse::unpause,
};

const RESUME: Verb = Verb {
    name: "resume",
    others: &[],
    form: "resume ID [step: STEP] [grant:N] [reason: …]",
    about: "let a halted step go on, with so many more failures accepted",
    examples: &["resume 1929 step: patchDevSubset grant:2 reason: two machines are broken"],
    keys: &[Key::Step, Key::Grant, Key::Reason],
    parse: parse::resume,
};

const ABORT: Verb = Verb {
    name: "abort",
    others: &[],
    form: "abort ID [reason: …]",
    about: "end a project; machines that are at work finish",
    examples: &["abort 1929 reason: wrong build"],
    keys: &[Key::Reason],
    parse: parse::abort,
};

const RETRY: Verb = Verb {
    name: "retry",
    others: &[],
    form: "retry ID [machines: LIST] [reason: …]",
    about: "try failed and lost machines of a project again",
    examples: &["retry 1929", "retry 1929 machines: prod-dal10-carrier3-worker-11"],
    keys: &[Key::Machines, Key::Reason],
    parse: parse::retry,
};

const SKIP: Verb = Verb {
    name: "skip",
    others: &[],
    form: "skip ID machines: LIST reason: …",
    about: "leave machines out of a project",
    examples: &["skip 1929 machines: prod-dal10-carrier3-worker-11 reason: is being reloaded"],
    keys: &[Key::Machines, Key::Reason],
    parse: parse::skip,
};

const WHY: Verb = Verb {
    name: "why",
    others: &[],
    form: "why MACHINE [project:ID] | why ID",
    about: "why a machine is not patched, or a project does not go on",
    examples: &["why prod-dal10-carrier3-worker-11", "why 1929"],
    keys: &[Key::Machines, Key::Project],
    parse: parse::why,
};

const REBOOT: Verb = Verb {
    name: "reboot",
    others: &[],
    form: "reboot MACHINE… [outage:MINUTES] [reason: …]",
    about: "reboot machines; raises a change request",
    examples: &["reboot prod-dal10-carrier3-worker-11 reason: hangs"],
    keys: &[Key::Machines, Key::Outage, Key::Reason],
    parse: parse::reboot,
};

const LOOKUP: Verb = Verb {
    name: "lookup",
    others: &[],
    form: "lookup SELECTOR",
    about: "which machines are meant",
    examples: &["lookup env=prod role=haproxy cluster!=prod-dal10-carrier3"],
    keys: &[Key::Machines],
    parse: parse::lookup,
};

const GAPS: Verb = Verb {
    name: "gaps",
    others: &[],
    form: "gaps",
    about: "machines that no config takes",
    examples: &["gaps"],
    keys: &[],
    parse: parse::gaps,
};

const SIGN_OFF: Verb = Verb {
    name: "sign-off",
    others: &["sign off", "signoff"],
    form: "sign-off MACHINES reason: …",
    about: "vouch for machines that nobody has proven healthy",
    examples: &["sign-off prod-dal10-carrier3-worker-11 reason: looked at by hand"],
    keys: &[Key::Machines, Key::Reason],
    parse: parse::sign_off,
};

const WITHDRAW: Verb = Verb {
    name: "withdraw",
    others: &[],
    form: "withdraw BUILD reason: …",
    about: "let nobody start with a build any more",
    examples: &["withdraw 725 reason: the kernel does not boot"],
    keys: &[Key::Reason],
    parse: parse::withdraw,
};

const AUDIT: Verb = Verb {
    name: "audit",
    others: &[],
    form: "audit [MACHINE|ID|CHG…] [build:N] [by:NAME] [since:DAY] [until:DAY] [last:N]",
    about: "the last lines of the record about something",
    examples: &[
        "audit CHG0268453",
        "audit prod-dal10-carrier3-worker-11 since:2026-11-20",
        "audit 1929 by:ana last:50",
    ],
    keys: &[Key::Machine, Key::Project, Key::Change, Key::Build, Key::By, Key::Since, Key::Until, Key::Last],
    parse: parse::audit,
};

const BUILDS: Verb = Verb {
    name: "builds",
    others: &[],
    form: "builds",
    about: "the builds, and where channels point to them",
    examples: &["builds"],
    keys: &[],
    parse: parse::builds,
};

const CHANNELS: Verb = Verb {
    name: "channels",
    others: &[],
    form: "channels",
    about: "what each channel names in each region",
    examples: &["channels"],
    keys: &[],
    parse: parse::channels,
};

const CLOCK: Verb = Verb {
    name: "clock",
    others: &["show clock"],
    form: "clock",
    about: "the controller's clock, and how far it is from the time that has passed",
    examples: &["clock"],
    keys: &[],
    parse: parse::clock,
};

const ACCEPT_CLOCK: Verb = Verb {
    name: "accept clock",
    others: &[],
    form: "accept clock SECONDS reason: …",
    about: "say that the clock, which is so many seconds ahead, is right: windows and schedules follow it from now on",
    examples: &["accept clock 10800 reason: the host was down for three hours"],
    keys: &[Key::Reason],
    parse: parse::accept_clock,
};

const SOURCES: Verb = Verb {
    name: "sources",
    others: &[],
    form: "sources",
    about: "where the inventory comes from, and which sources are held back",
    examples: &["sources"],
    keys: &[],
    parse: parse::sources,
};

const CONFIRM_SOURCE: Verb = Verb {
    name: "confirm source",
    others: &[],
    form: "confirm source NAME FINGERPRINT reason: …",
    about: "say that the machines which a source lost are really gone",
    examples: &["confirm source netbox 9f86d081884c7d65 reason: the rack was taken down"],
    keys: &[Key::Reason],
    parse: parse::confirm_source,
};

const HELP: Verb = Verb {
    name: "help",
    others: &[],
    form: "help [WORD]",
    about: "this list, or one command with examples",
    examples: &["help", "help smith-patch"],
    keys: &[],
    parse: parse::help,
};
