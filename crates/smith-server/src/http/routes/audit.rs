//! What happened, as an auditor wants it: an export that proves itself, the documents of evidence, the lists of packages.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use smith_api::{EvidenceLine, ExportQuery, PackagesQuery, Page, PageQuery, PatchRecord};

use super::super::answer::Answer;
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::download::download;
use super::super::fault::Fault;
use super::super::take::{Params, Part};

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("audit", id, summary);
    api.get(
        "/v1/audit/export",
        export,
        op("exportAudit", "Gives rows of the journal in a file that proves itself.")
            .with_description(
                "docs/reference/audit-export.md describes the file; `smith audit verify` verifies it. Nothing is sent \
                 before all of it is made, which takes seconds for each million rows.",
            )
            .unhurried()
            .query::<ExportQuery>()
            .text("application/octet-stream", "The file."),
    )
    .get(
        "/v1/evidence",
        list,
        op("listEvidence", "Lists the documents about what was done.")
            .query::<PageQuery>()
            .page::<EvidenceLine>(),
    )
    .get(
        "/v1/evidence/{name}",
        show,
        op("showEvidence", "Shows a document.")
            .name("name", "The name of its file, such as project-1929-patchStage.md.")
            .texts(&["text/markdown", "application/json", "text/plain"], "The document."),
    )
    .get(
        "/v1/machines/{name}/packages",
        packages,
        op("showPackages", "Shows which packages a patch changed on a machine.")
            .name("name", "The machine, by its name or address.")
            .query::<PackagesQuery>()
            .one::<PatchRecord>(),
    )
}

async fn export(State(app): State<App>, Params(query): Params<ExportQuery>) -> Result<Response, Fault> {
    let made = app.export(&query).await?;
    Ok(download(made, "attachment; filename=\"audit.smith\""))
}

async fn list(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<EvidenceLine>> {
    Ok(Json(app.site().evidence(&query).await?))
}

async fn show(State(app): State<App>, Part(name): Part<String>) -> Result<Response, Fault> {
    let bytes = app.site().evidence_document(&name).await?;
    let kind = match name.rsplit_once('.') {
        Some((_, "md")) => "text/markdown; charset=utf-8",
        Some((_, "json")) => "application/json",
        Some(_) | None => "text/plain; charset=utf-8",
    };
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

async fn packages(
    State(app): State<App>,
    Part(name): Part<String>,
    Params(query): Params<PackagesQuery>,
) -> Answer<PatchRecord> {
    Ok(Json(app.site().packages(&name, query.project).await?))
}
