//! The server as it is begun and ended: what it refuses before it begins, and how long its end may take.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use smith_api::{AcceptClock, Build, Client, Clock, Cycle, Page, Server, Start, StartCycle, Started, Status};

use super::mirror::Site;

#[path = "../../../smith-server/src/week/fixture.rs"]
mod fixture;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Serving {
    site: Site,
    child: Child,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site with a week whose build is made of an upstream at this address.
fn site(upstream: &TcpListener) -> Option<Site> {
    let site = Site::new()?;
    fs::create_dir(site.path("pipelines")).unwrap();
    for name in fixture::PIPELINES {
        fs::write(site.path(&format!("pipelines/{name}.yaml")), fixture::pipeline(name)).unwrap();
    }
    site.add("syd", "ap-south");
    let week = fixture::week("week.yaml", "ap-south", "{approval: go, who: role:lead}");
    let settings = format!(
        "data: data\nlisten: {{socket: smith.sock, http: no}}\nstore: site\npipelines: pipelines\n{week}"
    );
    fs::write(site.path("smith.yaml"), settings).unwrap();
    site.good(&["build", "key", "export", &site.text("own.gpg")]);
    let recipe = format!(
        "upstreams:\n  - upstream: debian\n    uris: http://{}/debian\n    suites: [stable]\n    components: [main]\n    \
         architectures: [amd64]\n    keyring: own.gpg\n",
        upstream.local_addr().unwrap()
    );
    fs::write(site.path("week.yaml"), recipe).unwrap();
    Some(site)
}

impl Serving {
    fn begin(site: Site) -> Self {
        let child = command(&site).stderr(Stdio::null()).spawn().unwrap();
        let serving = Self { site, child };
        let status: Status = serving.until("/v1/status", |status: &Status| status.state == "driving");
        assert_eq!(status.addresses.len(), 1, "{status:?}");
        serving
    }

    fn client(&self) -> Client {
        Client::new(Server::named(&self.site.text("smith.sock")), None).unwrap()
    }

