//! The link `channel`: region by region the mirrors are led to the build. Nothing moves unless all can; when one fails, those
//! that were moved go back.

use std::path::Path;

use smith_domain::decide::{BuildCommand, Command};
use smith_domain::id::BuildNumber as Number;
use smith_repo::channel::{Order, Switched, Way};
use smith_repo::mirror::{Action, Good, Outcome};
use smith_repo::name::{BuildNumber, ChannelName, MirrorName};
use smith_repo::pgp::{Signer, SigningKeys};
use smith_repo::store::Store;

use super::job::{Job, Region, interrupted};
use super::place::{Aim, Place};
use super::shop::{Believed, Shop, Trouble, all_mirrors, log, now, one_line};
use crate::files::write_whole;
use crate::words::counted;

/// Has the journal record something.
pub(super) type Record<'a> = &'a dyn Fn(Command) -> Result<(), String>;

/// A channel on its way to a build, and what was said of it so far.
struct Switch<'a> {
    job: &'a Job,
    site: Store,
    channel: ChannelName,
    build: BuildNumber,
    keys: SigningKeys,
    places: Vec<Place>,
    record: Record<'a>,
    /// Lines of the evidence.
    said: Vec<String>,
    /// Places that were moved, with where they were.
    moved: Vec<(usize, Option<BuildNumber>)>,
    /// Regions of which the journal says that they were.
    told: Vec<usize>,
}

pub(super) fn switch(shop: &Shop, job: &Job, record: Record<'_>, evidence: &Path) -> Result<String, Trouble> {
    let site = shop.open()?;
    let channel = ChannelName::new(&job.plan.channel).map_err(|error| Trouble::Refused(error.to_string()))?;
    let places = places(&site, job)?;
    let (keys, build) = (shop.signer(&site)?, job.held()?);
    let (said, moved, told) = (Vec::new(), Vec::new(), Vec::new());
    let mut switch = Switch { job, site, channel, build, keys, places, record, said, moved, told };
    switch.say(&format!(
        "channel {} to build {build}, cycle {} of {}",
        switch.channel, job.cycle, job.plan.name
    ));
    let done = switch.run();
    let end = match &done {
        Ok(note) => format!("Finished: SUCCESS, {note}"),
        Err(Trouble::Failed(why) | Trouble::Refused(why)) => format!("Finished: FAILURE, {why}"),
    };
    switch.say(&end);
    let name = format!("smith-{}-symlink-{build}-evidence.txt", switch.channel);
    let text = switch.said.join("\n") + "\n";
    let written = write_whole(&evidence.join(name), text.as_bytes());
    // The switch is what was asked for: evidence that cannot be written is told, and the link done all the same.
    match (done, written) {
        (Ok(note), Err(error)) => Ok(format!("{note}; its evidence could not be written: {error}")),
        (done, Ok(()) | Err(_)) => done,
    }
}

/// The mirrors of the plan's regions. Each region has at least one.
fn places(site: &Store, job: &Job) -> Result<Vec<Place>, Trouble> {
    let all = all_mirrors(site)?;
    let mut places = Vec::new();
    for region in &job.regions {
        let here = all.iter().filter(|mirror| mirror.region.as_str() == region.name);
        let before = places.len();
        for mirror in here {
            let place = Place::of(site, mirror)
                .map_err(|why| Trouble::Failed(format!("{}: {}", mirror.name, one_line(&why))))?;
            places.push(place);
        }
        if places.len() == before {
            let known: std::collections::BTreeSet<&str> =
                all.iter().map(|mirror| mirror.region.as_str()).collect();
            let known: Vec<&str> = known.into_iter().collect();
            let (region, known) = (&region.name, known.join(", "));
            let why = format!("expected a mirror in region {region}, found them in {known}");
            return Err(Trouble::Refused(why));
        }
    }
    Ok(places)
}

