//! The alert rules.

use crate::files::{promtool, read, rule_queries};

#[test]
fn promtool_accepts_the_rules() {
    promtool(&["check", "rules", "rules.yml"]);
}

#[test]
fn promtool_runs_the_tests_of_the_rules() {
    promtool(&["test", "rules", "tests.yml"]);
}

#[test]
fn each_alert_is_complete_and_tested() {
    let rules = read("prometheus/rules.yml");
    let tests = read("prometheus/tests.yml");
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    assert_eq!(alerts.len(), rule_queries().len());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for field in ["severity: ", "summary: ", "description: ", "runbook_url: "] {
            assert!(alert.contains(field), "{name} has no {field}");
        }
        for case in ["fires", "is silent"] {
            assert!(tests.contains(&format!("- name: {name} {case}\n")), "{name} {case}");
        }
    }
}
