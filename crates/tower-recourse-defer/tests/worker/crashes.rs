//! Jobs that panic, and jobs that kill their worker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_recourse_defer::{ClaimedJob, DeadReason, JobState, Queue, Worker};

use crate::fixture::{Log, history, log_events, new_queue, put, run_for, secs, spawn, state, status, upstream, worker};

#[tokio::test(start_paused = true)]
async fn a_job_that_panics_is_set_aside_and_others_run() {
    let (queue, log) = (new_queue().await, Log::new());
    for name in ["bad", "good"] {
        put(&queue, name, 0, Duration::ZERO).await;
    }
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(&name);
        async move {
            assert!(name == "good", "no {name}\njobs");
            Ok(())
        }
    });
    run_for(worker(&queue, upstream), secs(500)).await;
    let bad: Vec<String> = log.lines().into_iter().filter(|line| line.ends_with("bad")).collect();
    assert_eq!(bad, ["0 bad", "10 bad", "30 bad", "70 bad", "150 bad"]);
    assert_eq!(state(&queue, "good").await, JobState::Done);
    let status = status(&queue, "bad").await;
    assert_eq!((status.state, status.attempts), (JobState::Dead { reason: DeadReason::Crashed }, 0));
    assert_eq!(status.history.entries()[0].why, r"panicked: no bad\njobs");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_kills_its_worker_is_set_aside() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "killer", 0, Duration::ZERO).await;
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(name);
        std::future::pending()
    });
    // Each worker dies 1 s after it has started the job.
    for _ in 0..7 {
        let killed = spawn(worker(&queue, upstream.clone()));
        tokio::time::sleep(secs(1)).await;
        killed.abort();
        tokio::time::sleep(secs(30)).await;
    }
    assert_eq!(log.lines().len(), 5, "{:?}", log.lines());
    assert_eq!(state(&queue, "killer").await, JobState::Dead { reason: DeadReason::Crashed });
    assert_eq!(history(&queue, "killer").await, ["dead"]);
}

/// Its first clone panics.
#[derive(Default)]
struct PanicsOnClone(Arc<AtomicBool>);

impl Clone for PanicsOnClone {
    fn clone(&self) -> Self {
        assert!(self.0.swap(true, Ordering::Relaxed), "no clone");
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_on_clone_ends_no_worker() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let panics = PanicsOnClone::default();
    let service = tower::service_fn(move |_: String| {
        let _captured = &panics;
        async { Ok::<_, std::io::Error>(()) }
    });
    let worker = Worker::new(queue.clone(), tower_recourse_defer::Json::<String>::new(), service);
    worker.observe(log_events(&log)).run(tokio::time::sleep(secs(60))).await;
    assert_eq!(log.lines(), ["0 Crashed", "10 Started", "10 Done"]);
}

#[tokio::test(start_paused = true)]
async fn panics_of_the_users_functions_end_no_worker() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    put(&queue, "b", 0, secs(5)).await;
    let decode = |job: &ClaimedJob| match job.lease.key.as_str() {
        "a" => panic!("can't decode"),
        other => Ok::<_, std::io::Error>(other.to_owned()),
    };
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(name);
        async { Ok(()) }
    });
    let worker =
        Worker::new(queue.clone(), decode, upstream).observe(|_| panic!("an observer")).observe(log_events(&log));
    worker.run(tokio::time::sleep(secs(60))).await;
    assert_eq!(log.lines(), ["0 Dead", "5 Started", "5 b", "5 Done"]);
    assert_eq!(state(&queue, "a").await, JobState::Dead { reason: DeadReason::Unreadable });
    assert_eq!(queue.counts().await.unwrap().done, 1);
}
