//! What is known, as the faces tell it: the answers of `/v1`, made of the state.

mod audit;
mod change;
mod cycle;
mod evidence;
mod export;
mod machine;
mod project;
mod reading;
mod text;
mod ticket;
mod when;

pub use audit::{AuditFilter, BadFilter, Chooser, audit};
pub use change::{change, train};
pub use cycle::cycle;
pub use evidence::{GateApproval, MachineEvidence, StepEvidence, packages, step_evidence};
pub use export::{
    AuditExportError, BadList, ChoiceFault, ExportOrder, Lists, check_lists, export, export_watched,
    packages_of, verify_export, verify_export_at,
};
pub use machine::{build, channels, errand, gaps, in_bags, machine, pipeline, why_machine};
pub use project::{project, project_expected, project_line, state_word};
pub use reading::{Bounds, Cursor, Looked, LookedBack, look_after, look_back};
pub use text::{Paint, Plain, Tone, change_text, project_text};
pub use ticket::ticket;
pub use when::{BadMoment, Edge, moment};
