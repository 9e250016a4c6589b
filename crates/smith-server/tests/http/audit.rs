//! What an auditor asks a server for: rows by what they are about, exports, documents, lists of packages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use smith_domain::access::Digest;
use smith_domain::actor::Actor;
use smith_domain::decide::Command;
use smith_domain::id::RolloutId;
use smith_domain::rollout::{JobState, Outcome, RolloutCommand, Work};
use smith_domain::time::Span;
use smith_journal::{BlobFolder, read_proof};
use smith_server::answers::{check_lists, verify_export};

use super::site::{Served, served};

const MACHINE: &str = "dev-mon01-infra-test-01";

fn data(served: &Served) -> PathBuf {
    served.site.core.journal().parent().unwrap().to_owned()
}

/// A project whose machine has said which packages it changed.
async fn with_list(text: &str) -> (Served, Digest) {
    let served = served().await;
    let body = json!({"build": 725, "config": "devOnly", "reason": "weekly"});
    assert_eq!(served.post("/v1/projects", body).await.status, 201);
    let hash = BlobFolder::beside(&data(&served)).put(text.as_bytes()).unwrap();
    let digest = Digest::new(hash.to_string()).unwrap();
    let core = &served.site.core;
    let asked = || {
        core.read(|state| {
            let job = state.rollouts.get(RolloutId(1))?.job_of(state.fleet.find(MACHINE)?)?;
            matches!(job.state, JobState::Active(_)).then_some((job.machine, job.serial))
        })
    };
    let mut found = asked();
    for _ in 0..1_000 {
        if found.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = asked();
    }
    let (machine, serial) = found.unwrap();
    let report = RolloutCommand::Report {
        rollout: RolloutId(1),
        machine,
        serial,
        outcome: Outcome::Found(Work::Install),
        took: Span::secs(3),
        note: None,
        packages: Some(digest.clone()),
    };
    core.submit(Actor::smith(), Command::Rollout(report)).await.unwrap();
    (served, digest)
}

