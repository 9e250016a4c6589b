//! What is known, as the faces tell it: the answers of `/v1`, made of the state.

mod audit;
mod change;
mod cycle;
mod evidence;
mod machine;
mod project;
mod text;
mod ticket;

pub use audit::{AuditFilter, audit};
pub use change::{change, train};
pub use cycle::cycle;
pub use evidence::{GateApproval, MachineEvidence, StepEvidence, step_evidence};
pub use machine::{build, channels, errand, gaps, machine, pipeline, why_machine};
pub use project::{project, project_expected, project_line, state_word};
pub use text::{Paint, Plain, Tone, change_text, project_text};
pub use ticket::ticket;
