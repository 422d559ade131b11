//! Faults on the wire and their results, by method. The server counts the requests. No call hangs,
//! and nothing is left over.

mod h2;
mod incomplete;
mod reqwest;
mod server;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{client::legacy, rt::TokioExecutor};
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt};
use tower_recourse::{
    BreakerConfig, Circuit, Elapsed, RetryLayer,
    http::{BodyBreakerLayer, FirstFrameLayer},
    retry::Timeouts,
};

use self::server::{Fault, LONGEST, Server};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{config, replay_bodies::Boxed, replay_edge_cases::Streamed};

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// What a caller gets: a status with its body, a status whose body fails, or an error.
#[derive(Debug, PartialEq)]
enum Outcome {
    Status(u16),
    /// 200 with the request's body.
    Echo,
    BrokenBody(u16),
    Error,
}

fn client(
    version: http::Version,
) -> impl Service<Request<Boxed>, Response = Answer, Error = legacy::Error, Future: Send> + Clone {
    let mut client = legacy::Client::builder(TokioExecutor::new());
    client.http2_only(version == http::Version::HTTP_2);
    client.build_http().map_response(|response: Response<hyper::body::Incoming>| response.map(BodyExt::boxed_unsync))
}

/// A hyper client with a retry that times out attempts, and responds with 504 then.
fn service(
    version: http::Version,
) -> impl Service<Request<Boxed>, Response = Answer, Error = legacy::Error, Future: Send> + Clone {
    let limits = Timeouts::attempt(Duration::from_millis(300)).on_timeout(|_: Elapsed| {
        let empty = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        Ok::<_, legacy::Error>(Response::builder().status(504).body(empty).unwrap())
    });
    let config = config().backoff(tower_recourse::retry::Backoff::fixed(Duration::from_millis(5)));
    RetryLayer::new(config.timeouts(limits)).layer(client(version))
}

fn request(method: &str, server: &Server) -> Request<Boxed> {
    let body = if method == "GET" { "" } else { "the body" };
    let body = Full::from(body).map_err(|never| match never {}).boxed_unsync();
    Request::builder().method(method).uri(format!("http://{}/", server.address)).body(body).unwrap()
}

async fn got<S>(service: S, request: Request<Boxed>) -> Outcome
where
    S: Service<Request<Boxed>, Response = Answer, Error = legacy::Error>,
{
    let sent = if request.method() == "GET" { "" } else { "the body" };
    let answering = async {
        match service.oneshot(request).await {
            Err(_) => Outcome::Error,
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.into_body().collect().await.map(http_body_util::Collected::to_bytes) {
                    Ok(body) if status == 200 && body == sent => Outcome::Echo,
                    Ok(_) => Outcome::Status(status),
                    Err(_) => Outcome::BrokenBody(status),
                }
            }
        }
    };
    timeout(LONGEST, answering).await.expect("the test hangs")
}

/// Plays the script for one request of each method. Compares the caller's result, and the number of
/// requests that the server received.
async fn check_script(script: &'static [Fault], outcomes: &[(&str, Outcome, usize)]) {
    for (method, expected, requests) in outcomes {
        let server = Server::playing(script).await;
        let service = service(http::Version::HTTP_11);
        assert_eq!(got(service, request(method, &server)).await, *expected, "{method} {script:?}");
        assert_eq!(server.requests(), *requests, "{method} {script:?}");
        server.ends().await;
    }
}

#[tokio::test]
async fn a_reset_before_the_response_may_have_had_an_effect() {
    use Fault::{None, ResetBeforeHeaders};
    check_script(
        &[ResetBeforeHeaders, None],
        &[("POST", Outcome::Error, 1), ("PUT", Outcome::Echo, 2), ("GET", Outcome::Echo, 2)],
    )
    .await;
    check_script(
        &[ResetBeforeHeaders],
        &[("POST", Outcome::Error, 1), ("PUT", Outcome::Error, 3), ("GET", Outcome::Error, 3)],
    )
    .await;
}

/// The caller has already received the good head, so the call isn't retried.
#[tokio::test]
async fn a_reset_in_the_body_reaches_the_caller() {
    let broken = || Outcome::BrokenBody(200);
    check_script(
        &[Fault::ResetInBody, Fault::None],
        &[("POST", broken(), 1), ("PUT", broken(), 1), ("GET", broken(), 1)],
    )
    .await;
}

