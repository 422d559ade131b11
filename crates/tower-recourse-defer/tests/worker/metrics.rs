//! What a scrape shows of the jobs.

use std::{io, sync::Arc, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use tower_recourse_defer::{
    DeadReason, NewJob, Queue, QueueError,
    metrics::{JOB_BUCKETS, JobMetrics, METRICS},
    sqlite::SqliteQueue,
    worker::JobEvent,
};

use crate::fixture::{key, new_queue, put, run_for, secs, upstream, worker};

/// Metrics with the name `orders`, and their exporter.
fn exported() -> (JobMetrics, Arc<PrometheusRecorder>) {
    let prefix = Matcher::Prefix("recourse_jobs_".to_owned());
    let exporter = PrometheusBuilder::new().set_buckets_for_metric(prefix, JOB_BUCKETS).unwrap();
    let recorder = Arc::new(exporter.build_recorder());
    (JobMetrics::with_recorder("orders", Arc::clone(&recorder) as _), recorder)
}

/// The series of a scrape with the name `orders` that aren't 0, without buckets, in order.
fn series(recorder: &PrometheusRecorder) -> Vec<String> {
    let scrape = recorder.handle().render();
    let lines = scrape.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut series: Vec<String> = lines
        .filter(|line| !line.contains("_bucket{") && !line.ends_with(" 0"))
        .map(|line| line.replace(r#"{name="orders"}"#, "").replace(r#"{name="orders","#, "{").replace("recourse_", ""))
        .collect();
    series.sort();
    series
}

#[tokio::test(start_paused = true)]
async fn e3_metrics_answer_the_questions() {
    let (queue, (metrics, recorder)) = (new_queue().await, exported());
    for name in ["fails", "recovers"] {
        put(&queue, name, 1, secs(10)).await;
    }
    queue.put(&NewJob::new(key("damaged"), "{")).await.unwrap();
    metrics.publish(&queue).await.unwrap();
    assert_eq!(series(&recorder), [r#"jobs{state="waiting"} 3"#]);

    let start = tokio::time::Instant::now();
    let upstream = upstream(move |name| async move {
        if name == "fails" || start.elapsed() < secs(40) {
            return Err(io::Error::other("down"));
        }
        tokio::time::sleep(secs(2)).await;
        Ok(())
    });
    run_for(worker(&queue, upstream).observe(metrics.observer()), secs(200)).await;
    metrics.publish(&queue).await.unwrap();
    let expected = [
        // Success by attempt number, and retries.
        r#"jobs_attempts_total{attempt="2",outcome="failure"} 2"#,
        r#"jobs_attempts_total{attempt="3",outcome="failure"} 1"#,
        r#"jobs_attempts_total{attempt="3",outcome="success"} 1"#,
        r#"jobs_attempts_total{attempt="4",outcome="failure"} 1"#,
        r#"jobs_claims_total{outcome="dead"} 2"#,
        r#"jobs_claims_total{outcome="done"} 1"#,
        r#"jobs_claims_total{outcome="retried"} 3"#,
        // Executions that exhausted all retries.
        r#"jobs_dead_total{reason="attempts_exhausted"} 1"#,
        r#"jobs_dead_total{reason="unreadable"} 1"#,
        "jobs_delay_seconds_count 3",
        "jobs_delay_seconds_sum 150",
        // Mean time to success: 40 s, and the attempt.
        "jobs_time_to_success_seconds_count 1",
        "jobs_time_to_success_seconds_sum 42",
        r#"jobs{state="dead"} 2"#,
        r#"jobs{state="done"} 1"#,
    ];
    assert_eq!(series(&recorder), expected);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_no_worker_runs_is_late() {
    let (queue, (metrics, recorder)) = (new_queue().await, exported());
    put(&queue, "a", 0, secs(10)).await;
    let publishing = tokio::spawn(metrics.publish_every(queue, secs(5)));
    tokio::time::sleep(secs(312)).await;
    publishing.abort();
    assert_eq!(series(&recorder), ["jobs_late_seconds 300", r#"jobs{state="waiting"} 1"#]);
}

#[test]
fn each_event_is_counted_by_its_outcome() {
    let (metrics, recorder) = exported();
    let (observer, key) = (metrics.observer(), &key("a"));
    let (why, reason) = ("down", &DeadReason::Other("key_quota".into()));
    observer(&JobEvent::Started { key, attempt: 1 });
    observer(&JobEvent::Postponed { key, due_in: secs(10) });
    observer(&JobEvent::Crashed { key, claims: 1, why });
    observer(&JobEvent::Returned { key });
    observer(&JobEvent::LeaseLost { key });
    observer(&JobEvent::Dead { key, attempts: 11, reason, why });
    observer(&JobEvent::Dead { key, attempts: 3, reason: &DeadReason::Crashed, why });
    observer(&JobEvent::QueueFailed { error: &QueueError::database("connection refused") });
    let expected = [
        r#"jobs_attempts_total{attempt="more",outcome="failure"} 1"#,
        r#"jobs_claims_total{outcome="crashed"} 1"#,
        r#"jobs_claims_total{outcome="dead"} 2"#,
        r#"jobs_claims_total{outcome="lease_lost"} 1"#,
        r#"jobs_claims_total{outcome="postponed"} 1"#,
        r#"jobs_claims_total{outcome="returned"} 1"#,
        r#"jobs_dead_total{reason="crashed"} 1"#,
        r#"jobs_dead_total{reason="key_quota"} 1"#,
        "jobs_queue_errors_total 1",
    ];
    assert_eq!(series(&recorder), expected);
}

#[tokio::test]
async fn a_queue_that_fails_is_counted_and_keeps_its_gauges() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let (queue, (metrics, recorder)) = (SqliteQueue::open(&file).await.unwrap(), exported());
    put(&queue, "a", 0, Duration::from_secs(60)).await;
    metrics.publish(&queue).await.unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("drop table recourse_jobs").unwrap();
    assert!(matches!(metrics.publish(&queue).await, Err(QueueError::Database { .. })));
    assert_eq!(series(&recorder), ["jobs_queue_errors_total 1", r#"jobs{state="waiting"} 1"#]);
}

#[test]
fn an_observer_uses_the_recorder_of_the_time_of_the_event() {
    let (_, recorder) = exported();
    let observer = JobMetrics::new("orders\n").observer();
    observer(&JobEvent::Returned { key: &key("a") });
    metrics::with_local_recorder(&*recorder, || observer(&JobEvent::Returned { key: &key("b") }));
    assert_eq!(series(&recorder), [r#"jobs_claims_total{name="orders\\n",outcome="returned"} 1"#]);
}

/// The rows of a table in Markdown: the name, the type and the labels of each metric.
fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().map(|line| line.strip_prefix("//! ").unwrap_or(line));
    let rows = rows.filter(|line| line.starts_with("| `recourse_jobs"));
    rows.map(|row| row.split('|').skip(1).take(3).map(str::trim).collect::<Vec<_>>().join(" | ")).collect()
}

#[test]
fn the_docs_and_the_readme_of_ops_list_every_metric() {
    let labels = |labels: &[&str]| labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    let expected: Vec<_> = METRICS
        .iter()
        .map(|metric| format!("`{}` | {} | {}", metric.name, metric.kind, labels(metric.labels)))
        .collect();
    for file in ["src/metrics/mod.rs", "../../ops/README.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert_eq!(rows(&std::fs::read_to_string(path).unwrap()), expected, "{file}");
    }
}

#[tokio::test]
async fn publishing_lets_the_usual_counters_start_at_0() {
    let (queue, (metrics, recorder)) = (new_queue().await, exported());
    metrics.publish(&queue).await.unwrap();
    let scrape = recorder.handle().render();
    for series in [
        r#"claims_total{name="orders",outcome="lease_lost"}"#,
        r#"attempts_total{name="orders",attempt="4",outcome="success"}"#,
        r#"dead_total{name="orders",reason="attempts_exhausted"}"#,
        r#"queue_errors_total{name="orders"}"#,
    ] {
        let line = format!("recourse_jobs_{series} 0");
        assert!(scrape.lines().any(|shown| shown == line), "{line} isn't in:\n{scrape}");
    }
}

#[tokio::test]
async fn a_scrape_has_exactly_the_metrics_of_the_table() {
    let (queue, (metrics, recorder)) = (new_queue().await, exported());
    metrics.publish(&queue).await.unwrap();
    let (observer, key) = (metrics.observer(), &key("a"));
    observer(&JobEvent::Done { key, attempt: 1, age: secs(1) });
    observer(&JobEvent::Retried { key, attempt: 1, due_in: secs(10), why: "down" });
    let scrape = recorder.handle().render();
    let mut names: Vec<_> = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    names.sort_unstable();
    let mut expected: Vec<_> = METRICS.iter().map(|metric| format!("{} {}", metric.name, metric.kind)).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(scrape.matches("# HELP ").count(), METRICS.len());
}
