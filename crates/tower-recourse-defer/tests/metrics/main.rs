//! The metrics, as a Prometheus server would read them, and the alert rules.

use std::{collections::BTreeSet, io, process::Command, time::Duration};

use metrics_exporter_prometheus::PrometheusBuilder;
use tower::service_fn;
use tower_recourse_defer::{
    Clock, JobKey, Json, NewJob, Queue, Worker,
    metrics::{job_metrics, publish_queue},
    sqlite::SqliteQueue,
    worker::JobEvent,
};

const DOCS: &str = include_str!("../../src/metrics/mod.rs");

/// Runs `work` in paused time, and returns the scrape after it.
fn scrape(work: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    handle.render()
}

async fn queue() -> SqliteQueue {
    SqliteQueue::options().clock(Clock::tokio()).open_in_memory().await.unwrap()
}

#[test]
fn e3_job_metrics_answer_the_questions() {
    let text = scrape(async {
        let queue = queue().await;
        for name in ["\"ok\"", "\"later\"", "\"never\"", "damaged"] {
            let key = JobKey::new(name.trim_matches('"')).unwrap();
            queue.put(&NewJob::new(key, name).failed(1, "down").due_in(Duration::from_secs(10))).await.unwrap();
        }
        let start = tokio::time::Instant::now();
        let upstream = service_fn(move |name: String| async move {
            let is_up = name == "ok" || name == "later" && start.elapsed() >= Duration::from_secs(40);
            if is_up { Ok(()) } else { Err(io::Error::other("down")) }
        });
        let worker = Worker::new(queue.clone(), Json::<String>::new(), upstream).observe(job_metrics("orders"));
        worker.run(tokio::time::sleep(Duration::from_secs(300))).await;
        publish_queue("orders", &queue).await.unwrap();
    });
    for line in [
        r#"recourse_jobs_done_total{name="orders",attempt="2"} 1"#,
        r#"recourse_jobs_done_total{name="orders",attempt="3"} 1"#,
        r#"recourse_jobs_retried_total{name="orders"} 3"#,
        r#"recourse_jobs_dead_total{name="orders",reason="attempts_exhausted"} 1"#,
        r#"recourse_jobs_dead_total{name="orders",reason="unreadable"} 1"#,
        r#"recourse_jobs_time_to_success_seconds_sum{name="orders"} 50"#,
        r#"recourse_jobs_time_to_success_seconds_count{name="orders"} 2"#,
        r#"recourse_jobs{name="orders",state="done"} 2"#,
        r#"recourse_jobs{name="orders",state="dead"} 2"#,
        r#"recourse_jobs{name="orders",state="waiting"} 0"#,
        r#"recourse_jobs_late_seconds{name="orders"} 0"#,
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} isn't in:\n{text}");
    }
}

#[test]
fn late_jobs_are_shown() {
    let text = scrape(async {
        let queue = queue().await;
        queue.put(&NewJob::new(JobKey::random(), "")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(301)).await;
        publish_queue("orders", &queue).await.unwrap();
    });
    assert!(text.contains(r#"recourse_jobs_late_seconds{name="orders"} 301"#), "{text}");
}

/// The names that begin with `recourse_jobs` in a text, without the suffixes of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let words = text.split(|it| !is_name(it)).filter(|word| word.starts_with("recourse_jobs"));
    let plain = words.map(|word| {
        let cut = ["_sum", "_count", "_bucket"].iter().find_map(|suffix| word.strip_suffix(suffix));
        cut.unwrap_or(word).to_owned()
    });
    plain.collect()
}

#[test]
fn the_table_has_all_metrics_and_no_others() {
    let text = scrape(async {
        let (key, failed) = (JobKey::random(), tower_recourse_defer::QueueError::Full { limit: 1 });
        let observe = job_metrics("orders");
        for event in [
            JobEvent::Done { key: &key, attempt: 11, age: Duration::ZERO },
            JobEvent::Retried { key: &key, attempt: 1, due_in: Duration::ZERO, why: "" },
            JobEvent::Postponed { key: &key, due_in: Duration::ZERO },
            JobEvent::Crashed { key: &key, claims: 1, why: "" },
            JobEvent::Dead { key: &key, attempts: 1, reason: &tower_recourse_defer::DeadReason::Permanent, why: "" },
            JobEvent::LeaseLost { key: &key },
            JobEvent::QueueFailed { error: &failed },
        ] {
            observe(&event);
        }
        publish_queue("orders", &queue().await).await.unwrap();
    });
    assert_eq!(names(&text), names(DOCS));
    assert!(text.contains(r#"attempt="more""#));
}

#[test]
fn the_rules_use_only_metrics_of_the_table() {
    let rules = include_str!("../../ops/rules.yml");
    let unknown: Vec<_> = names(rules).difference(&names(DOCS)).cloned().collect();
    assert_eq!(unknown, [""; 0]);
}

/// Needs Debian's package `prometheus`.
#[test]
fn promtool_accepts_and_tests_the_rules() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "tests.yml"]] {
        let output =
            Command::new("promtool").args(arguments).current_dir(folder).output().expect("promtool is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
