//! The link `channel`: region by region the mirrors are led to the build. Nothing moves unless all can; when one fails, or may
//! not move any more, those that were moved go back. What was found before is written down first, so whoever comes after a
//! crash goes on, or leads back, until the journal and the mirrors say the same.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

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
use super::trail::Trail;
use super::witness::{Unrecorded, Witness};
use crate::files::write_whole;
use crate::words::counted;

/// The wait before the journal is told again what it could not record, doubled up to the longest: the driver opens its
/// journal every half minute at the latest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Where a switch writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Papers<'a> {
    /// The folder that people look into.
    pub(super) evidence: &'a Path,
    /// The file of its trail.
    pub(super) trail: &'a Path,
}

/// A channel on its way to a build, and what was said of it so far.
struct Switch<'a> {
    job: &'a Job,
    site: Store,
    channel: ChannelName,
    build: BuildNumber,
    keys: SigningKeys,
    places: Vec<Place>,
    witness: Witness<'a>,
    papers: Papers<'a>,
    /// Lines of the evidence.
    said: Vec<String>,
}

/// Why a switch did not come to its end.
enum Halt {
    Trouble(Trouble),
    /// The server ends in the middle; the next one goes on.
    Left,
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

pub(super) fn switch(
    shop: &Shop,
    job: &Job,
    witness: Witness<'_>,
    papers: Papers<'_>,
) -> Result<String, Trouble> {
    let site = shop.open()?;
    let channel = ChannelName::new(&job.plan.channel).map_err(|error| Trouble::Refused(error.to_string()))?;
    let places = places(&site, job)?;
    let (keys, build) = (shop.signer(&site)?, job.held()?);
    let mut switch = Switch { job, site, channel, build, keys, places, witness, papers, said: Vec::new() };
    switch.say(&format!(
        "channel {} to build {build}, cycle {} of {}",
        switch.channel, job.cycle, job.plan.name
    ));
    let done = match switch.run() {
        Ok(note) => Ok(note),
        Err(Halt::Trouble(trouble)) => Err(trouble),
        Err(Halt::Left) => {
            Err(Trouble::Failed(format!("{} was left as it was, because the server ends", job.link)))
        }
    };
    let end = match &done {
        Ok(note) => format!("Finished: SUCCESS, {note}"),
        Err(Trouble::Failed(why) | Trouble::Refused(why)) => format!("Finished: FAILURE, {why}"),
    };
    switch.say(&end);
    let name = format!("smith-{}-symlink-{build}-evidence.txt", switch.channel);
    let written = add_to(&papers.evidence.join(name), &switch.said);
    // The switch is what was asked for: evidence that cannot be written is told, and the link done all the same.
    match (done, written) {
        (Ok(note), Err(error)) => Ok(format!("{note}; its evidence could not be written: {error}")),
        (done, Ok(()) | Err(_)) => done,
    }
}

/// Behind what earlier switches to the build said: another cycle, or another try, takes nothing from them.
fn add_to(path: &Path, said: &[String]) -> io::Result<()> {
    let mut text = match fs::read_to_string(path) {
        Ok(before) => before + "\n",
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    for line in said {
        text.push_str(line);
        text.push('\n');
    }
    write_whole(path, text.as_bytes())
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

    fn run(&mut self) -> Result<String, Halt> {
        let known = Trail::read(self.papers.trail, self.build.0)?;
        if known.is_none() && !self.is_there()? {
            if self.job.is_look() {
                return Err(interrupted(self.job.link).into());
            }
            self.check()?;
        }
        let trail = match known {
            Some(trail) => trail,
            None => {
                let trail = self.trail()?;
                trail.write(self.papers.trail)?;
                trail
            }
        };
        for at in 0..self.job.regions.len() {
            match self.region(at) {
                Ok(()) => {}
                Err(Halt::Left) => return Err(Halt::Left),
                Err(Halt::Trouble(trouble)) => return Err(self.back_out(&trail, trouble)),
            }
        }
        self.verify()?;
        Trail::remove(self.papers.trail);
        let mirrors = counted(self.places.len() as u64, "mirror");
        let regions = counted(self.job.regions.len() as u64, "region");
        Ok(format!("build {} is served by {mirrors} in {regions}", self.build))
    }

    /// Whether everything has happened already.
    fn is_there(&self) -> Result<bool, Trouble> {
        for region in &self.job.regions {
            if !self.is_recorded(region) {
                return Ok(false);
            }
        }
        for place in &self.places {
            if self.current(place)? != Some(self.build) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_recorded(&self, region: &Region) -> bool {
        (self.witness.look)(region).points_to == Some(Number(self.build.0))
    }

    fn current(&self, place: &Place) -> Result<Option<BuildNumber>, Trouble> {
        place.current(&self.channel).map_err(|why| self.trouble(&place.name, &why))
    }

    /// Where everything is before anything moves.
    fn trail(&self) -> Result<Trail, Trouble> {
        let mut trail = Trail { build: self.build.0, ..Trail::default() };
        for place in &self.places {
            let current = self.current(place)?.map(|build| build.0);
            trail.mirrors.insert(place.name.to_string(), current);
        }
        for region in &self.job.regions {
            let points_to = (self.witness.look)(region).points_to.map(|build| build.0);
            trail.regions.insert(region.name.clone(), points_to);
        }
        Ok(trail)
    }

    fn trouble(&self, mirror: &MirrorName, why: &str) -> Trouble {
        Trouble::Failed(format!("{mirror}: channel {}: {}", self.channel, one_line(why)))
    }

    /// Nothing has moved when this says no.
    fn check(&self) -> Result<(), Halt> {
        let believed = &Believed::at(&self.site)?;
        let aim = Aim { channel: &self.channel, build: self.build, believed };
        let mut unready = Vec::new();
        for place in &self.places {
            if self.witness.ending.is_raised() {
                return Err(Halt::Left);
            }
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
        Err(Trouble::Failed(format!("nothing was moved: {}", unready.join("; "))).into())
    }

    fn region(&mut self, at: usize) -> Result<(), Halt> {
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
                self.mirror(number, &region)?;
            }
        }
        self.tell(&region)
    }

    /// A change may be taken back, a build withdrawn and a cycle stopped at any moment, so it is looked just before a mirror
    /// moves whether it still may.
    fn mirror(&mut self, number: usize, region: &Region) -> Result<(), Halt> {
        if self.witness.ending.is_raised() {
            return Err(Halt::Left);
        }
        let place = &self.places[number];
        let name = place.name.clone();
        let before = self.current(place)?;
        if before != Some(self.build)
            && let Some(against) = (self.witness.look)(region).against
        {
            return Err(Trouble::Refused(format!("{name} was not moved: {against}")).into());
        }
        let why = format!("cycle {}", self.job.cycle);
        let switched = place.set(&self.channel, (self.build, Way::To), &self.order(&why), self.signer());
        match switched {
            Ok(Switched::WasThere) => {
                self.say(&format!("{name}: was at build {} already", self.build));
                Ok(())
            }
            Ok(Switched::Moved(moved)) => {
                let from = before.map_or_else(|| "nothing".to_owned(), |from| format!("build {from}"));
                self.say(&format!("{name}: moved from {from} to build {}", self.build));
                for suite in moved.stuck() {
                    let line = format!("{name}: clients that have seen a newer {suite} keep it");
                    self.said.push(format!("{} {line}", now()));
                }
                let state = format!("{}-moved", self.channel);
                let good = Good { state, objects: 0, bytes: 0, seconds: 0.0 };
                Ok(log(&self.site, &[self.outcome(&name, Ok(good))])?)
            }
            Err(why) => {
                let why = one_line(&why);
                self.say(&format!("{name}: {why}"));
                log(&self.site, &[self.outcome(&name, Err(format!("channel {}: {why}", self.channel)))])?;
                Err(self.trouble(&name, &why).into())
            }
        }
    }

    fn verify(&mut self) -> Result<(), Trouble> {
        for place in &self.places {
            let found = self.current(place)?;
            if found != Some(self.build) {
                let found = found.map_or_else(|| "nothing".to_owned(), |found| format!("build {found}"));
                let why = format!("expected build {}, found {found}", self.build);
                return Err(self.trouble(&place.name, &why));
            }
        }
        Ok(())
    }

    /// Has it recorded that the region points to the build, under its change.
    fn tell(&mut self, region: &Region) -> Result<(), Halt> {
        let command = Command::Build(BuildCommand::SetChannel {
            channel: self.job.plan.channel.clone(),
            region: region.name.clone(),
            build: Number(self.build.0),
            change: region.change.as_ref().map(|change| change.number.clone()),
            reason: Some(format!("cycle {}", self.job.cycle)),
        });
        self.recorded(region, Number(self.build.0), &command)
    }

    /// Tells the journal until it says so. One that cannot record is waited for: what has moved stays where it is meanwhile.
    fn recorded(&mut self, region: &Region, build: Number, command: &Command) -> Result<(), Halt> {
        let mut wait = FIRST_WAIT;
        loop {
            // What could not be confirmed may have been recorded all the same, and what is recorded is not said twice.
            if (self.witness.look)(region).points_to == Some(build) {
                return Ok(());
            }
            match (self.witness.record)(command.clone()) {
                Ok(()) => return Ok(()),
                Err(Unrecorded::Ending) => return Err(Halt::Left),
                Err(Unrecorded::Rejected(why)) => {
                    let name = &region.name;
                    let why = format!("region {name} was switched and it could not be recorded: {why}");
                    return Err(Trouble::Failed(why).into());
                }
                Err(Unrecorded::NotNow(why)) => {
                    if wait == FIRST_WAIT {
                        self.say(&format!("region {}: waits for the journal: {why}", region.name));
                    }
                    if !self.witness.ending.rest(wait) {
                        return Err(Halt::Left);
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Leads back what was moved, by this try or an earlier one. A region that is recorded and named nothing before stays as a
    /// whole: the journal cannot say that it names nothing again.
    fn back_out(&mut self, trail: &Trail, trouble: Trouble) -> Halt {
        let (mut back, mut stays, mut stuck) = (Vec::new(), Vec::new(), false);
        for region in self.job.regions.iter().rev() {
            let before = trail.regions.get(&region.name).copied().flatten();
            let is_told = self.is_recorded(region) && before != Some(self.build.0);
            if is_told && before.is_none() {
                stays.push(format!("region {} stays, it named nothing before", region.name));
                continue;
            }
            let held = self.region_back(region, trail, &mut back);
            stuck |= !held.is_empty();
            if let (true, true, Some(before)) = (is_told, held.is_empty(), before) {
                match self.tell_back(region, Number(before)) {
                    Ok(()) => {}
                    Err(Halt::Left) => return Halt::Left,
                    Err(Halt::Trouble(Trouble::Failed(why) | Trouble::Refused(why))) => {
                        stuck = true;
                        stays.push(why);
                    }
                }
            }
            stays.extend(held);
        }
        if !stuck {
            Trail::remove(self.papers.trail);
        }
        if back.is_empty() && stays.is_empty() {
            return trouble.into();
        }
        let mut parts = Vec::new();
        if !back.is_empty() {
            parts.push(format!("led back: {}", back.join(", ")));
        }
        parts.extend(stays);
        let parts = parts.join("; ");
        match trouble {
            Trouble::Failed(why) => Trouble::Failed(format!("{why}; {parts}")).into(),
            Trouble::Refused(why) => Trouble::Refused(format!("{why}; {parts}")).into(),
        }
    }

    /// Leads the mirrors of a region back; answers what holds those that stay.
    fn region_back(&mut self, region: &Region, trail: &Trail, back: &mut Vec<String>) -> Vec<String> {
        let mut held = Vec::new();
        let why = format!("back-out of cycle {}", self.job.cycle);
        for number in (0..self.places.len()).rev() {
            let place = &self.places[number];
            if place.region != region.name {
                continue;
            }
            let name = place.name.clone();
            // One that has joined since was led nowhere.
            let Some(before) = trail.mirrors.get(name.as_str()).copied() else { continue };
            let led = match (place.current(&self.channel), before.map(BuildNumber)) {
                (Ok(current), before) if current != Some(self.build) || current == before => continue,
                (Ok(_), Some(before)) => place
                    .set(&self.channel, (before, Way::Back), &self.order(&why), self.signer())
                    .map(|_| format!("back to build {before}")),
                (Ok(_), None) => place
                    .remove(&self.channel, &self.order(&why))
                    .map(|()| "back to no channel, as before".to_owned()),
                (Err(why), _) => Err(why),
            };
            match led {
                Ok(where_to) => {
                    self.say(&format!("{name}: {where_to}"));
                    back.push(name.to_string());
                }
                Err(why) => {
                    let text = format!("could not be led back: {}", one_line(&why));
                    self.say(&format!("{name}: {text}"));
                    held.push(format!("{name} {text}"));
                }
            }
        }
        held
    }

    fn tell_back(&mut self, region: &Region, build: Number) -> Result<(), Halt> {
        let command = Command::Build(BuildCommand::LeadBack {
            channel: self.job.plan.channel.clone(),
            region: region.name.clone(),
            build,
            change: region.change.as_ref().map(|change| change.number.clone()),
            reason: format!("back-out of cycle {}", self.job.cycle),
        });
        self.recorded(region, build, &command)
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
