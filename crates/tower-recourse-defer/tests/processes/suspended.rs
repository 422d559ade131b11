//! A worker that is suspended for longer than its lease.

use tower_recourse_defer::{JobState, Queue, sqlite::SqliteQueue};

use crate::{
    child::{LEASE, Work, is_child, job},
    run::{Run, finished, key, signal},
};

#[tokio::test]
async fn a_suspended_workers_outcome_is_refused() {
    if is_child().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    queue.put(&job("a", &Work { fails: 1, ms: 1_000 })).await.unwrap();
    let test = "suspended::a_suspended_workers_outcome_is_refused";
    let mut run = Run::new(test, file.to_str().unwrap().to_owned(), folder.path());
    let mut suspended = run.spawn("worker");
    while queue.counts().await.unwrap().running == 0 {
        run.wait(0.02, 0.02).await;
    }
    signal(&suspended, "-STOP");
    let mut other = run.spawn("worker");
    let counts = finished(&queue).await;
    assert_eq!((counts.done, counts.dead), (1, 0));
    let before = queue.status(&key("a")).await.unwrap().unwrap();
    signal(&suspended, "-CONT");
    // Long enough for the suspended call to end, and for its outcome.
    tokio::time::sleep(LEASE).await;
    let after = queue.status(&key("a")).await.unwrap().unwrap();
    assert_eq!((&after, &after.state, after.attempts), (&before, &JobState::Done, 2));
    // It is still a worker.
    run.end(&mut other, "-TERM");
    queue.put(&job("b", &Work { fails: 0, ms: 0 })).await.unwrap();
    assert_eq!(finished(&queue).await.done, 2);
    run.end(&mut suspended, "-TERM");
    // The job ran twice at once, as documented: the first call couldn't be dropped.
    let verdict = run.verdict();
    assert_eq!((verdict.ok.len(), verdict.most_attempts, verdict.repeated), (2, 2, 1), "{verdict}");
}