    fn until<T: serde::de::DeserializeOwned + std::fmt::Debug>(
        &self,
        path: &str,
        is_so: impl Fn(&T) -> bool,
    ) -> T {
        let (client, begun) = (self.client(), Instant::now());
        loop {
            match run(client.get::<T>(path)) {
                Ok(found) if is_so(&found) => return found,
                other => assert!(begun.elapsed() < PATIENCE, "{path}: {other:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// How it ended, and after what time.
    fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "it never ends");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its week is begun, and its build waits for an upstream that never answers.
    fn hang(&self, upstream: &TcpListener) -> std::net::TcpStream {
        let body = StartCycle { week: "prod".to_owned(), build: None, reason: None };
        let cycle: Cycle = run(self.client().post("/v1/cycles", &body, None)).unwrap();
        assert_eq!(cycle.cycle, 1);
        upstream.accept().unwrap().0
    }
}

fn run<T>(conversation: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(conversation)
}

fn command(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
    command.args(["serve", "--config", "smith.yaml"]).current_dir(site.path(""));
    command
}

#[test]
fn its_end_waits_for_no_upstream_and_what_was_cut_goes_on_in_the_next_server() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(site) = site(&upstream) else { return };
    let mut serving = Serving::begin(site);
    let held = serving.hang(&upstream);
    serving.signal();
    let (status, took) = serving.ended();
    assert!(status.success() && took < Duration::from_secs(20), "{status} after {took:?}");
    drop(held);
    assert!(!serving.site.path("smith.sock").exists());

    // The upstream is healed: the week's build is made of what lies here, which is what the newest build has.
    fs::copy(serving.site.path("recipe.yaml"), serving.site.path("week.yaml")).unwrap();
    serving.child = command(&serving.site).stderr(Stdio::null()).spawn().unwrap();
    let cycle: Cycle = serving.until("/v1/cycles/1", |cycle: &Cycle| cycle.build.is_some());
    assert_eq!((cycle.cycle, cycle.build), (1, Some(2)), "{cycle:?}");
    let clock: Clock = serving.until("/v1/clock", |clock: &Clock| !clock.differs);
    assert_eq!(clock.ahead, 0);
    let accepted: Clock = {
        let asked = AcceptClock { ahead: 0, reason: "it is right".to_owned() };
        run(serving.client().post("/v1/clock/accept", &asked, None)).unwrap()
    };
    assert!(!accepted.differs);
    serving.signal();
    assert!(serving.ended().0.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(site) = site(&upstream) else { return };
    let mut serving = Serving::begin(site);
    let _held = serving.hang(&upstream);
    serving.signal();
    // Two signals that come together are one.
    while serving.site.path("smith.sock").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    serving.signal();
    let (status, took) = serving.ended();
    assert_eq!(status.code(), Some(130));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

fn refused(site: &Site, listen: &str, why: &str) {
    let settings = format!("data: data\nlisten: {{socket: smith.sock, {listen}}}\npipelines: pipelines\n");
    fs::write(site.path("smith.yaml"), settings).unwrap();
    let output = command(site).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains(why), "{}: {said}", output.status);
    let begun: Vec<PathBuf> = ["data/journal.db", "smith.sock"]
        .map(|name| site.path(name))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    assert!(begun.is_empty(), "{begun:?}");
}

#[test]
fn a_server_that_cannot_listen_begins_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(site) = site(&taken) else { return };
    refused(&site, &format!("http: '{}'", taken.local_addr().unwrap()), "[S0437]");
    refused(&site, "group: no-such-group, http: no", "no-such-group");
}

/// The server knows what runs, and a purge asks no server.
#[test]
fn what_a_server_uses_is_not_purged_also_when_it_is_down() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(site) = site(&upstream) else { return };
    site.build();
    let waits = fixture::pipeline("waits")
        .replace("change: none", "change: none\n    gates: [{approval: go, who: role:lead}]");
    fs::write(site.path("pipelines/waits.yaml"), waits).unwrap();
    let mut serving = Serving::begin(site);
    let is_known = |builds: &Page<Build>| builds.items.iter().any(|build| build.build == 1);
    let _: Page<Build> = serving.until("/v1/builds", is_known);
    let start = Start { build: 1, config: "waits".to_owned(), step: None, reason: None };
    let _: Started = run(serving.client().post("/v1/projects", &start, None)).unwrap();
    let said = serving.site.path("site/state/in-use/smith.json");
    let begun = Instant::now();
    while !fs::read_to_string(&said).is_ok_and(|text| text.contains("project 1")) {
        assert!(begun.elapsed() < PATIENCE, "it says nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    let stays = "stays: build 1: site smith uses it: project 1 (waits) has not ended";
    for args in [&["build", "purge", "1", "--now"][..], &["build", "archive", "1"]] {
        let ran = serving.site.run(args);
        assert!(ran.code == 1 && ran.out.contains(stays), "{}{}", ran.out, ran.err);
        assert!(!ran.err.contains("has not said"), "{}", ran.err);
    }
    serving.signal();
    assert!(serving.ended().0.success());
    // It went away for good long ago.
    let text = fs::read_to_string(&said).unwrap();
    let at = text.find("\"20").unwrap();
    let old = format!("{}\"2001{}", &text[..at], &text[at + 5..]);
    fs::write(&said, old).unwrap();
    let ran = serving.site.run(&["build", "purge", "1", "--now"]);
    assert!(ran.code == 1 && ran.out.contains(stays), "{}{}", ran.out, ran.err);
    let path = said.display().to_string();
    assert!(
        ran.err.contains("has not said for ") && ran.err.contains(&format!("delete {path}")),
        "{}",
        ran.err
    );
    fs::remove_file(&said).unwrap();
    serving.site.good(&["build", "purge", "1", "--now"]);
    assert!(!serving.site.path("site/builds/1").exists());
}
