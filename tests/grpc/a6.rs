//! Test cases for gRPC's retry design, proposal A6. The cases for throttling alone are in
//! `tests/conformance/grpc.rs`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::Reason;
use http_body_util::{Empty, Full};
use tonic::Code;
use tower::Layer;
use tower_recourse::{
    RetryConfig, RetryLayer,
    grpc::{GrpcReplay, StatusClassifier},
    http::{Deadline, Replay},
    retry::{Backoff, RetryThrottle},
};

use crate::{
    Config, Log, Script, answers, client, config, gaps, greeting, in_time, name, quick, request, retrying,
    scripted_http2::{OK, Reply, UNAVAILABLE, serve},
};

/// Makes one unary call against these replies. Returns its code, and what the server received.
async fn call(config: Config, replies: &'static [Reply], text: &str) -> (Code, Log) {
    let (serving, log) = serve(replies).await;
    let mut client = client(config, &serving);
    let response = in_time(client.greet(name(text))).await;
    let code = response.map_or_else(
        |status| status.code(),
        |response| {
            assert_eq!(response.into_inner(), greeting("answer"));
            Code::Ok
        },
    );
    drop(client);
    serving.ends().await;
    (code, log)
}

fn previous_attempts(log: &Log) -> Vec<Option<String>> {
    let log = log.lock().unwrap();
    let header = |headers: &http::HeaderMap| {
        headers.get("grpc-previous-rpc-attempts").map(|value| value.to_str().unwrap().to_owned())
    };
    log.iter().map(|(_, headers)| header(headers)).collect()
}

#[tokio::test]
async fn retried_and_final_statuses() {
    use Reply::{HeadersThenReset, Http, Message, MessageAlone, Only, Page, Reset, Trailers};
    const EXHAUSTED: &[(&str, &str)] = &[("grpc-status", "8")];
    // `None` where tonic replaces a missing status by one of its own.
    let cases: [(&str, &'static [Reply], usize, Option<Code>); 29] = [
        ("a success", &[OK], 1, Some(Code::Ok)),
        ("a failure before any message", &[Only(UNAVAILABLE), OK], 2, Some(Code::Ok)),
        ("trailers after empty headers", &[Trailers(UNAVAILABLE), OK], 2, Some(Code::Ok)),
        ("all attempts", &[Only(UNAVAILABLE)], 3, Some(Code::Unavailable)),
        ("after a message", &[Message(UNAVAILABLE), OK], 1, Some(Code::Unavailable)),
        ("a code that isn't retryable", &[Only(&[("grpc-status", "5")]), OK], 1, Some(Code::NotFound)),
        ("the same in trailers", &[Trailers(&[("grpc-status", "13")]), OK], 1, Some(Code::Internal)),
        ("a pushback", &[Only(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "1")]), OK], 2, Some(Code::Ok)),
        (
            "one in trailers",
            &[Trailers(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "1")]), OK],
            2,
            Some(Code::Ok),
        ),
        (
            "a negative pushback",
            &[Only(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")]), OK],
            1,
            Some(Code::Unavailable),
        ),
        (
            "an unreadable pushback",
            &[Only(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "xxx")]), OK],
            1,
            Some(Code::Unavailable),
        ),
        (
            "a pushback given twice",
            &[Only(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "10"), ("grpc-retry-pushback-ms", "10")]), OK],
            1,
            Some(Code::Unavailable),
        ),
        (
            "a pushback beside a code that isn't retryable",
            &[Only(&[("grpc-status", "9"), ("grpc-retry-pushback-ms", "1")]), OK],
            1,
            Some(Code::FailedPrecondition),
        ),
        ("RESOURCE_EXHAUSTED", &[Only(EXHAUSTED), OK], 1, Some(Code::ResourceExhausted)),
        (
            "RESOURCE_EXHAUSTED with a pushback",
            &[Only(&[("grpc-status", "8"), ("grpc-retry-pushback-ms", "1")]), OK],
            2,
            Some(Code::Ok),
        ),
        ("headers and the end", &[Only(&[]), OK], 1, None),
        ("trailers without a status", &[Trailers(&[("other", "x")]), OK], 1, None),
        ("a status that can't be read", &[Only(&[("grpc-status", "fine")]), OK], 1, Some(Code::Unknown)),
        ("a message without a status", &[MessageAlone, OK], 1, None),
        ("a proxy's 503", &[Http(503), OK], 2, Some(Code::Ok)),
        ("a proxy's 500", &[Http(500), OK], 1, Some(Code::Unknown)),
        ("a proxy's 429", &[Http(429), OK], 2, Some(Code::Ok)),
        ("a proxy's 403", &[Http(403), OK], 1, Some(Code::PermissionDenied)),
        ("a proxy's 404", &[Http(404), OK], 1, Some(Code::Unimplemented)),
        ("a proxy's page", &[Page, OK], 1, None),
        ("a refused stream", &[Reset(Reason::REFUSED_STREAM), OK], 2, Some(Code::Ok)),
        ("a stream that was cancelled", &[Reset(Reason::CANCEL), OK], 1, Some(Code::Cancelled)),
        ("a stream that broke", &[Reset(Reason::INTERNAL_ERROR), OK], 1, Some(Code::Internal)),
        ("one that broke after its headers", &[HeadersThenReset(Reason::INTERNAL_ERROR), OK], 1, Some(Code::Internal)),
    ];
    for (name, replies, sends, code) in cases {
        let (answered, log) = call(config(), replies, "hello").await;
        assert_eq!(log.lock().unwrap().len(), sends, "{name}: sends");
        assert_eq!(answered, code.unwrap_or(answered), "{name}");
    }
}

