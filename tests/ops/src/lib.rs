//! Tests of `ops/`: the alert rules, the dashboard and the queries of `ops/README.md`, and of the
//! runbook in `src/operating.md`.
//!
//! `promtool` runs the tests of the rules and parses every query. The names and labels in queries
//! are compared with the table of metrics in `ops/README.md`. [`live`] runs the queries on the
//! metrics of a real service.

pub mod files;
pub mod live;
pub mod picture;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod runbook;
#[cfg(test)]
mod table;
