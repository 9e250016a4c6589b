//! A site that is served, and clients of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::fleet::{FleetCommand, ObservePolicy};
use smith_domain::id::BuildNumber;
use smith_server::core::{Core, Life, Start, start};
use smith_server::desk::BuiltIn;
use smith_server::driver::Executor;
use smith_server::http::{App, Chat, Manners, Parts, Peers, Said, open_tcp, open_unix, serve_with};
use smith_server::inventory::{load, load_config};
use smith_server::verbs::{Caller, Denied, Kind, RequestRules, Site};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const FLEET: &str = "machines:
  - {name: dev-mon01-infra-test-01, environment: dev, region: us-south, cluster: dev-infra}
  - {name: prod-syd01-carrier1-worker-1001, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-syd01-carrier1-worker-1002, environment: prod, region: ap-south, cluster: prod-carrier1}
  - {name: prod-dal10-carrier3-worker-11, environment: prod, region: us-south, cluster: prod-carrier3}
";

const DEV: &str = "pipeline: devOnly
title: dev
owner: role:operator
steps:
  - step: patchDev
    title: dev machines
    bags: [{bag: dev, machines: environment=dev}]
";

const ASKED: &str = "pipeline: asked
title: asked first
owner: role:operator
steps:
  - step: patchProd
    title: prod machines
    gates: [{approval: go, who: role:approver}]
    bags: [{bag: prod, machines: environment=prod}]
";

/// Answers with the line; one line makes it panic and one is refused.
pub(crate) struct Echo;

impl Chat for Echo {
    fn say<'a>(&'a self, caller: &'a Caller, line: &'a str) -> Said<'a> {
        Box::pin(async move {
            match line {
                "panic" => panic!("a line that nobody should have sent"),
                "no" => Err(Denied::new(Kind::Invalid, "S0417", "expected another line")),
                _ => Ok(format!("{} said {line}", caller.name())),
            }
        })
    }
}

pub(crate) struct Served {
    pub(crate) site: Site,

    pub(crate) socket: PathBuf,
    pub(crate) tcp: SocketAddr,
    _folder: tempfile::TempDir,
    pub(crate) life: Option<Life>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: Option<JoinHandle<()>>,
}

pub(crate) async fn served() -> Served {
    served_for(BTreeMap::new()).await
}

pub(crate) async fn served_for(peers: BTreeMap<u32, smith_server::http::Peer>) -> Served {
    served_with(Manners::default(), peers).await
}

pub(crate) async fn served_with(manners: Manners, peers: BTreeMap<u32, smith_server::http::Peer>) -> Served {
    served_on(manners, peers, |_| ()).await
}

/// On a journal that something is done to before it is opened.
pub(crate) async fn served_on(
    manners: Manners,
    peers: BTreeMap<u32, smith_server::http::Peer>,
    prepare: impl FnOnce(&Path),
) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("pipelines")).unwrap();
    write("pipelines/devOnly.yaml", DEV);
    write("pipelines/asked.yaml", ASKED);
    write("sources.yaml", "sources:\n  - {name: a, file: fleet.yaml}\n");
    write("fleet.yaml", FLEET);
    let executors = |core: &Core| -> Box<dyn Executor + Send> { Box::new(BuiltIn::new(core.clone())) };
    let journal = folder.path().join("journal.db");
    prepare(&journal);
    let life = start(Start { journal, owner: "test".to_owned(), executors: Box::new(executors) }).unwrap();
    let core = life.core().clone();
    let config = load_config(&folder.path().join("sources.yaml")).unwrap();
    let reading = load(&config, folder.path()).unwrap();
    let observe =
        FleetCommand::Observe { reading, confirmed: BTreeSet::new(), policy: ObservePolicy::default() };
    core.submit(Actor::smith(), Command::Fleet(observe)).await.unwrap();
    for build in [724, 725] {
        let verified = BuildCommand::Verified { build: BuildNumber(build) };
        core.submit(Actor::smith(), Command::Build(verified)).await.unwrap();
    }
    let pipelines = Arc::new(folder.path().join("pipelines"));
    let site = Site {
        core,
        pipelines,
        requests: Arc::new(RequestRules::default()),
        weeks: Arc::default(),
        keeper: Arc::default(),
    };
    let app = App::new(Parts { site: site.clone(), chat: Arc::new(Echo), peers: Peers::new(peers) });
    let socket = folder.path().join("smith.sock");
    let tcp = open_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = tcp.address().strip_prefix("http://").unwrap().parse().unwrap();
    let doors = vec![open_unix(&socket).await.unwrap(), tcp];
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve_with(manners, doors, app, async move {
        let _ = stopped.await;
    }));
    let (life, stop, serving) = (Some(life), Some(stop), Some(serving));
    Served { site, socket, tcp: address, _folder: folder, life, stop, serving }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the code of a problem, whose form is looked at on the way.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: smith_api::Problem = serde_json::from_str(&self.text).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(problem.kind, format!("/v1/errors/{}", problem.code));
        assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{problem:?}");
        (self.status, problem.code)
    }
}

impl Served {
    /// Ends serving, gracefully.
    pub(crate) async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.serving.take().unwrap().await.unwrap();
    }

    fn by_socket(&self) -> Client {
        Client::builder().unix_socket(self.socket.clone()).build().unwrap()
    }

    /// A request over the unix socket, where this process is the server's own user.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.by_socket().request(method, format!("http://smith{path}"))
    }

    /// A request over loopback, where nobody is known without a token.
    pub(crate) fn ask_tcp(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("http://{}{path}", self.tcp))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        whole(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        whole(json(self.ask(Method::POST, path), &body)).await
    }

    /// The secret of a new token.
    pub(crate) async fn token(&self, name: &str, roles: &[&str], environments: &[&str]) -> String {
        let body = serde_json::json!({"name": name, "roles": roles, "environments": environments});
        let made = self.post("/v1/tokens", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["secret"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get_as(&self, secret: &str, path: &str) -> Answer {
        whole(self.ask_tcp(Method::GET, path).bearer_auth(secret)).await
    }

    pub(crate) async fn post_as(&self, secret: &str, path: &str, body: Value) -> Answer {
        whole(json(self.ask_tcp(Method::POST, path).bearer_auth(secret), &body)).await
    }

    /// What was recorded of this kind.
    pub(crate) async fn audit(&self, kind: &str) -> Vec<Value> {
        let page = self.get("/v1/audit?limit=1000").await.json();
        let lines = page["items"].as_array().unwrap().iter().filter(|line| line["kind"] == kind);
        lines.cloned().collect()
    }
}

pub(crate) fn json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub(crate) async fn whole(request: RequestBuilder) -> Answer {
    read(request.send().await.unwrap()).await
}

pub(crate) async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}
