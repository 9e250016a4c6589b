//! A mirror as something that serves a channel.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smith_repo::channel::{self, Order, Switched, Way};
use smith_repo::fetch::chain;
use smith_repo::mirror::{
    Depth, Keys, Lead, Mirror, Place as Lies, Remembered, S3, S3Error, Turn, forget_mirror_channel,
    mirror_channels, record_mirror_channel,
};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::Signer;
use smith_repo::store::Store;

use super::shop::Believed;

pub(super) struct Place {
    pub(super) name: MirrorName,
    pub(super) region: String,
    at: At,
    site: Store,
}

enum At {
    Store(Store),
    Bucket {
        bucket: Box<S3>,
        /// No purge of it begins as long as this is held.
        _turn: Turn,
    },
}

/// Where a channel is to go, and whose builds are believed: it never serves what the site has not signed.
pub(super) struct Aim<'a> {
    pub(super) channel: &'a ChannelName,
    pub(super) build: BuildNumber,
    pub(super) believed: &'a Believed,
}

fn said<E: std::error::Error>(error: E) -> String {
    chain(&error)
}

impl Place {
    pub(super) fn of(site: &Store, mirror: &Mirror) -> Result<Self, String> {
        let at = match &mirror.place {
            Lies::Directory { path } => At::Store(Store::open(path).map_err(said)?),
            Lies::S3(bucket) => At::Bucket {
                bucket: Box::new(S3::open(bucket, &Keys::FromEnvironment).map_err(said)?),
                _turn: Turn::to_bring(site, &mirror.name).map_err(said)?,
            },
        };
        let region = mirror.region.as_str().to_owned();
        Ok(Self { name: mirror.name.clone(), region, at, site: site.clone() })
    }

    /// Where the channel is; nothing where there is none, or nothing that is left of it tells.
    pub(super) fn current(&self, channel: &ChannelName) -> Result<Option<BuildNumber>, String> {
        match &self.at {
            At::Store(store) => {
                let standing = channel::standing(store, channel).map_err(said)?;
                Ok(standing.and_then(|standing| standing.build))
            }
            At::Bucket { bucket, .. } => match bucket.channel(channel) {
                Ok(pointer) => Ok(pointer.map(|pointer| pointer.to)),
                Err(S3Error::Pointer { .. }) => Ok(None),
                Err(error) => Err(said(error)),
            },
        }
    }

    /// Why the channel cannot be led to the build here.
    pub(super) fn check(&self, aim: &Aim<'_>) -> Result<(), String> {
        let Aim { channel, build, believed } = *aim;
        match &self.at {
            At::Store(store) => {
                channel::check(store, channel, build).map_err(said)?;
                let read = |name: &str| {
                    let path = store.build(build).join(name);
                    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
                };
                believed.check(&read("build.json")?, &read("build.json.sig")?)?;
                let lost = channel::lost_suites(store, channel, build).map_err(said)?;
                if lost.is_empty() {
                    return Ok(());
                }
                let lost = lost.join(", ");
                Err(format!("channel {channel} serves {lost}, which build {build} does not have"))
            }
            At::Bucket { bucket, .. } => {
                let findings = bucket.verify(&self.site, build, Depth::Quick).map_err(said)?;
                if findings.is_good() { Ok(()) } else { Err(findings.why()) }
            }
        }
    }

    pub(super) fn set(
        &self,
        channel: &ChannelName,
        (build, way): (BuildNumber, Way),
        order: &Order,
        signer: Option<&dyn Signer>,
    ) -> Result<Switched, String> {
        let seen = &self.seen(channel)?;
        let switched = match (&self.at, way) {
            (At::Store(store), Way::Back) => {
                channel::back_after(store, channel, build, order, signer, seen).map_err(said)
            }
            (At::Store(store), Way::To | Way::Removed) => {
                channel::set_after(store, channel, build, order, signer, seen).map_err(said)
            }
            (At::Bucket { bucket, .. }, way) => {
                let lead = Lead { order, signer, seen };
                let switched = match way {
                    Way::Back => bucket.back_channel(&self.site, channel, build, lead),
                    Way::To | Way::Removed => bucket.set_channel_after(&self.site, channel, build, lead),
                };
                switched.map_err(said)
            }
        }?;
        self.remember(channel)?;
        Ok(switched)
    }

    /// Takes the channel away again.
    pub(super) fn remove(&self, channel: &ChannelName, order: &Order) -> Result<(), String> {
        match &self.at {
            At::Store(store) => channel::remove(store, channel, order).map(drop).map_err(said)?,
            At::Bucket { bucket, .. } => bucket.remove_channel(channel, order).map(drop).map_err(said)?,
        }
        forget_mirror_channel(&self.site, &self.name, channel).map_err(said)
    }

    /// The dates that clients of this mirror have seen, as the site knows them.
    fn seen(&self, channel: &ChannelName) -> Result<BTreeMap<String, Timestamp>, String> {
        let mut channels = mirror_channels(&self.site, &self.name).map_err(said)?;
        Ok(channels.remove(channel).map(|one| one.dates).unwrap_or_default())
    }

    /// What the site has to know if this mirror is lost one day.
    fn remember(&self, channel: &ChannelName) -> Result<(), String> {
        let remembered = match &self.at {
            At::Store(store) => channel::current(store, channel)
                .map_err(said)?
                .map(|view| Remembered { build: view.build, dates: view.dates }),
            At::Bucket { bucket, .. } => bucket
                .channel(channel)
                .map_err(said)?
                .map(|pointer| Remembered { build: pointer.to, dates: pointer.dates }),
        };
        let Some(remembered) = remembered else { return Ok(()) };
        record_mirror_channel(&self.site, &self.name, channel, remembered).map_err(said)
    }
}
