//! Sources of the inventory.

use axum::extract::State;
use smith_api::{ConfirmSource, Page, Source};

use super::super::answer::{Answer, DONE, Done, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::take::{Asked, Part};
use super::fleet::said;

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("sources", id, summary);
    let list = op("listSources", "Lists the sources of the inventory, and which are held back.");
    let confirm = op("confirmSource", "Says that the machines which a source lost are really gone.");
    api.get("/v1/sources", sources, list.page::<Source>()).post(
        "/v1/sources/{name}/confirm",
        confirmed,
        confirm.name("name", "The source.").reasoned::<ConfirmSource>().done(),
    )
}

async fn sources(State(app): State<App>) -> Answer<Page<Source>> {
    Ok(whole(app.site().sources()))
}

async fn confirmed(State(app): State<App>, Part(name): Part<String>, asked: Asked<ConfirmSource>) -> Done {
    said(Some(&asked.body.reason))?;
    app.site().confirm_source(&asked.caller, &name, &asked.body).await?;
    Ok(DONE)
}