#[tokio::test]
async fn retries_send_the_number_of_previous_attempts() {
    let (_, log) = call(config(), &[Reply::Only(UNAVAILABLE)], "hello").await;
    assert_eq!(previous_attempts(&log), [None, Some("1".to_owned()), Some("2".to_owned())]);
}

/// The server refuses the first request, answers the second with a pushback of 10 ms, and the third
/// with success. The first doesn't count as an attempt.
#[tokio::test]
async fn a_refused_stream_is_retried_transparently() {
    const PUSHED_BACK: Reply = Reply::Only(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "10")]);
    let throttle = Arc::new(RetryThrottle::default());
    let config = config().retries(1).shared_budget(throttle.clone());
    let (code, log) = call(config, &[Reply::Reset(Reason::REFUSED_STREAM), PUSHED_BACK, OK], "hello").await;
    assert_eq!((code, previous_attempts(&log)), (Code::Ok, vec![None, None, Some("1".to_owned())]));
    // The pushback has taken one token, the success has added a tenth.
    assert_eq!(throttle.tokens(), 9.1);
}

#[tokio::test]
async fn a_stream_that_is_refused_again_is_a_failure() {
    const REFUSED: Reply = Reply::Reset(Reason::REFUSED_STREAM);
    let (code, log) = call(config().retries(0), &[REFUSED], "hello").await;
    assert_eq!((code, log.lock().unwrap().len()), (Code::Unavailable, 2));
    let (code, log) = call(config(), &[REFUSED, REFUSED, OK], "hello").await;
    assert_eq!((code, previous_attempts(&log)), (Code::Ok, vec![None, None, Some("1".to_owned())]));
}

#[tokio::test]
async fn a_request_above_the_buffer_is_not_retried() {
    let small = || config().replay(GrpcReplay::new(Replay::default().max_body(200)));
    let long = "x".repeat(500);
    let (code, log) = call(small(), &[Reply::Only(UNAVAILABLE), OK], &long).await;
    assert_eq!((code, log.lock().unwrap().len()), (Code::Unavailable, 1));
    let (code, log) = call(small(), &[Reply::Only(UNAVAILABLE), OK], "short").await;
    assert_eq!((code, log.lock().unwrap().len()), (Code::Ok, 2));
}

/// The waits before each attempt, in paused time.
#[tokio::test(start_paused = true)]
async fn a_pushback_is_waited_for_and_restarts_the_backoff() {
    let ms = Duration::from_millis;
    let (log, service) = answers(&[
        &[("grpc-status", "14")],
        &[("grpc-status", "14")],
        &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "1000")],
        &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "0")],
        &[("grpc-status", "14")],
        &[("grpc-status", "14")],
        &[("grpc-status", "0")],
    ]);
    let backoff = Backoff::exponential(ms(50)).jitter(tower_recourse::retry::Jitter::None);
    let config = quick(RetryConfig::grpc().retries(2)).retries(9).backoff(backoff);
    retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    assert_eq!(gaps(&log), [ms(50), ms(100), ms(1000), ms(0), ms(50), ms(100)]);
}

#[tokio::test(start_paused = true)]
async fn a_pushback_longer_than_allowed_ends_the_retries() {
    let (log, service) = answers(&[&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "30001")]]);
    let response = retrying(config(), service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    assert_eq!((response.headers()["grpc-status"].to_str().unwrap(), log.lock().unwrap().len()), ("14", 1));
}

