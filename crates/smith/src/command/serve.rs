//! `smith serve`: the server.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::IsTerminal as _;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use clap::Args;
use smith_server::bot::Bot;
use smith_server::config::settings::{
    HttpListen, Settings, SettingsError, load_settings, telemetry_of_environment,
};
use smith_server::core::Standing;
use smith_server::http::{Door, DoorError, Parts, Peer, Peers, open_tcp, open_unix, serve as answer};
use smith_server::serve::{Served, serve};
use smith_server::verbs::Site;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure};
use crate::output;
use crate::systemd::Systemd;

/// Drive rollouts on real machines, and answer to people and programs.
///
/// Settings are read from `smith.yaml` and the fragments in `smith.d`; without a file everything has a default.
/// docs/reference/settings.md has them all. Where they name no collector of telemetry, OTEL_EXPORTER_OTLP_ENDPOINT may. SIGTERM
/// and Ctrl-C end it: what was begun on machines goes on there, and the next server asks what became of it. A second one ends
/// it at once.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The settings [default: /etc/smith/smith.yaml, if it is there]
    #[arg(long, value_name = "FILE", env = "SMITH_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder, in place of that of the settings
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The socket, in place of that of the settings
    #[arg(long, value_name = "SOCKET")]
    socket: Option<PathBuf>,
    /// Only read the settings and say what is wrong
    #[arg(long)]
    check: bool,
}

pub(crate) const USUAL: &str = "/etc/smith/smith.yaml";

pub(super) fn run(args: &Serve) -> Result<Exit, Failure> {
    let settings = settings(args)?;
    if args.check {
        output::note("the settings are good");
        return Ok(Exit::Good);
    }
    // What is logged goes to standard error; RUST_LOG says how much.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_screen = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_screen).with_writer(io::stderr).init();
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Bug, error))?;
    let stop = watch_signals().map_err(|error| Failure::new(Exit::Bug, error))?;
    // Whoever cannot be listened to must not drive: the doors are there before anything is begun. Who comes early waits.
    let doors = open(&runtime, &settings)?;
    let served =
        serve(&settings, runtime.handle(), tell).map_err(|error| Failure::new(Exit::BadInput, error))?;
    let ended = attend(&runtime, (&settings, &served), doors, stop);
    end(runtime, served);
    ended
}

/// How long what was begun in this process may take to end once nobody is answered any more: a build, a sync, a file that is
/// written. The next server goes on with what was cut, so nothing is lost but time.
const WORK_MAX: Duration = Duration::from_secs(5);

/// The same with the driver's last turn. A disk that hangs may hold it for ever.
const END_MAX: Duration = Duration::from_secs(10);

/// Ends the driver and everything else that is under way, and never waits longer than [`END_MAX`].
fn end(runtime: Runtime, served: Served) {
    let (done, ended) = channel();
    let ending = move || {
        served.end();
        runtime.shutdown_timeout(WORK_MAX);
        // Nobody waits any more if it took too long.
        let _ = done.send(());
    };
    let begun = thread::Builder::new().name("end".to_owned()).spawn(ending);
    if begun.is_err() || ended.recv_timeout(END_MAX).is_err() {
        output::note("the journal's disk does not answer; what was not recorded has not begun");
    }
}

/// Says when it is time to end. A second signal ends the process at once, whatever it waits for.
fn watch_signals() -> io::Result<watch::Receiver<bool>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let (stop, stopped) = watch::channel(false);
    let waiting = move || {
        runtime.block_on(async {
            for _ in 0..2 {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                if stop.send_replace(true) {
                    output::note("ended at once; the next server goes on with what was cut");
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
            }
        });
    };
    thread::Builder::new().name("signals".to_owned()).spawn(waiting)?;
    Ok(stopped)
}

/// What a person should read in the log.
fn tell(text: &str) {
    tracing::warn!("{text}");
}

