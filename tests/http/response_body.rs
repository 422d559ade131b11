//! Responses that a layer makes in place of a client whose body type can't be constructed.

use std::{collections::VecDeque, convert::Infallible, io, pin::Pin, task::Poll, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, Elapsed, FallbackLayer, RetryLayer,
    fallback::PrimaryFailure,
    http::{ReportExtensionLayer, ResponseBody, ResponseBodyLayer, StatusClassifier, Unavailable},
    retry::Timeouts,
};

use crate::{
    config,
    loopback::{client, listen, request, serve},
};

type UpstreamBody = ResponseBody<Incoming>;

/// A body with these frames and a size hint of its own.
struct Frames(VecDeque<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(self.0.pop_front().map_or_else(|| Err(io::Error::other("broken")), Ok)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.len() == 7
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(12)
    }
}

#[tokio::test]
async fn frames_trailers_and_errors_of_the_upstream_pass() {
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    let frames = [Frame::data(Bytes::from("ab")), Frame::data(Bytes::new()), Frame::trailers(trailers.clone())];
    let mut body = ResponseBody::upstream(Frames(VecDeque::from(frames)));
    assert_eq!(body.size_hint().exact(), Some(12));
    assert!(!body.is_end_stream());
    assert!(ResponseBody::upstream(Frames((0..7).map(|_| Frame::data(Bytes::new())).collect())).is_end_stream());

    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "");
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "broken");
    assert!(body.get_ref().is_some());
    assert!(body.into_upstream().is_ok());
}

#[tokio::test]
async fn own_bytes_are_one_frame_with_an_exact_length() {
    let bodies: [UpstreamBody; 5] = [
        "text".into(),
        "text".to_owned().into(),
        Bytes::from("text").into(),
        b"text".to_vec().into(),
        b"text"[..].into(),
    ];
    for mut body in bodies {
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(4), false));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "text");
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert!(body.frame().await.is_none());
        assert!(body.frame().await.is_none());
    }
    let mut empty = UpstreamBody::default();
    assert!(empty.is_end_stream() && empty.get_ref().is_none());
    assert!(empty.frame().await.is_none());
    assert_eq!(UpstreamBody::from("kept").into_upstream().unwrap_err(), "kept");
}

/// A real client under a retry with a time limit, a breaker and a fallback, in an axum handler.
#[tokio::test]
async fn a_504_a_503_and_a_fallback_stand_in_for_hyper() {
    let (listener, silent) = listen().await;
    let upstream = serve(Router::new().route("/", get(|| async { "fresh" }))).await;
    let circuit = Circuit::new(BreakerConfig::http());
    let limits = Timeouts::attempt(Duration::from_secs(1))
        .on_timeout(|_: Elapsed| Ok(Response::builder().status(504).body(UpstreamBody::from("too late")).unwrap()));
    let inner = ServiceBuilder::new()
        .layer(RetryLayer::new(config().retries(0).timeouts(limits)))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .layer(ResponseBodyLayer)
        .service(client());
    let stored = FallbackLayer::from_fn(|_: PrimaryFailure<'_, Response<UpstreamBody>, _>| async {
        Ok::<_, Infallible>(Response::new(UpstreamBody::from("stored")))
    });
    let fallback = ServiceBuilder::new()
        .layer(ReportExtensionLayer)
        .layer(stored.classifier(StatusClassifier::default()))
        .service(inner.clone());

    let answered = inner.clone().oneshot(request("GET", upstream, "")).await.unwrap();
    assert!(answered.body().get_ref().is_some());
    assert_eq!(answered.into_body().collect().await.unwrap().to_bytes(), "fresh");

    let timed_out = inner.clone().oneshot(request("GET", silent, "")).await.unwrap();
    assert_eq!(timed_out.status(), 504);
    assert_eq!(timed_out.into_body().collect().await.unwrap().to_bytes(), "too late");

    circuit.force_open();
    let rejected = inner.clone().oneshot(request("GET", upstream, "")).await.unwrap();
    assert_eq!(rejected.status(), 503);

    let app = Router::new().route(
        "/",
        get(move || {
            let mut fallback = fallback.clone();
            async move {
                let service = fallback.ready().await.unwrap();
                tower::Service::call(service, request("GET", upstream, "")).await.unwrap()
            }
        }),
    );
    let front = serve(app).await;
    let stored = client().oneshot(request("GET", front, "")).await.unwrap();
    assert_eq!(stored.headers()["content-length"], "6");
    assert_eq!(stored.into_body().collect().await.unwrap().to_bytes(), "stored");
    drop(listener);
}

/// The layer passes on the report of a retry inside it.
#[tokio::test(start_paused = true)]
async fn the_report_of_an_inner_retry_is_passed_on() {
    let down = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::builder().status(503).body(Full::<Bytes>::default()).unwrap())
    });
    let service = ServiceBuilder::new().layer(ReportExtensionLayer).layer(ResponseBodyLayer);
    let service = service.service(RetryLayer::new(config()).layer(down));
    let response = service.oneshot(Request::get("/").body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(response.extensions().get::<CallReport>().unwrap().attempts(), 3);
}
