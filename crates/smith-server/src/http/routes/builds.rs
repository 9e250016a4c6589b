//! Builds, channels and pipelines.

use axum::Json;
use axum::extract::State;
use smith_api::{Build, Channel, Page, PageQuery, Pipeline, Reasoned, SetChannel};

use super::super::answer::{Answer, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::take::{Asked, Params, Part};
use super::fleet::reason;

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("builds", id, summary);
    let on = |id, summary| op(id, summary).number("number", "The build.");
    api.get("/v1/builds", list, op("listBuilds", "Lists builds.").query::<PageQuery>().page::<Build>())
        .get("/v1/builds/{number}", show, on("showBuild", "Shows a build.").one::<Build>())
        .post(
            "/v1/builds/{number}/withdraw",
            withdraw,
            on("withdrawBuild", "Withdraws a build: nothing starts with it any more.")
                .reasoned::<Reasoned>()
                .one::<Build>(),
        )
        .get(
            "/v1/channels",
            channels,
            op("listChannels", "Lists channels with the build of each region.").page::<Channel>(),
        )
        .post(
            "/v1/channels/{channel}",
            set_channel,
            op("setChannel", "Records that a channel of a region names a build.")
                .name("channel", "The channel, such as prod.")
                .body::<SetChannel>()
                .one::<Channel>(),
        )
        .get(
            "/v1/pipelines",
            pipelines,
            op("listPipelines", "Lists pipelines, as the files say now.").page::<Pipeline>(),
        )
        .get(
            "/v1/pipelines/{name}",
            pipeline,
            op("showPipeline", "Shows a pipeline in words.").name("name", "The pipeline.").one::<Pipeline>(),
        )
}

async fn list(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<Build>> {
    Ok(Json(app.site().builds(&query)?))
}

async fn show(State(app): State<App>, Part(number): Part<u32>) -> Answer<Build> {
    Ok(Json(app.site().build(number)?))
}

async fn withdraw(State(app): State<App>, Part(number): Part<u32>, asked: Asked<Reasoned>) -> Answer<Build> {
    let reason = reason(&asked.body)?;
    Ok(Json(app.site().withdraw(&asked.caller, number, reason).await?))
}

async fn channels(State(app): State<App>) -> Answer<Page<Channel>> {
    Ok(whole(app.site().channels()))
}

async fn set_channel(
    State(app): State<App>,
    Part(channel): Part<String>,
    asked: Asked<SetChannel>,
) -> Answer<Channel> {
    Ok(Json(app.site().set_channel(&asked.caller, &channel, &asked.body).await?))
}

async fn pipelines(State(app): State<App>) -> Answer<Page<Pipeline>> {
    Ok(whole(app.site().configs().await?))
}

async fn pipeline(State(app): State<App>, Part(name): Part<String>) -> Answer<Pipeline> {
    Ok(Json(app.site().config(&name).await?))
}