impl Switch<'_> {
    fn say(&mut self, line: &str) {
        self.said.push(format!("{} {line}", now()));
    }

    fn run(&mut self) -> Result<String, Trouble> {
        let mut there = 0;
        for place in &self.places {
            let current = place.current(&self.channel).map_err(|why| self.trouble(&place.name, &why))?;
            there += usize::from(current == Some(self.build));
        }
        if self.job.is_look() && there < self.places.len() {
            return Err(interrupted(self.job.link));
        }
        if there < self.places.len() {
            self.check()?;
        }
        for at in 0..self.job.regions.len() {
            if let Err(trouble) = self.region(at) {
                return Err(self.back_out(trouble));
            }
        }
        self.verify()?;
        let mirrors = counted(self.places.len() as u64, "mirror");
        let regions = counted(self.job.regions.len() as u64, "region");
        Ok(format!("build {} is served by {mirrors} in {regions}", self.build))
    }

    fn trouble(&self, mirror: &MirrorName, why: &str) -> Trouble {
        Trouble::Failed(format!("{mirror}: channel {}: {}", self.channel, one_line(why)))
    }

    /// Nothing has moved when this says no.
    fn check(&self) -> Result<(), Trouble> {
        let believed = &Believed::at(&self.site)?;
        let aim = Aim { channel: &self.channel, build: self.build, believed };
        let mut unready = Vec::new();
        for place in &self.places {
            if let Err(why) = place.check(&aim) {
                let why = one_line(&why);
                log(
                    &self.site,
                    &[self.outcome(&place.name, Err(format!("channel {}: {why}", self.channel)))],
                )?;
                unready.push(format!("{}: {why}", place.name));
            }
        }
        if unready.is_empty() {
            return Ok(());
        }
        Err(Trouble::Failed(format!("nothing was moved: {}", unready.join("; "))))
    }

    fn region(&mut self, at: usize) -> Result<(), Trouble> {
        let region = self.job.regions[at].clone();
        let under = region.change.as_ref().map_or_else(String::new, |change| {
            let by = match change.approved_by.as_slice() {
                [] => String::new(),
                people => format!(", approved by {}", people.join(", ")),
            };
            format!(" under {}{by}", change.number)
        });
        self.say(&format!("region {}{under}", region.name));
        for number in 0..self.places.len() {
            if self.places[number].region == region.name {
                self.mirror(number)?;
            }
        }
        // What the journal says already is not said twice.
        if region.points_to == Some(Number(self.build.0)) {
            return Ok(());
        }
        self.tell(&region, self.build, None)?;
        self.told.push(at);
        Ok(())
    }

    fn mirror(&mut self, number: usize) -> Result<(), Trouble> {
        let place = &self.places[number];
        let name = place.name.clone();
        let before = place.current(&self.channel).map_err(|why| self.trouble(&name, &why))?;
        let why = format!("cycle {}", self.job.cycle);
        let switched = place.set(&self.channel, (self.build, Way::To), &self.order(&why), self.signer());
        match switched {
            Ok(Switched::WasThere) => {
                self.say(&format!("{name}: was at build {} already", self.build));
                Ok(())
            }
            Ok(Switched::Moved(moved)) => {
                self.moved.push((number, before));
                let from = before.map_or_else(|| "nothing".to_owned(), |from| format!("build {from}"));
                self.say(&format!("{name}: moved from {from} to build {}", self.build));
                for suite in moved.stuck() {
                    let line = format!("{name}: clients that have seen a newer {suite} keep it");
                    self.said.push(format!("{} {line}", now()));
                }
                let state = format!("{}-moved", self.channel);
                let good = Good { state, objects: 0, bytes: 0, seconds: 0.0 };
                log(&self.site, &[self.outcome(&name, Ok(good))])
            }
            Err(why) => {
                let why = one_line(&why);
                self.say(&format!("{name}: {why}"));
                log(&self.site, &[self.outcome(&name, Err(format!("channel {}: {why}", self.channel)))])?;
                Err(self.trouble(&name, &why))
            }
        }
    }

    fn verify(&mut self) -> Result<(), Trouble> {
        for place in &self.places {
            let found = place.current(&self.channel).map_err(|why| self.trouble(&place.name, &why))?;
            if found != Some(self.build) {
                let found = found.map_or_else(|| "nothing".to_owned(), |found| format!("build {found}"));
                let why = format!("expected build {}, found {found}", self.build);
                return Err(self.trouble(&place.name, &why));
            }
        }
        Ok(())
    }

    /// Leads back what was moved. What named no build before stays: there is nothing to go back to.
    fn back_out(&mut self, trouble: Trouble) -> Trouble {
        let (mut back, mut stays) = (Vec::new(), Vec::new());
        for (number, before) in std::mem::take(&mut self.moved).into_iter().rev() {
            let name = self.places[number].name.clone();
            let Some(before) = before else {
                stays.push(format!("{name} stays, it served nothing before"));
                continue;
            };
            let why = format!("back-out of cycle {}", self.job.cycle);
            let place = &self.places[number];
            match place.set(&self.channel, (before, Way::Back), &self.order(&why), self.signer()) {
                Ok(_) => {
                    self.say(&format!("{name}: back to build {before}"));
                    back.push(name.to_string());
                }
                Err(why) => {
                    self.say(&format!("{name}: could not be led back: {}", one_line(&why)));
                    stays.push(format!("{name} could not be led back: {}", one_line(&why)));
                }
            }
        }
        for at in std::mem::take(&mut self.told) {
            let region = self.job.regions[at].clone();
            let Some(before) = region.points_to else { continue };
            let stuck = self.places.iter().any(|place| {
                place.region == region.name && place.current(&self.channel).ok() == Some(Some(self.build))
            });
            if stuck {
                continue;
            }
            if let Err(Trouble::Failed(why) | Trouble::Refused(why)) =
                self.tell(&region, BuildNumber(before.0), Some("back-out".to_owned()))
            {
                stays.push(why);
            }
        }
        if back.is_empty() && stays.is_empty() {
            return trouble;
        }
        let mut parts = Vec::new();
        if !back.is_empty() {
            parts.push(format!("led back: {}", back.join(", ")));
        }
        parts.extend(stays);
        let parts = parts.join("; ");
        match trouble {
            Trouble::Failed(why) => Trouble::Failed(format!("{why}; {parts}")),
            Trouble::Refused(why) => Trouble::Refused(format!("{why}; {parts}")),
        }
    }

    /// What the region points to now, under its change.
    fn tell(&self, region: &Region, build: BuildNumber, reason: Option<String>) -> Result<(), Trouble> {
        let command = Command::Build(BuildCommand::SetChannel {
            channel: self.job.plan.channel.clone(),
            region: region.name.clone(),
            build: Number(build.0),
            change: region.change.as_ref().map(|change| change.number.clone()),
            reason: Some(reason.unwrap_or_else(|| format!("cycle {}", self.job.cycle))),
        });
        (self.record)(command).map_err(|why| {
            Trouble::Failed(format!(
                "region {} was switched and it could not be recorded: {why}",
                region.name
            ))
        })
    }

    fn order(&self, why: &str) -> Order {
        Order { who: self.job.by.clone(), why: why.to_owned(), at: now() }
    }

    /// Without keys a channel moves too; clients that have seen newer dates are told of.
    fn signer(&self) -> Option<&dyn Signer> {
        Some(&self.keys).filter(|keys| !keys.is_empty()).map(|keys| keys as &dyn Signer)
    }

    fn outcome(&self, mirror: &MirrorName, result: Result<Good, String>) -> Outcome {
        Outcome { mirror: Some(mirror.clone()), build: Some(self.build), action: Action::Channel, result }
    }
}
