//! Layers of tower-http that change the type of the body, between a retry and a breaker.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::ServiceBuilder;
use tower_http::{
    compression::{CompressionLayer, predicate::SizeAbove},
    trace::TraceLayer,
};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, RetryConfig, RetryLayer, State,
    breaker::OpenDuration,
    http::{BodyBreakerLayer, ReportExtensionLayer, StatusClassifier, Unavailable},
    retry::{Backoff, Budget, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{Scripted, empty_response};

/// A circuit that is open for 5 s. That is less than `max_retry_after`, so a retry that took the
/// rejection for the service's 503 would wait and resend.
fn open() -> Circuit<StatusClassifier> {
    let open_for = OpenDuration::fixed(Duration::from_secs(5));
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().open_for(open_for));
    while circuit.state() == State::Closed {
        circuit.try_acquire().unwrap().failure();
    }
    circuit
}

fn request() -> Request<Full<Bytes>> {
    Request::builder().header("accept-encoding", "gzip").body(Full::default()).unwrap()
}

/// Compresses every response.
fn compression() -> CompressionLayer<SizeAbove> {
    CompressionLayer::new().compress_when(SizeAbove::new(0))
}

/// Makes one call while the inner circuit is open, and one after its reset. The service responds
/// with 503, as the rejecting breaker does.
macro_rules! only_the_services_own_503_is_retried {
    ($Breaker:ident: $($between:expr),+) => {{
        let (circuit, server) = (open(), Scripted::new(|_| empty_response(503)));
        let outer = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
        let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
        // The reserve of the budget covers all retries of this test.
        let retries = RetryConfig::http().retries(2).without_observers().backoff(Backoff::none());
        let service = ServiceBuilder::new()
            .layer(ReportExtensionLayer)
            .layer(RetryLayer::new(retries.shared_budget(budget.clone())))
            .layer($Breaker::on(&outer))
            $(.layer($between))+
            .layer($Breaker::on(&circuit).on_rejection(Unavailable))
            .service(server.service());

        let rejected = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(rejected.status(), 503);
        assert!(rejected.extensions().get::<CallReport>().unwrap().cause().unwrap().is_rejection());
        let gzip = rejected.headers().get("content-encoding").is_some();
        rejected.into_body().collect().await.unwrap();
        assert_eq!((circuit.stats().total_rejected, server.calls(), budget.balance()), (1, 0, 9));
        assert_eq!((outer.stats().total_neutral, outer.stats().total_failures), (1, 0));

        circuit.reset();
        let failed = service.oneshot(request()).await.unwrap();
        assert_eq!(failed.status(), 503);
        drop(failed);
        assert_eq!((server.calls(), budget.balance()), (3, 7));
        assert_eq!((outer.stats().total_neutral, outer.stats().total_failures), (1, 3));
        gzip
    }};
}

#[tokio::test(start_paused = true)]
async fn a_rejection_through_a_trace_layer_is_not_retried() {
    only_the_services_own_503_is_retried!(BreakerLayer: TraceLayer::new_for_http());
    only_the_services_own_503_is_retried!(BodyBreakerLayer: TraceLayer::new_for_http());
}

#[tokio::test(start_paused = true)]
async fn a_rejection_through_a_compression_layer_is_not_retried() {
    assert!(only_the_services_own_503_is_retried!(BreakerLayer: compression()));
    assert!(only_the_services_own_503_is_retried!(BodyBreakerLayer: compression()));
    let trace = TraceLayer::new_for_http;
    assert!(only_the_services_own_503_is_retried!(BreakerLayer: trace(), compression()));
    assert!(only_the_services_own_503_is_retried!(BreakerLayer: compression(), trace()));
}
