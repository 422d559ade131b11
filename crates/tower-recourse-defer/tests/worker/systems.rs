//! The points of system E, the durable retry worker, each named after its point.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::{classify::ErrorMessages, observe::Event};
use tower_recourse_defer::{DeadReason, JobState, worker::default_policy};

use crate::fixture::{Log, failing, history, new_queue, put, run_for, secs, spawn, state, status, upstream, worker};

#[tokio::test(start_paused = true)]
async fn e1_a_job_is_retried_after_10_30_and_90_s() {
    let (queue, log) = (new_queue().await, Log::new());
    // The execution itself failed at t = 0.
    put(&queue, "a", 1, secs(10)).await;
    run_for(worker(&queue, failing(&log, "down")), secs(1_000)).await;
    assert_eq!(log.lines(), ["10 a", "40 a", "130 a"]);
    assert_eq!(state(&queue, "a").await, JobState::Dead { reason: DeadReason::AttemptsExhausted });
    assert_eq!(history(&queue, "a").await, ["deferred", "retry", "retry", "dead"]);
    let status = status(&queue, "a").await;
    assert_eq!((status.attempts, &*status.history.entries()[3].why), (4, "down"));
}

#[tokio::test(start_paused = true)]
async fn e1_a_job_without_an_attempt_starts_at_once() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    run_for(worker(&queue, failing(&log, "down")), secs(1_000)).await;
    assert_eq!(log.lines(), ["0 a", "10 a", "40 a", "130 a"]);
}

#[tokio::test(start_paused = true)]
async fn e2_a_missing_node_is_transient_and_other_gaps_permanent() {
    let (queue, log) = (new_queue().await, Log::new());
    for name in ["node", "image", "unknown"] {
        put(&queue, name, 1, secs(10)).await;
    }
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(&name);
        async move {
            Err(io::Error::other(match &*name {
                "node" => "Node not found: b-7",
                "image" => "image not found",
                _ => "something else",
            }))
        }
    });
    let policy = default_policy().classifier(ErrorMessages::node_jobs());
    worker(&queue, upstream).policy(policy).run(tokio::time::sleep(secs(25))).await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(lines, ["10 image", "10 node", "10 unknown"]);
    assert!(matches!(state(&queue, "node").await, JobState::Waiting { due_in } if due_in == secs(15)));
    for name in ["image", "unknown"] {
        assert_eq!(state(&queue, name).await, JobState::Dead { reason: DeadReason::Permanent }, "{name}");
    }
}

/// The events from which the metrics of `ops/README.md` are made.
#[tokio::test(start_paused = true)]
async fn e3_events_answer_the_questions_of_the_metrics() {
    let (queue, events) = (new_queue().await, Arc::new(Mutex::new(Vec::new())));
    for name in ["fails", "recovers"] {
        put(&queue, name, 1, secs(10)).await;
    }
    let seen = Arc::clone(&events);
    let policy = default_policy().observe(move |event: &Event<'_>| {
        let line = match event {
            Event::RetryScheduled { attempt, delay, .. } => format!("retry {attempt} {delay:?}"),
            Event::RetrySucceeded { attempt, .. } => format!("success {attempt}"),
            Event::RetryStopped { attempt, cause, .. } => format!("stopped {attempt} {}", cause.label()),
            _ => return,
        };
        seen.lock().unwrap().push(line);
    });
    let ages = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ages);
    let start = tokio::time::Instant::now();
    let upstream = upstream(move |name| async move {
        let is_up = name == "recovers" && start.elapsed() >= secs(40);
        if is_up { Ok(()) } else { Err(io::Error::other("down")) }
    });
    let observer = move |event: &tower_recourse_defer::worker::JobEvent<'_>| {
        if let tower_recourse_defer::worker::JobEvent::Done { age, .. } = event {
            seen.lock().unwrap().push(age.as_secs());
        }
    };
    worker(&queue, upstream).observe(observer).policy(policy).run(tokio::time::sleep(secs(200))).await;
    let mut lines = events.lock().unwrap().clone();
    lines.sort();
    let expected = ["retry 2 30s", "retry 2 30s", "retry 3 90s", "stopped 4 attempts_exhausted", "success 3"];
    assert_eq!(lines, expected);
    assert_eq!(*ages.lock().unwrap(), [40], "the time to success");
}

#[tokio::test(start_paused = true)]
async fn e4_a_dead_workers_job_is_run_by_another_worker() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 1, secs(10)).await;
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(format_args!("{name} starts"));
        let calls = calls.clone();
        async move {
            tokio::time::sleep(secs(8)).await;
            calls.write(format_args!("{name} ends"));
            Ok(())
        }
    });
    let killed = spawn(worker(&queue, upstream.clone()));
    tokio::time::sleep(secs(12)).await;
    killed.abort();
    run_for(worker(&queue, upstream), secs(100)).await;
    // The lease of the killed worker ends 30 s after its claim.
    assert_eq!(log.lines(), ["10 a starts", "40 a starts", "48 a ends"]);
    let status = status(&queue, "a").await;
    assert_eq!((status.state, status.attempts), (JobState::Done, 2));
}
