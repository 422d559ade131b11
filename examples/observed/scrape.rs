//! The main lines of a scrape.

/// The metrics of the three layers that show an outage.
const MAIN: [&str; 10] = [
    "recourse_circuit_state",
    "recourse_circuit_calls_total",
    "recourse_circuit_rejections_total",
    "recourse_circuit_transitions_total",
    "recourse_budget_tokens",
    "recourse_budget_refusals_total",
    "recourse_retries_total",
    "recourse_requests_succeeded_total",
    "recourse_requests_failed_total",
    "recourse_fallbacks_total",
];

/// The series of the main metrics that aren't 0, each metric with its help text.
pub(crate) fn main_lines(scrape: &str) -> String {
    let mut lines = String::new();
    for metric in MAIN {
        let help = scrape.lines().find(|line| line.starts_with(&format!("# HELP {metric} ")));
        let mut series: Vec<_> =
            scrape.lines().filter(|line| line.split('{').next() == Some(metric) && !line.ends_with(" 0")).collect();
        series.sort_unstable();
        for line in help.into_iter().filter(|_| !series.is_empty()).chain(series.iter().copied()) {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
}
