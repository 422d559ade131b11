//! The worker process.

use tower::service_fn;
use tower_recourse::retry::Backoff;
use tower_recourse_defer::{
    Worker,
    http::{HttpRequests, http_policy},
    sqlite::SqliteQueue,
};

use crate::{
    BoxError,
    front::{client, send},
    scaled::scaled,
};

/// Runs the jobs in `file` until Ctrl-C.
pub(crate) async fn run(file: &str) -> Result<(), BoxError> {
    let queue = SqliteQueue::open(file).await?;
    let client = client();
    let service = service_fn(move |request| send(client.clone(), request));
    // A larger service has its own layers here: a breaker, a timeout.
    Worker::new(queue, HttpRequests::new(), service)
        .policy(http_policy().backoff(Backoff::schedule([10, 30, 90].map(scaled))?))
        .lease(scaled(30))?
        .poll(scaled(5))?
        .run(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await;
    Ok(())
}
