//! Breakers with `keep_error`: the layers around recognise a rejection in the service's own error
//! type.

use std::{
    convert::identity,
    error::Error,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, Classifier, FallbackLayer, Rejection, RetryConfig,
    RetryLayer, Verdict,
    classify::{ErrorClassifier, FollowSources, errors},
    fallback::PrimaryFailure,
    http::{BodyBreakerLayer, StatusClassifier, body_breaker::TrackedBody},
    retry::{Backoff, Budget, TokenBucket},
};

use crate::scripted::ready_and_call;

#[derive(Debug)]
enum CallError {
    Io(io::Error),
    Rejected(Rejection),
}

impl From<Rejection> for CallError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call failed")
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Io(error) => error,
            Self::Rejected(rejection) => rejection,
        })
    }
}

/// An error that keeps nothing of the rejection.
#[derive(Debug)]
struct Opaque;

impl From<Rejection> for Opaque {
    fn from(_: Rejection) -> Self {
        Self
    }
}

fn open_circuit<C: Clone>(classifier: C) -> Circuit<C> {
    let circuit = Circuit::new(BreakerConfig::default().without_observers().classifier(classifier));
    circuit.force_open();
    circuit
}

/// Calls a fallback, an outer breaker, a retry, and an open breaker, with `between` around the
/// latter. The outcome is that of a rejection: one attempt, no token, no count of the outer
/// breaker, and the cause that the fallback receives.
async fn assert_recognised<Err, C, S>(classifier: C, between: impl FnOnce(Open<Err, C>) -> S)
where
    Err: From<Rejection> + fmt::Debug + Send + 'static,
    C: Classifier<(), u32, Err> + Clone,
    S: tower::Service<(), Response = u32, Error = Err> + Clone,
{
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap());
    let outer =
        Circuit::new(BreakerConfig::default().without_observers().count_all_calls().classifier(classifier.clone()));
    let retry = RetryConfig::default().without_observers().backoff(Backoff::none()).retries(2).idempotent();
    let fallback = FallbackLayer::from_fn(|failed: PrimaryFailure<'_, u32, Err>| {
        let is_rejected = matches!(failed.cause, Cause::Rejected { .. });
        async move { Ok::<_, Err>(u32::from(is_rejected)) }
    });
    let inner = BreakerLayer::on(&open_circuit(classifier.clone())).keep_error();
    let inner = inner.layer(service_fn(never as fn(()) -> std::future::Ready<Result<u32, Err>>));
    let attempts = AtomicU32::new(0);
    let mut stack = ServiceBuilder::new()
        .layer(fallback.without_observers().classifier(classifier.clone()))
        .layer(BreakerLayer::on(&outer).keep_error())
        .layer(RetryLayer::new(retry.shared_budget(budget.clone()).classifier(classifier)))
        .map_request(|()| {
            attempts.fetch_add(1, Relaxed);
        })
        .service(between(inner));
    assert_eq!(ready_and_call(&mut stack, ()).await.ok(), Some(1), "the fallback's cause is a rejection");
    let stats = outer.stats();
    assert_eq!((stats.total_failures, stats.total_successes, stats.total_neutral), (0, Some(0), 1));
    assert_eq!((attempts.load(Relaxed), budget.stats().granted), (1, 0));
}

type Open<Err, C> = tower_recourse::breaker::Breaker<
    tower::util::ServiceFn<fn(()) -> std::future::Ready<Result<u32, Err>>>,
    C,
    tower_recourse::breaker::KeepError,
>;

fn never<Err>((): ()) -> std::future::Ready<Result<u32, Err>> {
    panic!("the circuit is open")
}

#[tokio::test(start_paused = true)]
async fn layers_recognise_a_rejection_in_a_kept_error() {
    assert_recognised::<io::Error, _, _>(ErrorClassifier, identity).await;
    assert_recognised::<BoxError, _, _>(ErrorClassifier, identity).await;
    assert_recognised::<CallError, _, _>(FollowSources(ErrorClassifier), identity).await;
}

/// One closure over the service's own error for all layers. It has no rule for rejections, and
/// calls every error transient.
#[tokio::test(start_paused = true)]
async fn one_closure_over_a_kept_error_serves_all_layers() {
    assert_recognised::<io::Error, _, _>(errors(|_: &io::Error| Verdict::transient()), identity).await;
    assert_recognised::<BoxError, _, _>(errors(|_: &BoxError| Verdict::transient()), identity).await;
    assert_recognised::<CallError, _, _>(errors(|_: &CallError| Verdict::transient()), identity).await;
    assert_recognised::<Opaque, _, _>(errors(|_: &Opaque| Verdict::transient()), identity).await;
}

