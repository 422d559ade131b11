//! Faults on the wire, and what comes of each: by method, counted by the server. Nothing hangs, and nothing is left over.

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
use crate::{bodies::Boxed, config, replay_traps::Streamed};

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// What a caller gets: a status with its body, a status whose body breaks off, or an error.
#[derive(Debug, PartialEq)]
enum Got {
    Status(u16),
    /// 200, and what was sent came back.
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

/// A hyper client with a retry that cuts off attempts, and then answers 504.
fn service(
    version: http::Version,
) -> impl Service<Request<Boxed>, Response = Answer, Error = legacy::Error, Future: Send> + Clone {
    let limits = Timeouts::attempt(Duration::from_millis(300)).answer(|_: Elapsed| {
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

async fn got<S>(service: S, request: Request<Boxed>) -> Got
where
    S: Service<Request<Boxed>, Response = Answer, Error = legacy::Error>,
{
    let sent = if request.method() == "GET" { "" } else { "the body" };
    let answering = async {
        match service.oneshot(request).await {
            Err(_) => Got::Error,
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.into_body().collect().await.map(http_body_util::Collected::to_bytes) {
                    Ok(body) if status == 200 && body == sent => Got::Echo,
                    Ok(_) => Got::Status(status),
                    Err(_) => Got::BrokenBody(status),
                }
            }
        }
    };
    timeout(LONGEST, answering).await.expect("it hangs")
}

/// Plays the script to one request of each of these methods; the caller gets this, and the server so many requests.
async fn plays(script: &'static [Fault], outcomes: &[(&str, Got, usize)]) {
    for (method, expected, requests) in outcomes {
        let server = Server::playing(script).await;
        let service = service(http::Version::HTTP_11);
        assert_eq!(got(service, request(method, &server)).await, *expected, "{method} {script:?}");
        assert_eq!(server.requests(), *requests, "{method} {script:?}");
        server.ends().await;
    }
}

#[tokio::test]
async fn a_reset_before_the_answer_may_have_had_its_effect() {
    use Fault::{None, ResetBeforeHeaders};
    plays(&[ResetBeforeHeaders, None], &[("POST", Got::Error, 1), ("PUT", Got::Echo, 2), ("GET", Got::Echo, 2)]).await;
    plays(&[ResetBeforeHeaders], &[("POST", Got::Error, 1), ("PUT", Got::Error, 3), ("GET", Got::Error, 3)]).await;
}

/// The head was good, and is with the caller.
#[tokio::test]
async fn a_reset_in_the_body_is_the_callers_to_see() {
    let broken = || Got::BrokenBody(200);
    plays(&[Fault::ResetInBody, Fault::None], &[("POST", broken(), 1), ("PUT", broken(), 1), ("GET", broken(), 1)])
        .await;
}

/// With a `FirstFrameLayer`, what breaks off before the first frame is retried; what the caller has a frame of isn't.
#[tokio::test]
async fn with_the_first_frame_waited_for_a_reset_before_it_is_retried() {
    use Fault::{None, ResetBeforeBody, ResetInBody};
    let broken = || Got::BrokenBody(200);
    let cases: [(&'static [Fault], &str, Got, usize); 7] = [
        (&[ResetBeforeBody, None], "GET", Got::Echo, 2),
        (&[ResetBeforeBody, None], "PUT", Got::Echo, 2),
        (&[ResetBeforeBody, None], "POST", broken(), 1),
        (&[ResetBeforeBody], "GET", broken(), 3),
        (&[ResetInBody, None], "GET", broken(), 1),
        (&[ResetInBody, None], "POST", broken(), 1),
        (&[None], "POST", Got::Echo, 1),
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

/// A breaker at the end of bodies: one that breaks off is a failure, one that the caller dropped says nothing.
#[tokio::test]
async fn to_a_breaker_at_the_end_of_bodies_a_reset_in_the_body_is_a_failure() {
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
        let circuit = Circuit::new(BreakerConfig::http().fixed_share().unobserved().count_calls());
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
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().unobserved().count_calls());
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

/// The answer counts, and the next request goes over another connection.
#[tokio::test]
async fn a_reset_after_the_body_is_no_failure() {
    for method in ["PUT", "GET"] {
        let server = Server::playing(&[Fault::ResetAfterBody]).await;
        let service = service(http::Version::HTTP_11);
        for _ in 0..3 {
            assert_eq!(got(service.clone(), request(method, &server)).await, Got::Echo);
            // The reset comes a little after the answer.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        assert_eq!((server.requests(), server.connections()), (3, 3), "{method}");
        drop(service);
        server.ends().await;
    }
}

/// The body isn't sent yet, and its rest comes from a source that waits until the second request has come.
#[tokio::test]
async fn a_503_while_the_body_is_being_sent() {
    for (method, expected, requests) in [("POST", Got::Status(503), 1), ("PUT", Got::Echo, 2)] {
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

/// The time of an attempt cuts it off. A POST that was cut off may have had its effect.
#[tokio::test]
async fn a_slow_loris_is_cut_off() {
    use Fault::{None, SlowLoris};
    plays(&[SlowLoris, None], &[("POST", Got::Status(504), 1), ("PUT", Got::Echo, 2), ("GET", Got::Echo, 2)]).await;
    plays(&[SlowLoris], &[("GET", Got::Status(504), 3)]).await;
}

/// A 503 with such a body is let go before the next attempt, connection and all.
#[tokio::test]
async fn a_body_that_never_ends() {
    use Fault::{Endless, None};
    plays(&[Endless(503), None], &[("PUT", Got::Echo, 2), ("GET", Got::Echo, 2)]).await;

    // One that is an answer is the caller's to read, and to drop.
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

/// 100 is no answer yet.
#[tokio::test]
async fn after_100_continue_the_final_status_counts() {
    let outcomes = [("POST", Got::Status(503), 1), ("PUT", Got::Echo, 2), ("GET", Got::Echo, 2)];
    plays(&[Fault::Continue(503), Fault::Continue(200)], &outcomes).await;

    let server = Server::playing(&[Fault::Continue(503), Fault::Continue(200)]).await;
    let mut expecting = request("PUT", &server);
    expecting.headers_mut().insert("expect", "100-continue".parse().unwrap());
    assert_eq!(got(service(http::Version::HTTP_11), expecting).await, Got::Echo);
    assert_eq!(server.requests(), 2);
    server.ends().await;
}

#[tokio::test]
async fn after_connection_close_each_attempt_has_a_connection_of_its_own() {
    use Fault::{Close, None};
    plays(&[Close(503), None], &[("POST", Got::Status(503), 1), ("PUT", Got::Echo, 2), ("GET", Got::Echo, 2)]).await;

    let server = Server::playing(&[Close(200)]).await;
    let service = service(http::Version::HTTP_11);
    for _ in 0..5 {
        assert_eq!(got(service.clone(), request("POST", &server)).await, Got::Echo);
    }
    assert_eq!((server.requests(), server.connections()), (5, 5));
    drop(service);
    server.ends().await;
}

/// 31,700 years are more than anyone waits: the answer is returned.
#[tokio::test]
async fn a_retry_after_of_ten_to_the_twelve() {
    let refused = || Got::Status(503);
    plays(&[Fault::RetryAfter], &[("POST", refused(), 1), ("PUT", refused(), 1), ("GET", refused(), 1)]).await;
}

async fn plays_h2(script: &'static [h2::Fault], outcomes: &[(&str, Got, usize)]) {
    for (method, expected, requests) in outcomes {
        let server = Server::serving(move |socket, counts| h2::serve(socket, counts, script)).await;
        let service = service(http::Version::HTTP_2);
        assert_eq!(got(service, request(method, &server)).await, *expected, "{method} {script:?}");
        assert_eq!(server.requests(), *requests, "{method} {script:?}");
        server.ends().await;
    }
}

/// The peer says itself that it did nothing: even a POST is sent again. The server that counts sees the streams that it refused, and
/// carries out one.
#[tokio::test]
async fn a_refused_stream_is_sent_again_whatever_the_method() {
    use h2::Fault::{None, Reset};
    let ok = || Got::Status(200);
    plays_h2(&[Reset(7), None], &[("POST", ok(), 2), ("PUT", ok(), 2), ("GET", Got::Echo, 2)]).await;
    plays_h2(&[Reset(7)], &[("POST", Got::Error, 3)]).await;
}

/// Any other reset is of a stream that the peer had.
#[tokio::test]
async fn a_stream_that_the_peer_gave_up_is_sent_again_only_if_that_is_safe() {
    use h2::Fault::{None, Reset};
    plays_h2(&[Reset(2), None], &[("POST", Got::Error, 1), ("PUT", Got::Status(200), 2), ("GET", Got::Echo, 2)]).await;
}

/// The peer says that it did nothing, but hyper's client says the same of a stream that was on its way when the end came: a POST isn't
/// sent again. By h2 alone it is known (`tests/classify/http_errors.rs`).
#[tokio::test]
async fn streams_above_the_last_one_of_a_goaway_are_sent_again_only_if_that_is_safe() {
    use h2::Fault::{GoAwayBelow, None};
    plays_h2(&[GoAwayBelow, None], &[("POST", Got::Error, 1), ("PUT", Got::Status(200), 2), ("GET", Got::Echo, 2)])
        .await;
}

/// The peer looked at it, and then the connection was over.
#[tokio::test]
async fn the_last_stream_of_a_goaway_may_have_had_its_effect() {
    use h2::Fault::{GoAwayAt, None};
    plays_h2(&[GoAwayAt, None], &[("POST", Got::Error, 1), ("PUT", Got::Status(200), 2), ("GET", Got::Echo, 2)]).await;
}
