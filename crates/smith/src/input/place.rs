//! Where a channel is moved: on the store that is given, or on mirrors that it knows.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use smith_repo::channel::{self, ChannelError, Order, Switched};
use smith_repo::mirror::{
    Depth, Keys, Mirror, Place as Lies, Remembered, S3, Turn, mirror_channels, mirrors, record_mirror_channel,
};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::{KeyFolder, Signer};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed};

/// Which mirrors; the store itself where none is asked for.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// On these mirrors of the store
    #[arg(long = "mirror", value_name = "NAME")]
    mirrors: Vec<MirrorName>,
    /// On the mirrors of these regions
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<MirrorName>,
    /// On every mirror of the store
    #[arg(long)]
    all_mirrors: bool,
    /// Move where it can be, although some mirrors do not hold the build whole
    #[arg(long)]
    skip_unready: bool,
    /// Move to a build without a suite that the channel serves; its clients will find nothing there
    #[arg(long)]
    drop_suites: bool,
}

/// Something that serves a channel.
pub(crate) struct Place {
    pub(crate) name: Option<MirrorName>,
    at: At,
    /// Whose builds are believed; nobody's where the store has no keys of its own.
    believed: Option<Believed>,
    drops_suites: bool,
    site: Store,
}

enum At {
    Store(Store),
    Bucket {
        site: Store,
        bucket: Box<S3>,
        /// No purge of it begins as long as this is held.
        _turn: Turn,
    },
}

impl PlaceArgs {
    pub(crate) fn skips_unready(&self) -> bool {
        self.skip_unready
    }

    pub(crate) fn places(&self, site: &Store) -> Result<Vec<Place>, Failure> {
        if self.mirrors.is_empty() && self.regions.is_empty() && !self.all_mirrors {
            let (at, believed) = (At::Store(site.clone()), believed(site)?);
            let site = site.clone();
            return Ok(vec![Place { name: None, at, believed, drops_suites: self.drop_suites, site }]);
        }
        let known = mirrors(site).map_err(|error| Failure::new(Exit::BadInput, error))?;
        for name in &self.mirrors {
            if !known.iter().any(|one| one.name == *name) {
                return Err(nothing("a mirror of the store", name, known.iter().map(|one| &one.name)));
            }
        }
        for region in &self.regions {
            if !known.iter().any(|one| one.region == *region) {
                return Err(nothing("a region with mirrors", region, known.iter().map(|one| &one.region)));
            }
        }
        let is_meant = |one: &&Mirror| {
            self.all_mirrors || self.mirrors.contains(&one.name) || self.regions.contains(&one.region)
        };
        let places = known.iter().filter(is_meant).map(|one| Place::of(site, one, self));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        if places.is_empty() {
            return Err(Failure::new(Exit::NotThere, "expected mirrors, found that the store knows none"));
        }
        Ok(places)
    }
}

/// The keys of the store, if it has any.
fn believed(site: &Store) -> Result<Option<Believed>, Failure> {
    let own = KeyFolder::new(&site.keys()).export().map_err(|error| Failure::new(Exit::BadInput, error))?;
    if own.is_empty() { Ok(None) } else { Believed::at(site, None).map(Some) }
}

fn nothing<'a>(what: &str, found: &MirrorName, known: impl Iterator<Item = &'a MirrorName>) -> Failure {
    let mut known: Vec<&str> = known.map(MirrorName::as_str).collect();
    known.sort_unstable();
    known.dedup();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::new(Exit::NotThere, format!("expected {what} (there are: {known}), found {found}"))
}

impl Place {
    fn of(site: &Store, mirror: &Mirror, args: &PlaceArgs) -> Result<Self, Failure> {
        let at = match &mirror.place {
            Lies::Directory { path } => {
                let unsynced = |error| {
                    let hint = format!("`smith mirror sync {}` brings builds there", mirror.name);
                    Failure::new(Exit::BadInput, error).with_hint(hint)
                };
                At::Store(Store::open(path).map_err(unsynced)?)
            }
            Lies::S3(bucket) => {
                let bucket = S3::open(bucket, &Keys::FromEnvironment);
                let bucket = bucket.map_err(|error| Failure::new(Exit::BadInput, error))?;
                let turn = Turn::to_bring(site, &mirror.name);
                let turn = turn.map_err(|error| Failure::new(Exit::NotThere, error))?;
                At::Bucket { site: site.clone(), bucket: Box::new(bucket), _turn: turn }
            }
        };
        let (believed, drops_suites) = (believed(site)?, args.drop_suites);
        Ok(Self { name: Some(mirror.name.clone()), at, believed, drops_suites, site: site.clone() })
    }

