//! The results of a scenario, and their format as Markdown.

use std::{fmt::Write as _, time::Duration};

use crate::rule;

/// One operation of one client in one scenario.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The name, such as `GET`, `PUT` or `POST`.
    pub name: &'static str,
    /// Requests that arrived.
    pub offered: u32,
    /// Requests without a successful response.
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
    /// The attempts that reached a dead upstream after the first 5 s of the fault.
    pub reached: Option<Reached>,
    /// Additional information, such as the reasons of losses.
    pub notes: String,
}

/// The time from the end of the fault until 99 % of the requests are answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovered {
    /// The fault has no known end.
    NotMeasured,
    After(Duration),
    /// Not within the observed time after the fault.
    NotWithin(Duration),
}

/// Attempts on a dead upstream, after the first 5 s of the fault.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    pub attempts: u32,
    /// Requests that arrived during the same time.
    pub demand: u32,
    /// The observed time.
    pub during: Duration,
}

/// The results of all clients of one scenario, and the terms of the rule.
#[derive(Debug, Clone)]
pub struct Report {
    pub scenario: &'static str,
    /// One line: the fault and the rate of requests.
    pub about: String,
    pub terms: Terms,
    pub rows: Vec<Row>,
    /// The longest time by which a request was sent later than it was due. Zero if the load has no
    /// rate.
    pub late: Duration,
}

/// The parameters of a scenario that the [rule](crate::rule) needs.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Arrivals per second and client, all operations together. 0 if they don't arrive at a rate.
    pub per_second: f64,
    /// The duration of the fault, if it has an end after which the upstream is healthy.
    pub fault: Option<Duration>,
    /// Operations that must not be executed twice: for HTTP, `POST`.
    pub once: &'static [&'static str],
    /// Whether another attempt within one second could succeed, so that repeatable operations may
    /// lose at most a tenth.
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
    /// The row of the client without retries, with which the rule compares the others.
    pub fn bare(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.client == "bare")
    }

    /// Formats the scenario as a Markdown section with one table.
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