/// A task between the layers: they can only inspect the error.
#[tokio::test(start_paused = true)]
async fn a_kept_rejection_is_recognised_behind_a_task() {
    macro_rules! spawned {
        () => {
            |inner| {
                service_fn(move |()| {
                    let task = tokio::spawn(ServiceExt::oneshot(Clone::clone(&inner), ()));
                    async move { task.await.unwrap() }
                })
            }
        };
    }
    assert_recognised::<io::Error, _, _>(errors(|_: &io::Error| Verdict::transient()), spawned!()).await;
    assert_recognised::<BoxError, _, _>(errors(|_: &BoxError| Verdict::transient()), spawned!()).await;
    assert_recognised::<CallError, _, _>(FollowSources(ErrorClassifier), spawned!()).await;
}

#[tokio::test(start_paused = true)]
async fn the_services_own_errors_pass_a_breaker_unchanged() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let service = service_fn(move |(): ()| async move { Err::<(), _>(refused()) });
    let mut service = BreakerLayer::on(&circuit).keep_error().layer(service);
    let error: io::Error = ready_and_call(&mut service, ()).await.unwrap_err();
    assert_eq!((error.kind(), circuit.stats().total_failures), (io::ErrorKind::ConnectionRefused, 1));

    let circuit = Circuit::new(BreakerConfig::default().without_observers().classifier(FollowSources(ErrorClassifier)));
    let service = service_fn(move |(): ()| async move { Err::<(), _>(CallError::Io(refused())) });
    let mut service = BreakerLayer::on(&circuit).keep_error().layer(service);
    assert!(matches!(ready_and_call(&mut service, ()).await, Err(CallError::Io(_))));
    assert_eq!(circuit.stats().total_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn keyed_and_body_breakers_keep_the_error_type() {
    let layer = BreakerLayer::keyed(BreakerConfig::default().without_observers(), |key: &u32| *key).keep_error();
    layer.circuits().get(&1).force_open();
    let mut service = layer.layer(service_fn(|key: u32| async move { Ok::<_, io::Error>(key) }));
    let error = ready_and_call(&mut service, 1).await.unwrap_err();
    assert!(error.get_ref().is_some_and(|inner| inner.is::<Rejection>()));
    assert_eq!(ready_and_call(&mut service, 2).await.unwrap(), 2);

    let layer = BodyBreakerLayer::on(&open_circuit(StatusClassifier::default())).keep_error();
    let service = service_fn(|_: http::Request<()>| async { Ok::<_, BoxError>(http::Response::new(String::new())) });
    let mut service = layer.layer(service);
    let answer: Result<http::Response<TrackedBody<_>>, BoxError> =
        ready_and_call(&mut service, http::Request::new(())).await;
    assert!(answer.unwrap_err().is::<Rejection>());
}

/// `load_shed`, `timeout` and `buffer` need an error type that converts into a boxed one.
#[tokio::test(start_paused = true)]
async fn towers_layers_accept_a_stack_that_keeps_boxed_errors() {
    let circuit = open_circuit(ErrorClassifier);
    let service = service_fn(|(): ()| async { Ok::<(), BoxError>(()) });
    let service = ServiceBuilder::new()
        .buffer(1)
        .load_shed()
        .timeout(std::time::Duration::from_secs(1))
        .layer(RetryLayer::new(RetryConfig::default().without_observers()))
        .layer(BreakerLayer::on(&circuit).keep_error())
        .service(service);
    assert!(service.oneshot(()).await.unwrap_err().is::<Rejection>());
}

#[tokio::test]
async fn calls_without_a_layer_keep_the_error_type_by_flatten() {
    let circuit = open_circuit(ErrorClassifier);
    let io: io::Result<()> = circuit.call_blocking(|| Ok(())).map_err(BreakerError::flatten);
    assert_eq!(io.unwrap_err().kind(), io::ErrorKind::Other);
    let boxed = circuit.call(async || Ok::<_, BoxError>(())).await.map_err(BreakerError::flatten);
    assert!(boxed.unwrap_err().is::<Rejection>());
}