async fn file(served: &Served, path: &str) -> Vec<u8> {
    let answer = served.ask(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_told_with_their_change_and_reason() {
    let served = served().await;
    served.post("/v1/projects", json!({"build": 725, "config": "devOnly", "reason": "weekly"})).await;
    let all = served.get("/v1/audit?limit=1000").await.json();
    let started =
        all["items"].as_array().unwrap().iter().find(|row| row["kind"] == "rollout.started").unwrap();
    assert_eq!((&started["project"], &started["reason"]), (&json!(1), &json!("weekly")));
    let under = served.get("/v1/audit?change=CHG0000001&limit=1000").await.json();
    let under = under["items"].as_array().unwrap();
    assert!(!under.is_empty() && under.iter().all(|row| row["change"] == "CHG0000001"), "{under:?}");
    let count = async |query: &str| served.get(query).await.json()["items"].as_array().unwrap().len();
    // What goes on by itself is recorded meanwhile.
    assert!(count("/v1/audit?since=1h&limit=1000").await >= all["items"].as_array().unwrap().len());
    assert_eq!(count("/v1/audit?until=1h").await, 0);
    assert_eq!(count("/v1/audit?since=2020-01-01T00:00%2B01:00&until=2020-02-01").await, 0);
    for bad in ["since=soon", "until=2026-11-20T10:00", "machine=nobody", "change=CHG9"] {
        let (status, _) = served.get(&format!("/v1/audit?{bad}")).await.problem();
        assert!([404, 422].contains(&status), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_comes_over_http_and_proves_itself() {
    let list = "{\"patched\": {\"changes\": [{\"name\": \"openssl\"}]}}";
    let (served, _) = with_list(list).await;
    let bytes =
        file(&served, &format!("/v1/audit/export?machine={MACHINE}&packages=true&checkpoints=3,5")).await;
    let mut told = BTreeSet::new();
    let proven = read_proof(bytes.as_slice(), |shown| {
        told.insert(shown.row.seq.0);
    })
    .unwrap();
    let rows = served.get(&format!("/v1/audit?machine={MACHINE}&limit=1000")).await.json();
    let end = proven.end().unwrap().seq.0;
    let rows = rows["items"].as_array().unwrap().iter().map(|row| row["row"].as_u64().unwrap());
    assert_eq!(told, rows.filter(|row| *row <= end).collect());
    assert_eq!((proven.attached, proven.absent), (1, 0));
    let marks: Vec<u64> = proven.marks.iter().map(|mark| mark.seq.0).collect();
    assert_eq!(marks[..2], [3, 5]);
    let bytes = file(&served, &format!("/v1/audit/export?machine={MACHINE}&everything=true&since=1h")).await;
    let proven = verify_export(|| Ok(bytes.as_slice())).unwrap();
    assert!(proven.chosen >= told.len() as u64 && proven.omitted == 0);
    for bad in ["checkpoints=0", "checkpoints=x", "checkpoints=999999", "since=soon"] {
        assert_eq!(
            served.get(&format!("/v1/audit/export?{bad}")).await.problem(),
            (422, "S0417".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(served.get("/v1/audit/export?colour=red").await.problem(), (400, "S0425".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_patch_changed_is_told_in_full() {
    let list = format!("{{\"patched\": {{\"changes\": [{}]}}}}", vec!["{\"name\": \"p\"}"; 5_000].join(","));
    let (served, digest) = with_list(&list).await;
    for query in ["", "?project=1"] {
        let record = served.get(&format!("/v1/machines/{MACHINE}/packages{query}")).await.json();
        assert_eq!((&record["project"], &record["build"]), (&json!(1), &json!(725)));
        assert_eq!(record["sha256"], digest.as_str());
        assert_eq!(record["packages"]["patched"]["changes"].as_array().unwrap().len(), 5_000);
    }
    let none = served.get("/v1/machines/prod-dal10-carrier3-worker-11/packages").await;
    assert_eq!(none.problem(), (404, "S0450".to_owned()));
    assert_eq!(served.get(&format!("/v1/machines/{MACHINE}/packages?project=9")).await.problem().0, 404);
    let data = data(&served);
    let folder = BlobFolder::beside(&data);
    let reader = smith_journal::SqliteReader::open(served.site.core.journal()).unwrap();
    let lists = check_lists(&reader, &folder).unwrap();
    assert_eq!((lists.named, lists.bad.len()), (1, 0));
    let kept = data.join("blobs/sha256").join(&digest.as_str()[..2]).join(format!("{digest}.zst"));
    let mut bytes = std::fs::read(&kept).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&kept, &bytes).unwrap();
    assert!(check_lists(&reader, &folder).unwrap().bad[0].found.contains("is damaged"));
    let damaged = served.get(&format!("/v1/machines/{MACHINE}/packages")).await;
    assert_eq!(damaged.problem(), (500, "S0452".to_owned()));
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(check_lists(&reader, &folder).unwrap().bad[0].found, "it is missing");
    let missing = served.get(&format!("/v1/machines/{MACHINE}/packages")).await;
    assert_eq!(missing.problem(), (404, "S0450".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_listed_and_shown_and_lead_nowhere_else() {
    let served = served().await;
    assert_eq!(served.get("/v1/evidence").await.json()["items"], json!([]));
    let folder = data(&served).join("evidence");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("smith-prod-1.md"), "# Project 1\n").unwrap();
    std::fs::write(folder.join("smith-prod-1.json"), "{}").unwrap();
    let page = served.get("/v1/evidence?limit=1").await.json();
    assert_eq!(page["items"][0]["name"], "smith-prod-1.json");
    assert_eq!(page["items"][0]["bytes"], 2);
    let next = served.get(&format!("/v1/evidence?after={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!((&next["items"][0]["name"], &next["next"]), (&json!("smith-prod-1.md"), &json!(null)));
    let shown = served.get("/v1/evidence/smith-prod-1.md").await;
    assert_eq!(
        (shown.text.as_str(), shown.header("content-type")),
        ("# Project 1\n", "text/markdown; charset=utf-8")
    );
    let tag = shown.header("etag").to_owned();
    let again = served.ask(Method::GET, "/v1/evidence/smith-prod-1.md").header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    assert_eq!(served.get("/v1/evidence/smith-prod-1.json").await.json(), json!({}));
    for bad in ["..%2Fjournal.db", "%2e%2e%2fjournal.db", "%2Fetc%2Fpasswd", ".hidden", "a%00b", "none.md"] {
        let answer = served.get(&format!("/v1/evidence/{bad}")).await;
        assert_eq!(answer.problem(), (404, "S0450".to_owned()), "{bad}");
    }
}
