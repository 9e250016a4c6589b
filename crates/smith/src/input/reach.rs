//! Which machines a command goes to, and what it shows them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use smith_domain::fleet::{CrossRegion, Fleet, Selector};
use smith_domain::id::MachineId;
use smith_domain::time::Timestamp;
use smith_server::machine::{Address, Identity, LinkLimits, Links, address_of};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{FleetArgs, known};
use crate::failure::{Exit, Failure};

/// How machines are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReachArgs {
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// A private key that the machines know; the running ssh-agent's keys unless said
    #[arg(long, value_name = "FILE", env = "SMITH_IDENTITY", help_heading = "Connection")]
    identity: Vec<PathBuf>,
    /// The first line of this file unlocks the private keys
    #[arg(long, value_name = "FILE", requires = "identity", help_heading = "Connection")]
    identity_passphrase_file: Option<PathBuf>,
    /// Log in as this user; the machines' own `ssh-user`, or root, unless said
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    user: Option<String>,
    /// Machines at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4000),
          help_heading = "Connection")]
    parallel: u16,
    /// Machines of several regions may be named
    #[arg(long)]
    cross_region: bool,
}

impl ReachArgs {
    pub(crate) fn known(&self) -> Result<Fleet, Failure> {
        Ok(known(self.fleet.machines()?, Timestamp(0)))
    }

    /// The machines that the words select; all of them must exist.
    pub(crate) fn select(&self, fleet: &Fleet, words: &[String]) -> Result<Vec<MachineId>, Failure> {
        let selector = Selector::parse(&words.join(" ")).map_err(|error| Failure::new(Exit::Usage, error))?;
        let cross_region = if self.cross_region { CrossRegion::Allow } else { CrossRegion::Refuse };
        Ok(fleet.lookup(&selector, cross_region)?)
    }

    /// Where they are. A machine that cannot be asked for is said before any other is.
    pub(crate) fn addresses(&self, fleet: &Fleet, machines: &[MachineId]) -> Result<Vec<Address>, Failure> {
        let address = |id: &MachineId| {
            let mut address = address_of(fleet, *id).map_err(|error| Failure::new(Exit::NotThere, error))?;
            if let Some(user) = &self.user {
                address.user.clone_from(user);
            }
            Ok(address)
        };
        machines.iter().map(address).collect()
    }

    pub(crate) fn links(&self) -> Result<Links, Failure> {
        let limits = LinkLimits { sessions: usize::from(self.parallel), ..LinkLimits::default() };
        Ok(Links::new(self.who_we_are()?, limits))
    }

    fn who_we_are(&self) -> Result<Identity, Failure> {
        if self.identity.is_empty() {
            let socket = std::env::var_os("SSH_AUTH_SOCK").ok_or_else(|| {
                let error = "expected --identity FILE or a running ssh-agent, found neither";
                Failure::new(Exit::Usage, error).with_hint("SMITH_IDENTITY may name the file, too")
            })?;
            return Ok(Identity::Agent(PathBuf::from(socket)));
        }
        let passphrase = match &self.identity_passphrase_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| super::unreadable("a passphrase", path, error))?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
        };
        Identity::from_files(&self.identity, passphrase.as_deref())
            .map_err(|error| Failure::new(Exit::BadInput, error))
    }

    /// Does something with each machine, so many at a time, and gives the answers in the machines' order.
    pub(crate) fn on_each<T, F>(
        &self,
        addresses: Vec<Address>,
        work: impl Fn(usize, Address) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let runtime = Runtime::new().map_err(|error| Failure::new(Exit::Bug, error))?;
        let seats = Arc::new(Semaphore::new(usize::from(self.parallel)));
        runtime.block_on(async {
            let begin = |(index, address)| {
                let (seats, work) = (Arc::clone(&seats), work(index, address));
                tokio::spawn(async move {
                    let _seat = seats.acquire_owned().await;
                    work.await
                })
            };
            let tasks: Vec<_> = addresses.into_iter().enumerate().map(begin).collect();
            let mut answers = Vec::with_capacity(tasks.len());
            for task in tasks {
                answers.push(task.await.map_err(|error| Failure::new(Exit::Bug, error))?);
            }
            Ok(answers)
        })
    }
}
