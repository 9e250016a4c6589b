//! Tables for terminals: columns as wide as what stands in them, numbers on the right.

use anstyle::Style;
use smith_domain::plain::one_line;

use super::{BOLD, styled};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone)]
struct Cell {
    text: String,
    style: Style,
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    titles: Vec<(&'static str, Align)>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
enum Row {
    Cells(Vec<Cell>),
    /// A line of its own across all columns.
    Heading(String),
}

/// What a shortened column keeps at least.
const NARROWEST: usize = 12;

impl Table {
    pub(crate) fn new(titles: &[(&'static str, Align)]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.styled_row(Style::new(), cells);
    }

    pub(crate) fn styled_row<T: Into<String>>(&mut self, style: Style, cells: impl IntoIterator<Item = T>) {
        self.rows.push(Row::Cells(cells.into_iter().map(|text| cell(&text.into(), style)).collect()));
    }

    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.rows.push(Row::Heading(one_line(&text.into()).into_owned()));
    }

    /// The table, no wider than `width` if the widest column on the left can give way; without titles if they are empty.
    pub(crate) fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        let mut out = String::new();
        if self.titles.iter().any(|(title, _)| !title.is_empty()) {
            let titles = self.titles.iter().map(|(title, _)| Cell { text: (*title).to_owned(), style: BOLD });
            self.line(&mut out, &titles.collect::<Vec<_>>(), &widths);
        }
        for row in &self.rows {
            match row {
                Row::Cells(cells) => self.line(&mut out, cells, &widths),
                Row::Heading(text) => out.push_str(&format!("{}\n", styled(BOLD, text))),
            }
        }
        out
    }

    /// The table with nothing shortened: columns at the end go until the others fit, and the first stays whatever its width.
    pub(crate) fn render_whole(&self, width: usize) -> String {
        let natural = self.widths(usize::MAX);
        let mut used = 0;
        let fits = |column: &usize| {
            used += self.gap(*column) + natural[*column];
            *column == 0 || used <= width
        };
        let columns = (0..natural.len()).take_while(fits).count();
        let cut = |row: &Row| match row {
            Row::Cells(cells) => Row::Cells(cells.iter().take(columns).cloned().collect()),
            Row::Heading(text) => Row::Heading(text.clone()),
        };
        let titles = self.titles.iter().take(columns).copied().collect();
        Table { titles, rows: self.rows.iter().map(cut).collect() }.render(usize::MAX)
    }

    /// Two blanks between columns, one between numbers.
    fn gap(&self, column: usize) -> usize {
        match column.checked_sub(1).map(|before| (self.titles[before].1, self.titles[column].1)) {
            None => 0,
            Some((Align::Right, Align::Right)) => 1,
            Some((Align::Left | Align::Right, Align::Left) | (Align::Left, Align::Right)) => 2,
        }
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.titles.iter().map(|(title, _)| length(title)).collect();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (column, cell) in cells.iter().enumerate().take(widths.len()) {
                widths[column] = widths[column].max(length(&cell.text));
            }
        }
        let gaps: usize = (0..widths.len()).map(|column| self.gap(column)).sum();
        loop {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
            let left = (0..widths.len()).filter(|column| self.titles[*column].1 == Align::Left);
            let Some(widest) = left.max_by_key(|column| widths[*column]) else { return widths };
            if over == 0 || widths[widest] <= NARROWEST {
                return widths;
            }
            let second = (0..widths.len())
                .filter(|column| *column != widest && self.titles[*column].1 == Align::Left)
                .map(|column| widths[column])
                .max()
                .unwrap_or(0);
            // The widest gives way until another is as wide.
            let least = second.saturating_sub(1).max(NARROWEST).min(widths[widest] - 1);
            widths[widest] = (widths[widest].saturating_sub(over)).max(least);
        }
    }

    fn line(&self, out: &mut String, cells: &[Cell], widths: &[usize]) {
        let last = cells.iter().rposition(|cell| !cell.text.is_empty());
        for (column, cell) in cells.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            out.push_str(&" ".repeat(self.gap(column)));
            let text = shortened(&cell.text, widths[column]);
            let pad = " ".repeat(widths[column].saturating_sub(length(&text)));
            let text = if cell.style == Style::new() { text } else { styled(cell.style, &text) };
            match self.titles[column].1 {
                Align::Left if Some(column) == last => out.push_str(&text),
                Align::Left => out.push_str(&format!("{text}{pad}")),
                Align::Right => out.push_str(&format!("{pad}{text}")),
            }
        }
        out.push('\n');
    }
}

/// A row stays a row, whatever others wrote.
fn cell(text: &str, style: Style) -> Cell {
    Cell { text: one_line(text).into_owned(), style }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The text, or as much of it as fits with a sign that there was more.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[
            ("step", Align::Left),
            ("n", Align::Right),
            ("bound", Align::Right),
            ("", Align::Left),
        ]);
        table.row(["a", "1", "2h", ""]);
        table.heading("group");
        table.row(["long name", "1000", "1d 2h", "x"]);
        assert_eq!(
            plain(&table.render(80)),
            "step          n bound\na             1    2h\ngroup\nlong name  1000 1d 2h  x\n"
        );
    }

    #[test]
    fn a_row_stays_a_row() {
        let mut table = Table::new(&[("by", Align::Left), ("what", Align::Left)]);
        table.row(["eve\u{1b}[2K", "said so\n43  root  approved \u{202e}it"]);
        table.heading("a\nb");
        assert_eq!(
            plain(&table.render(200)),
            "by       what\neve\u{fffd}[2K  said so⏎43  root  approved \u{fffd}it\na⏎b\n"
        );
    }

    #[test]
    fn names_stay_whole_and_columns_behind_them_go() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right), ("zone", Align::Left)]);
        table.row(["prod-syd01-carrier1", "17", "syd01"]);
        assert!(table.render_whole(80).ends_with("prod-syd01-carrier1  17  syd01\n"));
        assert!(table.render_whole(25).ends_with("prod-syd01-carrier1  17\n"));
        assert!(table.render_whole(5).ends_with("prod-syd01-carrier1\n"));
    }

    #[test]
    fn the_widest_column_gives_way() {
        let mut table = Table::new(&[("what", Align::Left), ("n", Align::Right)]);
        table.row(["a name of thirty characters or so", "17"]);
        let text = plain(&table.render(24));
        assert!(text.lines().all(|line| line.chars().count() == 24), "{text}");
        assert!(text.ends_with("a name of thirty ch…  17\n"), "{text}");
    }
}
