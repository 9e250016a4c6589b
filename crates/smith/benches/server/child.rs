//! The server that is measured: all of it, but for its machines.

use std::path::Path;
use std::sync::Arc;

use smith_domain::actor::Actor;
use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber;
use smith_server::bot::Bot;
use smith_server::config::settings::{HttpListen, load_settings};
use smith_server::http::{App, Parts, Peers, open_tcp, open_unix, serve as answer};
use smith_server::serve::serve_with;
use smith_server::verbs::Site;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::Outcome;
use crate::simulated::machines;

pub(crate) const CHILD: &str = "serve-simulated-machines";

/// Builds that may be rolled out: more than any run needs.
const BUILDS: u32 = 100;

/// Serves until it is told to end. The first line that is said is the address of the loopback door.
pub(crate) fn serve(config: &Path, socket: &Path) -> Outcome {
    let settings = load_settings(Some(config)).map_err(|error| format!("{error:?}"))?;
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let tell = |text: &str| tracing::warn!("{text}");
    let served = serve_with(&settings, runtime.handle(), tell, machines())?;
    let site = served.site().clone();
    runtime.block_on(async {
        let HttpListen::At(address) = settings.listen.http else { return Err("expected an address".into()) };
        let doors = vec![open_unix(socket).await?, open_tcp(address).await?];
        println!("{}", doors[1].address());
        tokio::spawn(make_builds_known(site.clone()));
        let chat = Arc::new(Bot::new(site.clone()));
        let app = App::new(Parts { site, chat, peers: Peers::new([].into()) });
        let mut ended = signal(SignalKind::terminate())?;
        answer(doors, app, async move {
            ended.recv().await;
        })
        .await;
        Outcome::Ok(())
    })?;
    served.end();
    Ok(())
}

/// A server without a store is told of its builds.
async fn make_builds_known(site: Site) {
    if site.core.read(|state| state.builds.iter().next().is_some()) {
        return;
    }
    for build in 1..=BUILDS {
        let command = Command::Build(BuildCommand::Verified { build: BuildNumber(build) });
        if let Err(refused) = site.core.submit(Actor::smith(), command).await {
            tracing::error!("{refused}");
        }
    }
}
