//! Trains: one change for each region that a channel moves in.

use axum::extract::State;
use smith_api::{Change, CompleteTrain, Page, RaiseTrain, StartTrain, Train, TrainRaised};

use super::super::answer::{Answer, Made, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::fault::Fault;
use super::super::take::Asked;

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("trains", id, summary);
    api.get("/v1/trains", list, op("listTrains", "Lists trains.").page::<Train>())
        .post(
            "/v1/trains",
            raise,
            op("raiseTrain", "Raises a train.").body::<RaiseTrain>().made::<TrainRaised>(),
        )
        .post(
            "/v1/trains/start",
            start,
            op("startTrain", "Begins the work of a train.").body::<StartTrain>().page::<Change>(),
        )
        .post(
            "/v1/trains/complete",
            complete,
            op("completeTrain", "Closes the changes of a train with evidence.")
                .body::<CompleteTrain>()
                .page::<Change>(),
        )
}

async fn list(State(app): State<App>) -> Answer<Page<Train>> {
    Ok(whole(app.site().trains()))
}

async fn raise(State(app): State<App>, asked: Asked<RaiseTrain>) -> Result<Made<TrainRaised>, Fault> {
    let what = app.site().raise_train(&asked.caller, &asked.body).await?;
    Ok(Made { at: "/v1/trains".to_owned(), what })
}

async fn start(State(app): State<App>, asked: Asked<StartTrain>) -> Answer<Page<Change>> {
    Ok(whole(app.site().start_train(&asked.caller, &asked.body).await?))
}

async fn complete(State(app): State<App>, asked: Asked<CompleteTrain>) -> Answer<Page<Change>> {
    Ok(whole(app.site().complete_train(&asked.caller, &asked.body).await?))
}
