//! The status over HTTP.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_recourse_defer::{
    DeadReason, History, JobKey, JobUpdate, NewJob, NextState, Queue, sqlite::SqliteQueue, status_router,
};

use crate::storing::{key, new_queue};

async fn get(queue: &SqliteQueue, path: &str) -> (StatusCode, Option<String>, String) {
    let app = Router::new().nest("/jobs", status_router(queue.clone()));
    let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let retry_after = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, retry_after, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_state_is_shown() {
    let queue = new_queue().await;
    let job = NewJob::new(key("a/b"), "").due_in(Duration::from_millis(9_500)).failed(1, "internal text");
    queue.put(&job).await.unwrap();
    let (status, retry_after, body) = get(&queue, "/jobs/a%2Fb").await;
    assert_eq!((status, retry_after.as_deref()), (StatusCode::OK, Some("10")));
    assert_eq!(body, r#"{"attempts":1,"due_in_ms":9500,"job":"a/b","state":"waiting"}"#);

    tokio::time::sleep(Duration::from_secs(10)).await;
    let lease = queue.claim(1, Duration::from_secs(30)).await.unwrap().jobs.remove(0).lease;
    assert_eq!(get(&queue, "/jobs/a%2Fb").await.2, r#"{"attempts":1,"job":"a/b","state":"running"}"#);

    let state = NextState::Dead { reason: DeadReason::AttemptsExhausted };
    let update = JobUpdate { state, attempts: 4, claims: 0, history: History::default() };
    queue.settle(&lease, &update).await.unwrap();
    let (_, retry_after, body) = get(&queue, "/jobs/a%2Fb").await;
    assert_eq!(retry_after, None);
    assert_eq!(body, r#"{"attempts":4,"job":"a/b","reason":"attempts_exhausted","state":"dead"}"#);

    queue.requeue(&key("a/b")).await.unwrap();
    let lease = queue.claim(1, Duration::from_secs(30)).await.unwrap().jobs.remove(0).lease;
    queue.settle(&lease, &JobUpdate { state: NextState::Done, ..update }).await.unwrap();
    assert!(get(&queue, "/jobs/a%2Fb").await.2.contains(r#""state":"done""#));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_not_found() {
    let queue = new_queue().await;
    for path in ["/jobs/unknown", "/jobs/with%20space", "/jobs/%ff", &format!("/jobs/{}", JobKey::random())] {
        let status = get(&queue, path).await.0;
        assert!(status.is_client_error(), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_queue_that_fails_is_503_without_details() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("drop table recourse_jobs").unwrap();
    let (status, _, body) = get(&queue, "/jobs/a").await;
    assert_eq!((status, &*body), (StatusCode::SERVICE_UNAVAILABLE, ""));
}
