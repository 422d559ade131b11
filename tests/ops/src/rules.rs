//! The alert rules, and their tests in `ops/prometheus/tests.yml`.

use serde_json::Value;

use crate::files::{alerts, items, promtool, read_yaml, text};
use crate::queries::metrics;

#[test]
fn promtool_accepts_the_rules() {
    promtool(&["check", "rules", "rules.yml"]);
}

#[test]
fn promtool_runs_the_tests_of_the_rules() {
    promtool(&["test", "rules", "tests.yml"]);
}

/// Returns what is missing in the tests of an alert: one that expects it, and one that expects none
/// although each metric of its rule has a value other than zero.
fn faults(alert: &Value, tests: &Value) -> Vec<String> {
    let name = text(&alert["alert"]);
    let mut faults = Vec::new();
    for (case, fires) in [("fires", true), ("is silent", false)] {
        let Some(test) = items(&tests["tests"]).find(|test| test["name"] == format!("{name} {case}")) else {
            faults.push(format!("no test `{name} {case}`"));
            continue;
        };
        let expected: Vec<_> = items(&test["alert_rule_test"]).filter(|test| test["alertname"] == name).collect();
        if expected.is_empty() || expected.iter().any(|test| items(&test["exp_alerts"]).count() != usize::from(fires)) {
            faults.push(format!("`{name} {case}` expects something else"));
        }
        for metric in metrics(text(&alert["expr"])) {
            let has_values = items(&test["input_series"]).any(|series| {
                let selector = text(&series["series"]);
                let is_series = selector.split('{').next() == Some(metric);
                is_series && text(&series["values"]).contains(|digit| matches!(digit, '1'..='9'))
            });
            if !has_values {
                faults.push(format!("`{name} {case}` has no values of {metric}"));
            }
        }
    }
    faults
}

#[test]
fn each_alert_has_a_test_that_fires_and_one_that_is_silent() {
    let tests = read_yaml("prometheus/tests.yml");
    for alert in alerts() {
        assert_eq!(faults(&alert, &tests), [""; 0]);
    }
}

#[test]
fn a_test_that_expects_nothing_is_found() {
    let alert = serde_json::json!({ "alert": "A", "expr": "recourse_a / recourse_b > 1" });
    let test = |case: &str, series: &[&str], exp_alerts: &[&str]| {
        let input_series: Vec<_> =
            series.iter().map(|name| serde_json::json!({ "series": name, "values": "0+1x5" })).collect();
        let alert_rule_test = serde_json::json!([{ "alertname": "A", "exp_alerts": exp_alerts }]);
        serde_json::json!({ "name": format!("A {case}"), "input_series": input_series, "alert_rule_test": alert_rule_test })
    };
    let both = ["recourse_a{}", "recourse_b{}"];
    let found = |tests: &[Value]| faults(&alert, &serde_json::json!({ "tests": tests }));
    assert_eq!(found(&[test("fires", &both, &["A"]), test("is silent", &both, &[])]), [""; 0]);
    assert_eq!(found(&[test("fires", &both, &["A"])]), ["no test `A is silent`"]);
    let nothing = [test("fires", &both, &[]), test("is silent", &both[..1], &[])];
    assert_eq!(found(&nothing), ["`A fires` expects something else", "`A is silent` has no values of recourse_b"]);
}

#[test]
fn each_alert_has_a_severity_and_texts() {
    for alert in alerts() {
        let annotations = &alert["annotations"];
        let texts = [&alert["labels"]["severity"], &annotations["summary"], &annotations["description"]];
        assert!(texts.iter().all(|field| !text(field).is_empty()), "{}", alert["alert"]);
    }
}
