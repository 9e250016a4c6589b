//! Projects: started, watched, steered.

use axum::Json;
use axum::extract::State;
use smith_api::{
    Approve, AuditLine, AuditQuery, Page, PageQuery, PatchRequest, Project, ProjectLine, ProjectQuery,
    Reasoned, Resume, Retry, Skip, Start, Started,
};

use super::super::answer::{Answer, DONE, Done, Made, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::events;
use super::super::fault::Fault;
use super::super::take::{Asked, MayAsk, Params, Part};

const ID: &str = "The project.";

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("projects", id, summary);
    let on = |id, summary| op(id, summary).number("id", ID);
    api.get(
        "/v1/projects",
        list,
        op("listProjects", "Lists projects.").query::<ProjectQuery>().page::<ProjectLine>(),
    )
    .post(
        "/v1/projects",
        start,
        op("startProject", "Patches a build onto a config.").body::<Start>().made::<Started>(),
    )
    .get("/v1/projects/{id}", show, on("showProject", "Shows a project.").one::<Project>())
    .get("/v1/projects/{id}/why", why, on("whyProject", "Says what a project waits for.").page::<String>())
    .get(
        "/v1/projects/{id}/audit",
        audit,
        on("auditProject", "Tells what happened in a project.").query::<PageQuery>().page::<AuditLine>(),
    )
    .post(
        "/v1/projects/{id}/pause",
        pause,
        on("pauseProject", "Starts no more machines.").may_have::<Reasoned>().one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/unpause",
        unpause,
        on("unpauseProject", "Lets a paused project go on.").may_have::<Reasoned>().one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/abort",
        abort,
        on("abortProject", "Ends a project once its running machines are done.")
            .may_have::<Reasoned>()
            .one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/resume",
        resume,
        on("resumeProject", "Lets a halted step go on.").body::<Resume>().one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/retry",
        retry,
        on("retryProject", "Tries failed and lost machines again.").may_have::<Retry>().one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/skip",
        skip,
        on("skipMachines", "Leaves machines out of a project.").reasoned::<Skip>().one::<ProjectLine>(),
    )
    .post(
        "/v1/projects/{id}/approve",
        approve,
        on("approveGate", "Says yes to an approval gate of a step.").body::<Approve>().one::<ProjectLine>(),
    )
}

/// Machines that are named one by one, or by a selector.
pub(super) fn add_requests(api: Api) -> Api {
    let op = |id, summary| Operation::new("requests", id, summary);
    api.post(
        "/v1/requests",
        request,
        op("requestPatch", "Patches single machines.").body::<PatchRequest>().made::<Started>(),
    )
    .post(
        "/v1/reboots",
        reboot,
        op("requestReboot", "Reboots single machines; the build may be left empty.")
            .body::<PatchRequest>()
            .made::<Started>(),
    )
    .post(
        "/v1/sign-offs",
        sign_off,
        op("signOff", "Vouches for machines that nobody has proven healthy.").reasoned::<Skip>().done(),
    )
}

/// What people know by heart from the service that smith takes the place of.
pub(super) fn add_known(api: Api) -> Api {
    let op = |id, summary| Operation::new("queryproject", id, summary);
    let on = |id, summary| op(id, summary).number("id", ID);
    let of = "The same answers as under /v1/projects.";
    let list = |id| {
        op(id, "Lists the projects that have not ended.")
            .with_description(of)
            .query::<ProjectQuery>()
            .page::<ProjectLine>()
    };
    api.get("/v1/queryproject", list_open, list("queryProjects"))
        .get("/v1/queryproject/", list_open, list("queryAllProjects"))
        .get(
            "/v1/queryproject/{id}",
            show,
            on("queryProject", "Shows a project.").with_description(of).one::<Project>(),
        )
        .get(
            "/v1/queryproject/{id}/audit",
            audit,
            on("queryProjectAudit", "Tells what happened in a project.")
                .with_description(of)
                .query::<PageQuery>()
                .page::<AuditLine>(),
        )
}

