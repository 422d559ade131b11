//! The files of `ops/`, and runs of `promtool`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops")
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(ops().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs `promtool` in `ops/prometheus` and panics with its output if it fails.
pub fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(ops().join("prometheus"))
        .output()
        .expect("promtool is in Debian's package `prometheus`");
    assert!(
        output.status.success(),
        "promtool {arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// The expressions of all panels of the dashboard, with values for Grafana's variables.
pub fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/tower-recourse.json")).unwrap();
    items(&dashboard["panels"])
        .filter(|panel| panel["type"] != "row")
        .flat_map(|panel| {
            let queries: Vec<_> = items(&panel["targets"]).map(|target| text(&target["expr"]).to_owned()).collect();
            assert!(!queries.is_empty(), "{} has no query", panel["title"]);
            queries
        })
        .map(|query| query.replace("$__rate_interval", "1m").replace("$name", ".*"))
        .collect()
}

/// A YAML file of `ops/`.
pub fn read_yaml(name: &str) -> Value {
    serde_norway::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The items of a list, or none.
pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// All alert rules.
pub fn alerts() -> Vec<Value> {
    let rules = read_yaml("prometheus/rules.yml");
    let alerts: Vec<_> = items(&rules["groups"]).flat_map(|group| items(&group["rules"])).cloned().collect();
    assert!(!alerts.is_empty());
    alerts
}

/// The expressions of all rules.
pub fn rule_queries() -> Vec<String> {
    alerts().iter().map(|alert| text(&alert["expr"]).to_owned()).collect()
}

/// The text of a string.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} isn't a string"))
}

/// The queries of the table of questions in the README.
pub fn documented_queries() -> Vec<String> {
    let readme = read("README.md");
    let (_, questions) = readme.split_once("| question | PromQL |").unwrap();
    questions
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.split_once("| `"))
        .map(|(_, query)| query.to_owned())
        .collect()
}
