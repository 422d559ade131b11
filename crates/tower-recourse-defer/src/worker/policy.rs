use std::{cell::Cell, time::Duration};

use tower_recourse::{RetryConfig, observe::Event, retry::Backoff};

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
        .observe(note_failure)
}

thread_local! {
    /// The failure that the policy has just decided about, as its event describes it.
    static FAILURE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Calls `decide`, and returns the description of the failure with its result, if the policy is a
/// [`default_policy`]. The policy emits its event within the call, on this thread. So a failed
/// response is described, too, which [`Policy`](tower_recourse::retry::Policy) doesn't.
pub(super) fn with_failure<T>(decide: impl FnOnce() -> T) -> (T, Option<String>) {
    FAILURE.set(None);
    let decision = decide();
    (decision, FAILURE.take())
}

fn note_failure(event: &Event<'_>) {
    let failure = match event {
        Event::RetryScheduled { failure, .. } => Some(failure),
        Event::RetryStopped { failure, .. } => failure.as_ref(),
        _ => None,
    };
    if let Some(failure) = failure {
        FAILURE.set(Some(failure.to_string()));
    }
}