fn settings(args: &Serve) -> Result<Settings, Failure> {
    let usual = PathBuf::from(USUAL);
    let path = args.config.clone().or_else(|| usual.exists().then_some(usual));
    let mut settings = load_settings(path.as_deref()).map_err(|error| match error {
        SettingsError::Mistakes { problems, texts } => Failure::mistakes(problems, texts),
        SettingsError::Read { .. } => Failure::new(Exit::BadInput, error),
    })?;
    if settings.telemetry.is_none() {
        let of_environment = telemetry_of_environment(|name| std::env::var(name).ok());
        settings.telemetry = of_environment.map_err(|error| Failure::new(Exit::BadInput, error))?;
    }
    if let Some(data) = &args.data {
        settings.data.clone_from(data);
    }
    if let Some(socket) = &args.socket {
        settings.listen.socket.clone_from(socket);
    }
    Ok(settings)
}

fn open(runtime: &Runtime, settings: &Settings) -> Result<Vec<Door>, Failure> {
    let group = group_of(settings)?;
    runtime.block_on(doors(settings, group)).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::new(Exit::BadInput, format!("{error} [{}]", error.code())).maybe_hint(hint)
    })
}

/// Answers at the doors until a signal comes or nobody drives any more.
fn attend(
    runtime: &Runtime,
    (settings, served): (&Settings, &Served),
    doors: Vec<Door>,
    mut told: watch::Receiver<bool>,
) -> Result<Exit, Failure> {
    runtime.block_on(async {
        for door in &doors {
            output::note(&format!("listening at {}", door.address()));
        }
        let others = settings.people.iter().map(|person| {
            let (name, roles) = (person.name.clone(), person.roles.clone());
            (person.uid, Peer { name, roles, environments: person.environments.clone() })
        });
        let site = served.site().clone();
        let chat = Arc::new(Bot::new(site.clone()));
        let peers = Peers::new(others.collect::<BTreeMap<_, _>>());
        let app = served.app(Parts { site: site.clone(), chat, peers });
        let systemd = Systemd::here().map(Arc::new);
        if let Some(systemd) = &systemd {
            systemd.say("READY=1");
            if let Some(every) = Systemd::watchdog() {
                tokio::spawn(keep_telling(Arc::clone(systemd), site.clone(), every));
            }
        }
        let stop = async {
            asked_to_stop(&site, &mut told).await;
            if let Some(systemd) = &systemd {
                systemd.say("STOPPING=1");
            }
        };
        answer(doors, app, stop).await;
        if site.core.standing() == Standing::Ended {
            let error = "the driving thread has ended, expected it to drive; start the server again";
            return Err(Failure::new(Exit::Bug, error));
        }
        Ok(Exit::Good)
    })
}

/// Until a signal comes, or nobody drives any more.
async fn asked_to_stop(site: &Site, told: &mut watch::Receiver<bool>) {
    let nobody_drives = async {
        while site.core.standing() != Standing::Ended {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = told.wait_for(|told| *told) => {}
        () = nobody_drives => {}
    }
}

/// Tells systemd that all is well as long as questions about the site are answered: a server whose state is locked for good is
/// killed and started again. One that only cannot record goes on, for that heals by itself.
async fn keep_telling(systemd: Arc<Systemd>, site: Site, every: Duration) {
    loop {
        let asked = site.clone();
        if let Ok(status) = tokio::task::spawn_blocking(move || asked.status()).await {
            systemd.say(&format!("WATCHDOG=1\nSTATUS={}", status.state));
        }
        tokio::time::sleep(every).await;
    }
}

/// The number of the group that the settings name.
fn group_of(settings: &Settings) -> Result<Option<u32>, Failure> {
    let Some(name) = &settings.listen.group else { return Ok(None) };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    let error = || {
        Failure::new(
            Exit::BadInput,
            format!("expected a group of this computer as `listen: group`, found {name:?}"),
        )
    };
    number.map(Some).ok_or_else(error)
}

async fn doors(settings: &Settings, group: Option<u32>) -> Result<Vec<Door>, DoorError> {
    let socket = &settings.listen.socket;
    if let Some(folder) = socket.parent() {
        // A folder that cannot be made shows itself when the socket is opened in it.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
    }
    let mut doors = vec![open_unix(socket).await?];
    if let Some(group) = group {
        // The socket's mode lets its group in.
        chown(socket, None, Some(group))
            .map_err(|source| DoorError::Listen { place: socket.display().to_string(), source })?;
    }
    if let HttpListen::At(address) = settings.listen.http {
        doors.push(open_tcp(address).await?);
    }
    Ok(doors)
}
