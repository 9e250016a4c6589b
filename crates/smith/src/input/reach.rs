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
use crate::output;

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

/// A machine of which the inventory does not say how it is reached.
#[derive(Debug)]
pub(crate) struct Absent {
    pub(crate) machine: String,
    pub(crate) why: String,
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

    /// Where they are, and which of them cannot be asked for. Those keep no other from being asked; where it is all of them, it is
    /// an error.
    pub(crate) fn addresses(
        &self,
        fleet: &Fleet,
        machines: &[MachineId],
    ) -> Result<(Vec<Address>, Vec<Absent>), Failure> {
        let (mut there, mut absent, mut first) = (Vec::with_capacity(machines.len()), Vec::new(), None);
        for id in machines {
            match address_of(fleet, *id) {
                Ok(address) => {
                    let user = self.user.clone().unwrap_or_else(|| address.user.clone());
                    there.push(Address { user, ..address });
                }
                Err(error) => {
                    let machine = fleet.machine(*id).name().to_owned();
                    absent.push(Absent { machine, why: error.to_string() });
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            Some(error) if there.is_empty() => Err(Failure::new(Exit::NotThere, error)),
            Some(_) | None => Ok((there, absent)),
        }
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
        Identity::from_files(&self.identity, passphrase.as_deref()).map_err(|error| {
            let hint = error.hint();
            Failure::new(Exit::BadInput, error).maybe_hint(hint)
        })
    }

    /// Does something with each machine, so many at a time, and gives the answers in the machines' order. Whoever interrupts it is
    /// told what that means.
    pub(crate) fn on_each<T, F>(
        &self,
        addresses: Vec<Address>,
        if_interrupted: String,
        work: impl Fn(usize, Address) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let runtime = Runtime::new().map_err(|error| Failure::new(Exit::Bug, error))?;
        let seats = Arc::new(Semaphore::new(usize::from(self.parallel)));
        runtime.block_on(async {
            tokio::spawn(say_if_interrupted(if_interrupted));
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

/// Machines go on with what they were asked for, so that this process may end at any moment.
async fn say_if_interrupted(words: String) {
    // Where signals cannot be heard, the process ends without words.
    if tokio::signal::ctrl_c().await.is_ok() {
        output::progress("");
        output::note(&format!("interrupted: {words}"));
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}
