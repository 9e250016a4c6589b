//! The jobs of a rollout: one for each machine that it took.
//!
//! Nearly every event is about a machine that is at work, and there are few of those at a time however many a rollout
//! has. Their jobs lie close together, apart from the rest, so that an answer touches memory in the measure of what is
//! going on and not of the fleet.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::MachineId;
use crate::rollout::runs::JobIndex;
use crate::rollout::seats::Seats;
use crate::rollout::state::{Job, JobState};

#[derive(Debug, Clone, Default)]
pub struct Jobs {
    /// By number, in the order in which they were taken. One whose machine is at work is out of date here, but for the
    /// fact that it is at work.
    all: Vec<Job>,
    at_work: Vec<Option<AtWork>>,
    /// Places in `at_work` that are free.
    free: Vec<u32>,
    seats: Seats,
    index: JobIndex,
}

#[derive(Debug, Clone, Copy)]
struct AtWork {
    number: u32,
    job: Job,
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.all.iter().map(|job| self.newest(job))
    }

    /// Those whose machines are at work.
    pub fn at_work(&self) -> impl Iterator<Item = &Job> {
        self.all.iter().filter(|job| is_at_work(job)).map(|job| self.newest(job))
    }

    /// A job that is known to exist.
    pub fn at(&self, number: u32) -> &Job {
        self.newest(&self.all[number as usize])
    }

    pub fn of(&self, machine: MachineId) -> Option<&Job> {
        self.find(machine).map(|(_, job)| job)
    }

    /// The job of a machine, and its number.
    pub fn find(&self, machine: MachineId) -> Option<(u32, &Job)> {
        match self.seats.get(machine) {
            Some(seat) => {
                let found = self.at_work.get(seat as usize)?.as_ref()?;
                Some((found.number, &found.job))
            }
            None => {
                let number = self.index.get(machine)?;
                Some((number, self.all.get(number as usize)?))
            }
        }
    }

    fn newest<'a>(&'a self, job: &'a Job) -> &'a Job {
        if is_at_work(job) { self.of(job.machine).unwrap_or(job) } else { job }
    }

    /// A job for a machine that has none; answers its number.
    pub(crate) fn add(&mut self, job: Job) -> u32 {
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(job);
        self.index.insert(job.machine, number);
        self.put(number, job);
        number
    }

    /// The job with this number is so from now on. Its machine stays the same.
    pub(crate) fn put(&mut self, number: u32, job: Job) {
        match (self.seats.get(job.machine), is_at_work(&job)) {
            (Some(seat), true) => {
                self.at_work[seat as usize] = Some(AtWork { number, job });
                return;
            }
            (Some(seat), false) => {
                self.at_work[seat as usize] = None;
                self.free.push(seat);
                self.seats.remove(job.machine);
            }
            (None, true) => {
                let seat = self.free.pop().unwrap_or_else(|| {
                    self.at_work.push(None);
                    u32::try_from(self.at_work.len() - 1).unwrap_or(u32::MAX)
                });
                self.at_work[seat as usize] = Some(AtWork { number, job });
                self.seats.insert(job.machine, seat);
            }
            (None, false) => {}
        }
        self.all[number as usize] = job;
    }
}

fn is_at_work(job: &Job) -> bool {
    matches!(job.state, JobState::Active(_))
}

impl PartialEq for Jobs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Jobs {}

impl Serialize for Jobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut jobs = Self::default();
        for job in Vec::<Job>::deserialize(deserializer)? {
            jobs.add(job);
        }
        Ok(jobs)
    }
}
