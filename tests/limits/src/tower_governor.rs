//! `tower_governor`, which responds with 429.

use ::tower_governor::{GovernorLayer, governor::GovernorConfigBuilder, key_extractor::GlobalKeyExtractor};
use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, Probes, TripRule},
    retry::Backoff,
    testing::{Script, respond_with},
    time::ManualClock,
};

use crate::{assert_untouched, retry, secs};

/// Admits one request per hour.
macro_rules! one_per_hour {
    () => {
        GovernorLayer::new(
            GovernorConfigBuilder::default()
                .key_extractor(GlobalKeyExtractor)
                .per_second(3_600)
                .burst_size(1)
                .finish()
                .unwrap(),
        )
    };
}

type Upstream = Script<Request<Body>, Response<Body>, std::convert::Infallible>;

fn upstream(status: StatusCode) -> Upstream {
    Script::new([respond_with(move || Ok(Response::builder().status(status).body(Body::empty()).unwrap()))])
}

fn get() -> Request<Body> {
    Request::get("http://host/").body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn around_the_stack_it_touches_no_circuit_and_no_budget() {
    let (_, budget) = retry();
    let circuit = Circuit::new(BreakerConfig::http().count_all_calls());
    let upstream = upstream(StatusCode::OK);
    let service = ServiceBuilder::new()
        .layer(one_per_hour!())
        .layer(RetryLayer::new(RetryConfig::http().shared_budget(budget.clone())))
        .layer(BreakerLayer::on(&circuit).on_rejection(tower_recourse::http::Unavailable))
        .service(upstream.clone());
    assert_eq!(service.clone().oneshot(get()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(service.oneshot(get()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((upstream.calls(), circuit.stats().total_admitted), (1, Some(1)));
    assert_untouched(&circuit, &budget);
}

/// Its response is that of a server that throttles: the layers can't distinguish the two.
#[tokio::test(start_paused = true)]
async fn inside_the_stack_its_429_is_retried_and_closes_a_circuit() {
    let (clock, (_, budget)) = (ManualClock::new(), retry());
    let config = BreakerConfig::http()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(secs(10)))
        .probes(Probes::one());
    let circuit = Circuit::new(config.clock(clock.clone()));
    let upstream = upstream(StatusCode::SERVICE_UNAVAILABLE);
    let limited = one_per_hour!().layer(upstream.clone());
    let breaker = BreakerLayer::on(&circuit).layer(limited.clone());
    assert_eq!(breaker.clone().oneshot(get()).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(circuit.state(), State::Open);

    clock.advance(secs(10));
    assert_eq!(breaker.oneshot(get()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(circuit.state(), State::Closed, "the 429 counted as an answer of the upstream, which is still down");

    let config = RetryConfig::http().max_retry_after(secs(7_200)).throttled_backoff(Backoff::none());
    let retry = RetryLayer::new(config.retries(1).shared_budget(budget.clone())).layer(limited);
    assert_eq!(retry.oneshot(get()).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(tower_recourse::retry::Budget::stats(&*budget).granted, 1, "the retry took a token");
    assert_eq!(upstream.calls(), 1);
}
