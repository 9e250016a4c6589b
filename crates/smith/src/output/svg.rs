//! A picture of a rehearsal: one file without anything from outside, readable in light and dark, by people and by
//! programs that read it aloud.

use std::fmt::Write as _;

use smith_domain::time::{Span, Timestamp};

use super::chart::ticks;
use super::{count, moment};

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// How it ended, in one line.
    pub(crate) outcome: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) most: u32,
    pub(crate) curves: Vec<Curve>,
    pub(crate) stretches: Vec<Stretch>,
}

#[derive(Debug)]
pub(crate) struct Curve {
    /// The class that gives it its colour.
    pub(crate) class: &'static str,
    pub(crate) name: String,
    pub(crate) points: Vec<(Timestamp, u32)>,
}

/// A step: what it waited for, then its work.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) name: String,
    pub(crate) waits_from: Option<Timestamp>,
    pub(crate) opened: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    /// Said aloud and shown under the pointer.
    pub(crate) waits: String,
    pub(crate) works: String,
}

const WIDTH: u64 = 1200;
const LEFT: u64 = 300;
const RIGHT: u64 = 24;
const HEAD: u64 = 80;
const LEGEND: u64 = 20;
const PLOT: u64 = 320;
const ROW: u64 = 24;
/// Points of one curve: two for each pixel and none to spare.
const POINTS: usize = 2_000;

