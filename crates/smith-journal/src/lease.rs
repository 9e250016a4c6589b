//! The lease: who may write. Its generation is the fence that every append carries.
//!
//! Expiry only lets others take the lease over; what keeps a late writer out is the generation, which never depends on
//! a clock. The transitions are pure; each store runs them inside its own transaction.

use std::fmt;

use crate::error::LeaseError;
use crate::limits::{MAX_NAME_BYTES, MAX_NOTE_BYTES};

/// Counts tenures. A fresh journal is at zero, and as long as nobody ever took the lease, zero may append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation of a journal that nobody ever led: tools and tests append with it.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The lease as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    pub generation: Generation,
    /// `None` before the first tenure and after a release.
    pub owner: Option<String>,
    /// From then on others may take it. Milliseconds since 1970-01-01 UTC.
    pub until: i64,
    /// What the last holder left; opaque here, and handed on to the next holder.
    pub note: Vec<u8>,
}

/// May this generation append?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Open,
    Shut,
}

impl Lease {
    pub(crate) fn fence(&self, generation: Generation) -> Fence {
        let never_led = self.generation == Generation::NONE;
        let open = generation == self.generation && (self.owner.is_some() || never_led);
        if open { Fence::Open } else { Fence::Shut }
    }

    /// Begins a tenure, or prolongs the running one when its own owner asks. An owner that comes back after its lease
    /// ran out gets a new generation: what it sent before it was gone must not arrive now.
    pub(crate) fn acquire(&self, owner: &str, now: i64, ttl: i64) -> Result<Self, LeaseError> {
        check("owner", owner.len(), MAX_NAME_BYTES)?;
        // Nobody can have been promised more than one life from now on: a lease that seems to last longer was renewed
        // by a clock that has been set back since, and waiting for its end could take months. Taking it over too early
        // costs its holder the lead and nothing else, because the generation keeps it from writing.
        let running = now < self.until && self.until <= now.saturating_add(ttl);
        let generation = match &self.owner {
            Some(holder) if running && holder == owner => self.generation,
            Some(_) if running => return Err(LeaseError::Held { found: self.clone() }),
            _ => Generation(self.generation.0 + 1),
        };
        let until = now.saturating_add(ttl);
        Ok(Self { generation, owner: Some(owner.to_owned()), until, note: self.note.clone() })
    }

    /// Prolongs a tenure and leaves a note. A lease that ran out but that nobody took is still its holder's.
    pub(crate) fn renew(
        &self,
        generation: Generation,
        now: i64,
        ttl: i64,
        note: &[u8],
    ) -> Result<Self, LeaseError> {
        check("note", note.len(), MAX_NOTE_BYTES)?;
        self.held_by(generation)?;
        Ok(Self { until: now.saturating_add(ttl), note: note.to_vec(), ..self.clone() })
    }

    /// Ends a tenure, so that the next holder need not wait for it to run out.
    pub(crate) fn release(&self, generation: Generation) -> Result<Self, LeaseError> {
        self.held_by(generation)?;
        Ok(Self { owner: None, until: 0, ..self.clone() })
    }

    fn held_by(&self, generation: Generation) -> Result<(), LeaseError> {
        if generation == self.generation && self.owner.is_some() {
            Ok(())
        } else {
            Err(LeaseError::Lost { expected: generation, found: self.clone() })
        }
    }

    /// For error texts: the generation and who has it.
    pub(crate) fn standing(&self) -> String {
        match &self.owner {
            Some(owner) => format!("generation {} held by {owner} until {} ms", self.generation, self.until),
            None => format!("generation {} held by nobody", self.generation),
        }
    }
}

fn check(field: &'static str, found: usize, limit: usize) -> Result<(), LeaseError> {
    if found > limit { Err(LeaseError::TooLong { field, limit, found }) } else { Ok(()) }
}
