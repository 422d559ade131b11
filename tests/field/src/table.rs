//! What a scenario has measured, and how it is printed.

use std::{fmt::Write as _, time::Duration};

use crate::rule;

/// One operation of one client in one scenario.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `GET`, `PUT`, `POST`, or what else was called.
    pub name: &'static str,
    /// Requests that arrived.
    pub offered: u32,
    /// Requests without a good answer.
    pub lost: u32,
    /// Requests that the upstream executed more than once. `None` if the upstream can't count them.
    pub twice: Option<u32>,
}

/// One client in one scenario.
#[derive(Debug, Clone)]
pub struct Row {
    pub client: &'static str,
    pub operations: Vec<Operation>,
    pub recovered: Recovered,
    /// Attempts per request. `None` if they can't be counted.
    pub attempts: Option<f64>,
    /// What a dead upstream received after the first 5 s of the fault.
    pub reached: Option<Reached>,
    /// What else a reader should know, such as the reasons of losses.
    pub notes: String,
}

/// How long after the end of the fault 99 % were answered again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovered {
    /// The fault has no end, or none that is known.
    NotMeasured,
    After(Duration),
    /// Not within the time that was observed after the fault.
    NotWithin(Duration),
}

/// Attempts on a dead upstream, after the first 5 s of the fault.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    pub attempts: u32,
    /// Requests that arrived in the same time.
    pub demand: u32,
    /// That time.
    pub during: Duration,
}

/// All clients of one scenario, and what the rule needs to know of it.
#[derive(Debug, Clone)]
pub struct Report {
    pub scenario: &'static str,
    /// One line: what happens to the upstream, at which rate.
    pub about: String,
    pub terms: Terms,
    pub rows: Vec<Row>,
    /// The longest time by which a request was sent later than it was due: the machine had no time
    /// for it. Zero where the load isn't sent at a rate.
    pub late: Duration,
}

/// What the [rule](crate::rule) needs to know of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Arrivals per second and client, all operations together. 0 if they don't arrive at a rate.
    pub per_second: f64,
    /// How long the fault lasts, if it has an end after which the upstream is well.
    pub fault: Option<Duration>,
    /// Operations that mustn't be executed twice: for HTTP, `POST`.
    pub once: &'static [&'static str],
    /// Another attempt within a second could succeed, so operations that may be repeated lose at
    /// most a tenth.
    pub repeatable: bool,
}

impl Row {
    /// Requests lost, all operations together.
    pub fn lost(&self) -> u32 {
        self.operations.iter().map(|operation| operation.lost).sum()
    }

    fn each(&self, value: impl Fn(&Operation) -> String) -> String {
        let values: Vec<_> = self.operations.iter().map(value).collect();
        values.join("/")
    }
}

impl Report {
    /// The row of the client without retries, to which the rule compares the others.
    pub fn bare(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.client == "bare")
    }

    /// The scenario as a Markdown section with one table.
    pub fn markdown(&self) -> String {
        let operations: Vec<_> =
            self.rows.first().map_or(&[][..], |row| &row.operations).iter().map(|o| o.name).collect();
        let mut text = format!("### {}\n\n{}\n\n", self.scenario, self.about);
        let operations = operations.join("/");
        _ = writeln!(
            text,
            "| client | offered ({operations}) | lost | executed twice | 99 % after |\
            \x20attempts per request | reached after 5 s | rule | notes |"
        );
        text.push_str("|---|---|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let broken = rule::broken(self, row);
            let rule = match (rule::applies_to(row), broken.is_empty()) {
                (false, _) => String::new(),
                (true, true) => "holds".to_owned(),
                (true, false) => format!("**broken**: {}", broken.join("; ")),
            };
            _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {rule} | {} |",
                row.client,
                row.each(|operation| operation.offered.to_string()),
                row.each(|operation| operation.lost.to_string()),
                row.each(|operation| operation.twice.map_or("?".to_owned(), |twice| twice.to_string())),
                row.recovered.text(),
                row.attempts.map_or(String::new(), |attempts| format!("{attempts:.2}")),
                row.reached.map_or(String::new(), Reached::text),
                row.notes.replace('|', "\\|"),
            );
        }
        text
    }
}

impl Recovered {
    fn text(self) -> String {
        match self {
            Self::NotMeasured => String::new(),
            Self::After(time) => format!("{:.2} s", time.as_secs_f64()),
            Self::NotWithin(time) => format!("> {:.1} s", time.as_secs_f64()),
        }
    }
}

impl Reached {
    fn text(self) -> String {
        let share = 100.0 * f64::from(self.attempts) / f64::from(self.demand.max(1));
        format!("{share:.1} % ({:.1}/s)", f64::from(self.attempts) / self.during.as_secs_f64())
    }
}
