//! The run with kills: when they come, how the driver's process comes back, and the report.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use smith_domain::time::Span;
use smith_journal::{Reader, Seq, SqliteReader};

use super::crash::undisturbed;
use super::end::{Check, End, compare};
use super::outside::Outside;
use super::process::{Aim, Heard, Process};
use super::project::Project;
use super::trouble::Trouble;
use super::wire::{Progress, Rest, Tell};
use crate::clock::START;
use crate::rng::Rng;

#[derive(Debug, Clone)]
pub struct Options {
    pub machines: u32,
    pub kills: u64,
    pub seed: u64,
    /// The program that drives when it is called with `drive JOURNAL OWNER`.
    pub program: PathBuf,
    /// Where the journal is made; there must be none yet.
    pub journal: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Report {
    pub machines: u32,
    pub struck: Struck,
    /// Events in the journal at the end.
    pub events: u64,
    pub turns: u64,
    pub undisturbed_turns: u64,
    /// From the beginning of the project to its end, in its own time.
    pub took: Span,
    pub checks: Vec<Check>,
}

/// Where the kills struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Struck {
    /// While a driver opened the journal and looked for what was under way.
    pub opening: u64,
    /// In a turn, before anything of it was recorded.
    pub before: u64,
    /// After the commit, before the first effect was handed out.
    pub committed: u64,
    /// When some effects were handed out, and perhaps not all.
    pub between: u64,
    /// After everything was handed out.
    pub after: u64,
}

impl Struck {
    pub fn total(&self) -> u64 {
        self.opening + self.before + self.committed + self.between + self.after
    }
}

/// Of ten thousand openings, so many are struck while kills are left.
const OPENINGS_STRUCK: u32 = 2_000;

/// Of ten thousand turns that are struck, so many are struck when effects begin to come out: drawn over the whole turn,
/// hardly any would be.
const EFFECTS_STRUCK: u32 = 4_000;

/// No kill waits longer, however slow the machine is: a child that is at rest is killed like any other.
const DELAY_MAX: Duration = Duration::from_millis(400);

/// How long a turn and an opening take is learned as the mean of about so many.
const LEARNED_OVER: u32 = 8;

pub fn kill(options: &Options) -> Result<Report, Trouble> {
    let project = Project::two_steps(options.machines, options.seed);
    let expected = undisturbed(project)?;
    let mut killing = Killing::new(options, project, expected.begun.len() as u64);
    killing.follow(options)?;
    let store = open_to_read(&options.journal)?;
    let end = End::read(&store, &killing.outside)?;
    let mut checks = compare(&end, &expected);
    let (wanted, done) = (options.kills, killing.struck.total());
    let missing = (done != wanted).then(|| format!("expected {wanted}, found {done}"));
    checks.insert(0, Check { what: format!("{done} kills"), found: missing.into_iter().collect() });
    Ok(Report {
        machines: options.machines,
        struck: killing.struck,
        events: end.events,
        turns: end.turns,
        undisturbed_turns: expected.turns,
        took: killing.outside.now().since(START),
        checks,
    })
}

fn open_to_read(journal: &Path) -> Result<SqliteReader, Trouble> {
    SqliteReader::open(journal)
        .map_err(|source| Trouble::Store { path: journal.to_owned(), source: Box::new(source) })
}

struct Killing {
    outside: Outside,
    rng: Rng,
    /// How many actions are begun when the next kill is due, the latest first.
    due: Vec<u64>,
    struck: Struck,
    turn: Usual,
    opening: Usual,
}

/// How long something usually takes.
struct Usual(Duration);

impl Usual {
    fn learn(&mut self, took: Duration) {
        self.0 = (self.0 * (LEARNED_OVER - 1) + took) / LEARNED_OVER;
    }

    /// A moment in it or shortly after it.
    fn moment(&self, rng: &mut Rng) -> Duration {
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rng.below(micros.saturating_mul(5) / 4 + 1)).min(DELAY_MAX)
    }
}

impl Killing {
    fn new(options: &Options, project: Project, actions: u64) -> Self {
        let mut rng = Rng::new(options.seed).named("kills");
        // The last few actions are left alone: every kill needs a turn to strike.
        let end = (actions * 19 / 20).max(1);
        let mut due: Vec<u64> = (0..options.kills).map(|_| rng.below(end)).collect();
        due.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
        Self {
            outside: Outside::new(project),
            rng,
            due,
            struck: Struck::default(),
            turn: Usual(Duration::from_millis(2)),
            opening: Usual(Duration::from_millis(20)),
        }
    }

    fn follow(&mut self, options: &Options) -> Result<(), Trouble> {
        let mut owners = 0;
        loop {
            owners += 1;
            let process = Process::start(&options.program, &options.journal, &format!("driver-{owners}"))?;
            if let Some(process) = self.live(process, &options.journal)? {
                return process.end();
            }
            self.outside.nobody_drives();
        }
    }

    /// One process from its start to its kill; it is given back when the project has ended.
    fn live(&mut self, mut process: Process, journal: &Path) -> Result<Option<Process>, Trouble> {
        let tell = self.outside.begin();
        if self.rng.happens(OPENINGS_STRUCK) && self.due.pop().is_some() {
            let delay = self.opening.moment(&mut self.rng);
            process.tell(&tell)?;
            process.kill_after(Aim::Turn, delay, &mut self.outside)?;
            self.struck.opening += 1;
            return Ok(None);
        }
        let begun = Instant::now();
        let mut rest = self.turn(&mut process, &tell)?;
        self.opening.learn(begun.elapsed());
        loop {
            if rest.progress == Progress::Ended {
                return Ok(Some(process));
            }
            self.outside.rest(rest);
            let tell = self.outside.next()?;
            let begun = self.outside.world.begun;
            if self.due.pop_if(|at| *at <= begun).is_some() {
                self.strike(process, &tell, journal)?;
                return Ok(None);
            }
            let begun = Instant::now();
            rest = self.turn(&mut process, &tell)?;
            self.turn.learn(begun.elapsed());
        }
    }

    fn turn(&mut self, process: &mut Process, tell: &Tell) -> Result<Rest, Trouble> {
        process.tell(tell)?;
        process.hear(&mut self.outside)
    }

    fn strike(&mut self, mut process: Process, tell: &Tell, journal: &Path) -> Result<(), Trouble> {
        let before = head(journal)?;
        let mut delay = self.turn.moment(&mut self.rng);
        let mut aim = Aim::Turn;
        if self.rng.happens(EFFECTS_STRUCK) {
            // Effects come out within a small part of a turn: most of it is the commit before them.
            (aim, delay) = (Aim::Effect, delay / 16);
        }
        process.tell(tell)?;
        let heard = process.kill_after(aim, delay, &mut self.outside)?;
        let recorded = head(journal)? > before;
        let struck = match heard {
            Heard::Turned => &mut self.struck.after,
            Heard::Effects => &mut self.struck.between,
            Heard::Nothing if recorded => &mut self.struck.committed,
            Heard::Nothing => &mut self.struck.before,
        };
        *struck += 1;
        Ok(())
    }
}

fn head(journal: &Path) -> Result<Seq, Trouble> {
    Ok(open_to_read(journal)?.head()?.seq)
}
