//! The page `src/operating.md`, with the runbook.

use std::collections::BTreeSet;

use crate::files::{alerts, ops, text};

fn page() -> String {
    std::fs::read_to_string(ops().join("../src/operating.md")).unwrap()
}

/// The PromQL of the page.
pub fn queries() -> Vec<String> {
    let page = page();
    let blocks = page.split("```promql\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let queries: Vec<_> = blocks.map(|(query, _)| query.trim().to_owned()).collect();
    assert!(queries.len() > 10);
    queries
}

/// The ids that rustdoc gives to the headings of a level.
fn headings(page: &str, level: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let prose = page.lines().filter(|line| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code
    });
    let headings = prose.filter_map(|line| line.strip_prefix(level)?.strip_prefix(' '));
    headings.map(|heading| heading.to_lowercase().replace(' ', "-")).collect()
}

#[test]
fn each_alert_has_a_section_and_each_section_an_alert() {
    let page = page();
    let (before, runbook) = page.split_once("\n# Runbook\n").unwrap();
    let table: BTreeSet<_> = before.lines().filter(|line| line.starts_with("| `Recourse")).collect();
    let mut linked = BTreeSet::new();
    for alert in alerts() {
        let url = text(&alert["annotations"]["runbook_url"]);
        let (start, anchor) = url.split_once('#').unwrap();
        assert_eq!(start, "https://docs.rs/tower-recourse/latest/tower_recourse/operating/index.html");
        let (name, severity) = (text(&alert["alert"]), text(&alert["labels"]["severity"]));
        let row = format!("| `{name}` | {severity} | [{}](#{anchor}) |", anchor.replace('-', " "));
        assert!(table.contains(row.as_str()), "the page has no row {row}");
        linked.insert(anchor.to_owned());
    }
    assert_eq!(table.len(), alerts().len());
    assert_eq!(linked, headings(runbook, "##"));
}

#[test]
fn each_section_says_what_to_do() {
    let page = page();
    let (_, runbook) = page.split_once("\n# Runbook\n").unwrap();
    for section in runbook.split("\n## ").skip(1) {
        let parts = ["**Look at**", "**Now**", "**Later**"].map(|part| section.find(part));
        assert!(parts.is_sorted() && parts[0].is_some(), "{}", section.lines().next().unwrap());
    }
}

/// A log line on the page is text between double quotes: a message, or its first words.
#[test]
fn the_runbook_quotes_log_lines_that_exist() {
    let page = page();
    let (_, runbook) = page.split_once("\n# Runbook\n").unwrap();
    let prose = runbook.split("```").step_by(2).collect::<String>();
    let observe = ops().join("../src/observe");
    let other = ["../src/cause.rs", "../crates/tower-recourse-defer/src/worker/log.rs"];
    let mut sources = other.map(|file| std::fs::read_to_string(ops().join(file)).unwrap()).concat();
    for entry in
        std::fs::read_dir(&observe).unwrap().chain(std::fs::read_dir(observe.join("tracing")).into_iter().flatten())
    {
        let path = entry.unwrap().path();
        if path.is_file() {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let quoted: BTreeSet<_> = prose.split('"').skip(1).step_by(2).map(|line| line.replace('\n', " ")).collect();
    assert!(quoted.len() >= 6, "{quoted:?}");
    for line in quoted {
        // The number of attempts is formatted.
        let literal = line.replace("4 attempts", "{attempts} attempts");
        let exists = ["\"", ",", " "].iter().any(|end| sources.contains(&format!("\"{literal}{end}")));
        assert!(exists, "no log line `{line}`");
    }
}
