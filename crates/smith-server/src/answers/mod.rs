//! What is known, as the faces tell it: the answers of `/v1`, made of the state.

mod audit;
mod change;
mod cycle;
mod evidence;
mod export;
mod machine;
mod project;
mod text;
mod ticket;
mod when;

pub use audit::{AuditFilter, BadFilter, Chooser, audit};
pub use change::{change, train};
pub use cycle::cycle;
pub use evidence::{GateApproval, MachineEvidence, StepEvidence, packages, step_evidence};
pub use export::{
    AuditExportError, BadList, ChoiceFault, ExportOrder, Lists, check_lists, export, packages_of,
    verify_export,
};
pub use machine::{build, channels, errand, gaps, in_bags, machine, pipeline, why_machine};
pub use project::{project, project_expected, project_line, state_word};
pub use text::{Paint, Plain, Tone, change_text, project_text};
pub use ticket::ticket;
pub use when::{BadMoment, Edge, moment};
