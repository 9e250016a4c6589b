//! What was measured, beside what was wanted.

use crate::measure::Cost;

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 6]>,
    missed: Vec<String>,
}

/// What a figure must be.
pub(crate) struct Goal {
    what: String,
    is_met: bool,
}

impl Goal {
    pub(crate) fn at_most(what: &str, unit: &str, found: f64, limit: f64) -> Self {
        let what = format!("{what} {} {unit} (at most {} {unit})", number(found), number(limit));
        Self { what, is_met: found <= limit }
    }

    pub(crate) fn at_least(what: &str, unit: &str, found: f64, limit: f64) -> Self {
        let what = format!("{what} {} {unit} (at least {} {unit})", number(found), number(limit));
        Self { what, is_met: found >= limit }
    }
}

fn number(number: f64) -> String {
    match number {
        number if number >= 100.0 => format!("{number:.0}"),
        number if number >= 1.0 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}

impl Table {
    pub(crate) fn row(&mut self, work: &str, tool: &str, cost: Cost, goals: Vec<Goal>) {
        let mut words = Vec::new();
        for goal in goals {
            words.push(format!("{} {}", if goal.is_met { "ok" } else { "MISSED" }, goal.what));
            if !goal.is_met {
                self.missed.push(format!("{work}: {}", goal.what));
            }
        }
        let megabytes = if cost.rss == 0 { "-".to_owned() } else { format!("{}", cost.rss >> 20) };
        let row = [
            work.to_owned(),
            tool.to_owned(),
            format!("{:.3}", cost.wall),
            format!("{:.2}", cost.cpu),
            megabytes,
            words.join("; "),
        ];
        println!("{:<28} {:<16} {:>9} {:>8} {:>6}  {}", row[0], row[1], row[2], row[3], row[4], row[5]);
        self.rows.push(row);
    }

    pub(crate) fn head() {
        println!("{:<28} {:<16} {:>9} {:>8} {:>6}", "work", "tool", "wall s", "cpu s", "MiB");
    }

    /// A peer that is not here is named once for what it would have done.
    pub(crate) fn skipped(work: &str, tool: &str) {
        println!("{work:<28} {tool:<16} not installed");
    }

    pub(crate) fn end(&self) -> Result<(), String> {
        println!("\n{} measurements, {} goals missed", self.rows.len(), self.missed.len());
        if self.missed.is_empty() { Ok(()) } else { Err(self.missed.join("\n")) }
    }
}