pub(super) fn add_events(api: Api) -> Api {
    let last = "The last row that was told before: everything after it comes first.";
    let op = |id, summary| {
        Operation::new("events", id, summary)
            .with_description(
                "Server-sent events: the id is the row, the event its kind, the data an EventLine.",
            )
            .header("Last-Event-ID", last, "^[0-9]{1,18}$")
            .query::<events::EventQuery>()
            .stream::<events::EventLine>()
    };
    api.get(
        "/v1/events",
        events::everything,
        op("listen", "Tells everything that is recorded, as it is recorded."),
    )
    .get(
        "/v1/projects/{id}/events",
        events::of_project,
        op("listenToProject", "Tells what is recorded about a project.").number("id", ID),
    )
}

async fn list(State(app): State<App>, Params(query): Params<ProjectQuery>) -> Answer<Page<ProjectLine>> {
    Ok(Json(app.site().projects(&query)?))
}

async fn list_open(
    State(app): State<App>,
    Params(mut query): Params<ProjectQuery>,
) -> Answer<Page<ProjectLine>> {
    query.state.get_or_insert_with(|| "open".to_owned());
    Ok(Json(app.site().projects(&query)?))
}

async fn show(State(app): State<App>, Part(id): Part<u32>) -> Answer<Project> {
    Ok(Json(app.site().project(id)?))
}

async fn why(State(app): State<App>, Part(id): Part<u32>) -> Answer<Page<String>> {
    Ok(whole(app.site().why_project(id)?))
}

async fn audit(
    State(app): State<App>,
    Part(id): Part<u32>,
    Params(query): Params<PageQuery>,
) -> Answer<Page<AuditLine>> {
    let PageQuery { after, limit } = query;
    let query = AuditQuery { project: Some(id), after, limit, ..AuditQuery::default() };
    Ok(Json(app.audit(&query).await?))
}

async fn start(State(app): State<App>, asked: Asked<Start>) -> Result<Made<Started>, Fault> {
    Ok(made(app.site().start(&asked.caller, &asked.body).await?))
}

async fn request(State(app): State<App>, asked: Asked<PatchRequest>) -> Result<Made<Started>, Fault> {
    Ok(made(app.site().request(&asked.caller, &asked.body).await?))
}

async fn reboot(State(app): State<App>, asked: Asked<PatchRequest>) -> Result<Made<Started>, Fault> {
    Ok(made(app.site().reboot(&asked.caller, &asked.body).await?))
}

fn made(what: Started) -> Made<Started> {
    Made { at: format!("/v1/projects/{}", what.project), what }
}

async fn pause(State(app): State<App>, Part(id): Part<u32>, asked: MayAsk<Reasoned>) -> Answer<ProjectLine> {
    Ok(Json(app.site().pause(&asked.caller, id, &asked.body).await?))
}

async fn unpause(
    State(app): State<App>,
    Part(id): Part<u32>,
    asked: MayAsk<Reasoned>,
) -> Answer<ProjectLine> {
    Ok(Json(app.site().unpause(&asked.caller, id, &asked.body).await?))
}

async fn abort(State(app): State<App>, Part(id): Part<u32>, asked: MayAsk<Reasoned>) -> Answer<ProjectLine> {
    Ok(Json(app.site().abort(&asked.caller, id, &asked.body).await?))
}

async fn resume(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Resume>) -> Answer<ProjectLine> {
    Ok(Json(app.site().resume(&asked.caller, id, &asked.body).await?))
}

async fn retry(State(app): State<App>, Part(id): Part<u32>, asked: MayAsk<Retry>) -> Answer<ProjectLine> {
    Ok(Json(app.site().retry(&asked.caller, id, &asked.body).await?))
}

async fn skip(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Skip>) -> Answer<ProjectLine> {
    Ok(Json(app.site().skip(&asked.caller, id, &asked.body).await?))
}

async fn approve(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Approve>) -> Answer<ProjectLine> {
    Ok(Json(app.site().approve_gate(&asked.caller, id, &asked.body).await?))
}

async fn sign_off(State(app): State<App>, asked: Asked<Skip>) -> Done {
    app.site().sign_off(&asked.caller, &asked.body).await?;
    Ok(DONE)
}