/// A pushback that ends the retries takes a token. A code that isn't retryable neither takes nor
/// adds one.
#[tokio::test(start_paused = true)]
async fn failures_that_cost_throttle_tokens() {
    let cases: [(Script, f64); 4] = [
        (&[&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")]], 8.0),
        (&[&[("grpc-status", "5")]], 9.0),
        (&[&[("grpc-status", "13")]], 9.0),
        (&[&[("grpc-status", "0")]], 9.1),
    ];
    for (headers, tokens) in cases {
        let throttle = Arc::new(RetryThrottle::default());
        tower_recourse::retry::Budget::on_failure(&*throttle, tower_recourse::FailureKind::Transient);
        let (_, service) = answers(headers);
        let config = config().shared_budget(throttle.clone());
        retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
        assert_eq!(throttle.tokens(), tokens, "{headers:?}");
    }
}

/// Each attempt receives the remaining time, and no wait crosses the deadline.
#[tokio::test(start_paused = true)]
async fn each_attempt_sends_its_remaining_time() {
    let (log, service) = answers(&[&[("grpc-status", "14")]]);
    let config = quick(RetryConfig::grpc().retries(2)).retries(9).backoff(Backoff::fixed(Duration::from_millis(400)));
    let mut with_timeout = request("/test.Echo/Unary");
    with_timeout.headers_mut().insert("grpc-timeout", "1S".parse().unwrap());
    retrying(config.clone(), service).oneshot(with_timeout).await.unwrap();
    let timeouts: Vec<_> = log.lock().unwrap().iter().map(|(_, headers)| headers["grpc-timeout"].clone()).collect();
    assert_eq!(timeouts, ["1000000u", "600000u", "200000u"]);

    let (log, service) = answers(&[&[("grpc-status", "0")]]);
    let mut unreadable = request("/test.Echo/Unary");
    unreadable.headers_mut().insert("grpc-timeout", "soon".parse().unwrap());
    retrying(config.clone(), service.clone()).oneshot(unreadable).await.unwrap();
    retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    let log = log.lock().unwrap();
    assert_eq!((&log[0].1["grpc-timeout"], log[1].1.get("grpc-timeout")), (&"soon".parse().unwrap(), None));
}

/// Inner layers may read the deadline from the request's extensions.
#[tokio::test(start_paused = true)]
async fn a_deadline_extension_is_lowered_to_that_of_the_attempt() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let service = tower::service_fn(move |request: http::Request<Full<Bytes>>| {
        log.lock().unwrap().push(request.extensions().get::<Deadline>().map(Deadline::remaining));
        async { Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<Bytes>::new())) }
    });
    for (header, extension, left) in [(None, None, None), (None, Some(7), Some(7)), (Some("5S"), Some(7), Some(5))] {
        let mut call = request("/test.Echo/Unary");
        if let Some(header) = header {
            call.headers_mut().insert("grpc-timeout", header.parse().unwrap());
        }
        if let Some(seconds) = extension {
            call.extensions_mut().insert(Deadline::after(Duration::from_secs(seconds)));
        }
        retrying(config(), service.clone()).oneshot(call).await.unwrap();
        assert_eq!(seen.lock().unwrap().pop(), Some(left.map(Duration::from_secs)));
    }
}

/// A timeout of an attempt has the code DEADLINE_EXCEEDED, which is retried only if the config
/// includes that code.
#[tokio::test(start_paused = true)]
async fn the_retried_codes_can_be_configured() {
    use tower_recourse::grpc::Code::{DeadlineExceeded, Internal, ResourceExhausted, Unavailable};
    for (codes, status, sends) in [
        (vec![Unavailable, Internal], "13", 3),
        (vec![Internal], "14", 1),
        (vec![DeadlineExceeded], "4", 3),
        // This response has a pushback. A pushback makes a failure retryable only with the default
        // codes.
        (vec![Unavailable], "8", 1),
        (vec![ResourceExhausted], "8", 3),
        (vec![], "14", 1),
    ] {
        let (log, service) = match status {
            "13" => answers(&[&[("grpc-status", "13")]]),
            "14" => answers(&[&[("grpc-status", "14")]]),
            "8" => answers(&[&[("grpc-status", "8"), ("grpc-retry-pushback-ms", "1")]]),
            _ => answers(&[&[("grpc-status", "4")]]),
        };
        let config = config().classifier(StatusClassifier::default().retry_codes(codes.clone()));
        retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
        assert_eq!(log.lock().unwrap().len(), sends, "{codes:?}, {status}");
    }
}

/// 60 calls begin at once, and each fails once. With the preset, all of them succeed, as with
/// grpcio.
#[tokio::test(start_paused = true)]
async fn a_burst_of_calls_that_fail_once_succeeds() {
    const ONCE: &[&[(&str, &str)]] = &[&[("grpc-status", "14")], &[("grpc-status", "0")]];
    let layer = RetryLayer::new(RetryConfig::grpc().without_observers());
    let tasks = tokio::task::LocalSet::new();
    let call = |_| tasks.spawn_local(layer.layer(answers(ONCE).1).oneshot(request("/test.Echo/Unary")));
    let calls: Vec<_> = (0..60).map(call).collect();
    tasks.await;
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().headers()["grpc-status"], "0");
    }
}
