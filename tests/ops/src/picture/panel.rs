//! The panels of the dashboard and their data.

use std::time::Duration;

use serde_json::Value;

use crate::{
    files::{items, read, text},
    live::prometheus::Prometheus,
};

/// A panel of the dashboard. The place is in units of Grafana's grid, which has 24 columns.
#[derive(Debug)]
pub struct Panel {
    pub kind: Kind,
    pub title: String,
    pub unit: String,
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Row,
    Stat,
    TimeSeries,
}

/// A series with the text of its legend, and its values over time, in seconds since 1970.
#[derive(Debug)]
pub struct Line {
    pub legend: String,
    pub points: Vec<(f64, f64)>,
}

/// Reads the dashboard and runs all of its queries over the last `time`.
pub async fn panels(prometheus: &Prometheus, time: Duration) -> Vec<Panel> {
    let dashboard: Value = serde_json::from_str(&read("grafana/tower-recourse.json")).unwrap();
    let mut panels = Vec::new();
    for panel in items(&dashboard["panels"]) {
        let mut lines = Vec::new();
        for target in items(&panel["targets"]) {
            // Grafana computes an interval of four scrapes or more.
            let query = text(&target["expr"]).replace("$__rate_interval", "5s").replace("$name", ".*");
            for series in prometheus.range(&query, time).await {
                let legend = legend(text(&target["legendFormat"]), &series.labels);
                lines.push(Line { legend, points: series.points });
            }
        }
        let place = |field: &str| panel["gridPos"][field].as_u64().expect("a number") as u32;
        panels.push(Panel {
            kind: match text(&panel["type"]) {
                "row" => Kind::Row,
                "stat" => Kind::Stat,
                "timeseries" => Kind::TimeSeries,
                other => panic!("a panel of type {other}"),
            },
            title: text(&panel["title"]).to_owned(),
            unit: panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default().to_owned(),
            x: place("x"),
            y: place("y"),
            width: place("w"),
            height: place("h"),
            lines,
        });
    }
    panels
}

/// Replaces each `{{label}}` by its value.
fn legend(format: &str, labels: &Value) -> String {
    let mut legend = String::new();
    let mut parts = format.split("{{");
    legend.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (label, rest) = part.split_once("}}").expect("a closed label");
        legend.push_str(labels[label.trim()].as_str().unwrap_or_default());
        legend.push_str(rest);
    }
    legend.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_contains_the_values_of_labels() {
        let labels = serde_json::json!({ "name": "payments", "state": "open" });
        assert_eq!(legend("{{name}} is {{ state }}", &labels), "payments is open");
        assert_eq!(legend("{{name}} {{key}}", &labels), "payments");
        assert_eq!(legend("retries", &labels), "retries");
    }
}
