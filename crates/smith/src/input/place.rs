//! Where a channel is moved: on the store that is given, or on mirrors that it knows.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use smith_repo::channel::{self, ChannelError, Order, Switched, Way};
use smith_repo::mirror::{
    Depth, Keys, Lead, Mirror, Place as Lies, Remembered, S3, S3Error, Turn, forget_mirror_channel,
    mirror_channels, mirrors, record_mirror_channel,
};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::{KeyFolder, Signer};
use smith_repo::store::Store;

use crate::failure::{Exit, Failure};
use crate::input::{self, Believed};

/// Which mirrors; the store itself where none is asked for.
#[derive(Debug, Args)]
pub(crate) struct WhereArgs {
    /// On these mirrors of the store
    #[arg(long = "mirror", value_name = "NAME")]
    mirrors: Vec<MirrorName>,
    /// On the mirrors of these regions
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<MirrorName>,
    /// On every mirror of the store
    #[arg(long)]
    all_mirrors: bool,
}

/// Where, and what may be passed over.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    at: WhereArgs,
    /// Move where it can be, although some mirrors do not hold the build whole
    #[arg(long)]
    skip_unready: bool,
    /// Move to a build without a suite that the channel serves; its clients will find nothing there
    #[arg(long)]
    drop_suites: bool,
}

/// What becomes of suites that a channel serves and the build has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suites {
    Kept,
    Dropped,
}

/// Something that serves a channel.
pub(crate) struct Place {
    pub(crate) name: Option<MirrorName>,
    at: At,
    /// Whose builds are believed; nobody's where the store has no keys of its own.
    believed: Option<Believed>,
    suites: Suites,
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
        self.at.places(site, if self.drop_suites { Suites::Dropped } else { Suites::Kept })
    }
}

