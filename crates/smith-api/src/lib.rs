//! What the faces of smith say to each other: the requests and answers of `/v1`, as data.
//!
//! The server makes the answers, the command line and other programs read them. Times are text in UTC
//! (`2026-11-20T07:14:38Z`), lengths of time are seconds, numbers of changes and tickets are what the desk and the tracker
//! gave. New fields may come; none goes or changes its meaning within `/v1`.

mod access;
mod audit;
mod build;
mod change;
#[cfg(feature = "client")]
mod client;
mod clock;
mod cycle;
mod machine;
mod page;
mod pipeline;
mod problem;
mod project;
mod server;
mod source;
mod ticket;

pub use access::{NewToken, Role, Token, TokenMade};
pub use audit::{AuditLine, AuditQuery, EvidenceLine, ExportQuery, PackagesQuery, PatchRecord};
pub use build::{Build, Channel, SetChannel};
pub use change::{Change, CompleteTrain, Decision, RaiseTrain, StartTrain, Task, Train, TrainRaised};
#[cfg(feature = "client")]
pub use client::{Client, ClientError, DownloadError, Hearing, Server, Told};
pub use clock::{AcceptClock, Clock};
pub use cycle::{ApproveCycle, Cycle, CycleLink, StartCycle, SteerLink, Week};
pub use machine::{Exempt, Exemption, Gaps, Machine, Named, Why, WhyReason};
pub use page::{Page, PageQuery};
pub use pipeline::{Pipeline, PipelineStep};
pub use problem::Problem;
pub use project::{
    Approve, Bag, Counts, Expected, Failed, PatchRequest, Phase, Project, ProjectLine, ProjectQuery,
    Reasoned, Resume, Retry, Skip, Start, Started, Step,
};
pub use server::{Chat, ChatAnswer, Errand, Status};
pub use source::{ConfirmSource, HeldSource, Source};
pub use ticket::{CheckItem, Comment, Ticket};
