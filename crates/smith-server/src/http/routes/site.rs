//! The site itself: its status, its audit, its tickets and errands, and lines of chat.

use axum::Json;
use axum::extract::State;
use smith_api::{AuditLine, AuditQuery, Chat, ChatAnswer, Errand, Page, PageQuery, Status, Ticket};

use super::super::answer::Answer;
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::take::{Asked, Params, Part};
use super::super::{errors, page, probes};

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("site", id, summary);
    api.get("/v1/status", status, op("showStatus", "Says how the server stands.").one::<Status>())
        .get(
            "/v1/audit",
            audit,
            op("audit", "Tells what happened.").query::<AuditQuery>().page::<AuditLine>(),
        )
        .get(
            "/v1/audit/newest",
            newest,
            op(
                "auditNewest",
                "Tells what happened last, as many rows as the limit says; what happened before a row.",
            )
            .query::<AuditQuery>()
            .page::<AuditLine>(),
        )
        .get(
            "/v1/tickets",
            tickets,
            op("listTickets", "Lists tickets.").query::<PageQuery>().page::<Ticket>(),
        )
        .get(
            "/v1/tickets/{number}",
            ticket,
            op("showTicket", "Shows a ticket.")
                .name("number", "Its number, with or without #.")
                .one::<Ticket>(),
        )
        .get(
            "/v1/errands",
            errands,
            op("listErrands", "Lists what outside services have not done yet.")
                .query::<PageQuery>()
                .page::<Errand>(),
        )
        .post(
            "/v1/chat",
            chat,
            op("say", "Does what a line of chat says.").body::<Chat>().one::<ChatAnswer>(),
        )
}

pub(super) fn add_open(api: Api) -> Api {
    let op = |id, summary| Operation::new("server", id, summary);
    api.get(
        "/v1/errors",
        errors::list,
        op("listErrors", "Lists error codes.").open().page::<errors::ErrorCode>(),
    )
    .get(
        "/v1/errors/{code}",
        errors::show,
        op("showError", "Explains an error code.")
            .open()
            .name("code", "The code, such as S0401.")
            .text("text/markdown", "The page."),
    )
    .get(
        "/healthz",
        probes::healthz,
        op("isAlive", "Says that the process lives.").open().text("text/plain", "It lives."),
    )
    .get(
        "/readyz",
        probes::readyz,
        op("isReady", "Says whether a change would be recorded and done.")
            .open()
            .text("text/plain", "It would."),
    )
    .get(
        "/metrics",
        probes::metrics,
        op("showMetrics", "Numbers for Prometheus.").text("text/plain", "All numbers."),
    )
    .get("/openapi.json", page::openapi, op("showDocument", "This description.").open().document())
    .get(
        "/docs",
        page::docs,
        op("showDocs", "This description, to be read.").open().text("text/html", "A page."),
    )
}

async fn status(State(app): State<App>) -> Answer<Status> {
    let (addresses, attention) = (app.addresses().to_vec(), app.site().attention());
    Ok(Json(Status { addresses, attention, ..app.site().status() }))
}

async fn audit(State(app): State<App>, Params(query): Params<AuditQuery>) -> Answer<Page<AuditLine>> {
    Ok(Json(app.audit(&query).await?))
}

async fn newest(State(app): State<App>, Params(query): Params<AuditQuery>) -> Answer<Page<AuditLine>> {
    Ok(Json(app.newest(&query).await?))
}

async fn tickets(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<Ticket>> {
    Ok(Json(app.site().tickets(&query)?))
}

async fn ticket(State(app): State<App>, Part(number): Part<String>) -> Answer<Ticket> {
    Ok(Json(app.site().ticket(&number)?))
}

async fn errands(State(app): State<App>, Params(query): Params<PageQuery>) -> Answer<Page<Errand>> {
    Ok(Json(app.site().errands(&query)?))
}

async fn chat(State(app): State<App>, asked: Asked<Chat>) -> Answer<ChatAnswer> {
    let text = app.chat().say(&asked.caller, &asked.body.line).await?;
    Ok(Json(ChatAnswer { text }))
}
