//! Each route, asked well and badly.

use serde_json::{Value, json};

use super::site::{Served, served};

async fn is_page(served: &Served, path: &str) -> Vec<Value> {
    let answer = served.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let page = answer.json();
    assert!(page.get("next").is_some(), "{path}: {page}");
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_looked_at_is_answered() {
    let served = served().await;
    let started =
        served.post("/v1/projects", json!({"build": 725, "config": "devOnly", "reason": "weekly"})).await;
    assert_eq!((started.status, started.header("location")), (201, "/v1/projects/1"), "{started:?}");
    assert_eq!(started.json()["text"], "starting project ID: 1 patch 725 onto config devOnly");
    assert_eq!(started.json()["change"], "CHG0000001");
    assert_eq!(is_page(&served, "/v1/projects").await.len(), 1);
    assert_eq!(is_page(&served, "/v1/projects?state=complete").await.len(), 0);
    assert_eq!(served.get("/v1/projects/1").await.json()["pipeline"], "devOnly");
    is_page(&served, "/v1/projects/1/why").await;
    assert!(is_page(&served, "/v1/projects/1/audit").await.len() > 3);
    assert_eq!(is_page(&served, "/v1/changes").await.len(), 1);
    assert_eq!(served.get("/v1/changes/CHG0000001").await.json()["project"], 1);
    assert_eq!(served.get("/v1/changes/CHG0000001/project").await.json()["project"], 1);
    is_page(&served, "/v1/trains").await;
    is_page(&served, "/v1/cycles").await;
    assert!(!is_page(&served, "/v1/tickets").await.is_empty());
    assert_eq!(served.get("/v1/tickets/1").await.json()["number"], "#1");
    assert_eq!(served.get("/v1/tickets/%231").await.json()["number"], "#1");
    assert_eq!(is_page(&served, "/v1/machines").await.len(), 4);
    assert_eq!(is_page(&served, "/v1/machines?select=environment%3Ddev").await.len(), 1);
    let machine = served.get("/v1/machines/dev-mon01-infra-test-01").await.json();
    assert_eq!(machine["attributes"]["region"], "us-south");
    assert_eq!(served.get("/v1/machines/dev-mon01-infra-test-01/why").await.json()["project"], 1);
    assert_eq!(served.get("/v1/machines/dev-mon01-infra-test-01/why?project=1").await.json()["project"], 1);
    assert_eq!(served.get("/v1/gaps").await.json()["machines"], 4);
    is_page(&served, "/v1/exemptions").await;
    assert_eq!(is_page(&served, "/v1/builds").await.len(), 2);
    assert_eq!(served.get("/v1/builds/725").await.json()["state"], "verified");
    is_page(&served, "/v1/channels").await;
    assert_eq!(is_page(&served, "/v1/pipelines").await.len(), 2);
    assert_eq!(served.get("/v1/pipelines/devOnly").await.json()["owner"], "role:operator");
    is_page(&served, "/v1/errands").await;
    is_page(&served, "/v1/tokens").await;
    let status = served.get("/v1/status").await.json();
    let doors = json!([format!("unix:{}", served.socket.display()), format!("http://{}", served.tcp)]);
    assert_eq!((&status["state"], &status["addresses"]), (&json!("driving"), &doors));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_that_people_know_by_heart_are_answered_as_they_are_typed() {
    let served = served().await;
    served.post("/v1/projects", json!({"build": 725, "config": "devOnly"})).await;
    // The header has been copied from page to page for years, and is none that means anything.
    let known = async |path: &str| {
        let request =
            served.ask(reqwest::Method::GET, path).header("Accept", "application/jsonpe:application/json");
        super::site::whole(request).await
    };
    let all = known("/v1/queryproject/").await;
    assert_eq!(all.json(), served.get("/v1/projects?state=open").await.json());
    assert_eq!(known("/v1/queryproject").await.text, all.text);
    assert_eq!(known("/v1/queryproject/1").await.json(), served.get("/v1/projects/1").await.json());
    let audit = known("/v1/queryproject/1/audit").await.json();
    assert_eq!(audit, served.get("/v1/projects/1/audit").await.json());
    assert_eq!(known("/v1/queryproject/7").await.problem(), (404, "S0401".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_steered() {
    let served = served().await;
    let ana = served.token("ana", &["operator", "approver"], &[]).await;
    let start = json!({"build": 725, "config": "asked", "step": "patchProd : prod machines"});
    served.post_as(&ana, "/v1/projects", start).await;
    let state = async |verb: &str, body: Value| {
        let answer = served.post(&format!("/v1/projects/1/{verb}"), body).await;
        assert_eq!(answer.status, 200, "{verb}: {answer:?}");
        answer.json()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("pause", json!({"reason": "lunch"})).await, "paused");
    let bare = super::site::whole(served.ask(reqwest::Method::POST, "/v1/projects/1/unpause")).await;
    assert_eq!(bare.json()["state"], "running", "no body is no reason");
    let again = served.post("/v1/projects/1/unpause", json!({})).await;
    assert_eq!(again.problem(), (409, "S0402".to_owned()));
    let own = served.post_as(&ana, "/v1/projects/1/approve", json!({"step": "patchProd"})).await;
    assert_eq!(own.problem(), (403, "S0409".to_owned()), "who started it may not approve it");
    let issuer = served.post("/v1/projects/1/approve", json!({"step": "patchProd"})).await;
    assert_eq!(issuer.problem(), (403, "S0409".to_owned()), "and neither may who has made the token");
    let cy = served.token("cy", &["approver"], &[]).await;
    let yes = served.post_as(&cy, "/v1/projects/1/approve", json!({"step": "patchProd", "gate": "go"})).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    let halted = served.post("/v1/projects/1/resume", json!({"step": "patchProd", "grant": 1})).await;
    assert_eq!(halted.problem(), (409, "S0402".to_owned()));
    let retried = served.post("/v1/projects/1/retry", json!({})).await;
    assert_eq!(retried.problem(), (409, "S0402".to_owned()));
    let skipped = json!({"machines": "prod-dal10-carrier3-worker-11", "reason": "broken disk"});
    let skipped = served.post("/v1/projects/1/skip", skipped).await;
    assert!([200, 409].contains(&skipped.status), "{skipped:?}");
    let healthy = json!({"machines": "environment=prod", "reason": "looked at"});
    assert_eq!(served.post("/v1/sign-offs", healthy).await.problem(), (409, "S0402".to_owned()));
    assert!(["aborting", "aborted"].contains(&state("abort", json!({})).await.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_trains_go_their_way() {
    let served = served().await;
    let request = json!({"build": "725", "machines": "prod-dal10-carrier3-worker-11", "outage": 30});
    let ana = served.token("ana", &["operator"], &[]).await;
    let started = served.post_as(&ana, "/v1/requests", request).await;
    assert_eq!((started.status, started.json()["change"].as_str()), (201, Some("CHG0000001")), "{started:?}");
    let reboot = json!({"build": "", "machines": "dev-mon01-infra-test-01", "reason": "stuck"});
    let rebooted = served.post("/v1/reboots", reboot).await;
    assert_eq!(
        (rebooted.status, rebooted.json()["pipeline"].as_str()),
        (201, Some("smith-reboot-2")),
        "{rebooted:?}"
    );
    let newest = is_page(&served, "/v1/audit/newest?actor=cy&limit=3").await;
    assert!(newest.is_empty(), "{newest:?}");
    let newest = is_page(&served, "/v1/audit/newest?limit=3&project=1").await;
    let all = is_page(&served, "/v1/audit?limit=1000&project=1").await;
    assert!(newest.len() == 3 && all.ends_with(&newest), "{newest:?}");
    let cy = served.token("cy", &["approver"], &[]).await;
    let approved = served.post_as(&cy, "/v1/changes/CHG0000001/approve", json!({})).await;
    assert_eq!(approved.json()["approvals"], json!(["cy"]), "{approved:?}");
    let revoked = served.post_as(&cy, "/v1/changes/CHG0000001/revoke", json!({})).await;
    assert_eq!(revoked.problem(), (422, "S0417".to_owned()), "a reason is needed");
    let template = "Squad: conductors\nService: redpill\nTitle: prod from 724 to 725\nEnvironment: ap-south us-south\n\
                    Details: |\n tested\nRisk: low\nPlannedStartTime: now\nPlannedEndTime: now + 1h\n\
                    StageDeployDate: 2024-03-28\nBackoutPlan: revert\n";
    let raised = served.post_as(&ana, "/v1/trains", json!({"template": template})).await;
    assert_eq!(raised.status, 201, "{raised:?}");
    let changes = raised.json()["changes"].clone();
    assert_eq!(changes.as_array().unwrap().len(), 2);
    for change in changes.as_array().unwrap() {
        let path = format!("/v1/changes/{}/approve", change.as_str().unwrap());
        assert_eq!(served.post_as(&cy, &path, json!({"reason": "tested"})).await.status, 200);
    }
    let begun = served.post("/v1/trains/start", json!({"changes": changes})).await;
    assert_eq!(begun.json()["items"][0]["state"], "in progress", "{begun:?}");
    let set = json!({"region": "us-south", "build": 725, "change": changes[1]});
    let set = served.post("/v1/channels/prod", set).await;
    assert_eq!(set.json(), json!({"channel": "prod", "region": "us-south", "build": 725}));
    let evidence = json!({"changes": changes, "test_url": "https://ci.example/1", "test_passed": true});
    let closed = served.post("/v1/trains/complete", evidence).await;
    assert_eq!(closed.json()["items"][1]["test_passed"], true, "{closed:?}");
    let cancelled = served.post("/v1/changes/CHG0000004/cancel", json!({"reason": "not needed"})).await;
    assert_eq!(cancelled.problem(), (409, "S0408".to_owned()));
    let rejected = served.post_as(&cy, "/v1/changes/CHG0000009/reject", json!({"reason": "no"})).await;
    assert_eq!(rejected.problem(), (404, "S0407".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_what_can_be_done() {
    let served = served().await;
    let exempt = json!({"select": "cluster=dev-infra", "reason": "museum", "owner": "ana", "until": "2099-01-01T00:00:00Z"});
    let exempt = served.post("/v1/exemptions", exempt).await;
    assert_eq!(exempt.status, 201, "{exempt:?}");
    let id = exempt.json()["exemption"].as_u64().unwrap();
    let ended = served.post(&format!("/v1/exemptions/{id}/end"), json!({"reason": "gone"})).await;
    assert_eq!((ended.status, ended.text.as_str()), (204, ""));
    let unreasoned = served.post(&format!("/v1/exemptions/{id}/end"), json!({})).await;
    assert_eq!(unreasoned.problem(), (422, "S0417".to_owned()));
    let withdrawn = served.post("/v1/builds/724/withdraw", json!({"reason": "bad kernel"})).await;
    assert_eq!(withdrawn.json()["state"], "withdrawn", "{withdrawn:?}");
    let week = served.post("/v1/cycles", json!({"week": "weekly"})).await;
    assert_eq!(week.problem(), (404, "S0440".to_owned()), "the settings have no weeks");
    for (verb, body) in [
        ("approve", json!({"gate": "go"})),
        ("rerun", json!({"link": "build"})),
        ("skip", json!({"link": "build", "reason": "made by hand"})),
        ("stop", json!({"reason": "frozen"})),
    ] {
        let answer = served.post(&format!("/v1/cycles/1/{verb}"), body).await;
        assert_eq!(answer.problem(), (404, "S0440".to_owned()), "{verb}");
    }
    let said = served.post("/v1/chat", json!({"line": "help"})).await;
    assert!(said.json()["text"].as_str().unwrap().ends_with("said help"), "{said:?}");
    assert_eq!(served.post("/v1/chat", json!({"line": "no"})).await.problem(), (422, "S0417".to_owned()));
    let secret = served.token("ci", &["viewer"], &[]).await;
    assert_eq!(served.get_as(&secret, "/v1/status").await.status, 200);
    let token = served.get("/v1/tokens").await.json()["items"][0]["token"].as_u64().unwrap();
    let revoked = served.post(&format!("/v1/tokens/{token}/revoke"), json!({"reason": "left"})).await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    assert_eq!(served.get_as(&secret, "/v1/status").await.problem(), (401, "S0412".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_with_its_code() {
    let served = served().await;
    let wanted = [
        ("/v1/projects/1", 404, "S0401"),
        ("/v1/projects/1/events", 404, "S0401"),
        ("/v1/pipelines/devOnyl", 404, "S0404"),
        ("/v1/builds/7", 404, "S0406"),
        ("/v1/changes/CHG1", 404, "S0407"),
        ("/v1/tickets/9", 404, "S0418"),
        ("/v1/machines/nobody", 404, "S0111"),
        ("/v1/cycles/1", 404, "S0440"),
        ("/v1/errors/S0499", 404, "S0420"),
        ("/v1/nothing", 404, "S0420"),
        ("/", 404, "S0420"),
        ("/v1/projects/x", 400, "S0425"),
        ("/v1/projects/4294967296", 400, "S0425"),
        ("/v1/projects?stat=open", 400, "S0425"),
        ("/v1/projects?limit=1&limit=2", 400, "S0425"),
        ("/v1/projects?state=done", 422, "S0417"),
        ("/v1/projects?limit=0", 422, "S0417"),
        ("/v1/projects?after=x", 422, "S0417"),
        ("/v1/audit?since=yesterday", 422, "S0417"),
        ("/v1/audit/newest?limit=1001", 422, "S0417"),
        ("/v1/audit/newest?after=1", 422, "S0417"),
    ];
    for (path, status, code) in wanted {
        let answer = served.get(path).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{path}");
        let page = served.get(&format!("/v1/errors/{code}")).await;
        assert!(page.text.starts_with(&format!("# {code}: ")), "{page:?}");
    }
    let near = served.get("/v1/pipelines/devOnyl").await.json();
    assert_eq!(near["hint"], "did you mean devOnly?");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_in_pages_that_join_without_a_gap() {
    let served = served().await;
    for build in 1..=7 {
        let command =
            smith_domain::decide::BuildCommand::Verified { build: smith_domain::id::BuildNumber(build) };
        let command = smith_domain::decide::Command::Build(command);
        served.site.core.submit(smith_domain::actor::Actor::smith(), command).await.unwrap();
    }
    for list in ["/v1/builds", "/v1/machines", "/v1/audit"] {
        let all = served.get(&format!("{list}?limit=1000")).await.json();
        let (mut joined, mut after) = (Vec::new(), String::new());
        loop {
            let page = served.get(&format!("{list}?limit=2{after}")).await.json();
            joined.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(Value::from(joined), all["items"], "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_saves_what_is_known() {
    let served = served().await;
    let first = served.get("/v1/builds/725").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    let known = async |tags: &str| {
        super::site::whole(served.ask(reqwest::Method::GET, "/v1/builds/725").header("If-None-Match", tags))
            .await
    };
    let same = known(&format!("\"other\", {tag}")).await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", tag.as_str()));
    assert_eq!(known("\"other\"").await.status, 200);
    served.post("/v1/builds/725/withdraw", json!({"reason": "bad"})).await;
    let changed = known(&tag).await;
    assert_eq!((changed.status, changed.json()["state"].as_str()), (200, Some("withdrawn")));
    assert_eq!(served.get("/v1/builds/9").await.header("etag"), "", "a problem has no tag");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_to_everybody() {
    let served = served().await;
    let open = async |path: &str| super::site::whole(served.ask_tcp(reqwest::Method::GET, path)).await;
    let document = open("/openapi.json").await;
    assert_eq!(&document.json(), smith_server::http::document());
    let page = open("/docs").await;
    assert!(page.text.contains("<code>POST /v1/projects/{id}/pause</code>"), "{}", page.text);
    assert!(
        page.text.contains("<a href=\"#type-Decision\">Decision</a> with a reason</td>"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script"), "no scripts");
    assert_eq!(open("/v1/errors").await.json()["items"][0]["code"], "S0101");
    assert_eq!(open("/healthz").await.text, "alive\n");
    assert_eq!(open("/readyz").await.text, "driving\n");
    assert_eq!(open("/metrics").await.status, 401);
}
