//! A whole server: settings in, a driver, executors, feeds and faces out.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use smith_agent::protocol::{DeadMan, Name, NameError};
use smith_domain::time::Span;
use smith_journal::BlobFolder;
use tokio::runtime::Handle;

use crate::config::settings::Settings as SiteSettings;
use crate::core::{Core, Life, Opened, Start, StartError, begin as begin_to_drive, owner_here};
use crate::desk::{Errands, Notifier};
use crate::driver::{Executor, Input};
use crate::feed::{keep_evidence, keep_in_use, watch_builds, watch_inventory};
use crate::http::{App, Parts, master_names};
use crate::machine::{
    Answers, BuildAccess, Identity, IdentityError, LinkLimits, Links, MachineExecutor, NoStore, Settings,
    StoreAccess,
};
use crate::telemetry::{Telemetry, TelemetryError};
use crate::verbs::{Keeper, Site};
use crate::week::{EVIDENCE, Weeks, keep_schedules};

/// The journal's file in the data folder.
const JOURNAL: &str = "journal.db";

/// Whom messages reached that have not reached all, in the data folder.
const TOLD: &str = "told.json";

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the data folder {} cannot be used", path.display())]
    Data { path: PathBuf, source: io::Error },
    #[error("expected a passphrase in {}", path.display())]
    Passphrase { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("the site's name cannot be told to machines")]
    Name(#[from] NameError),
    #[error("messages cannot be brought to addresses")]
    Notifier(#[from] reqwest::Error),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A server that drives, without its faces.
#[derive(Debug)]
pub struct Served {
    life: Life,
    site: Site,
    weeks: Weeks,
    telemetry: Option<Telemetry>,
}

impl Served {
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// What answers requests. If there is a collector, it gets its numbers from now on.
    pub fn app(&self, parts: Parts) -> App {
        let Some(telemetry) = &self.telemetry else { return App::new(parts) };
        let app = App::with_telemetry(parts, telemetry.counts());
        let told = app.clone();
        telemetry.tell_numbers(self.site.core.clone(), move || told.numbers());
        app
    }

    /// Ends the driving thread once everything that came before is recorded, and waits a little until a collector knows it.
    pub fn end(self) {
        self.weeks.end();
        self.life.end();
        if let Some(telemetry) = self.telemetry {
            telemetry.end();
        }
    }
}

/// Makes what performs the actions on machines, around what performs errands.
pub type Machines = Box<dyn FnMut(&Core, Errands) -> Box<dyn Executor + Send> + Send>;

/// Drives as the settings say. `tell` gets what a person should read in the log.
pub fn serve(settings: &SiteSettings, runtime: &Handle, tell: fn(&str)) -> Result<Served, ServeError> {
    begin(settings, runtime, tell)?.opened()
}

/// The same with machines that are reached in another way.
pub fn serve_with(
    settings: &SiteSettings,
    runtime: &Handle,
    tell: fn(&str),
    machines: Machines,
) -> Result<Served, ServeError> {
    begin_with(settings, runtime, tell, machines)?.opened()
}

/// A server that reads its journal. Its site can be shown to faces already, which say how far that is.
#[derive(Debug)]
pub struct Beginning {
    served: Served,
    opened: Opened,
    settings: SiteSettings,
    runtime: Handle,
    tell: fn(&str),
}

/// Begins to drive as the settings say, without waiting until the journal was read.
pub fn begin(settings: &SiteSettings, runtime: &Handle, tell: fn(&str)) -> Result<Beginning, ServeError> {
    let machines = reached_by_ssh(settings, runtime)?;
    begin_with(settings, runtime, tell, machines)
}

fn begin_with(
    settings: &SiteSettings,
    runtime: &Handle,
    tell: fn(&str),
    mut machines: Machines,
) -> Result<Beginning, ServeError> {
    make_folder(&settings.data)?;
    let notifier = Notifier::new(settings.notify.clone(), &settings.data.join(TOLD))?;
    let weeks = Weeks::new(settings);
    let (handle, links_of_weeks) = (runtime.clone(), weeks.clone());
    let executors = move |core: &Core| -> Box<dyn Executor + Send> {
        // They may begin tasks, and are made on a thread of the driver's.
        let _inside = handle.enter();
        let errands = Errands::new(core.clone(), handle.clone(), notifier.clone(), links_of_weeks.clone());
        machines(core, errands)
    };
    let journal = settings.data.join(JOURNAL);
    let (life, opened) =
        begin_to_drive(Start { journal, owner: owner_here(), executors: Box::new(executors) })?;
    let core = life.core().clone();
    let telemetry = match &settings.telemetry {
        Some(wanted) => Some(Telemetry::begin(wanted, (&settings.site, &settings.data), runtime)?),
        None => None,
    };
    let pipelines = Arc::new(settings.pipelines.clone());
    let (requests, plans) = (Arc::new(settings.requests.clone()), Arc::new(settings.weeks.clone()));
    let people = settings.people.iter().map(|person| person.name.clone());
    let keeper = Arc::new(Keeper::new(people.chain(master_names())));
    let site = Site { core, pipelines, requests, weeks: plans, keeper };
    let served = Served { life, site, weeks, telemetry };
    Ok(Beginning { served, opened, settings: settings.clone(), runtime: runtime.clone(), tell })
}

impl Beginning {
    pub fn site(&self) -> &Site {
        &self.served.site
    }

    /// What answers requests, also while the journal is being read.
    pub fn app(&self, parts: Parts) -> App {
        self.served.app(parts)
    }

    /// Waits until the journal was read; then everything begins that looks at the site by itself.
    pub fn opened(self) -> Result<Served, ServeError> {
        let Self { mut served, opened, settings, runtime, tell } = self;
        opened.wait()?;
        if let Some(telemetry) = &mut served.telemetry {
            telemetry.follow(&served.site.core);
        }
        watch(&served, &settings, &runtime, tell);
        Ok(served)
    }
}

/// Begins what goes on beside the driver.
fn watch(served: &Served, settings: &SiteSettings, runtime: &Handle, tell: fn(&str)) {
    let Served { site, weeks, .. } = served;
    let core = &site.core;
    if let Some(config) = &settings.inventory {
        let every = Duration::from_millis(settings.inventory_every.0);
        runtime.spawn(watch_inventory(core.clone(), config.clone(), every, tell));
    }
    if let Some(store) = &settings.store {
        runtime.spawn(watch_builds(core.clone(), store.clone(), tell));
        runtime.spawn(keep_in_use(core.clone(), settings.site.clone(), store.clone(), tell));
    }
    runtime.spawn(keep_evidence(core.clone(), settings.data.join(EVIDENCE), tell));
    let (mending, core_of_weeks, inside) = (weeks.clone(), core.clone(), runtime.clone());
    runtime.spawn(async move { mending.mend(&core_of_weeks, &inside, tell).await });
    if site.weeks.iter().any(|week| week.schedule.is_some()) {
        runtime.spawn(keep_schedules(site.clone(), settings.data.clone(), tell));
    }
}

fn reached_by_ssh(settings: &SiteSettings, runtime: &Handle) -> Result<Machines, ServeError> {
    let links = Links::new(identity(settings)?, limits(settings));
    let machines = machine_settings(settings)?;
    let builds: Arc<dyn BuildAccess> = match &settings.store {
        Some(store) => Arc::new(StoreAccess::new(store.clone(), settings.mirrors.clone())),
        None => Arc::new(NoStore),
    };
    let handle = runtime.clone();
    Ok(Box::new(move |core, errands| {
        let answers = Arc::new(ToCore(core.clone()));
        let (links, builds, machines) = (links.clone(), Arc::clone(&builds), machines.clone());
        Box::new(MachineExecutor::new(handle.clone(), links, builds, machines, answers, errands))
    }))
}

/// What machines say goes to the driver.
#[derive(Debug)]
struct ToCore(Core);

impl Answers for ToCore {
    fn answer(&self, input: Input) {
        self.0.tell(input);
    }
}

fn make_folder(path: &PathBuf) -> Result<(), ServeError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(path);
    made.map_err(|source| ServeError::Data { path: path.clone(), source })
}

fn identity(settings: &SiteSettings) -> Result<Identity, ServeError> {
    let ssh = &settings.ssh;
    if ssh.identity.is_empty() {
        let named = ssh.agent.clone().or_else(|| std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from));
        // Without any key no machine lets us in, and each says so when it is asked; everything else works.
        return Ok(named.map_or_else(|| Identity::Keys(Vec::new()), Identity::Agent));
    }
    let passphrase = match &ssh.passphrase_file {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|source| ServeError::Passphrase { path: path.clone(), source })?;
            Some(text.lines().next().unwrap_or_default().to_owned())
        }
    };
    Ok(Identity::from_files(&ssh.identity, passphrase.as_deref())?)
}

fn limits(settings: &SiteSettings) -> LinkLimits {
    LinkLimits {
        handshakes: settings.ssh.handshakes as usize,
        sessions: settings.ssh.sessions as usize,
        ..LinkLimits::default()
    }
}

fn machine_settings(settings: &SiteSettings) -> Result<Settings, ServeError> {
    let seconds = |span: Span| u32::try_from(span.0.div_ceil(1000)).unwrap_or(u32::MAX);
    let controller: Name = settings.site.parse()?;
    let rules = &settings.machines;
    Ok(Settings {
        dead_man: rules.dead_man.map(|span| DeadMan { within_s: seconds(span) }),
        skew_max_s: seconds(rules.skew),
        settle_s: seconds(rules.settle),
        packages: Some(BlobFolder::beside(&settings.data)),
        ..Settings::new(controller)
    })
}
