//! The names and labels of queries.

use std::collections::BTreeSet;

use crate::files::{dashboard_queries, documented_queries, items, promtool, read_yaml, rule_queries, text};
use crate::runbook;
use crate::table::series;

fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

pub fn metrics(query: &str) -> BTreeSet<&str> {
    words(query).filter(|word| word.starts_with("recourse_")).collect()
}

/// The labels of matchers and of groupings.
fn labels(query: &str) -> BTreeSet<&str> {
    let inside = |open: &'static str, close: char| {
        query.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(list, _)| list)
    };
    let matchers = inside("{", '}').flat_map(|list| list.split(',')).filter_map(|m| words(m).next());
    let grouped = inside("by (", ')').chain(inside("without (", ')')).flat_map(words);
    matchers.chain(grouped).collect()
}

/// Returns what `query` uses and the table of metrics lacks.
pub fn unknown(query: &str) -> Vec<String> {
    let series = series();
    let metrics = metrics(query);
    let mut unknown: Vec<_> =
        metrics.iter().filter(|name| !series.contains_key(**name)).map(|&name| name.into()).collect();
    for label in labels(query) {
        if !metrics.iter().filter_map(|name| series.get(*name)).any(|known| known.contains(label)) {
            unknown.push(label.to_owned());
        }
    }
    unknown
}

fn all_queries() -> Vec<String> {
    [dashboard_queries(), rule_queries(), documented_queries(), runbook::queries()].concat()
}

#[test]
fn queries_use_only_documented_metrics_and_labels() {
    for query in all_queries() {
        assert!(!metrics(&query).is_empty(), "{query}");
        assert_eq!(unknown(&query), [""; 0], "{query}");
    }
}

#[test]
fn a_renamed_metric_or_label_is_found() {
    assert_eq!(unknown("rate(recourse_retry_total[1m])"), ["recourse_retry_total"]);
    assert_eq!(unknown(r#"recourse_circuit_state{status="open"}"#), ["status"]);
    assert_eq!(unknown("max by (key) (recourse_budget_tokens)"), ["key"]);
    assert_eq!(unknown("sum by (name, le) (recourse_retries_total)"), ["le"]);
    assert_eq!(unknown("recourse_retry_delay_seconds"), ["recourse_retry_delay_seconds"]);
}

#[test]
fn the_dashboard_shows_every_metric() {
    let shown = dashboard_queries().join(" ");
    for name in series().keys().filter(|name| !name.ends_with("_sum") && !name.ends_with("_count")) {
        assert!(metrics(&shown).contains(name.as_str()), "{name}");
    }
}

#[test]
fn prometheus_parses_every_query() {
    let rules: Vec<_> = all_queries()
        .into_iter()
        .enumerate()
        .map(|(index, expr)| serde_json::json!({ "record": format!("query:{index}"), "expr": expr }))
        .collect();
    // JSON is valid YAML.
    let file = serde_json::json!({ "groups": [{ "name": "queries", "rules": rules }] });
    let path = std::env::temp_dir().join(format!("recourse-queries-{}.yml", std::process::id()));
    std::fs::write(&path, file.to_string()).unwrap();
    promtool(&["check", "rules", path.to_str().unwrap()]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn promtool_tests_every_documented_query() {
    let file = read_yaml("prometheus/tests.yml");
    let with_result = items(&file["tests"])
        .flat_map(|test| items(&test["promql_expr_test"]))
        .filter(|test| items(&test["exp_samples"]).next().is_some());
    let tested: BTreeSet<_> = with_result.map(|test| text(&test["expr"])).collect();
    let queries = documented_queries();
    assert_eq!(queries.len(), 13);
    for query in queries {
        assert!(tested.contains(query.as_str()), "{query}");
    }
}
