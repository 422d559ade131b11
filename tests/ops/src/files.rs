//! The files of `ops/`, and runs of `promtool`.

use std::path::{Path, PathBuf};
use std::process::Command;

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
    let dashboard: serde_json::Value = serde_json::from_str(&read("grafana/tower-recourse.json")).unwrap();
    dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|panel| panel["type"] != "row")
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{} has no query", panel["title"]);
            targets.iter().map(|target| target["expr"].as_str().unwrap())
        })
        .map(|query| query.replace("$__rate_interval", "1m").replace("$name", ".*"))
        .collect()
}

/// The expressions of all rules, as Prometheus would read them.
pub fn rule_queries() -> Vec<String> {
    let rules = read("prometheus/rules.yml");
    let mut lines = rules.lines().peekable();
    let mut queries = Vec::new();
    while let Some(line) = lines.next() {
        let Some(first) = line.trim().strip_prefix("expr: ") else { continue };
        if first != ">-" {
            queries.push(first.to_owned());
            continue;
        }
        let mut folded = Vec::new();
        while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
            folded.push(more.trim());
        }
        queries.push(folded.join(" "));
    }
    queries
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
