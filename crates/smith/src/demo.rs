//! The demo on simulated machines: the shipped pipelines on a made fleet, told as it happens, on a screen or as lines.

pub(crate) mod real;

mod keep;
mod lines;
mod pace;
mod screen;
mod story;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use smith_domain::pipeline::Pipeline;
use smith_domain::time::Span;
use smith_journal::Entry;
use smith_server::config::pipeline;
use smith_sim::model::Faults;
use smith_sim::rehearse::{Keep, Live, Outcome, People, Plan, Shape, generate};

use crate::failure::{Exit, Failure, What};
use crate::output;
use keep::Journal;
use story::Story;

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) pace: Pace,
    pub(crate) machines: u32,
    pub(crate) seed: u64,
    pub(crate) journal: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Unpaced,
    Watched,
}

/// The pipelines that the repository ships; the program carries them.
const FILES: [(&str, &str); 4] = [
    ("buildTestDevToStage.yaml", include_str!("../../../examples/pipelines/buildTestDevToStage.yaml")),
    ("rebootProduction.yaml", include_str!("../../../examples/pipelines/rebootProduction.yaml")),
    (
        "rebootProductionAPSouth.yaml",
        include_str!("../../../examples/pipelines/rebootProductionAPSouth.yaml"),
    ),
    ("supportOnly.yaml", include_str!("../../../examples/pipelines/supportOnly.yaml")),
];

/// Of ten regions these are shown: more do not fit on a screen.
const SHOWN: [&str; 5] = [
    "buildTestDevToStage",
    "rebootProductionAPSouth",
    "rebootProductionEUCentral",
    "rebootProductionUKSouth",
    "supportOnly",
];

/// Ten pictures a second, for half a minute and a bit: long enough to read, short enough to watch to the end.
const FRAME: Duration = Duration::from_millis(100);
const FRAMES: u32 = 340;

/// Where nobody sees a screen, lines come in a few seconds.
const FRAME_OF_LINES: Duration = Duration::from_millis(30);

pub(crate) fn run(options: &Options) -> Result<Exit, Failure> {
    let plan = plan(options)?;
    // Told once in silence, so that the second time the slow parts can be told fast and the busy ones slowly.
    let frames = pace::frames(&plan, FRAMES)?;
    let mut journal = options.journal.as_deref().map(Journal::create).transpose()?;
    let live = Live::open(&plan, People::Attentive, Keep::Events)?;
    let mut story = Story::new(live);
    let is_screen = std::io::stdout().is_terminal() && options.pace == Pace::Watched;
    let pause = match (options.pace, is_screen) {
        (Pace::Unpaced, _) => Duration::ZERO,
        (Pace::Watched, true) => FRAME,
        (Pace::Watched, false) => FRAME_OF_LINES,
    };
    let mut screen = screen::Screen::new();
    let mut lines = lines::Lines::new();
    output::data(&lines::opening(&plan))?;
    for until in frames {
        let heard = story.go_on(until)?;
        if let Some(journal) = &mut journal {
            let entries: Vec<Entry> = heard.iter().map(|heard| heard.entry.clone()).collect();
            journal.append(story.live.state(), &entries)?;
        }
        let text = if is_screen { screen.frame(&story) } else { lines.told(&story, &heard) };
        output::data(&text)?;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    let outcome = story.live.outcome().cloned();
    output::data(&lines::closing(&story, options.journal.as_deref()))?;
    Ok(if outcome == Some(Outcome::Finished) { Exit::Good } else { Exit::Finding })
}

fn plan(options: &Options) -> Result<Plan, Failure> {
    let files: Vec<(String, Vec<u8>)> =
        FILES.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let mut pipelines: Vec<Pipeline> = pipeline::load_folder(&files).map_err(|problems| {
        // They are tested when the program is built; mistakes in them are mistakes of the program.
        Failure { exit: Exit::Bug, what: What::Mistakes { problems, texts: Vec::new() }, hint: None }
    })?;
    pipelines.retain(|pipeline| SHOWN.contains(&pipeline.name.as_str()));
    let clusters = (options.machines / 25).max(1);
    let shape = Shape { machines: options.machines, clusters, seed: options.seed };
    let machines = generate(&shape, &pipelines);
    Ok(Plan {
        pipelines,
        machines: Arc::new(machines),
        seed: options.seed,
        faults: Faults::USUAL,
        approval: Span::mins(30),
        changes: Vec::new(),
        horizon: Span::hours(24 * 60),
    })
}