/// Colours stand in plain rules first: not every program that draws pictures knows variables or asks for the scheme.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1b1f24}.h{font-size:18px;font-weight:600}.f{fill:#57606a}\
.ground{fill:#ffffff}.grid{stroke:#d0d7de;stroke-width:1}\
polyline{fill:none;stroke-width:2;stroke-linejoin:round}\
.done{stroke:#1a7f37}.running{stroke:#0969da}.failed{stroke:#cf222e}\
.other0{stroke:#8250df;stroke-dasharray:6 4}.other1{stroke:#bc4c00;stroke-dasharray:2 3}\
.other2{stroke:#bf3989;stroke-dasharray:10 3}.other3{stroke:#1b7c83;stroke-dasharray:10 3 2 3}\
.wait{fill:#bf8700;fill-opacity:.35}.work{fill:#57606a;fill-opacity:.75}\
.e{text-anchor:end}.m{text-anchor:middle}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.f{fill:#9198a1}.ground{fill:#0d1117}.grid{stroke:#3d444d}\
.done{stroke:#3fb950}.running{stroke:#4493f8}.failed{stroke:#f85149}.other0{stroke:#ab7df8}.other1{stroke:#f0883e}\
.other2{stroke:#db61a2}.other3{stroke:#39c5cf}.wait{fill:#d29922}.work{fill:#9198a1}}";

/// Classes of further curves, each with a colour and a dash of its own; they come round again after the last.
pub(crate) const OTHERS: [&str; 4] = ["other0", "other1", "other2", "other3"];

/// Characters of the title, and of the lines below it, that fit into the picture.
const TITLE_CHARS: usize = 110;
const LINE_CHARS: usize = 165;
const NAME_CHARS: usize = 42;

pub(crate) fn draw(picture: &Picture) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = picture.write(&mut out);
    out
}

impl Picture {
    /// Where the plot begins: below the title and the legend.
    fn top(&self) -> u64 {
        HEAD + LEGEND * (self.curves.len() as u64 + 1) + 12
    }

    fn height(&self) -> u64 {
        self.top() + PLOT + 56 + self.stretches.len() as u64 * ROW + 24
    }

    fn x(&self, at: Timestamp) -> u64 {
        let Span(length) = self.end.since(self.start);
        let Span(gone) = at.since(self.start);
        let across =
            u128::from(gone.min(length)) * u128::from(WIDTH - LEFT - RIGHT) / u128::from(length.max(1));
        LEFT + u64::try_from(across).unwrap_or(0)
    }

    fn y(&self, value: u32) -> u64 {
        let most = u64::from(self.most.max(1));
        self.top() + PLOT - u64::from(value).min(most) * PLOT / most
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let height = self.height();
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"title desc\">"
        )?;
        writeln!(out, "<title id=\"title\">{}</title>", escaped(&self.title))?;
        writeln!(
            out,
            "<desc id=\"desc\">{}</desc>",
            escaped(&format!("{}; {}", self.subtitle, self.outcome))
        )?;
        writeln!(out, "<style>{STYLE}</style>")?;
        writeln!(out, "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>")?;
        let (title, subtitle) = (fitted(&self.title, TITLE_CHARS), fitted(&self.subtitle, LINE_CHARS));
        let outcome = fitted(&self.outcome, LINE_CHARS);
        writeln!(out, "<text class=\"h\" x=\"24\" y=\"32\">{}</text>", escaped(&title))?;
        writeln!(out, "<text class=\"f\" x=\"24\" y=\"54\">{}</text>", escaped(&subtitle))?;
        writeln!(out, "<text x=\"24\" y=\"74\">{}</text>", escaped(&outcome))?;
        self.axes(out)?;
        for curve in &self.curves {
            self.curve(out, curve)?;
        }
        self.legend(out)?;
        for (row, stretch) in (0_u64..).zip(&self.stretches) {
            self.stretch(out, row, stretch)?;
        }
        writeln!(out, "</svg>")
    }

    fn axes(&self, out: &mut String) -> std::fmt::Result {
        let (top, bottom) = (self.top(), self.top() + PLOT);
        for quarter in 0..=4_u32 {
            let value = u32::try_from(u64::from(self.most) * u64::from(quarter) / 4).unwrap_or(self.most);
            let y = self.y(value);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>",
                WIDTH - RIGHT
            )?;
            writeln!(out, "<text class=\"f e\" x=\"{}\" y=\"{}\">{}</text>", LEFT - 8, y + 4, count(value))?;
        }
        let rows = self.stretches.len() as u64 * ROW;
        for at in ticks(self.end.since(self.start)) {
            let x = self.x(self.start + at);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{}\"/>",
                bottom + 40 + rows
            )?;
            writeln!(
                out,
                "<text class=\"f m\" x=\"{x}\" y=\"{}\">{at}<title>{} UTC</title></text>",
                bottom + 20,
                moment(self.start + at)
            )?;
        }
        Ok(())
    }

    fn curve(&self, out: &mut String, curve: &Curve) -> std::fmt::Result {
        let every = curve.points.len().div_ceil(POINTS).max(1);
        let mut points = String::new();
        let last = curve.points.len().saturating_sub(1);
        for (at, (when, value)) in curve.points.iter().enumerate() {
            if at % every == 0 || at == last {
                write!(points, "{},{} ", self.x(*when), self.y(*value))?;
            }
        }
        writeln!(
            out,
            "<polyline class=\"{}\" points=\"{}\"><title>{}</title></polyline>",
            curve.class,
            points.trim_end(),
            escaped(&curve.name)
        )
    }

    fn legend(&self, out: &mut String) -> std::fmt::Result {
        for (row, curve) in (0_u64..).zip(&self.curves) {
            let y = HEAD + 14 + row * LEGEND;
            writeln!(out, "<polyline class=\"{}\" points=\"24,{y} 56,{y}\"/>", curve.class)?;
            writeln!(
                out,
                "<text x=\"64\" y=\"{}\">{}</text>",
                y + 4,
                escaped(&fitted(&curve.name, LINE_CHARS))
            )?;
        }
        let y = HEAD + 14 + self.curves.len() as u64 * LEGEND;
        for (x, class, words) in [(24, "wait", "a step waits"), (184, "work", "a step is open")] {
            writeln!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"32\" height=\"12\" rx=\"2\"/>",
                y - 6
            )?;
            writeln!(out, "<text x=\"{}\" y=\"{}\">{words}</text>", x + 40, y + 4)?;
        }
        Ok(())
    }

    fn stretch(&self, out: &mut String, row: u64, stretch: &Stretch) -> std::fmt::Result {
        let y = self.top() + PLOT + 40 + row * ROW;
        let text = y + 16;
        writeln!(
            out,
            "<text class=\"e\" x=\"{}\" y=\"{text}\">{}</text>",
            LEFT - 8,
            escaped(&fitted(&stretch.name, NAME_CHARS))
        )?;
        let mut part = |class: &str, from: Option<Timestamp>, to: Timestamp, words: &str| {
            let Some(from) = from else { return Ok(()) };
            let (x, width) = (self.x(from), self.x(to).saturating_sub(self.x(from)).max(1));
            writeln!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\" rx=\"2\"><title>{}</title></rect>",
                y + 4,
                ROW - 8,
                escaped(words)
            )
        };
        let until = stretch.opened.or(stretch.ended).unwrap_or(self.end);
        part("wait", stretch.waits_from.filter(|from| *from < until), until, &stretch.waits)?;
        part("work", stretch.opened, stretch.ended.unwrap_or(self.end), &stretch.works)
    }
}

/// The beginning of a text that is too long for its place; the whole of it is said aloud.
fn fitted(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // What XML forbids altogether.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
