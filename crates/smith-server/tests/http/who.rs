//! Who is let in, for what, and under which key.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use smith_server::core::{Life, Start, start};
use smith_server::http::{App, Parts, Peer, Peers};

use super::site::{json as with, served, whole};

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_nobody_is_known_without_a_token() {
    let served = served().await;
    let nobody = whole(served.ask_tcp(Method::GET, "/v1/projects")).await;
    assert_eq!(nobody.problem(), (401, "S0412".to_owned()));
    assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{nobody:?}");
    for wrong in ["Bearer smith_0", "Basic cm9vdDo=", "Bearer", ""] {
        let request = served.ask_tcp(Method::GET, "/v1/projects").header("Authorization", wrong);
        assert_eq!(whole(request).await.problem(), (401, "S0412".to_owned()), "{wrong:?}");
    }
    let secret = served.token("ci", &["operator"], &[]).await;
    assert_eq!(served.get_as(&secret, "/v1/projects").await.status, 200);
    let lower = served.ask_tcp(Method::GET, "/metrics").header("Authorization", format!("bearer {secret}"));
    assert_eq!(whole(lower).await.status, 200);
    let less = served.ask(Method::POST, "/v1/builds/725/withdraw").bearer_auth(&secret);
    let less = whole(with(less, &json!({"reason": "bad"}))).await;
    assert_eq!(less.problem(), (403, "S0413".to_owned()), "a token counts at the socket, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_environments_are_refused_and_recorded() {
    let served = served().await;
    let viewer = served.token("vera", &["viewer"], &[]).await;
    let dev = served.token("dev-ci", &["operator"], &["dev"]).await;
    let start = |config: &str| json!({"build": 725, "config": config});
    let refused = served.post_as(&viewer, "/v1/projects", start("devOnly")).await;
    assert_eq!(refused.problem(), (403, "S0413".to_owned()));
    let elsewhere = served.post_as(&dev, "/v1/projects", start("asked")).await;
    assert_eq!(elsewhere.problem(), (403, "S0414".to_owned()));
    assert_eq!(served.post_as(&dev, "/v1/projects", start("devOnly")).await.status, 201);
    let tokens = served.get_as(&dev, "/v1/tokens").await;
    assert_eq!(tokens.problem(), (403, "S0413".to_owned()));
    let recorded = served.audit("access.refused").await;
    let by: Vec<&str> = recorded.iter().filter_map(|line| line["by"].as_str()).collect();
    assert_eq!(by, ["vera", "dev-ci"], "{recorded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_a_key_is_carried_out_once() {
    let served = served().await;
    let keyed = async |key: &str, path: &str, body: serde_json::Value| {
        whole(with(served.ask(Method::POST, path).header("Idempotency-Key", key), &body)).await
    };
    let body = json!({"build": 725, "config": "devOnly"});
    let first = keyed("k-1", "/v1/projects", body.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = keyed("k-1", "/v1/projects", body.clone()).await;
    assert_eq!((second.status, second.text), (first.status, first.text));
    assert_eq!(second.headers.get("location"), first.headers.get("location"));
    let other = keyed("k-1", "/v1/projects", json!({"build": 724, "config": "devOnly"})).await;
    assert_eq!(other.problem(), (409, "S0415".to_owned()));
    let elsewhere = keyed("k-1", "/v1/projects/1/pause", json!({})).await;
    assert_eq!(elsewhere.problem(), (409, "S0415".to_owned()), "the path is part of the request");
    assert_eq!(served.audit("rollout.started").await.len(), 1);
    assert_eq!(served.audit("access.refused").await.len(), 1, "the second is counted");
    let unkeyed = served.post("/v1/projects", body).await;
    assert_eq!(unkeyed.problem(), (409, "S0411".to_owned()));
    let train = json!({"template": "Squad: a\nService: b\nTitle: c\nEnvironment: us-south\nDetails: d\nRisk: low\n\
        PlannedStartTime: now\nPlannedEndTime: now + 1h\nStageDeployDate: 2024-03-28\nBackoutPlan: e\n"});
    let raised = keyed("k-2", "/v1/trains", train.clone()).await;
    assert_eq!(raised.status, 201, "{raised:?}");
    assert_eq!(keyed("k-2", "/v1/trains", train).await.text, raised.text);
    for wrong in ["", "two words", &"k".repeat(201)] {
        let refused = keyed(wrong, "/v1/projects/1/pause", json!({})).await;
        assert_eq!(refused.problem(), (400, "S0426".to_owned()), "{wrong:?}");
    }
    let token = keyed("k-3", "/v1/tokens", json!({"name": "ci", "roles": ["viewer"]})).await;
    assert_eq!(token.problem(), (400, "S0426".to_owned()));
    assert_eq!(served.get("/v1/tokens").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_who_runs_the_server_is_its_admin_at_the_socket() {
    let peers = BTreeMap::from([(
        rustix::process::getuid().as_raw(),
        Peer {
            name: "somebody".to_owned(),
            roles: Vec::new(),
            environments: smith_server::verbs::Environments::These(Vec::new()),
        },
    )]);
    let served = super::site::served_for(peers).await;
    let withdrawn = served.post("/v1/builds/725/withdraw", json!({"reason": "bad"})).await;
    assert_eq!(withdrawn.status, 200, "{withdrawn:?}");
    let by = &served.audit("build.withdrawn").await[0]["by"];
    assert_ne!(by, "somebody");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_drives_the_server_says_so_and_can_be_read() {
    let mut served = served().await;
    served.post("/v1/projects", json!({"build": 725, "config": "devOnly"})).await;
    served.life.take().unwrap().end();
    let unready = served.get("/readyz").await;
    assert_eq!(unready.problem(), (503, "S0431".to_owned()));
    assert_eq!(served.get("/healthz").await.status, 200);
    assert_eq!(served.get("/v1/projects/1").await.json()["project"], 1);
    assert_eq!(served.get("/v1/status").await.json()["state"], "ending");
    let refused = served.post("/v1/projects/1/pause", json!({})).await;
    assert_eq!(refused.problem(), (503, "S0416".to_owned()));
    assert_eq!(refused.header("retry-after"), "5");
    let metrics = served.get("/metrics").await.text;
    assert!(metrics.contains("smith_driver{standing=\"ending\"} 1"), "{metrics}");
}

/// Where a request comes from is said by the door; a router without one knows nobody.
#[tokio::test]
async fn a_request_from_nowhere_is_from_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let executors = |core: &smith_server::core::Core| -> Box<dyn smith_server::driver::Executor + Send> {
        Box::new(smith_server::desk::BuiltIn::new(core.clone()))
    };
    let begin = Start {
        journal: folder.path().join("journal.db"),
        owner: "test".to_owned(),
        executors: Box::new(executors),
    };
    let life: Life = start(begin).unwrap();
    let site = smith_server::verbs::Site {
        core: life.core().clone(),
        pipelines: std::sync::Arc::new(folder.path().to_owned()),
        requests: std::sync::Arc::default(),
        weeks: std::sync::Arc::default(),
        keeper: std::sync::Arc::default(),
    };
    let chat = std::sync::Arc::new(super::site::Echo);
    let app = App::new(Parts { site, chat, peers: Peers::new(BTreeMap::new()) });
    let mut router = app.router();
    let request = axum::http::Request::get("/v1/status").body(axum::body::Body::empty()).unwrap();
    let response = tower_service::Service::call(&mut router, request).await.unwrap();
    assert_eq!(response.status(), 401);
}
