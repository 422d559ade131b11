//! Which statuses are retried.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, Delivery, RetryLayer, State, Verdict,
    breaker::TripRule,
    classify::{self, IdempotencyCheck},
    http::{BreakerClassifier, RetryClassifier, is_idempotent},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{Answer, Scripted, config, empty_response, status};

fn request(method: &str, key: bool) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri("/");
    let builder = if key { builder.header("idempotency-key", "k") } else { builder };
    builder.body(Full::from("a body")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_transient_statuses_are_retried() {
    for code in 200..600 {
        let server = Scripted::new(move |_| empty_response(code));
        let retry = RetryLayer::new(config()).layer(server.service());
        assert_eq!(status(retry, request("GET", false)).await, code);
        let retried = matches!(code, 408 | 421 | 425 | 429 | 502 | 503 | 504);
        assert_eq!(server.calls(), if retried { 3 } else { 1 }, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_500_is_retried_if_configured() {
    let server = Scripted::new(|call| empty_response(if call == 0 { 500 } else { 200 }));
    let retry = RetryLayer::new(config().classifier(RetryClassifier::default().retry_500())).layer(server.service());
    assert_eq!(status(retry, request("GET", false)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_post_is_resent_if_all_requests_are_idempotent() {
    let server = Scripted::new(|_| empty_response(503));
    let retry = RetryLayer::new(config().idempotent()).layer(server.service());
    assert_eq!(status(retry, request("POST", false)).await, 503);
    assert_eq!(server.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn after_a_response_only_idempotent_requests_are_resent() {
    let cases = [
        ("GET", false, 3),
        ("HEAD", false, 3),
        ("OPTIONS", false, 3),
        ("TRACE", false, 3),
        ("PUT", false, 3),
        ("DELETE", false, 3),
        ("POST", false, 1),
        ("PATCH", false, 1),
        ("CONNECT", false, 1),
        ("BREW", false, 1),
        ("POST", true, 3),
        ("PATCH", true, 3),
    ];
    for (method, key, calls) in cases {
        let server = Scripted::new(|_| empty_response(503));
        let retry = RetryLayer::new(config()).layer(server.service());
        assert_eq!(status(retry, request(method, key)).await, 503);
        assert_eq!(server.calls(), calls, "{method}, idempotency key: {key}");
    }
}

/// A budget may charge by the kind of failure, so the kind must be right. With 421, 425, 429, or
/// 413 and a delay, the server states that it didn't process the request, which counts as not sent.
/// Every other failure status proves that the request was sent.
#[test]
fn kinds_of_failures() {
    let judge = |code: u16, waits: bool| {
        let mut response = empty_response(code);
        if waits {
            response.headers_mut().insert("retry-after", "2".parse().unwrap());
        }
        let statuses = RetryClassifier::default();
        let memo = Classifier::<_, Answer, Infallible>::memo(&statuses, &request("GET", false));
        Classifier::<Request<Full<Bytes>>, Answer, Infallible>::classify(&statuses, &memo, Ok(&response))
    };
    let two_seconds = Duration::from_secs(2);
    for (code, verdict) in [
        (408, Verdict::timed_out().delivery(Delivery::Sent)),
        (413, Verdict::Success),
        (421, Verdict::transient().delivery(Delivery::NotSent)),
        (425, Verdict::transient().delivery(Delivery::NotSent)),
        (429, Verdict::throttled().delivery(Delivery::NotSent)),
        (500, Verdict::permanent().delivery(Delivery::Sent)),
        (503, Verdict::transient().delivery(Delivery::Sent)),
        (504, Verdict::transient().delivery(Delivery::Sent)),
    ] {
        assert_eq!(judge(code, false), verdict, "{code}");
    }
    assert_eq!(judge(413, true), Verdict::throttled().delivery(Delivery::NotSent).retry_after(two_seconds));
    assert_eq!(judge(503, true), Verdict::throttled().delivery(Delivery::Sent).retry_after(two_seconds));
    assert_eq!(judge(502, true), Verdict::transient().delivery(Delivery::Sent).retry_after(two_seconds));
}

/// An empty header is not a key.
#[tokio::test(start_paused = true)]
async fn an_empty_key_is_ignored() {
    for (key, calls) in [("", 1), ("\"\"", 1), ("\"k\"", 3), ("k", 3)] {
        let server = Scripted::new(|_| empty_response(503));
        let mut post = request("POST", false);
        post.headers_mut().insert("idempotency-key", key.parse().unwrap());
        assert_eq!(status(RetryLayer::new(config()).layer(server.service()), post).await, 503);
        assert_eq!(server.calls(), calls, "{key}");
    }
}

/// A custom classifier applies to every method unless it checks the method.
#[tokio::test(start_paused = true)]
async fn a_custom_classifier_may_check_the_method() {
    let busy = || {
        let judge = |outcome: Result<&Answer, &Infallible>| {
            outcome.ok()?.headers().contains_key("x-busy").then(Verdict::transient)
        };
        classify::first(classify::outcomes(judge)).or(RetryClassifier::default())
    };
    let server = || {
        Scripted::new(|_| {
            let mut busy = empty_response(200);
            busy.headers_mut().insert("x-busy", "yes".parse().unwrap());
            busy
        })
    };
    for (method, key, believed, asking) in [("POST", false, 3, 1), ("POST", true, 3, 3), ("PUT", false, 3, 3)] {
        let (plain, asks) = (server(), server());
        status(RetryLayer::new(config().classifier(busy())).layer(plain.service()), request(method, key)).await;
        let judge = IdempotencyCheck::new(busy(), is_idempotent::<Full<Bytes>>);
        status(RetryLayer::new(config().classifier(judge)).layer(asks.service()), request(method, key)).await;
        assert_eq!((plain.calls(), asks.calls()), (believed, asking), "{method}, idempotency key: {key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_sent_once() {
    let server = Scripted::new(|_| empty_response(503));
    let mut upgrade = request("GET", false);
    upgrade.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    assert_eq!(status(RetryLayer::new(config()).layer(server.service()), upgrade).await, 503);
    assert_eq!(server.calls(), 1);
}

/// The verdict of the breaker's classifier for a response.
fn to_breaker(response: &Answer) -> Verdict {
    Classifier::<Request<()>, _, std::io::Error>::classify(&BreakerClassifier, &(), Ok(response))
}

fn answer_with(code: u16, header: (&'static str, &str)) -> Answer {
    let mut response = empty_response(code);
    response.headers_mut().insert(header.0, header.1.parse().unwrap());
    response
}

#[test]
fn a_breaker_counts_5xx_as_failures_and_429_as_neutral() {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    for code in [200, 301, 400, 404, 408, 429, 500, 501, 503, 599] {
        let verdict = to_breaker(&empty_response(code));
        assert_eq!(verdict.is_failure(), code >= 500 || code == 429, "{code}");
        circuit.try_acquire().unwrap().end(verdict);
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_successes, stats.total_failures, stats.total_neutral), (Some(5), 4, 1));
}

#[test]
fn a_503_with_a_delay_is_throttled_to_a_breaker() {
    let throttled = Verdict::throttled().delivery(Delivery::Sent);
    let seconds = Duration::from_secs;
    for (code, header, expected) in [
        (503, ("retry-after", "7"), throttled.retry_after(seconds(7))),
        (503, ("retry-after-ms", "7000"), throttled.retry_after(seconds(7))),
        (503, ("retry-after", "soon"), Verdict::transient().delivery(Delivery::Sent)),
        (429, ("retry-after", "7"), throttled.retry_after(seconds(7))),
        (429, ("retry-after", "soon"), throttled),
        (500, ("retry-after", "7"), Verdict::transient().delivery(Delivery::Sent).retry_after(seconds(7))),
    ] {
        assert_eq!(to_breaker(&answer_with(code, header)), expected, "{code} {header:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_does_not_open_the_circuit() {
    let circuit = Circuit::new(
        BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    let server = Scripted::new(|call| match call % 2 {
        0 => empty_response(429),
        _ => answer_with(503, ("retry-after", "1")),
    });
    for _ in 0..300 {
        let breaker = BreakerLayer::on(&circuit).layer(server.service());
        let response = breaker.oneshot(request("GET", false)).await.unwrap();
        assert!(matches!(response.status().as_u16(), 429 | 503));
    }
    assert_eq!((circuit.state(), circuit.stats().total_neutral), (State::Closed, 300));
}

#[test]
fn the_preset_opens_when_half_of_20_calls_fail() {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
    for call in 0..19 {
        assert!(
            circuit.try_acquire().is_ok_and(|permit| {
                permit.failure();
                true
            }),
            "{call}"
        );
    }
    circuit.try_acquire().unwrap().failure();
    assert!(circuit.try_acquire().is_err());
}
