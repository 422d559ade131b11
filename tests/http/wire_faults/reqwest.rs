//! The server of the wire faults with reqwest as its client, used as in the docs: how reqwest's
//! errors are classified.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::{net::TcpListener, time::timeout};
use tower::{BoxError, Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, RetryLayer, Verdict, classify, http::StatusClassifier,
    retry::Backoff,
};

use super::server::{
    Fault::{self, Close, ResetBeforeHeaders, ResetInBody, SlowLoris},
    LONGEST, Server,
};

use crate::config;
use crate::fixed_numbers::FixedNumbers as _;

type Delivery = Request<Full<Bytes>>;

fn send(
    client: reqwest::Client,
) -> impl Service<Delivery, Response = Response<reqwest::Body>, Error = BoxError, Future: Send> + Clone {
    service_fn(move |request: Delivery| {
        let client = client.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(client.execute(request).await?))
        }
    })
}

fn request(method: &str, uri: &str) -> Delivery {
    Request::builder().method(method).uri(uri).body(Full::from("the body")).unwrap()
}

/// The caller's result, and the failures that an inner circuit counted.
async fn got(client: reqwest::Client, retries: u32, request: Delivery) -> (String, u64) {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
    let config = config().retries(retries).backoff(Backoff::fixed(Duration::from_millis(5)));
    let service = RetryLayer::new(config).layer(BreakerLayer::on(&circuit).layer(send(client)));
    let answering = async {
        match service.oneshot(request).await {
            Ok(response) => {
                let status = response.status();
                let body = response.into_body().collect().await;
                body.map_or(format!("{status}, broken"), |body| format!("{status}, {:?}", body.to_bytes()))
            }
            Err(BreakerError::Inner(_)) => "error".to_owned(),
            Err(rejected @ BreakerError::Rejected(_)) => rejected.to_string(),
        }
    };
    let got = timeout(LONGEST, answering).await.expect("the test hangs");
    (got, circuit.stats().total_failures)
}

#[tokio::test]
async fn reqwest_outcomes_are_classified_by_method() {
    let echo = r#"200 OK, b"the body""#;
    // The script, the method, the caller's result, the requests, and the failures.
    let cases: [(&'static [Fault], &str, &str, usize, u64); 8] = [
        (&[Fault::None], "POST", echo, 1, 0),
        (&[Close(503), Fault::None], "PUT", echo, 2, 1),
        (&[Close(503), Fault::None], "POST", r#"503 Service Unavailable, b"the body""#, 1, 1),
        (&[ResetBeforeHeaders, Fault::None], "PUT", echo, 2, 1),
        (&[ResetBeforeHeaders, Fault::None], "POST", "error", 1, 1),
        (&[ResetInBody, Fault::None], "PUT", "200 OK, broken", 1, 0),
        (&[SlowLoris, Fault::None], "PUT", echo, 2, 1),
        (&[SlowLoris, Fault::None], "POST", "error", 1, 1),
    ];
    for (script, method, expected, requests, failures) in cases {
        let server = Server::playing(script).await;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(1)).build().unwrap();
        let (response, failed) = got(client, 2, request(method, &format!("http://{}/", server.address))).await;
        assert_eq!((&*response, failed), (expected, failures), "{method} {script:?}");
        assert_eq!(server.requests(), requests, "{method} {script:?}");
        server.ends().await;
    }
}

/// The classifier can inspect the error because it is boxed. Because reqwest follows redirects, the
/// error doesn't prove that nothing was sent.
#[tokio::test]
async fn a_refused_connection_of_reqwest_is_retried_if_idempotent() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let serving = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let app = axum::Router::new().route("/", axum::routing::any(|body: String| async { body }));
        axum::serve(listener, app).await
    });
    let post = request("POST", &format!("http://{address}/"));
    let (response, failures) = got(reqwest::Client::new(), 500, post).await;
    assert_eq!((&*response, failures), ("error", 1));
    let (response, _) = got(reqwest::Client::new(), 500, request("PUT", &format!("http://{address}/"))).await;
    assert_eq!(response, r#"200 OK, b"the body""#);
    serving.abort();
}

/// Only methods of reqwest's error show that it is the caller's mistake, so the classifier must
/// know its type. It does with the feature `reqwest`.
#[tokio::test]
async fn an_invalid_reqwest_request_can_be_excluded() {
    let callers_fault = |error: &BoxError| {
        let reqwest = error.downcast_ref::<reqwest::Error>();
        reqwest.is_some_and(|error| error.is_builder() || error.is_redirect()).then_some(Verdict::Neutral)
    };
    for uri in ["/no/host", "htp://127.0.0.1:1/"] {
        let otherwise = if cfg!(feature = "reqwest") { (0, 1) } else { (3, 3) };
        for (asks, (failures, attempts)) in [(false, otherwise), (true, (0, 1))] {
            let made = Arc::new(AtomicUsize::new(0));
            let counted = made.clone();
            let within = move |error: &BoxError| if asks { callers_fault(error) } else { None };
            let around = move |error: &BreakerError<BoxError>| match error {
                BreakerError::Inner(error) => within(error),
                BreakerError::Rejected(_) => None,
            };
            let breaker = BreakerConfig::http()
                .fixed_share()
                .classifier(classify::first(classify::errors(within)).or(StatusClassifier::default()));
            let circuit = Circuit::new(breaker.without_observers());
            let judge = classify::first(classify::errors(around)).or(StatusClassifier::default());
            let service = ServiceBuilder::new()
                .layer(RetryLayer::new(config().classifier(judge).backoff(Backoff::none())))
                .layer(BreakerLayer::on(&circuit))
                .map_request(move |request: Delivery| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    request
                })
                .service(send(reqwest::Client::new()));
            assert!(timeout(LONGEST, service.oneshot(request("GET", uri))).await.unwrap().is_err());
            let seen = (circuit.stats().total_failures, made.load(Ordering::SeqCst));
            assert_eq!(seen, (failures, attempts), "{uri}, asks: {asks}");
        }
    }
}
