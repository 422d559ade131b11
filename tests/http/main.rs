//! Tests of HTTP. They use sockets where a real client or server takes part.

#[path = "../support/await_points.rs"]
mod await_points;
mod axum_handlers;
mod axum_layers;
mod balance;
mod body_breaker;
mod body_timeout;
mod cancel_and_panic;
mod cloneable_bodies;
mod connections;
mod deadline;
mod drain;
mod early_responses;
mod first_event;
mod first_frame;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod gateway;
mod idempotency_key;
mod invalid_requests;
#[cfg(feature = "keyed")]
mod keyed;
mod loopback;
mod misdirected;
mod other_crates_faults;
mod pass_through;
mod rate_limit_headers;
mod redirects;
mod rejection_marks;
mod rejections;
mod replay_bodies;
mod replay_edge_cases;
mod replay_memory;
mod reported_requests;
mod reqwest_bodies;
mod resend_count;
mod resend_rules;
mod resent_requests;
mod response_body;
mod retry_after;
mod silent_connections;
#[path = "../support/span_tree.rs"]
mod span_tree;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "last-good")]
mod stale_if_error;
mod standard;
mod statuses;
mod sync;
#[cfg(any(feature = "tower-http", feature = "tower-http-06"))]
mod tower_http_classifiers;
mod tower_http_layers;
mod wire_faults;
mod written_types;

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, ServiceExt, service_fn};
use tower_recourse::{Ratio, RetryConfig, http::StatusClassifier, retry::Backoff};

pub(crate) type Answer = Response<Full<Bytes>>;

pub(crate) fn empty_response(status: u16) -> Answer {
    Response::builder().status(status).body(Full::default()).unwrap()
}

/// The preset without jitter, budget and observers.
pub(crate) fn config() -> RetryConfig<
    StatusClassifier,
    tower_recourse::retry::NoTimeouts,
    tower_recourse::retry::quota::NoQuota,
    tower_recourse::http::Replay,
> {
    RetryConfig::http()
        .retries(2)
        .backoff(Backoff::fixed(Duration::from_millis(50)))
        .throttled_backoff(Backoff::none())
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .without_budget()
        .without_observers()
}

/// A service that returns these responses; the last one repeats. It records the times of its calls.
#[derive(Clone)]
pub(crate) struct Scripted {
    answers: Arc<dyn Fn(usize) -> Answer + Send + Sync>,
    calls: Arc<AtomicUsize>,
    at: Arc<Mutex<Vec<tokio::time::Instant>>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self { answers: Arc::new(answers), calls: Arc::default(), at: Arc::default() }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The times between its calls.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        self.at.lock().unwrap().windows(2).map(|at| at[1] - at[0]).collect()
    }

    pub(crate) fn first_gap(&self) -> Option<Duration> {
        self.gaps().first().copied()
    }

    pub(crate) fn service<B: Send + 'static>(
        &self,
    ) -> impl Service<Request<B>, Response = Answer, Error = Infallible, Future: Send> + Clone + use<B> {
        let this = self.clone();
        service_fn(move |_: Request<B>| {
            let this = this.clone();
            async move {
                this.at.lock().unwrap().push(tokio::time::Instant::now());
                Ok((this.answers)(this.calls.fetch_add(1, Ordering::SeqCst)))
            }
        })
    }
}

pub(crate) async fn status<S, B>(service: S, request: Request<B>) -> StatusCode
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    service.oneshot(request).await.unwrap().status()
}