impl WhereArgs {
    pub(crate) fn places(&self, site: &Store, suites: Suites) -> Result<Vec<Place>, Failure> {
        if self.mirrors.is_empty() && self.regions.is_empty() && !self.all_mirrors {
            let (at, believed) = (At::Store(site.clone()), believed(site)?);
            let site = site.clone();
            return Ok(vec![Place { name: None, at, believed, suites, site }]);
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
        let places = known.iter().filter(is_meant).map(|one| Place::of(site, one, suites));
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
    pub(crate) fn of(site: &Store, mirror: &Mirror, suites: Suites) -> Result<Self, Failure> {
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
        let (believed, site) = (believed(site)?, site.clone());
        Ok(Self { name: Some(mirror.name.clone()), at, believed, suites, site })
    }

    /// For a line: `on fra-01: `, or nothing for the store itself.
    pub(crate) fn words(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!("on {name}: "))
    }

    /// Where it is; nothing where there is no such channel, or nothing that is left of it tells.
    pub(crate) fn current(&self, channel: &ChannelName) -> Result<Option<BuildNumber>, Failure> {
        match &self.at {
            At::Store(store) => {
                let standing = channel::standing(store, channel).map_err(channel_failed)?;
                Ok(standing.and_then(|standing| standing.build))
            }
            At::Bucket { bucket, .. } => match bucket.channel(channel) {
                Ok(pointer) => Ok(pointer.map(|pointer| pointer.to)),
                // Where it was is not known; that does not keep it from being led to a build.
                Err(S3Error::Pointer { .. }) => Ok(None),
                Err(error) => Err(bucket_failed(error)),
            },
        }
    }

    /// Where it is, which must be known.
    pub(crate) fn known(&self, channel: &ChannelName) -> Result<BuildNumber, Failure> {
        let known = match &self.at {
            At::Store(store) => channel::get(store, channel).map_err(channel_failed)?,
            At::Bucket { bucket, .. } => {
                bucket.channel(channel).map_err(bucket_failed)?.map(|pointer| pointer.to)
            }
        };
        known.ok_or_else(|| channel_failed(ChannelError::Unknown { name: channel.clone() }))
    }

    pub(crate) fn previous(&self, channel: &ChannelName) -> Result<BuildNumber, Failure> {
        match &self.at {
            At::Store(store) => channel::previous(store, channel).map_err(channel_failed),
            At::Bucket { bucket, .. } => {
                let pointer = bucket.channel(channel).map_err(bucket_failed)?;
                let from = pointer.and_then(|pointer| pointer.previous());
                from.ok_or_else(|| channel_failed(ChannelError::NoPrevious { name: channel.clone() }))
            }
        }
    }

    /// Why the channel cannot be led to this build here.
    pub(crate) fn check(&self, channel: &ChannelName, build: BuildNumber) -> Result<(), Failure> {
        match &self.at {
            At::Store(store) => {
                input::not_archived(store, build)?;
                channel::check(store, channel, build).map_err(channel_failed)?;
                self.check_signature(store, channel, build)?;
                let lost = channel::lost_suites(store, channel, build).map_err(channel_failed)?;
                if lost.is_empty() || self.suites == Suites::Dropped {
                    return Ok(());
                }
                let error = format!(
                    "channel {channel} serves {}, which build {build} does not have: clients that ask for it would fail",
                    lost.join(", ")
                );
                Err(Failure::new(Exit::NotThere, error).with_hint("`--drop-suites` moves it all the same"))
            }
            At::Bucket { site, bucket, .. } => {
                input::not_archived(site, build)?;
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

    /// What the site has to know if this mirror is lost one day.
    fn remember(&self, channel: &ChannelName) -> Result<(), Failure> {
        let Some(name) = &self.name else { return Ok(()) };
        let remembered = match &self.at {
            At::Store(store) => channel::current(store, channel)
                .map_err(channel_failed)?
                .map(|view| Remembered { build: view.build, dates: view.dates }),
            At::Bucket { bucket, .. } => bucket
                .channel(channel)
                .map_err(bucket_failed)?
                .map(|pointer| Remembered { build: pointer.to, dates: pointer.dates }),
        };
        let Some(remembered) = remembered else { return Ok(()) };
        let recorded = record_mirror_channel(&self.site, name, channel, remembered);
        recorded.map_err(|error| Failure::new(Exit::Output, error))
    }

    pub(crate) fn set(
        &self,
        channel: &ChannelName,
        build: BuildNumber,
        way: Way,
        order: &Order,
        signer: Option<&dyn Signer>,
    ) -> Result<Switched, Failure> {
        let seen = &self.remembered(channel)?;
        let switched = match (&self.at, way) {
            (At::Store(store), Way::Back) => {
                channel::back_after(store, channel, build, order, signer, seen).map_err(channel_failed)
            }
            (At::Store(store), Way::To | Way::Removed) => {
                channel::set_after(store, channel, build, order, signer, seen).map_err(channel_failed)
            }
            (At::Bucket { site, bucket, .. }, way) => {
                let lead = Lead { order, signer, seen };
                let switched = match way {
                    Way::Back => bucket.back_channel(site, channel, build, lead),
                    Way::To | Way::Removed => bucket.set_channel_after(site, channel, build, lead),
                };
                switched.map_err(bucket_failed)
            }
        };
        let switched = switched?;
        self.remember(channel)?;
        Ok(switched)
    }

    pub(crate) fn refresh(
        &self,
        channel: &ChannelName,
        order: &Order,
        signer: &dyn Signer,
    ) -> Result<Switched, Failure> {
        let switched = match &self.at {
            At::Store(store) => channel::refresh(store, channel, order, signer).map_err(channel_failed),
            At::Bucket { site, bucket, .. } => {
                bucket.refresh_channel(site, channel, order, signer).map_err(bucket_failed)
            }
        };
        let switched = switched?;
        self.remember(channel)?;
        Ok(switched)
    }

    /// Whether there is such a channel here, be it readable or not.
    pub(crate) fn has(&self, channel: &ChannelName) -> Result<bool, Failure> {
        match &self.at {
            At::Store(store) => Ok(channel::standing(store, channel).map_err(channel_failed)?.is_some()),
            At::Bucket { bucket, .. } => match bucket.channel(channel) {
                Ok(pointer) => Ok(pointer.is_some()),
                Err(S3Error::Pointer { .. }) => Ok(true),
                Err(error) => Err(bucket_failed(error)),
            },
        }
    }

    /// Takes the channel away. Answers where it was, as far as that is known.
    pub(crate) fn remove(
        &self,
        channel: &ChannelName,
        order: &Order,
    ) -> Result<Option<BuildNumber>, Failure> {
        let from = match &self.at {
            At::Store(store) => channel::remove(store, channel, order).map_err(channel_failed)?.from,
            At::Bucket { bucket, .. } => bucket.remove_channel(channel, order).map_err(bucket_failed)?,
        };
        if let Some(name) = &self.name {
            let forgotten = forget_mirror_channel(&self.site, name, channel);
            forgotten.map_err(|error| Failure::new(Exit::Output, error))?;
        }
        Ok(from)
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
        | ChannelError::Damaged { .. }
        | ChannelError::NeedsKey { .. }
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

fn bucket_failed(error: S3Error) -> Failure {
    if let S3Error::Channel(error) = error {
        return channel_failed(*error);
    }
    Failure::new(Exit::BadInput, error)
}
