use std::time::Duration;

use tower_recourse::{RetryConfig, retry::Backoff};

/// The policy of a worker, unless another one is set: a `RetryConfig` to change and pass to
/// [`Worker::policy`](super::Worker::policy).
///
/// | setting | value | why |
/// |---|---|---|
/// | `retries` | 3 | a dependency that is down for more than two minutes needs a person |
/// | `backoff` | 10 s, 30 s, 90 s, without jitter | the first retry of many jobs is spread by the worker's concurrency and rate |
/// | `idempotent` | yes | durable jobs may run more than once, so the upstream must recognise them by their keys |
/// | `budget` | none | the worker's concurrency and rate bound the load |
/// | `max_retry_after` | one day | no caller waits |
/// | `classifier` | `ErrorClassifier` | |
pub fn default_policy() -> RetryConfig {
    let delays = [10, 30, 90].map(Duration::from_secs);
    // A schedule of three delays is valid.
    let backoff = Backoff::schedule(delays).unwrap_or(Backoff::fixed(delays[0]));
    RetryConfig::default()
        .name("worker")
        .retries(3)
        .backoff(backoff)
        .idempotent()
        .without_budget()
        .max_retry_after(Duration::from_secs(86_400))
}
