//! The same within one process: the driver is dropped at one append or one effect, opened again past the lease, and
//! the run goes on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use smith_journal::faulty::{AppendFault, Fault};
use smith_journal::{FaultyStore, MemoryStore, Store};
use smith_server::driver::{OpenError, Stopped};

use super::drive::Drive;
use super::end::End;
use super::outside::Outside;
use super::project::Project;
use super::trouble::Trouble;
use super::wire::{Asked, Progress};

/// Where the driver dies, counted from zero over the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Append { number: u64, fault: AppendFault },
    Effect { number: u64, side: Side },
}

/// On which side of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// Runs a project to its end in memory; nobody dies.
pub fn undisturbed(project: Project) -> Result<End, Trouble> {
    let store = Arc::new(MemoryStore::new());
    let mut run = Run { outside: Outside::new(project), point: None, handed_out: 0 };
    run.follow(&mut || Ok(Arc::clone(&store)))?;
    End::read(&store, &run.outside)
}

/// Runs a project to its end with one death on the way; nothing where the run never came to that point.
///
/// `open` gives the same journal whenever it is called; what it gave before is gone by then.
pub fn crash<S: Store>(
    project: Project,
    point: Point,
    mut open: impl FnMut() -> Result<S, Trouble>,
) -> Result<Option<End>, Trouble> {
    let mut run = Run { outside: Outside::new(project), point: Some(point), handed_out: 0 };
    run.follow(&mut open)?;
    if run.point.is_some() {
        return Ok(None);
    }
    End::read(&open()?, &run.outside).map(Some)
}

struct Run {
    outside: Outside,
    /// Until it was reached.
    point: Option<Point>,
    handed_out: u64,
}

enum Life {
    GoesOn,
    Ended,
    Died,
}

impl Run {
    fn follow<S: Store>(&mut self, open: &mut dyn FnMut() -> Result<S, Trouble>) -> Result<(), Trouble> {
        loop {
            let store = FaultyStore::new(open()?);
            if let Some(Point::Append { number, fault }) = self.point {
                store.after(number, Fault::Append(fault));
            }
            match self.live(store) {
                Ok(Life::Ended) => return Ok(()),
                Ok(Life::Died | Life::GoesOn) => {}
                Err(
                    Trouble::Open(OpenError::Stopped(Stopped::Journal(_)))
                    | Trouble::Stopped(Stopped::Journal(_)),
                ) if matches!(self.point, Some(Point::Append { .. })) => {
                    self.point = None;
                }
                Err(trouble) => return Err(trouble),
            }
            self.outside.nobody_drives();
        }
    }

    /// One driver, from its opening to its death or the end of the project.
    fn live<S: Store>(&mut self, store: S) -> Result<Life, Trouble> {
        let said: Rc<RefCell<Vec<Asked>>> = Rc::default();
        let say = {
            let said = Rc::clone(&said);
            move |asked| said.borrow_mut().push(asked)
        };
        let tell = self.outside.begin();
        let owner = format!("driver-{}", self.outside.turns());
        let mut drive = Drive::open(store, &owner, self.outside.clock(), say)?;
        if let Life::Died = self.hand_out(&said) {
            return Ok(Life::Died);
        }
        let mut rest = drive.turn(tell)?;
        loop {
            if let Life::Died = self.hand_out(&said) {
                return Ok(Life::Died);
            }
            if rest.progress == Progress::Ended {
                return Ok(Life::Ended);
            }
            self.outside.rest(rest);
            let tell = self.outside.next()?;
            rest = drive.turn(tell)?;
        }
    }

    /// What was said goes out, up to the effect at which the driver dies.
    fn hand_out(&mut self, said: &RefCell<Vec<Asked>>) -> Life {
        for asked in said.take() {
            let number = self.handed_out;
            self.handed_out += 1;
            let side = match self.point {
                Some(Point::Effect { number: at, side }) if at == number => Some(side),
                Some(_) | None => None,
            };
            if side != Some(Side::Before) {
                self.outside.perform(&asked);
            }
            if side.is_some() {
                self.point = None;
                return Life::Died;
            }
        }
        Life::GoesOn
    }
}
