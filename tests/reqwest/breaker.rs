//! Circuits around reqwest's client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use reqwest::{Client, Method, Request};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, RetryLayer, State,
    breaker::{OpenDuration, TripRule},
    http::{StatusClassifier, Unavailable},
    report::with_report,
    reqwest::{Error, host_and_port, rejection},
};

use crate::{
    answer, config, ms, request, send,
    server::{Server, refusing, reply},
};

fn breaker(failures: u32) -> BreakerConfig<StatusClassifier> {
    BreakerConfig::reqwest()
        .open_when(TripRule::consecutive(failures).unwrap())
        .open_for(OpenDuration::fixed(ms(60_000)))
        .without_observers()
}

#[tokio::test]
async fn a_circuit_opens_and_its_rejection_has_an_error_type() {
    let url = format!("http://{}/", refusing().await);
    let circuit = Circuit::new(breaker(3));
    let mut service = ServiceBuilder::new()
        .map_err(Error::flatten)
        .layer(RetryLayer::new(config().retries(9)))
        .layer(BreakerLayer::on(&circuit))
        .map_err(Error::Client)
        .service(Client::new());
    let error = send(&mut service, request(Method::GET, &url)).await.unwrap_err();
    assert!(error.rejection().is_some() && matches!(error, Error::Rejected(_)), "{error:?}");
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.total_failures, stats.total_rejected), (State::Open, 3, 1));
}

#[tokio::test]
async fn statuses_count_as_for_http() {
    let server = Server::start([reply(500), reply(429), reply(404), reply(503).header("retry-after", "1")]).await;
    let circuit = Circuit::new(breaker(9));
    let mut service = BreakerLayer::on(&circuit).layer(Client::new());
    for _ in 0..4 {
        send(&mut service, request(Method::GET, &server.url("/"))).await.unwrap();
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.failures_in_a_row), (1, 0), "404 is a success");
}

#[tokio::test]
async fn a_mistake_of_the_caller_is_neutral() {
    let circuit = Circuit::new(breaker(1));
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit))
        .map_err(Error::Client)
        .map_request(move |request: Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            request
        })
        .service(Client::new());
    for url in ["htp://127.0.0.1:1/", "data:text/plain,x"] {
        let error = send(&mut service, request(Method::GET, url)).await.unwrap_err();
        assert!(matches!(error, BreakerError::Inner(Error::Client(_))), "{error:?}");
    }
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.total_failures), (State::Closed, 0));
    assert_eq!(attempts.load(Ordering::SeqCst), 2, "none is retried");
}

#[tokio::test]
async fn a_rejection_can_be_a_response() {
    let circuit = Circuit::new(breaker(1));
    circuit.force_open();
    let layer = BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config())).layer(layer).service(Client::new());
    let response = send(&mut service, request(Method::GET, "http://127.0.0.1:1/")).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(rejection(&response).is_some());
    assert_eq!(circuit.stats().total_rejected, 1, "the retry recognises the rejection");
}

#[tokio::test]
async fn each_host_has_a_circuit_of_its_own() {
    let (good, down) = (Server::start([]).await, refusing().await);
    let layer = BreakerLayer::keyed(breaker(3).name("hosts"), host_and_port).named();
    let circuits = layer.circuits().clone();
    let mut service =
        ServiceBuilder::new().layer(RetryLayer::new(config().retries(5))).layer(layer).service(Client::new());
    send(&mut service, request(Method::GET, &format!("http://{down}/"))).await.unwrap_err();
    assert_eq!(answer(&mut service, request(Method::GET, &good.url("/"))).await.0, 200);
    let state = |host: String| circuits.get(&host).state();
    assert_eq!((state(down.to_string()), state(good.address.to_string())), (State::Open, State::Closed));
    let mut names: Vec<_> = circuits.stats().into_iter().map(|(_, stats)| stats.name.as_str().to_owned()).collect();
    let mut expected = [down.to_string(), good.address.to_string()].map(|host| format!("hosts/{host}"));
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

/// The error of an open circuit changes its type on the way out. The report still has its cause.
#[tokio::test]
async fn a_report_has_the_rejection_behind_flatten() {
    let circuit = Circuit::new(breaker(3));
    circuit.force_open();
    let stack = ServiceBuilder::new()
        .map_err(Error::flatten)
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit))
        .map_err(Error::Client)
        .service(Client::new());
    let call = stack.oneshot(request(Method::GET, "http://127.0.0.1:1/"));
    let failed = with_report(call).await.unwrap_err();
    assert!(matches!(failed.error, Error::Rejected(_)));
    assert!(failed.report.cause().is_some_and(|cause| cause.is_rejection()), "{}", failed.report);
}
