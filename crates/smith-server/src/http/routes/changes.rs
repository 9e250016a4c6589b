//! Changes: who said yes, and to what.

use axum::Json;
use axum::extract::State;
use smith_api::{Change, Decision, Page, PageQuery, Project};

use super::super::answer::Answer;
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::take::{Asked, MayAsk, Params, Part};

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("changes", id, summary);
    let on = |id, summary| op(id, summary).name("number", "The number of the change, such as CHG0000012.");
    api.get("/v1/changes", list, op("listChanges", "Lists changes.").query::<PageQuery>().page::<Change>())
        .get("/v1/changes/{number}", show, on("showChange", "Shows a change.").one::<Change>())
        .get(
            "/v1/changes/{number}/project",
            project,
            on("showChangedProject", "Shows the project of a change.").one::<Project>(),
        )
        .post(
            "/v1/changes/{number}/approve",
            approve,
            on("approveChange", "Approves a change.").may_have::<Decision>().one::<Change>(),
        )
        .post(
            "/v1/changes/{number}/reject",
            reject,
            on("rejectChange", "Rejects a change.").reasoned::<Decision>().one::<Change>(),
        )
        .post(
            "/v1/changes/{number}/revoke",
            revoke,
            on("revokeChange", "Takes the approval of a change back.").reasoned::<Decision>().one::<Change>(),
        )
        .post(
            "/v1/changes/{number}/cancel",
            cancel,
            on("cancelChange", "Cancels a change.").reasoned::<Decision>().one::<Change>(),
        )
}

async fn list(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<Change>> {
    Ok(Json(app.site().changes(&query)?))
}

async fn show(State(app): State<App>, Part(number): Part<String>) -> Answer<Change> {
    Ok(Json(app.site().change(&number)?))
}

async fn project(State(app): State<App>, Part(number): Part<String>) -> Answer<Project> {
    Ok(Json(app.site().project_of_change(&number)?))
}

async fn approve(
    State(app): State<App>,
    Part(number): Part<String>,
    asked: MayAsk<Decision>,
) -> Answer<Change> {
    Ok(Json(app.site().approve(&asked.caller, &number, &asked.body).await?))
}

async fn reject(
    State(app): State<App>,
    Part(number): Part<String>,
    asked: Asked<Decision>,
) -> Answer<Change> {
    Ok(Json(app.site().reject(&asked.caller, &number, &asked.body).await?))
}

async fn revoke(
    State(app): State<App>,
    Part(number): Part<String>,
    asked: Asked<Decision>,
) -> Answer<Change> {
    Ok(Json(app.site().revoke(&asked.caller, &number, &asked.body).await?))
}

async fn cancel(
    State(app): State<App>,
    Part(number): Part<String>,
    asked: Asked<Decision>,
) -> Answer<Change> {
    Ok(Json(app.site().cancel(&asked.caller, &number, &asked.body).await?))
}
