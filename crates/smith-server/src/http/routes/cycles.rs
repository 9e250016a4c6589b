//! Cycles: the week started, watched, and helped on by hand.

use axum::Json;
use axum::extract::State;
use smith_api::{ApproveCycle, Cycle, Page, PageQuery, Reasoned, StartCycle, SteerLink, Week};

use super::super::answer::{Answer, Made, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::fault::Fault;
use super::super::take::{Asked, MayAsk, Params, Part};
use super::fleet::{reason, said};

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("cycles", id, summary);
    let on = |id, summary| op(id, summary).number("id", "The cycle.");
    api.get("/v1/weeks", weeks, op("listWeeks", "Lists the weeks of the settings.").page::<Week>())
        .get("/v1/cycles", list, op("listCycles", "Lists cycles.").query::<PageQuery>().page::<Cycle>())
        .post(
            "/v1/cycles",
            start,
            op("startCycle", "Starts a week of the settings.").body::<StartCycle>().made::<Cycle>(),
        )
        .get("/v1/cycles/{id}", show, on("showCycle", "Shows a cycle.").one::<Cycle>())
        .post(
            "/v1/cycles/{id}/approve",
            approve,
            on("approveCycle", "Says yes before the channel moves.")
                .may_have::<ApproveCycle>()
                .one::<Cycle>(),
        )
        .post(
            "/v1/cycles/{id}/rerun",
            rerun,
            on("rerunLink", "Runs a link again.").body::<SteerLink>().one::<Cycle>(),
        )
        .post(
            "/v1/cycles/{id}/skip",
            skip,
            on("skipLink", "Leaves a link out.").reasoned::<SteerLink>().one::<Cycle>(),
        )
        .post(
            "/v1/cycles/{id}/stop",
            stop,
            on("stopCycle", "Begins no further link.").reasoned::<Reasoned>().one::<Cycle>(),
        )
}

async fn weeks(State(app): State<App>) -> Answer<Page<Week>> {
    Ok(whole(app.site().weeks()))
}

async fn list(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<Cycle>> {
    Ok(Json(app.site().cycles(&query)?))
}

async fn show(State(app): State<App>, Part(id): Part<u32>) -> Answer<Cycle> {
    Ok(Json(app.site().cycle(id)?))
}

async fn start(State(app): State<App>, asked: Asked<StartCycle>) -> Result<Made<Cycle>, Fault> {
    let what = app.site().start_cycle(&asked.caller, &asked.body).await?;
    Ok(Made { at: format!("/v1/cycles/{}", what.cycle), what })
}

async fn approve(State(app): State<App>, Part(id): Part<u32>, asked: MayAsk<ApproveCycle>) -> Answer<Cycle> {
    let ApproveCycle { gate, reason } = asked.body;
    Ok(Json(app.site().approve_cycle_gate(&asked.caller, id, gate.as_deref(), reason).await?))
}

async fn rerun(State(app): State<App>, Part(id): Part<u32>, asked: Asked<SteerLink>) -> Answer<Cycle> {
    let SteerLink { link, reason } = asked.body;
    Ok(Json(app.site().rerun_link(&asked.caller, id, &link, reason).await?))
}

async fn skip(State(app): State<App>, Part(id): Part<u32>, asked: Asked<SteerLink>) -> Answer<Cycle> {
    let SteerLink { link, reason } = &asked.body;
    let reason = said(reason.as_deref())?;
    Ok(Json(app.site().skip_link(&asked.caller, id, link, reason).await?))
}

async fn stop(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Reasoned>) -> Answer<Cycle> {
    let reason = reason(&asked.body)?;
    Ok(Json(app.site().stop_cycle(&asked.caller, id, reason).await?))
}
