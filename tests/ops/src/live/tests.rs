//! What Prometheus knows about the scripted outage.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    http_client,
    prometheus::Prometheus,
    script::{self, Ids, Numbers, OUTAGE, WARM_UP},
    service::Service,
};
use crate::{
    files::{alerts, dashboard_queries, documented_queries, rule_queries, text},
    queries::metrics,
    runbook,
    table::series,
};

const INTERVAL: Duration = Duration::from_millis(500);

/// The retries of the layer `orders`, which are known because it has no breaker and no budget.
fn retries_of(numbers: &Numbers) -> u32 {
    numbers.second + 2 * numbers.third + 3 * numbers.exhausted + numbers.delayed
}

fn job_retries(numbers: &Numbers) -> u32 {
    numbers.second + 2 * numbers.third + 3 * numbers.dead_jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reports_the_scripted_outage() {
    let mut service = Service::start().await.unwrap();
    let prometheus = Prometheus::start(service.address, INTERVAL).await;
    let mut ids = Ids::default();
    script::run(&mut service, &mut ids, WARM_UP).await;
    let before = scraped(&prometheus, &service).await;
    script::run(&mut service, &mut ids, OUTAGE).await;
    scraped(&prometheus, &service).await;

    check_scrape(&service).await;
    check_names(&prometheus).await;
    check_counts(&prometheus, before).await;
    check_documented_queries(&prometheus).await;
    check_queries_have_results(&prometheus).await;
    check_alerts(&prometheus).await;
}

/// Waits until Prometheus has scraped everything that has happened. Returns the time.
async fn scraped(prometheus: &Prometheus, service: &Service) -> f64 {
    // A scrape that began before this one doesn't count.
    let now = prometheus.value("vector(time())").await.unwrap();
    let _ = http_client::get(&format!("http://{}/metrics", service.address)).await.unwrap();
    let last = "max(timestamp(recourse_circuit_state))";
    prometheus
        .until("a scrape", async |prometheus| prometheus.value(last).await.filter(|&scraped| scraped > now + 0.001))
        .await
}

/// Prometheus' linter accepts the text of the endpoint.
async fn check_scrape(service: &Service) {
    let scrape = http_client::get(&format!("http://{}/metrics", service.address)).await.unwrap();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is in Debian's package `prometheus`");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The metrics of the table, and only these, are in the scrape. So are those of all queries.
async fn check_names(prometheus: &Prometheus) {
    let names: BTreeSet<_> =
        prometheus.names().await.into_iter().filter(|name| name.starts_with("recourse_")).collect();
    let table: BTreeSet<_> = series().into_keys().collect();
    assert_eq!(names, table);
    for query in [dashboard_queries(), rule_queries(), documented_queries(), runbook::queries()].concat() {
        let used = metrics(&query);
        assert!(used.iter().all(|name| names.contains(*name)), "{query}");
    }
}

/// The counters have grown by what the script has done, exactly.
async fn check_counts(prometheus: &Prometheus, before: f64) {
    let grown = async |selector: &str| {
        let query = format!("sum({selector}) - sum({selector} @ {before})");
        prometheus.value(&query).await.unwrap_or_else(|| panic!("{query} has no result"))
    };
    for (selector, expected) in [
        (r#"recourse_retries_total{name="orders"}"#, retries_of(&OUTAGE)),
        (r#"recourse_retries_total{name="orders",attempt="3"}"#, OUTAGE.third + OUTAGE.exhausted),
        (r#"recourse_retries_total{name="orders",reason="throttled"}"#, OUTAGE.delayed),
        (r#"recourse_requests_succeeded_total{name="orders",attempt="1"}"#, OUTAGE.first),
        (r#"recourse_requests_succeeded_total{name="orders",attempt="2"}"#, OUTAGE.second),
        (r#"recourse_requests_succeeded_total{name="orders",attempt="3"}"#, OUTAGE.third),
        (r#"recourse_requests_failed_total{name="orders",cause="attempts_exhausted"}"#, OUTAGE.exhausted),
        (r#"recourse_request_duration_seconds_count{name="orders",outcome="failure"}"#, OUTAGE.exhausted),
        (r#"recourse_time_to_success_seconds_count{name="orders"}"#, OUTAGE.first + OUTAGE.second + OUTAGE.third),
        (r#"recourse_circuit_transitions_total{name="quotes",from="closed",to="open"}"#, OUTAGE.quotes),
        (r#"recourse_circuit_transitions_total{name="quotes",from="half_open",to="closed"}"#, OUTAGE.quotes),
        (r#"recourse_rejection_waits_total{name="quotes"}"#, OUTAGE.quotes),
        (r#"recourse_circuit_calls_total{name="ledger",outcome="failure"}"#, 6),
        (r#"recourse_fallbacks_total{name="payments",outcome="success"}"#, OUTAGE.payments),
        (r#"recourse_transparent_retries_total{name="streams"}"#, 1),
        (r#"recourse_quota_keys{name="batch"}"#, 1),
        (r#"recourse_jobs_attempts_total{name="orders",attempt="1",outcome="success"}"#, OUTAGE.first),
        (r#"recourse_jobs_attempts_total{name="orders",attempt="2",outcome="success"}"#, OUTAGE.second),
        (r#"recourse_jobs_attempts_total{name="orders",attempt="3",outcome="success"}"#, OUTAGE.third),
        (r#"recourse_jobs_attempts_total{name="orders",attempt!="1"}"#, job_retries(&OUTAGE)),
        (r#"recourse_jobs_dead_total{name="orders",reason="attempts_exhausted"}"#, OUTAGE.dead_jobs),
        (r#"recourse_jobs_claims_total{name="orders",outcome="lease_lost"}"#, 1),
        (r#"recourse_jobs_time_to_success_seconds_count{name="orders"}"#, OUTAGE.first + OUTAGE.second + OUTAGE.third),
        (r#"recourse_jobs{name="orders",state="dead"}"#, OUTAGE.dead_jobs),
        (r#"recourse_jobs{name="reports",state="waiting"}"#, OUTAGE.late_jobs),
    ] {
        assert_eq!(grown(selector).await, f64::from(expected), "{selector}");
    }
    // All tokens that the warm-up left, and not one more.
    assert_eq!(prometheus.value(r#"recourse_budget_withdrawals_total{name="search"}"#).await, Some(400.0));
    assert!(grown(r#"recourse_budget_refusals_total{name="search"}"#).await > 0.0);
    assert!(grown(r#"recourse_keyed_evictions_total{name="hosts"}"#).await > 0.0);
    assert_eq!(prometheus.value(r#"recourse_circuit_state{name="ledger",state="open"}"#).await, Some(1.0));
    assert_eq!(prometheus.value(r#"sum(recourse_circuit_state{name="ledger"})"#).await, Some(1.0));
}

/// The questions of `ops/README.md`, in its order. `increase` extrapolates by at most one interval,
/// and counts the part of the warm-up that comes after the first scrape.
async fn check_documented_queries(prometheus: &Prometheus) {
    let queries = documented_queries();
    let [retries, attempts, mean, exhausted, high, delayed, jobs @ ..] = &queries[..] else { panic!("{queries:?}") };
    let [job_retries_made, job_attempts, job_mean, dead_jobs, many_job_retries, late, long_delays] = jobs else {
        panic!("{jobs:?}")
    };
    let increased = async |query: &str, labels: &[(&str, &str)], number: fn(&Numbers) -> u32| {
        let samples = prometheus.query(query).await;
        let sample = samples.iter().find(|sample| labels.iter().all(|(label, value)| sample.labels[label] == *value));
        let value = sample.unwrap_or_else(|| panic!("{query}: {samples:?}")).value;
        let (least, most) = (f64::from(number(&OUTAGE)), f64::from(number(&OUTAGE) + number(&WARM_UP)));
        assert!(value >= least && value <= 1.5 * most, "{query}: {value}, at least {least}, about {most}");
    };
    increased(retries, &[("name", "orders")], retries_of).await;
    increased(attempts, &[("name", "orders"), ("attempt", "1")], |numbers| numbers.first).await;
    increased(attempts, &[("name", "orders"), ("attempt", "2")], |numbers| numbers.second).await;
    increased(attempts, &[("name", "orders"), ("attempt", "3")], |numbers| numbers.third).await;
    increased(exhausted, &[("name", "orders")], |numbers| numbers.exhausted).await;
    increased(delayed, &[("name", "orders")], |numbers| numbers.delayed).await;

    // A request that succeeds at the second attempt has waited for 20 ms, one at the third for 40.
    let waited = f64::from(20 * OUTAGE.second + 40 * OUTAGE.third) / 1_000.0;
    let least = waited / f64::from(OUTAGE.first + OUTAGE.second + OUTAGE.third);
    let means = prometheus.query(mean).await;
    let orders = means.iter().find(|sample| sample.labels["name"] == "orders").unwrap();
    assert!(orders.value >= least, "{orders:?}, at least {least}");

    let storms: Vec<_> = prometheus.query(high).await.into_iter().map(|sample| sample.labels["name"].clone()).collect();
    assert_eq!(storms, ["search"]);

    increased(job_retries_made, &[("name", "orders")], job_retries).await;
    increased(job_attempts, &[("name", "orders"), ("attempt", "1")], |numbers| numbers.first).await;
    increased(job_attempts, &[("name", "orders"), ("attempt", "3")], |numbers| numbers.third).await;
    increased(dead_jobs, &[("name", "orders")], |numbers| numbers.dead_jobs).await;
    let value = async |query: &str, name: &str| {
        let samples = prometheus.query(query).await;
        let sample = samples.iter().find(|sample| sample.labels["name"] == name);
        sample.unwrap_or_else(|| panic!("{query}: {samples:?}")).value
    };
    // A job that succeeds at the second attempt has waited for 50 ms, one at the third for 150.
    let waited = f64::from(50 * OUTAGE.second + 150 * OUTAGE.third) / 1_000.0;
    let least = waited / f64::from(OUTAGE.first + OUTAGE.second + OUTAGE.third);
    assert!(value(job_mean, "orders").await >= least);
    assert!(value(many_job_retries, "orders").await > 1.0);
    assert!(value(late, "reports").await >= 400.0);
    assert_eq!(value(long_delays, "orders").await, 0.0);
}

/// No query of the dashboard or of the runbook selects labels that don't exist.
async fn check_queries_have_results(prometheus: &Prometheus) {
    for query in [dashboard_queries(), runbook::queries()].concat() {
        // The script doesn't give every layer each kind of trouble.
        let query = query.replace(r#"name="payments""#, r#"name=~".+""#);
        assert!(!prometheus.query(&query).await.is_empty(), "{query} has no result");
    }
}

/// Each alert is pending, if its rule has `for`, or firing.
async fn check_alerts(prometheus: &Prometheus) {
    for alert in alerts() {
        let name = text(&alert["alert"]);
        let waits = !alert["for"].is_null();
        let is_active = |(other, state): &(String, String)| other == name && (waits || state == "firing");
        prometheus.until(name, async |prometheus| prometheus.alerts().await.iter().any(is_active).then_some(())).await;
    }
}
