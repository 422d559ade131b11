//! Scripts of HTTP and gRPC services.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_recourse::{
    RetryConfig, RetryLayer,
    grpc::Code,
    http::FirstFrameLayer,
    testing::{
        Script, fail_io, hang,
        http::{ReadBody, ScriptBody, grpc_status, status},
    },
};

use crate::secs;

fn get() -> Request<Full<Bytes>> {
    Request::get("http://host/item").body(Full::default()).unwrap()
}

async fn call<S, B>(service: &mut S, request: Request<B>) -> Response<ScriptBody>
where
    S: Service<Request<B>, Response = Response<ScriptBody>, Error: std::fmt::Debug>,
{
    service.ready().await.unwrap().call(request).await.unwrap()
}

#[tokio::test]
async fn a_response_has_its_status_headers_and_body() {
    let mut script: Script<_, _, Infallible> = Script::new([
        status(429).retry_after(Duration::from_millis(1_500)).header("x-id", "7").body("slow down"),
        status(204),
    ]);
    let response = call(&mut script, get()).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (&response.headers()["retry-after"], &response.headers()["x-id"]),
        (&"2".parse().unwrap(), &"7".parse().unwrap())
    );
    assert_eq!(response.body().size_hint().exact(), Some(9));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "slow down");
    assert!(call(&mut script, get()).await.body().is_end_stream());
}

#[test]
#[should_panic(expected = "1000 isn't a status code")]
fn an_invalid_status_panics() {
    let _: Script<(), _, _> = Script::http([status(1000)]);
}

#[test]
#[should_panic(expected = r#""a b" isn't a header name"#)]
fn an_invalid_header_name_panics() {
    let _: Script<(), _, _> = Script::http([status(200).header("a b", "c")]);
}

#[tokio::test(start_paused = true)]
async fn bodies_break_off_and_hang() {
    let hanging = ScriptBody::from("begin").hangs();
    let mut script = Script::http([status(200).broken_body("begin"), status(200).body(hanging)]);
    let mut broken = call(&mut script, get()).await.into_body();
    assert_eq!(broken.size_hint().exact(), None);
    assert_eq!(broken.frame().await.unwrap().unwrap().into_data().unwrap(), "begin");
    assert_eq!(broken.frame().await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(broken.frame().await.is_none());

    let mut hanging = call(&mut script, get()).await.into_body();
    assert!(hanging.frame().await.unwrap().is_ok());
    assert!(tokio::time::timeout(secs(60), hanging.frame()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_retry_replaces_a_response_that_breaks_off_at_once() {
    let broken = ScriptBody::empty().fails(io::ErrorKind::ConnectionReset);
    let script: Script<_, _, BoxError> = Script::new([status(200).body(broken), status(200).body("whole")]);
    let mut service = RetryLayer::new(RetryConfig::http()).layer(FirstFrameLayer::new().layer(script.clone()));
    let response = service.ready().await.unwrap().call(get()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "whole");
    assert_eq!(script.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_body_is_read_before_the_call() {
    let script = Script::http([fail_io(io::ErrorKind::ConnectionReset), status(200)])
        .record(|request: &Request<Bytes>| (request.method().clone(), request.body().clone()));
    let mut service = RetryLayer::new(RetryConfig::http()).layer(ReadBody::new(script.clone()));
    let put = Request::put("http://host/item").body(Full::<Bytes>::from("data")).unwrap();
    call(&mut service, put).await;
    assert_eq!(script.requests(), [(http::Method::PUT, "data".into()), (http::Method::PUT, "data".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_call_hangs_while_its_request_body_hangs() {
    let script = Script::http([hang()]).record(|request: &Request<Bytes>| request.body().clone());
    let mut service = ReadBody::new(script.clone());
    let request = Request::new(ScriptBody::from("begin").hangs());
    let call = service.ready().await.unwrap().call(request);
    assert!(tokio::time::timeout(secs(60), call).await.is_err());
    assert_eq!(script.calls(), 0);
}

#[tokio::test]
async fn a_grpc_status_is_in_the_headers_or_in_the_trailers() {
    let unavailable = || grpc_status(Code::Unavailable).grpc_pushback(secs(1));
    let mut script = Script::http([unavailable(), unavailable().in_trailers("message")]);
    let headers = call(&mut script, get()).await.headers().clone();
    assert_eq!(headers["grpc-status"], "14");
    assert_eq!(headers["grpc-retry-pushback-ms"], "1000");

    let response = call(&mut script, get()).await;
    assert_eq!(response.headers().len(), 1, "the content type");
    let body = response.into_body().collect().await.unwrap();
    let trailers: HeaderMap = body.trailers().unwrap().clone();
    assert_eq!(trailers["grpc-status"], "14");
    assert_eq!(trailers["grpc-retry-pushback-ms"], "1000");
    assert_eq!(body.to_bytes(), "message");
}
