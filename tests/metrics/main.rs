//! The metrics, as a Prometheus server would read them.

mod budgets;
mod circuits;
mod exporter;
mod keys;
mod recorder;
mod retries;
mod rounds;
mod series;
mod table;
