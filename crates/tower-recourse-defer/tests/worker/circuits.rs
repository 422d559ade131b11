//! Open circuits postpone jobs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackError, FallbackLayer, RetryConfig, RetryLayer,
    breaker::{Mode, OpenDuration, TripRule},
    retry::RejectedRetry,
};
use tower_recourse_defer::{JobState, Queue, worker::JobEvent};

use crate::fixture::{Log, history, new_queue, put, run_for, secs, status, upstream, worker};

#[tokio::test(start_paused = true)]
async fn an_open_circuit_postpones_jobs_without_attempts() {
    let (queue, log) = (new_queue().await, Log::new());
    for number in 0..20 {
        put(&queue, &format!("{number:02}"), 0, Duration::ZERO).await;
    }
    let is_up = Arc::new(AtomicBool::new(false));
    let config =
        BreakerConfig::default().open_when(TripRule::consecutive(2).unwrap()).open_for(OpenDuration::fixed(secs(100)));
    let (calls, up) = (log.clone(), Arc::clone(&is_up));
    let inner = upstream(move |name| {
        calls.write(name);
        let is_up = up.load(Ordering::Relaxed);
        async move { if is_up { Ok(()) } else { Err(io::Error::other("down")) } }
    });
    let stack = ServiceBuilder::new().layer(BreakerLayer::new(config).keep_error()).service(inner);
    let postponed = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&postponed);
    let worker = worker(&queue, BoxCloneSyncService::new(stack)).concurrency(1).unwrap().observe(move |event| {
        if let JobEvent::Postponed { .. } = event {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let running = tokio::spawn(run_for(worker, secs(400)));
    tokio::time::sleep(secs(50)).await;
    assert_eq!(log.lines().len(), 2, "two calls opened the circuit: {:?}", log.lines());
    assert!(postponed.load(Ordering::Relaxed) <= 3, "the worker doesn't spin: {postponed:?}");
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (20, 0));
    is_up.store(true, Ordering::Relaxed);
    running.await.unwrap();
    assert_eq!(queue.counts().await.unwrap().done, 20);
    let calls = log.lines();
    assert!(calls[2].starts_with("10"), "the first call after the open time: {calls:?}");
    // Rejections used no attempts.
    let mut attempts = 0;
    for number in 0..20 {
        attempts += status(&queue, &format!("{number:02}")).await.attempts;
    }
    assert_eq!(attempts, 22);
}

#[tokio::test(start_paused = true)]
async fn one_open_circuit_of_many_delays_only_its_jobs() {
    let queue = new_queue().await;
    for name in ["open-1", "ok-1", "open-2", "ok-2", "open-3", "ok-3", "ok-4"] {
        put(&queue, name, 0, Duration::ZERO).await;
    }
    let circuit = Circuit::new(BreakerConfig::default());
    circuit.force_open();
    let open = circuit.clone();
    let stack = upstream(move |name| {
        let open = open.clone();
        async move {
            match name.starts_with("open") {
                true => open.call(async || Ok::<_, io::Error>(())).await.map_err(|error| error.flatten()),
                false => Ok(()),
            }
        }
    });
    let worker = worker(&queue, stack).concurrency(2).unwrap();
    let running = tokio::spawn(run_for(worker, secs(200)));
    tokio::time::sleep(secs(70)).await;
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.done, counts.waiting), (4, 3));
    assert_eq!(status(&queue, "open-1").await.attempts, 0);
    // Someone closes the circuit. The jobs notice it within a minute.
    circuit.set_mode(Mode::Auto);
    running.await.unwrap();
    assert_eq!(queue.counts().await.unwrap().done, 7);
    assert_eq!(status(&queue, "open-1").await.state, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_circuit_costs_one_write_per_second() {
    let queue = new_queue().await;
    put(&queue, "a", 0, Duration::ZERO).await;
    let config =
        BreakerConfig::default().open_when(TripRule::consecutive(1).unwrap()).open_for(OpenDuration::fixed(secs(10)));
    let circuit = Circuit::new(config);
    let _ = circuit.call(async || Err::<(), _>(io::Error::other("down"))).await;
    tokio::time::sleep(secs(11)).await;
    // The probe of another caller takes 20 s.
    let probed = circuit.clone();
    let probe = tokio::spawn(async move {
        let slow = async || {
            tokio::time::sleep(secs(20)).await;
            Ok::<_, io::Error>(())
        };
        probed.call(slow).await.unwrap();
    });
    tokio::task::yield_now().await;
    let stack = upstream(move |_| {
        let circuit = circuit.clone();
        async move { circuit.call(async || Ok::<_, io::Error>(())).await.map_err(|error| error.flatten()) }
    });
    let postponed = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&postponed);
    let worker = worker(&queue, stack).observe(move |event| {
        if let JobEvent::Postponed { .. } = event {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    run_for(worker, secs(40)).await;
    probe.await.unwrap();
    let postponed = postponed.load(Ordering::Relaxed);
    assert!((2..=21).contains(&postponed), "{postponed}");
    // The history has one entry for all of them.
    assert_eq!(history(&queue, "a").await, ["postponed", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_fallbacks_answer_to_a_rejection_ends_the_job() {
    let queue = new_queue().await;
    put(&queue, "a", 0, Duration::ZERO).await;
    let circuit = Circuit::new(BreakerConfig::default());
    circuit.force_open();
    let stack = ServiceBuilder::new()
        .map_err(FallbackError::into_primary)
        .layer(FallbackLayer::value(()))
        .layer(BreakerLayer::on(&circuit).keep_error())
        .service(upstream(|_| async { Err(io::Error::other("unreached")) }));
    run_for(worker(&queue, BoxCloneSyncService::new(stack)), secs(1)).await;
    assert_eq!(status(&queue, "a").await.state, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_circuit_that_its_failure_opened() {
    let queue = new_queue().await;
    put(&queue, "a", 0, Duration::ZERO).await;
    let config = BreakerConfig::default().open_when(TripRule::consecutive(1).unwrap());
    let retry = RetryConfig::default().idempotent().on_rejected_retry(RejectedRetry::ReturnLastError);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::new(config.open_for(OpenDuration::fixed(secs(100)))).keep_error())
        .service(upstream(|_| async { Err(io::Error::other("down")) }));
    run_for(worker(&queue, BoxCloneSyncService::new(stack)), secs(10)).await;
    let status = status(&queue, "a").await;
    assert!(matches!(status.state, JobState::Waiting { due_in } if due_in > secs(60)), "{status:?}");
    assert_eq!(status.attempts, 1, "the call was made");
}
