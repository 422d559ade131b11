//! Which statuses are retried.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, Delivery, Health, RetryLayer, State, Verdict,
    breaker::TripRule,
    classify::{self, IdempotencyCheck},
    http::{StatusClassifier, is_idempotent},
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
    let retry = RetryLayer::new(config().classifier(StatusClassifier::default().retry_500())).layer(server.service());
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
        let statuses = StatusClassifier::default();
        let memo = Classifier::<_, Answer, Infallible>::memo(&statuses, &request("GET", false));
        Classifier::<Request<Full<Bytes>>, Answer, Infallible>::classify(&statuses, &memo, Ok(&response))
    };
    let two_seconds = Duration::from_secs(2);
    for (code, verdict) in [
        (408, Verdict::timed_out().delivery(Delivery::Sent).health(Health::Healthy)),
        (413, Verdict::Success),
        (421, Verdict::transient().delivery(Delivery::NotSent).health(Health::Healthy)),
        (425, Verdict::transient().delivery(Delivery::NotSent).health(Health::Healthy)),
        (429, Verdict::throttled().delivery(Delivery::NotSent).answered()),
        (500, Verdict::permanent().delivery(Delivery::Sent).health(Health::Unhealthy)),
        (503, Verdict::transient().delivery(Delivery::Sent)),
        (504, Verdict::transient().delivery(Delivery::Sent)),
    ] {
        assert_eq!(judge(code, false), verdict, "{code}");
    }
    let too_large = Verdict::throttled().delivery(Delivery::NotSent).health(Health::Healthy);
    assert_eq!(judge(413, true), too_large.retry_after(two_seconds));
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
        classify::first(classify::outcomes(judge)).or(StatusClassifier::default())
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

/// The verdict that a breaker gets.
fn to_breaker(response: &Answer) -> Verdict {
    let statuses = StatusClassifier::default();
    let memo = Classifier::<_, Answer, std::io::Error>::memo_without_retry(&statuses, &Request::new(()));
    Classifier::<Request<()>, _, std::io::Error>::classify(&statuses, &memo, Ok(response))
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
        circuit.try_acquire().unwrap().end(to_breaker(&empty_response(code)));
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_successes, stats.total_failures, stats.total_neutral), (Some(5), 4, 1));
}

#[test]
fn a_503_with_a_delay_is_throttled_to_a_breaker() {
    use Health::{Throttled, Unhealthy};
    for (code, header, health, delay) in [
        (503, ("retry-after", "7"), Throttled, Some(7)),
        (503, ("retry-after-ms", "7000"), Throttled, Some(7)),
        (503, ("retry-after", "soon"), Unhealthy, None),
        (429, ("retry-after", "7"), Throttled, Some(7)),
        (429, ("retry-after", "soon"), Throttled, None),
        (500, ("retry-after", "7"), Unhealthy, Some(7)),
    ] {
        let Verdict::Failure(failure) = to_breaker(&answer_with(code, header)) else { panic!("{code} {header:?}") };
        assert_eq!(failure.health(), health, "{code} {header:?}");
        assert_eq!(failure.retry_after(), delay.map(Duration::from_secs), "{code} {header:?}");
        assert!(failure.is_answered(), "{code} {header:?}");
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

/// What each layer does after each status from 100 to 599. The expected values are written out by
/// the rules that HTTP and the presets' documentation state, not by the classifier's code.
mod all_statuses {
    use tower_recourse::breaker::OpenDuration;

    use super::*;

    fn answer(code: u16, delay: bool, advice: Option<&str>) -> Answer {
        let mut response = empty_response(code);
        if delay {
            response.headers_mut().insert("retry-after", "2".parse().unwrap());
        }
        if let Some(advice) = advice {
            response.headers_mut().insert("x-should-retry", advice.parse().unwrap());
        }
        response
    }

    fn all() -> impl Iterator<Item = (u16, bool, Option<&'static str>)> {
        (100..600).flat_map(|code| {
            [false, true].into_iter().flat_map(move |delay| {
                [None, Some("true"), Some("false")].into_iter().map(move |advice| (code, delay, advice))
            })
        })
    }

    /// Successes, failures, neutral; and whether the circuit ends closed.
    fn counted(circuit: &Circuit<StatusClassifier>) -> (u64, u64, u64, State) {
        let stats = circuit.stats();
        (stats.total_successes.unwrap(), stats.total_failures, stats.total_neutral, stats.state)
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_breaker_counts() {
        for (code, delay, advice) in all() {
            let throttled = code == 429 || (code == 503 && delay);
            let failed = code >= 500 && !throttled;
            let config = BreakerConfig::http()
                .open_when(TripRule::consecutive(1).unwrap())
                .open_for(OpenDuration::fixed(Duration::from_secs(60)).honor_retry_after(Duration::from_secs(60)))
                .clock(tower_recourse::time::ManualClock::new())
                .count_all_calls()
                .without_observers();
            let call = async |circuit: &Circuit<StatusClassifier>| {
                let server = Scripted::new(move |_| answer(code, delay, advice));
                BreakerLayer::on(circuit).layer(server.service()).oneshot(request("POST", false)).await.unwrap();
            };

            let circuit = Circuit::new(config.clone());
            call(&circuit).await;
            let expected = match (throttled, failed) {
                (true, _) => (0, 0, 1, State::Closed),
                (_, true) => (0, 1, 0, State::Open),
                _ => (1, 0, 0, State::Closed),
            };
            assert_eq!(counted(&circuit), expected, "{code}, delay: {delay}, advice: {advice:?}");
            let open_for = if delay { 2 } else { 60 };
            let expected = failed.then_some(Duration::from_secs(open_for));
            assert_eq!(circuit.retry_in(), expected, "{code}, delay: {delay}, advice: {advice:?}");

            // A probe: the service answers, also if it throttles.
            let clock = tower_recourse::time::ManualClock::new();
            let circuit = Circuit::new(config.clock(clock.clone()));
            circuit.try_acquire().unwrap().failure();
            clock.advance(Duration::from_secs(60));
            call(&circuit).await;
            let expected = if failed { State::Open } else { State::Closed };
            assert_eq!(circuit.state(), expected, "a probe: {code}, delay: {delay}, advice: {advice:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_retry_repeats() {
        for (code, delay, advice) in all() {
            let not_processed = matches!(code, 421 | 425 | 429) || (code == 413 && delay);
            let failed = not_processed || code == 408 || matches!(code, 502..=504);
            let failed = failed || (advice == Some("true") && code >= 400);
            for (method, expected) in [("GET", failed), ("POST", not_processed)] {
                let server = Scripted::new(move |_| answer(code, delay, advice));
                let retry = RetryLayer::new(config().retries(1)).layer(server.service());
                assert_eq!(status(retry, request(method, false)).await, code);
                let is_repeated = expected && advice != Some("false");
                assert_eq!(server.calls() == 2, is_repeated, "{method} {code}, delay: {delay}, advice: {advice:?}");
            }
        }
    }
}
