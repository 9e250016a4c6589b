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
const LEFT: u64 = 240;
const RIGHT: u64 = 24;
const TOP: u64 = 72;
const PLOT: u64 = 320;
const ROW: u64 = 24;
/// Points of one curve: two for each pixel and none to spare.
const POINTS: usize = 2_000;

const STYLE: &str = "\
svg{--ink:#1b1f24;--faint:#57606a;--line:#d0d7de;--ground:#ffffff;--done:#1a7f37;--running:#0969da;--failed:#cf222e;\
--other:#8250df;--wait:#bf8700}\
@media (prefers-color-scheme:dark){svg{--ink:#e6edf3;--faint:#9198a1;--line:#3d444d;--ground:#0d1117;--done:#3fb950;\
--running:#4493f8;--failed:#f85149;--other:#ab7df8;--wait:#d29922}}\
text{font:13px system-ui,sans-serif;fill:var(--ink)}.h{font-size:18px;font-weight:600}.f{fill:var(--faint)}\
.ground{fill:var(--ground)}.grid{stroke:var(--line);stroke-width:1}\
.done{stroke:var(--done)}.running{stroke:var(--running)}.failed{stroke:var(--failed)}.other{stroke:var(--other)}\
polyline{fill:none;stroke-width:2;stroke-linejoin:round}.other{stroke-dasharray:6 4}\
.wait{fill:var(--wait);opacity:.35}.s0{fill:var(--running)}.s1{fill:var(--done)}.s2{fill:var(--other)}\
.e{text-anchor:end}.m{text-anchor:middle}";

pub(crate) fn draw(picture: &Picture) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = picture.write(&mut out);
    out
}

impl Picture {
    fn height(&self) -> u64 {
        TOP + PLOT + 56 + self.stretches.len() as u64 * ROW + 24
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
        TOP + PLOT - u64::from(value).min(most) * PLOT / most
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let height = self.height();
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"title desc\">"
        )?;
        writeln!(out, "<title id=\"title\">{}</title>", escaped(&self.title))?;
        writeln!(out, "<desc id=\"desc\">{}</desc>", escaped(&self.subtitle))?;
        writeln!(out, "<style>{STYLE}</style>")?;
        writeln!(out, "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>")?;
        writeln!(out, "<text class=\"h\" x=\"24\" y=\"32\">{}</text>", escaped(&self.title))?;
        writeln!(out, "<text class=\"f\" x=\"24\" y=\"54\">{}</text>", escaped(&self.subtitle))?;
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
        let bottom = TOP + PLOT;
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
                "<line class=\"grid\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{}\"/>",
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
            let y = TOP + 16 + row * 20;
            writeln!(
                out,
                "<polyline class=\"{}\" points=\"{},{y} {},{y}\"/>",
                curve.class,
                LEFT + 12,
                LEFT + 36
            )?;
            writeln!(out, "<text x=\"{}\" y=\"{}\">{}</text>", LEFT + 44, y + 4, escaped(&curve.name))?;
        }
        Ok(())
    }

    fn stretch(&self, out: &mut String, row: u64, stretch: &Stretch) -> std::fmt::Result {
        let y = TOP + PLOT + 40 + row * ROW;
        let text = y + 16;
        writeln!(out, "<text class=\"e\" x=\"{}\" y=\"{text}\">{}</text>", LEFT - 8, escaped(&stretch.name))?;
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
        let class = ["s0", "s1", "s2"][usize::try_from(row % 3).unwrap_or(0)];
        part(class, stretch.opened, stretch.ended.unwrap_or(self.end), &stretch.works)
    }
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
