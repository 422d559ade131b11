//! A disk that is full.

use std::{
    convert::Infallible,
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::util::BoxCloneSyncService;
use tower_recourse_defer::{
    ClaimedJob, JobKey, NewJob, Queue, QueueError, Worker, sqlite::SqliteQueue, worker::JobEvent,
};

const FILE: &str = "DEFER_TEST_FULL_DISK";

#[tokio::test]
async fn a_full_disk_refuses_jobs_and_ends_no_worker() {
    if let Some(file) = env::var_os(FILE) {
        return with_full_disk(file.to_str().unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    // A child with a limit on the size of its files. With the signal ignored, exceeding it is an
    // error of the write.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" --exact \"$1\" --nocapture";
    let mut child = Command::new("sh");
    child.args(["-c", script]).arg(env::current_exe().unwrap());
    child.arg("disk::a_full_disk_refuses_jobs_and_ends_no_worker").env(FILE, &file);
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("the worker survived"), "{said}");

    // There is room again: all stored jobs are run.
    let queue = SqliteQueue::open(&file).await.unwrap();
    let stored = queue.counts().await.unwrap();
    assert!(stored.waiting + stored.running > 0, "{stored:?}");
    let calls = Arc::new(AtomicU32::new(0));
    worker(&queue, &calls).run(tokio::time::sleep(Duration::from_secs(3))).await;
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.running, counts.dead), (0, 0, 0), "{counts:?}");
    assert!(calls.load(Ordering::Relaxed) as u64 >= stored.waiting + stored.running);
}

type TestWorker =
    Worker<SqliteQueue, fn(&ClaimedJob) -> Result<String, Infallible>, BoxCloneSyncService<String, (), Infallible>>;

fn worker(queue: &SqliteQueue, calls: &Arc<AtomicU32>) -> TestWorker {
    let calls = Arc::clone(calls);
    let service = tower::service_fn(move |_: String| {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let decode: fn(&ClaimedJob) -> _ = |job| Ok(job.lease.key.to_string());
    Worker::new(queue.clone(), decode, BoxCloneSyncService::new(service)).lease(Duration::from_millis(300)).unwrap()
}

async fn with_full_disk(file: &str) {
    let queue = SqliteQueue::open(file).await.unwrap();
    let error = loop {
        if let Err(error) = queue.put(&NewJob::new(JobKey::random(), vec![b'x'; 3_000])).await {
            break error;
        }
    };
    assert!(matches!(error, QueueError::Database(_)), "{error}");
    // Small changes may still fit, until they don't either.
    let (calls, failures) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&failures);
    let worker = worker(&queue, &calls).poll(Duration::from_millis(50)).unwrap().observe(move |event| {
        if let JobEvent::QueueFailed { .. } = event {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    worker.run(tokio::time::sleep(Duration::from_millis(800))).await;
    assert!(failures.load(Ordering::Relaxed) > 0, "the disk was full");
    println!("the worker survived");
}
