//! Machines: looked up, explained, exempted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use smith_api::{Exempt, Exemption, Gaps, Machine, Named, Page, Reasoned, Why};

use super::super::answer::{Answer, DONE, Done, Made, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::fault::Fault;
use super::super::take::{Asked, Params, Part};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// In this project; in the one that matters most unless said.
    #[serde(default)]
    project: Option<u32>,
}

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("machines", id, summary);
    let on = |id, summary| op(id, summary).name("name", "The machine, by its name or address.");
    api.get("/v1/machines", list, op("listMachines", "Lists machines.").query::<Named>().page::<Machine>())
        .get("/v1/machines/{name}", show, on("showMachine", "Shows a machine.").one::<Machine>())
        .get(
            "/v1/machines/{name}/why",
            why,
            on("whyMachine", "Says why a machine is not patched, or how it was.")
                .query::<WhyQuery>()
                .one::<Why>(),
        )
        .get(
            "/v1/gaps",
            gaps,
            op("showGaps", "Lists machines that no bag of any pipeline selects.").one::<Gaps>(),
        )
        .get("/v1/exemptions", exemptions, op("listExemptions", "Lists exemptions.").page::<Exemption>())
        .post(
            "/v1/exemptions",
            exempt,
            op("exempt", "Exempts machines.").body::<Exempt>().made::<Exemption>(),
        )
        .post(
            "/v1/exemptions/{id}/end",
            end_exemption,
            op("endExemption", "Ends an exemption.")
                .number("id", "The exemption.")
                .reasoned::<Reasoned>()
                .done(),
        )
}

async fn list(State(app): State<App>, Params(query): Params<Named>) -> Answer<Page<Machine>> {
    Ok(Json(app.site().machines(&query)?))
}

async fn show(State(app): State<App>, Part(name): Part<String>) -> Answer<Machine> {
    Ok(Json(app.site().machine(&name)?))
}

async fn why(
    State(app): State<App>,
    Part(name): Part<String>,
    Params(query): Params<WhyQuery>,
) -> Answer<Why> {
    Ok(Json(app.site().why(&name, query.project)?))
}

async fn gaps(State(app): State<App>) -> Answer<Gaps> {
    Ok(Json(app.site().gaps().await?))
}

async fn exemptions(State(app): State<App>) -> Answer<Page<Exemption>> {
    Ok(whole(app.site().exemptions()))
}

async fn exempt(State(app): State<App>, asked: Asked<Exempt>) -> Result<Made<Exemption>, Fault> {
    let what = app.site().exempt(&asked.caller, &asked.body).await?;
    Ok(Made { at: "/v1/exemptions".to_owned(), what })
}

async fn end_exemption(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Reasoned>) -> Done {
    let reason = reason(&asked.body)?;
    app.site().end_exemption(&asked.caller, id, reason).await?;
    Ok(DONE)
}

/// The reason of a request that needs one.
pub(super) fn reason(given: &Reasoned) -> Result<&str, Fault> {
    said(given.reason.as_deref())
}

pub(super) fn said(reason: Option<&str>) -> Result<&str, Fault> {
    reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(|| {
        let text = "a reason is missing, expected a sentence that says why";
        Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "S0417", text)
    })
}
