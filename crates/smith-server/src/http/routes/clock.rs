//! The clock of the controller.

use axum::Json;
use axum::extract::State;
use smith_api::{AcceptClock, Clock};

use super::super::answer::Answer;
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::take::Asked;
use super::fleet::said;

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("clock", id, summary);
    let show = op("showClock", "Shows the clock, and how far it is from the time that has passed.");
    let accept =
        op("acceptClock", "Says that the clock is right: windows and schedules follow it from now on.");
    api.get("/v1/clock", shown, show.one::<Clock>()).post(
        "/v1/clock/accept",
        accepted,
        accept.reasoned::<AcceptClock>().one::<Clock>(),
    )
}

async fn shown(State(app): State<App>) -> Answer<Clock> {
    Ok(Json(app.site().clock()?))
}

async fn accepted(State(app): State<App>, asked: Asked<AcceptClock>) -> Answer<Clock> {
    said(Some(&asked.body.reason))?;
    Ok(Json(app.site().accept_clock(&asked.caller, &asked.body).await?))
}
