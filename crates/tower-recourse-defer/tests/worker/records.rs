//! What the log and the audit log show of the jobs.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::observe::{Audit, audit::AuditConfig};
use tower_recourse_defer::{
    DeadReason, QueueError,
    worker::{JobEvent, audit_jobs},
};

use crate::fixture::{Log, failing, key, new_queue, put, run_for, secs, worker};

/// A destination in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_outcome_of_a_job_is_a_line_of_the_audit() {
    let memory = Memory::default();
    let audit = Audit::to_writer(memory.clone(), AuditConfig::default()).unwrap();
    let observer = audit_jobs("orders", audit.clone());
    let (key, why) = (&key("order-17"), "down");
    observer(&JobEvent::Started { key, attempt: 1 });
    observer(&JobEvent::Done { key, attempt: 2, age: Duration::from_millis(10_250) });
    observer(&JobEvent::Retried { key, attempt: 2, due_in: secs(30), why });
    observer(&JobEvent::Postponed { key, due_in: secs(5) });
    observer(&JobEvent::Crashed { key, claims: 1, why });
    observer(&JobEvent::Dead { key, attempts: 4, reason: &DeadReason::AttemptsExhausted, why });
    observer(&JobEvent::Returned { key });
    observer(&JobEvent::LeaseLost { key });
    observer(&JobEvent::QueueFailed { error: &QueueError::database("connection refused") });
    audit.flush().unwrap();
    let lines: Vec<String> =
        memory.lines().into_iter().map(|line| line.split_once(r#","kind""#).unwrap().1.to_owned()).collect();
    let expected = [
        r#":"job_done","name":"orders","key":"order-17","counts":{"attempt":2,"age_ms":10250}}"#,
        r#":"job_retried","name":"orders","key":"order-17","counts":{"attempt":2,"delay_ms":30000},"message":"down"}"#,
        r#":"job_postponed","name":"orders","key":"order-17","counts":{"delay_ms":5000}}"#,
        r#":"job_crashed","name":"orders","key":"order-17","counts":{"claims":1},"message":"down"}"#,
        r#":"job_dead","name":"orders","key":"order-17","counts":{"attempts":4},"reason":"attempts_exhausted","message":"down"}"#,
        r#":"job_returned","name":"orders","key":"order-17"}"#,
        r#":"job_lease_lost","name":"orders","key":"order-17"}"#,
    ];
    assert_eq!(lines[..7], expected);
    assert!(lines[7].starts_with(r#":"job_queue_failed","name":"orders","message":""#), "{}", lines[7]);
    assert!(lines[7].contains("connection refused"), "{}", lines[7]);
}

#[tokio::test(start_paused = true)]
async fn each_line_of_the_log_has_the_job_and_what_follows() {
    let (queue, log, memory) = (new_queue().await, Log::new(), Memory::default());
    put(&queue, "order-17", 2, Duration::ZERO).await;
    let writer = memory.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    run_for(worker(&queue, failing(&log, "down\nnow")), secs(200)).await;
    drop(guard);
    let mut lines = memory.lines();
    lines.retain(|line| line.contains(" tower_recourse_defer::worker: "));
    let expected = [
        "TRACE tower_recourse_defer::worker: an attempt of a job starts key=order-17 attempt=3",
        r#"DEBUG tower_recourse_defer::worker: an attempt of a job failed, the next one follows after the delay key=order-17 attempt=3 delay=90s error="down\\nnow""#,
        "TRACE tower_recourse_defer::worker: an attempt of a job starts key=order-17 attempt=4",
        r#"ERROR tower_recourse_defer::worker: a job failed for good and is a dead letter key=order-17 attempts=4 reason="attempts_exhausted" error="down\\nnow""#,
    ];
    assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>(), expected);
}
