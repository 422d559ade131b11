//! HTTP stacks with closures as their classifiers, as the state of an axum router.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{
    BoxError, Layer, ServiceBuilder, ServiceExt,
    util::{BoxCloneSyncService, MapErr},
};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Classifier, RetryConfig, RetryLayer, Verdict,
    breaker::{Breaker, CircuitHandle},
    classify::{self, BoxClassifier},
    http::{Replay, StatusClassifier},
    retry::{Backoff, BoxPolicy, Retry, Timeouts},
};

use crate::loopback::{self, request, serve};

type Req = Request<Full<Bytes>>;
type Res = axum::http::Response<Incoming>;

/// One line per layer.
type Http = MapErr<Client<HttpConnector, Full<Bytes>>, fn(hyper_util::client::legacy::Error) -> BoxError>;
type Breaking = Breaker<Http, BoxClassifier<Req, Res, BoxError>>;
type Retrying = Retry<Breaking, BoxPolicy<Req, Res, BreakerError<BoxError>>, Replay>;

/// The same stack, boxed as a whole.
type Boxed = BoxCloneSyncService<Req, Res, BoxError>;

#[derive(Clone)]
struct AppState {
    named: Retrying,
    boxed: Boxed,
    circuit: CircuitHandle,
    upstream: SocketAddr,
}

/// `busy` is a status that the upstream uses for "try again", known at run time.
fn state(upstream: SocketAddr, busy: StatusCode) -> AppState {
    let is_busy = move |status: StatusCode| (status == busy).then(Verdict::transient);
    let by_status =
        move |outcome: Result<&Res, &BoxError>| outcome.ok().and_then(|response| is_busy(response.status()));
    let breaker = BreakerConfig::http()
        .without_observers()
        .classifier(classify::first(classify::outcomes(by_status)).or(StatusClassifier::default()))
        .boxed_classifier();
    let circuit = Circuit::new(breaker);

    let by_status = move |outcome: Result<&Res, &BreakerError<BoxError>>| {
        outcome.ok().and_then(|response| is_busy(response.status()))
    };
    let retry = RetryConfig::http()
        .without_observers()
        .backoff(Backoff::none())
        .timeouts(Timeouts::attempt(Duration::from_secs(20)))
        .classifier(classify::first(classify::outcomes(by_status)).or(StatusClassifier::default()));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(retry).boxed_policy())
        .layer(BreakerLayer::on(&circuit))
        .map_err(BoxError::from as fn(_) -> _)
        .service(Client::builder(TokioExecutor::new()).build_http());
    let boxed = Boxed::new(stack.clone().map_err(BreakerError::into_boxed));
    AppState { named: stack, boxed, circuit: circuit.handle(), upstream }
}

async fn by_named(State(state): State<AppState>) -> Result<Response, StatusCode> {
    let response = state.named.oneshot(request("GET", state.upstream, "")).await;
    response.map(|response| response.map(axum::body::Body::new)).map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn by_boxed(State(state): State<AppState>) -> Result<Response, StatusCode> {
    let response = state.boxed.oneshot(request("GET", state.upstream, "")).await;
    response.map(|response| response.map(axum::body::Body::new)).map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn failures(State(state): State<AppState>) -> String {
    state.circuit.stats().total_failures.to_string()
}

#[tokio::test]
async fn stacks_with_closures_are_the_state_of_a_router() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    // Every second call succeeds. The others are answered with a status that the preset doesn't
    // retry.
    let answer = move || async move {
        let is_failure = counted.fetch_add(1, Ordering::Relaxed) % 2 == 0;
        if is_failure { Err(StatusCode::IM_A_TEAPOT) } else { Ok("a poem") }
    };
    let upstream = serve(Router::new().route("/", get(answer))).await;
    let app = Router::new()
        .route("/named", get(by_named))
        .route("/boxed", get(by_boxed))
        .route("/failures", get(failures))
        .with_state(state(upstream, StatusCode::IM_A_TEAPOT));
    let app = serve(app).await;
    let get = async |path: &str| {
        let request = Request::get(format!("http://{app}{path}")).body(Full::default()).unwrap();
        loopback::client().request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
    };
    assert_eq!((get("/named").await, get("/failures").await), ("a poem".into(), "1".into()));
    assert_eq!((get("/boxed").await, get("/failures").await), ("a poem".into(), "2".into()));
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

/// A boxed preset gives the same verdicts.
#[test]
fn a_boxed_preset_is_the_preset() {
    type Text = axum::http::Response<String>;

    fn verdicts<C: Classifier<Request<()>, Text, BoxError>>(classifier: &C) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for method in ["GET", "POST", "PUT"] {
            let memo = classifier.memo(&Request::builder().method(method).body(()).unwrap());
            for status in 100..600 {
                let response = Response::builder().status(status).header("retry-after", "2").body(String::new());
                verdicts.push(classifier.classify(&memo, Ok(&response.unwrap())));
            }
            verdicts.push(classifier.classify(&memo, Err(&"an error".into())));
        }
        verdicts
    }
    let boxed = BoxClassifier::new(StatusClassifier::default());
    assert_eq!(verdicts(&boxed), verdicts(&StatusClassifier::default()));
}

/// The breaker marks its responses through a boxed classifier, and the retry finds the mark through
/// a boxed policy.
#[tokio::test]
async fn a_rejection_is_marked_through_boxed_types() {
    let breaker: BreakerConfig<BoxClassifier<Request<()>, Response, BoxError>> =
        BreakerConfig::http().without_observers().boxed_classifier();
    let circuit = Circuit::new(breaker);
    circuit.handle().force_open();
    let retry: RetryLayer<BoxPolicy<Request<()>, Response, BoxError>> =
        RetryLayer::new(RetryConfig::http().without_observers())
            .boxed_policy()
            .replay(tower_recourse::retry::CloneRequest);
    let service = tower::service_fn(|_: Request<()>| async { Ok::<_, BoxError>(Response::default()) });
    let breaker = BreakerLayer::on(&circuit).on_rejection(tower_recourse::http::Unavailable);
    let response = retry.layer(breaker.layer(service)).oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(tower_recourse::http::rejection(&response).is_some());
    assert_eq!(circuit.stats().total_rejected, 1);
}
