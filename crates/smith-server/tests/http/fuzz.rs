//! Requests made of the OpenAPI document by a program that we did not write.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use super::site::{Served, served};

/// The path of `schemathesis`; `cargo xtask ci --only fuzz` installs it and sets this.
const TOOL: &str = "SMITH_SCHEMATHESIS";
const EXAMPLES: &str = "SMITH_SCHEMATHESIS_EXAMPLES";

/// All of it, on a slow computer with many examples.
const LONGEST: Duration = Duration::from_secs(1800);

/// A request that the document allows may make no sense all the same: 422 says so. 400 would say that the document is wrong.
const SETTINGS: &str = "[checks.positive_data_acceptance]
expected-statuses = [\"2xx\", 401, 403, 404, 409, 422]
";

/// What is there, so that requests come further than to a 404.
const KNOWN: &str = "[parameters]
\"path.id\" = 1
\"path.number\" = 725
\"path.name\" = \"dev-mon01-infra-test-01\"
\"path.channel\" = \"prod\"
";

/// Something of everything, so that numbers that are guessed can be right.
async fn populated() -> Served {
    let served = served().await;
    for body in [json!({"build": 725, "config": "devOnly"}), json!({"build": 725, "config": "asked"})] {
        assert_eq!(served.post("/v1/projects", body).await.status, 201);
    }
    let request = json!({"build": "725", "machines": "prod-dal10-carrier3-worker-11"});
    assert_eq!(served.post("/v1/requests", request).await.status, 201);
    let exempt = json!({"select": "cluster=dev-infra", "reason": "museum", "owner": "ana", "until": "2099-01-01T00:00:00Z"});
    assert_eq!(served.post("/v1/exemptions", exempt).await.status, 201);
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_that_the_document_allows_or_forbids_breaks_the_server() {
    let Some(tool) = std::env::var_os(TOOL) else {
        println!(
            "{TOOL} is not set, so the document is not fuzzed here; `cargo xtask ci --only fuzz` does it"
        );
        return;
    };
    let served = populated().await;
    let others = ["--exclude-operation-id", "revokeToken"];
    run(&served, &tool, SETTINGS, &others).await;
    run(&served, &tool, &format!("{KNOWN}\n{SETTINGS}"), &others).await;
    // It would revoke the token that it comes with, and everything after that would be refused.
    let secret = run(&served, &tool, SETTINGS, &["--include-operation-id", "revokeToken"]).await;
    let still = served.get_as(&secret, "/v1/status").await.status;
    assert!([200, 401].contains(&still), "{still}");
    let broken = served.get("/metrics").await.text;
    let broken: Vec<&str> = broken.lines().filter(|line| line.contains("status=\"5")).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(served.get("/readyz").await.status, 200);
}

/// One run with a token of its own, whose secret is given back.
async fn run(served: &Served, tool: &OsStr, settings: &str, operations: &[&str; 2]) -> String {
    let secret = served.token("fuzz", &["admin"], &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new(tool);
    command.arg("--config-file").arg(file).arg("run").arg(format!("http://{}/openapi.json", served.tcp));
    command.args(operations).args(["--header", &format!("Authorization: Bearer {secret}")]);
    command.args(["--max-examples", &std::env::var(EXAMPLES).unwrap_or_else(|_| "30".to_owned())]);
    // The same requests in every run. Streams have no end, so they are left to tests of their own.
    command.args([
        "--seed",
        "1",
        "--exclude-path-regex",
        "/events$",
        "--no-color",
        "--request-timeout",
        "40",
    ]);
    command.args(["--generation-database", "none"]);
    // It keeps what it found beside where it runs, and would begin with that.
    command.current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let out = timeout(LONGEST, command.output()).await.expect("an end within half an hour").unwrap();
    let said = [out.stdout, out.stderr].concat();
    println!("{}", String::from_utf8_lossy(&said));
    assert!(out.status.success(), "schemathesis found something, see above");
    if operations[0].starts_with("--exclude") {
        let still = served.get_as(&secret, "/v1/status").await.status;
        assert_eq!(still, 200, "the token holds, so its requests were not all refused");
    }
    secret
}
