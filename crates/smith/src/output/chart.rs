//! A plot for terminals: one curve as an area of blocks, and bars under the same axis.

use smith_domain::time::{Span, Timestamp};

use super::table::shortened;
use super::{DIM, count, styled};

/// How much was done by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    pub(crate) value: u32,
}

/// A line under the curve: when it waited, and when it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) waits_from: Option<Timestamp>,
    pub(crate) opened: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) most: u32,
    pub(crate) points: &'a [Point],
    pub(crate) bars: &'a [Bar],
}

/// Lines of the curve.
const ROWS: usize = 12;

/// Room for numbers and names on the left.
const MARGIN: usize = 22;

/// Eighths of a block, from nothing to all.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Chart<'_> {
    pub(crate) fn render(&self, width: usize) -> String {
        let columns = width.saturating_sub(MARGIN + 2).max(20);
        let mut out = String::new();
        let heights: Vec<usize> = (0..columns).map(|column| self.height(column, columns)).collect();
        for row in (0..ROWS).rev() {
            let label = match row {
                _ if row == ROWS - 1 => count(self.most),
                _ if row == ROWS / 2 - 1 => count(self.most / 2),
                _ => String::new(),
            };
            let line: String =
                heights.iter().map(|height| EIGHTHS[height.saturating_sub(row * 8).min(8)]).collect();
            out.push_str(format!("{label:>MARGIN$} │{line}").trim_end());
            out.push('\n');
        }
        out.push_str(&self.axis(columns));
        for bar in self.bars {
            let name = shortened(&bar.name, MARGIN);
            out.push_str(format!("{name:<MARGIN$} │{}", self.bar(bar, columns)).trim_end());
            out.push('\n');
        }
        out
    }

    /// The curve at the end of a column, in eighths of a line.
    fn height(&self, column: usize, columns: usize) -> usize {
        let until = self.time(column + 1, columns);
        let after = self.points.partition_point(|point| point.at <= until);
        let value = after.checked_sub(1).map_or(0, |last| self.points[last].value);
        let eighths = u64::from(value) * (ROWS as u64 * 8) / u64::from(self.most.max(1));
        let eighths = usize::try_from(eighths).unwrap_or(0).min(ROWS * 8);
        // A little is not nothing.
        if value > 0 { eighths.max(1) } else { 0 }
    }

    fn time(&self, column: usize, columns: usize) -> Timestamp {
        let Span(length) = self.end.since(self.start);
        let part = u128::from(length) * column as u128 / columns as u128;
        self.start + Span(u64::try_from(part).unwrap_or(length))
    }

    fn column(&self, at: Timestamp, columns: usize) -> usize {
        let Span(length) = self.end.since(self.start);
        let Span(gone) = at.since(self.start);
        let column = u128::from(gone) * columns as u128 / u128::from(length.max(1));
        usize::try_from(column).unwrap_or(columns).min(columns)
    }

    fn axis(&self, columns: usize) -> String {
        let tick = tick(self.end.since(self.start));
        let mut line: Vec<char> = vec!['─'; columns];
        let mut labels: Vec<char> = vec![' '; columns + 8];
        let mut free = 0;
        let mut at = Span::ZERO;
        while self.start + at <= self.end {
            let column = self.column(self.start + at, columns);
            if column < columns {
                line[column] = '┬';
            }
            let text = at.to_string();
            if column >= free && column + text.len() <= columns {
                labels.splice(column..column + text.len(), text.chars());
                free = column + text.len() + 2;
            }
            at = at + tick;
        }
        let (line, labels): (String, String) = (line.into_iter().collect(), labels.into_iter().collect());
        let labels = format!("{:MARGIN$}  {}", "", labels.trim_end());
        format!("{:>MARGIN$} └{line}\n{}\n", 0, styled(DIM, &labels))
    }

    fn bar(&self, bar: &Bar, columns: usize) -> String {
        let mut line: Vec<char> = vec![' '; columns];
        let mut fill = |from: Option<Timestamp>, to: Option<Timestamp>, c: char| {
            let Some(from) = from else { return };
            let first = self.column(from, columns).min(columns - 1);
            let last = self.column(to.unwrap_or(self.end), columns).clamp(first + 1, columns);
            line[first..last].fill(c);
        };
        fill(bar.waits_from, bar.opened.or(bar.ended), '·');
        if bar.opened.is_some() {
            fill(bar.opened, bar.ended, '█');
        }
        line.into_iter().collect()
    }
}

/// The distance of ticks: a round time of which not too many fit.
fn tick(length: Span) -> Span {
    const ROUND: [Span; 18] = [
        Span::mins(1),
        Span::mins(5),
        Span::mins(10),
        Span::mins(15),
        Span::mins(30),
        Span::hours(1),
        Span::hours(2),
        Span::hours(3),
        Span::hours(6),
        Span::hours(12),
        Span::hours(24),
        Span::hours(48),
        Span::hours(72),
        Span::hours(24 * 7),
        Span::hours(24 * 14),
        Span::hours(24 * 28),
        Span::hours(24 * 56),
        Span::hours(24 * 112),
    ];
    /// More labels than that run into each other.
    const MOST: u64 = 9;
    ROUND.into_iter().find(|tick| length.0 / tick.0 <= MOST).unwrap_or(Span(length.0 / MOST + 1))
}

/// The same ticks for a picture.
pub(super) fn ticks(length: Span) -> impl Iterator<Item = Span> {
    let step = tick(length);
    (0..).map(move |n| step.times(n)).take_while(move |at| *at <= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_to_the_top() {
        let at = |minutes: u64| Timestamp(0) + Span::mins(minutes);
        let points: Vec<Point> =
            (0..=20).map(|n| Point { at: at(n * 6), value: u32::try_from(n).unwrap_or(0) * 5 }).collect();
        let bar =
            Bar { name: "step".into(), waits_from: Some(at(0)), opened: Some(at(60)), ended: Some(at(120)) };
        let chart = Chart { start: at(0), end: at(120), most: 100, points: &points, bars: &[bar] };
        let text = anstream::adapter::strip_str(&chart.render(64)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 3);
        assert!(lines[0].starts_with("                   100 │"), "{text}");
        assert!(lines[0].ends_with('█'), "{text}");
        assert!(lines[ROWS - 1].matches('█').count() >= 35, "{text}");
        assert!(lines[ROWS].ends_with('─') && lines[ROWS].contains("└┬"), "{text}");
        assert!(lines[ROWS + 1].contains("0s") && lines[ROWS + 1].contains("45m"), "{text}");
        assert!(lines[ROWS + 2].starts_with("step") && lines[ROWS + 2].contains("·█"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 64), "{text}");
    }

    #[test]
    fn a_moment_without_length_is_drawn_too() {
        let chart = Chart { start: Timestamp(0), end: Timestamp(0), most: 0, points: &[], bars: &[] };
        assert_eq!(chart.render(40).lines().count(), ROWS + 2);
    }
}
