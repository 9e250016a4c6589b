//! The executor of one simulated process: it reaches the world until its process is killed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use smith_domain::state::State;
use smith_server::driver::{Effect, Executor};

use crate::world::World;

/// When the process dies while it hands out effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Death {
    /// So many effects are handed out before.
    pub(super) after: u32,
    pub(super) side: Side,
}

/// On which side of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

#[derive(Debug, Clone)]
pub(super) struct Hands {
    world: Rc<RefCell<World>>,
    pub(super) death: Rc<Cell<Option<Death>>>,
    pub(super) dead: Rc<Cell<bool>>,
    pub(super) started: Rc<Cell<u64>>,
}

impl Hands {
    pub(super) fn new(world: Rc<RefCell<World>>) -> Self {
        Self { world, death: Rc::default(), dead: Rc::default(), started: Rc::default() }
    }
}

impl Executor for Hands {
    fn start(&mut self, state: &State, effect: Effect) {
        if self.dead.get() {
            return;
        }
        match self.death.get() {
            Some(Death { after: 0, side }) => {
                self.dead.set(true);
                if side == Side::Before {
                    return;
                }
            }
            Some(Death { after, side }) => self.death.set(Some(Death { after: after - 1, side })),
            None => {}
        }
        self.started.set(self.started.get() + 1);
        self.world.borrow_mut().start(state, effect);
    }
}