    /// For a line: `on fra-01: `, or nothing for the store itself.
    pub(crate) fn words(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!("on {name}: "))
    }

    pub(crate) fn current(&self, channel: &ChannelName) -> Result<Option<BuildNumber>, Failure> {
        match &self.at {
            At::Store(store) => channel::get(store, channel).map_err(channel_failed),
            At::Bucket { bucket, .. } => {
                Ok(bucket.channel(channel).map_err(bucket_failed)?.map(|pointer| pointer.to))
            }
        }
    }

    pub(crate) fn previous(&self, channel: &ChannelName) -> Result<BuildNumber, Failure> {
        match &self.at {
            At::Store(store) => channel::previous(store, channel).map_err(channel_failed),
            At::Bucket { bucket, .. } => {
                let pointer = bucket.channel(channel).map_err(bucket_failed)?;
                let from = pointer.and_then(|pointer| pointer.from);
                from.ok_or_else(|| channel_failed(ChannelError::NoPrevious { name: channel.clone() }))
            }
        }
    }

    /// Why the channel cannot be led to this build here.
    pub(crate) fn check(&self, channel: &ChannelName, build: BuildNumber) -> Result<(), Failure> {
        match &self.at {
            At::Store(store) => {
                channel::check(store, channel, build).map_err(channel_failed)?;
                self.check_signature(store, channel, build)?;
                let lost = channel::lost_suites(store, channel, build).map_err(channel_failed)?;
                if lost.is_empty() || self.drops_suites {
                    return Ok(());
                }
                let error = format!(
                    "channel {channel} serves {}, which build {build} does not have: clients that ask for it would fail",
                    lost.join(", ")
                );
                Err(Failure::new(Exit::NotThere, error).with_hint("`--drop-suites` moves it all the same"))
            }
            At::Bucket { site, bucket, .. } => {
                let findings = bucket.verify(site, build, Depth::Quick).map_err(bucket_failed)?;
                let (name, number, found) = (channel.clone(), build, findings.why());
                if findings.is_good() {
                    return Ok(());
                }
                Err(channel_failed(ChannelError::NotWhole { name, number, found }))
            }
        }
    }

    /// Our keys sign what a channel serves, so it must be a build that they or those before them have signed.
    fn check_signature(
        &self,
        store: &Store,
        channel: &ChannelName,
        build: BuildNumber,
    ) -> Result<(), Failure> {
        let Some(believed) = &self.believed else { return Ok(()) };
        let read = |name: &str| {
            let path = store.build(build).join(name);
            std::fs::read(&path).map_err(|error| input::unreadable("the words of a build", &path, error))
        };
        let checked = believed.check(&read("build.json")?, &read("build.json.sig")?);
        let refused = |found| {
            let error = format!(
                "channel {channel} cannot be set to build {build}: expected it signed by a key of the store, {found}"
            );
            Failure::new(Exit::NotThere, error)
        };
        checked.map(drop).map_err(refused)
    }

    /// The dates that clients of a mirror have seen, as the site knows them.
    fn remembered(&self, channel: &ChannelName) -> Result<BTreeMap<String, Timestamp>, Failure> {
        let Some(name) = &self.name else { return Ok(BTreeMap::new()) };
        let mut channels =
            mirror_channels(&self.site, name).map_err(|error| Failure::new(Exit::BadInput, error))?;
        Ok(channels.remove(channel).map(|one| one.dates).unwrap_or_default())
    }

    fn remember(&self, store: &Store, channel: &ChannelName) -> Result<(), Failure> {
        let Some(name) = &self.name else { return Ok(()) };
        let Some(view) = channel::current(store, channel).map_err(channel_failed)? else { return Ok(()) };
        let remembered = Remembered { build: view.build, dates: view.dates };
        let recorded = record_mirror_channel(&self.site, name, channel, remembered);
        recorded.map_err(|error| Failure::new(Exit::Output, error))
    }

    pub(crate) fn set(
        &self,
        channel: &ChannelName,
        build: BuildNumber,
        order: &Order,
        signer: Option<&dyn Signer>,
    ) -> Result<Switched, Failure> {
        match &self.at {
            At::Store(store) => {
                let seen = self.remembered(channel)?;
                let switched = channel::set_after(store, channel, build, order, signer, &seen);
                let switched = switched.map_err(channel_failed)?;
                self.remember(store, channel)?;
                Ok(switched)
            }
            At::Bucket { site, bucket, .. } => {
                bucket.set_channel(site, channel, build, order, signer).map_err(bucket_failed)
            }
        }
    }

    pub(crate) fn refresh(
        &self,
        channel: &ChannelName,
        order: &Order,
        signer: &dyn Signer,
    ) -> Result<Switched, Failure> {
        match &self.at {
            At::Store(store) => {
                let switched = channel::refresh(store, channel, order, signer).map_err(channel_failed)?;
                self.remember(store, channel)?;
                Ok(switched)
            }
            At::Bucket { site, bucket, .. } => {
                bucket.refresh_channel(site, channel, order, signer).map_err(bucket_failed)
            }
        }
    }
}

pub(crate) fn channel_failed(error: ChannelError) -> Failure {
    let exit = match &error {
        ChannelError::NotWhole { .. } | ChannelError::NoPrevious { .. } | ChannelError::Unknown { .. } => {
            Exit::NotThere
        }
        ChannelError::NotALink { .. }
        | ChannelError::History { .. }
        | ChannelError::View { .. }
        | ChannelError::Release { .. }
        | ChannelError::Source { .. }
        | ChannelError::Fetch { .. }
        | ChannelError::Sign(_)
        | ChannelError::Name(_)
        | ChannelError::Held(_) => Exit::BadInput,
        ChannelError::Store(_) => Exit::Output,
    };
    Failure::new(exit, error)
}

fn bucket_failed(error: smith_repo::mirror::S3Error) -> Failure {
    Failure::new(Exit::BadInput, error)
}
