use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::Response,
    routing::get,
};

use crate::{JobKey, JobState, JobStatus, Queue};

/// A router that answers `GET /{key}` with the status of a job, as JSON:
///
/// ```json
/// {"job":"order-17","state":"waiting","attempts":1,"due_in_ms":9950}
/// {"job":"order-17","state":"dead","attempts":4,"reason":"attempts_exhausted"}
/// ```
///
/// `state` is `waiting`, `running`, `done` or `dead`. A waiting job also has `Retry-After`. An
/// unknown key is 404, and a queue that fails 503. The history isn't shown, because it contains
/// texts of internal errors.
///
/// The router answers every client that sends a key. Random keys can't be guessed; if you choose
/// the keys yourself, put your authentication around the router.
///
/// ```
/// use axum::Router;
/// use tower_recourse_defer::{Queue, status_router};
///
/// fn app(queue: impl Queue + Clone) -> Router {
///     Router::new().nest("/jobs", status_router(queue))
/// }
/// ```
pub fn status_router<Q: Queue + Clone>(queue: Q) -> Router {
    Router::new().route("/{key}", get(status::<Q>)).with_state(queue)
}

async fn status<Q: Queue>(State(queue): State<Q>, Path(key): Path<String>) -> Response {
    let Ok(key) = JobKey::new(key) else { return plain(StatusCode::NOT_FOUND) };
    match queue.status(&key).await {
        Ok(Some(status)) => found(&status),
        Ok(None) => plain(StatusCode::NOT_FOUND),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn found(status: &JobStatus) -> Response {
    let mut response = Response::new(Body::from(status.to_json()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    if let JobState::Waiting { due_in } = status.state {
        headers.insert(header::RETRY_AFTER, due_in.as_secs().saturating_add(1).into());
    }
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