/// With a `FirstFrameLayer`, a response that fails before the first frame is retried. After the
/// first frame it isn't.
#[tokio::test]
async fn with_a_first_frame_layer_an_early_reset_is_retried() {
    use Fault::{None, ResetBeforeBody, ResetInBody};
    let broken = || Outcome::BrokenBody(200);
    let cases: [(&'static [Fault], &str, Outcome, usize); 7] = [
        (&[ResetBeforeBody, None], "GET", Outcome::Echo, 2),
        (&[ResetBeforeBody, None], "PUT", Outcome::Echo, 2),
        (&[ResetBeforeBody, None], "POST", broken(), 1),
        (&[ResetBeforeBody], "GET", broken(), 3),
        (&[ResetInBody, None], "GET", broken(), 1),
        (&[ResetInBody, None], "POST", broken(), 1),
        (&[None], "POST", Outcome::Echo, 1),
    ];
    for (script, method, expected, requests) in cases {
        let server = Server::playing(script).await;
        let waiting = FirstFrameLayer::new().layer(client(http::Version::HTTP_11));
        let service = RetryLayer::new(config()).layer(waiting).map_response(|answer| answer.map(BodyExt::boxed_unsync));
        assert_eq!(got(service, request(method, &server)).await, expected, "{method} {script:?}");
        assert_eq!(server.requests(), requests, "{method} {script:?}");
        server.ends().await;
    }
}

/// For a breaker that waits for the end of bodies, a body that fails is a failure, and a body that
/// the caller drops is neutral.
#[tokio::test]
async fn a_reset_in_the_body_is_a_failure_to_a_body_breaker() {
    // Successes, failures, dropped.
    let cases = [
        (&[Fault::None], (1, 0, 0)),
        (&[Fault::ResetInBody], (0, 1, 0)),
        (&[Fault::ResetBeforeHeaders], (0, 1, 0)),
        (&[Fault::Close(503)], (0, 1, 0)),
    ];
    for (script, expected) in cases {
        let script: &'static [Fault] = script;
        let server = Server::playing(script).await;
        let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
        let service = BodyBreakerLayer::on(&circuit).layer(client(http::Version::HTTP_11));
        if let Ok(answer) = timeout(LONGEST, service.oneshot(request("POST", &server))).await.unwrap() {
            let _ = timeout(LONGEST, answer.into_body().collect()).await.unwrap();
        }
        let stats = circuit.stats();
        let counted = (stats.total_successes.unwrap(), stats.total_failures, stats.total_dropped);
        assert_eq!(counted, expected, "{script:?}");
        server.ends().await;
    }

    let server = Server::playing(&[Fault::Endless(200)]).await;
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    let service = BodyBreakerLayer::on(&circuit).layer(client(http::Version::HTTP_11));
    let answer = timeout(LONGEST, service.oneshot(request("GET", &server))).await.unwrap().unwrap();
    let mut body = answer.into_body();
    timeout(LONGEST, body.frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(circuit.stats().total_dropped, 0);
    drop(body);
    let stats = circuit.stats();
    assert_eq!((stats.total_successes, stats.total_failures, stats.total_dropped), (Some(0), 0, 1));
    server.ends().await;
}

/// The reset comes after the complete response, so the response counts. The next request uses
/// another connection.
#[tokio::test]
async fn a_reset_after_the_body_is_not_a_failure() {
    for method in ["PUT", "GET"] {
        let server = Server::playing(&[Fault::ResetAfterBody]).await;
        let service = service(http::Version::HTTP_11);
        for _ in 0..3 {
            assert_eq!(got(service.clone(), request(method, &server)).await, Outcome::Echo);
            // The reset comes a little after the response.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        assert_eq!((server.requests(), server.connections()), (3, 3), "{method}");
        drop(service);
        server.ends().await;
    }
}

/// The rest of the body comes from a source that waits until the second request has arrived.
#[tokio::test]
async fn a_503_while_the_body_is_being_sent() {
    for (method, expected, requests) in [("POST", Outcome::Status(503), 1), ("PUT", Outcome::Echo, 2)] {
        let server = Server::playing(&[Fault::Early503, Fault::None]).await;
        let (frames, source) = Streamed::new();
        let mut early = request(method, &server);
        *early.body_mut() = source.boxed_unsync();
        frames.send(Ok(http_body::Frame::data("the ".into()))).unwrap();
        let answering = tokio::spawn(got(service(http::Version::HTTP_11), early));
        let come = async {
            while server.requests() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, come).await.unwrap();
        let _ = frames.send(Ok(http_body::Frame::data("body".into())));
        drop(frames);
        assert_eq!(answering.await.unwrap(), expected, "{method}");
        assert_eq!(server.requests(), requests, "{method}");
        server.ends().await;
    }
}

/// The attempt times out. The server may have processed a POST, so only the other methods are
/// retried.
#[tokio::test]
async fn a_slow_response_head_times_out() {
    use Fault::{None, SlowLoris};
    check_script(
        &[SlowLoris, None],
        &[("POST", Outcome::Status(504), 1), ("PUT", Outcome::Echo, 2), ("GET", Outcome::Echo, 2)],
    )
    .await;
    check_script(&[SlowLoris], &[("GET", Outcome::Status(504), 3)]).await;
}

/// The response and its connection are dropped before the next attempt.
#[tokio::test]
async fn a_503_with_an_endless_body_is_retried() {
    use Fault::{Endless, None};
    check_script(&[Endless(503), None], &[("PUT", Outcome::Echo, 2), ("GET", Outcome::Echo, 2)]).await;

    // A response that isn't retried is returned with its body unread. The caller can read the
    // endless body; dropping it closes the connection.
    for (method, status) in [("GET", 200), ("POST", 200), ("POST", 503)] {
        let server = Server::playing(if status == 200 { &[Endless(200)] } else { &[Endless(503)] }).await;
        let answer = timeout(LONGEST, service(http::Version::HTTP_11).oneshot(request(method, &server)));
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
        let mut body = answer.into_body();
        for _ in 0..100 {
            assert!(timeout(LONGEST, body.frame()).await.unwrap().unwrap().unwrap().is_data());
        }
        drop(body);
        assert_eq!(server.requests(), 1);
        server.ends().await;
    }
}

/// The client waits for the final response after a 100.
#[tokio::test]
async fn after_100_continue_the_final_status_counts() {
    let outcomes = [("POST", Outcome::Status(503), 1), ("PUT", Outcome::Echo, 2), ("GET", Outcome::Echo, 2)];
    check_script(&[Fault::Continue(503), Fault::Continue(200)], &outcomes).await;

    let server = Server::playing(&[Fault::Continue(503), Fault::Continue(200)]).await;
    let mut expecting = request("PUT", &server);
    expecting.headers_mut().insert("expect", "100-continue".parse().unwrap());
    assert_eq!(got(service(http::Version::HTTP_11), expecting).await, Outcome::Echo);
    assert_eq!(server.requests(), 2);
    server.ends().await;
}

#[tokio::test]
async fn after_connection_close_each_attempt_opens_a_connection() {
    use Fault::{Close, None};
    check_script(
        &[Close(503), None],
        &[("POST", Outcome::Status(503), 1), ("PUT", Outcome::Echo, 2), ("GET", Outcome::Echo, 2)],
    )
    .await;

    let server = Server::playing(&[Close(200)]).await;
    let service = service(http::Version::HTTP_11);
    for _ in 0..5 {
        assert_eq!(got(service.clone(), request("POST", &server)).await, Outcome::Echo);
    }
    assert_eq!((server.requests(), server.connections()), (5, 5));
    drop(service);
    server.ends().await;
}

/// 31,700 years exceed every limit, so the retry returns the response.
#[tokio::test]
async fn a_retry_after_of_a_trillion_seconds() {
    let refused = || Outcome::Status(503);
    check_script(&[Fault::RetryAfter], &[("POST", refused(), 1), ("PUT", refused(), 1), ("GET", refused(), 1)]).await;
}

async fn check_h2_script(script: &'static [h2::Fault], outcomes: &[(&str, Outcome, usize)]) {
    for (method, expected, requests) in outcomes {
        let server = Server::serving(move |socket, counts| h2::serve(socket, counts, script)).await;
        let service = service(http::Version::HTTP_2);
        assert_eq!(got(service, request(method, &server)).await, *expected, "{method} {script:?}");
        assert_eq!(server.requests(), *requests, "{method} {script:?}");
        server.ends().await;
    }
}

/// The peer states that it didn't process the stream, so even a POST is resent. The first script
/// refuses one stream. The second script refuses every stream, and the POST fails after three.
#[tokio::test]
async fn a_refused_stream_is_resent_for_every_method() {
    use h2::Fault::{None, Reset};
    let ok = || Outcome::Status(200);
    check_h2_script(&[Reset(7), None], &[("POST", ok(), 2), ("PUT", ok(), 2), ("GET", Outcome::Echo, 2)]).await;
    check_h2_script(&[Reset(7)], &[("POST", Outcome::Error, 3)]).await;
}

/// The peer may have processed a stream that it resets for any other reason.
#[tokio::test]
async fn a_reset_stream_is_resent_only_if_safe() {
    use h2::Fault::{None, Reset};
    check_h2_script(
        &[Reset(2), None],
        &[("POST", Outcome::Error, 1), ("PUT", Outcome::Status(200), 2), ("GET", Outcome::Echo, 2)],
    )
    .await;
}

/// The GOAWAY states that the peer didn't process this stream. But hyper's client reports the same
/// error for a stream that was being processed, so a POST isn't resent. With h2 alone the
/// difference is known (`tests/classify/http_errors.rs`).
#[tokio::test]
async fn streams_above_the_last_of_a_goaway_are_resent_if_safe() {
    use h2::Fault::{GoAwayBelow, None};
    check_h2_script(
        &[GoAwayBelow, None],
        &[("POST", Outcome::Error, 1), ("PUT", Outcome::Status(200), 2), ("GET", Outcome::Echo, 2)],
    )
    .await;
}

/// The GOAWAY names this stream as the last one that the peer may have processed.
#[tokio::test]
async fn the_last_stream_of_a_goaway_may_have_had_an_effect() {
    use h2::Fault::{GoAwayAt, None};
    check_h2_script(
        &[GoAwayAt, None],
        &[("POST", Outcome::Error, 1), ("PUT", Outcome::Status(200), 2), ("GET", Outcome::Echo, 2)],
    )
    .await;
}
