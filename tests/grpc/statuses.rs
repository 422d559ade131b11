//! How the classifiers of the retry and of the breaker read statuses, headers and errors.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Delivery, FailureKind, Verdict,
    grpc::{BreakerClassifier, Code, RetryClassifier, code},
    http::Deadline,
};

use crate::fixed_numbers::FixedNumbers as _;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;
type Asked = Request<()>;

fn response(http: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
    let body = match body {
        "" => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        body => Full::from(body).map_err(|never| match never {}).boxed_unsync(),
    };
    let mut response = Response::builder().status(http).body(body).unwrap();
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    for (name, value) in headers {
        match *name {
            "content-type" => response.headers_mut().insert(*name, value.parse().unwrap()).is_some(),
            _ => response.headers_mut().append(*name, value.parse().unwrap()),
        };
    }
    response
}

fn with_code(number: u64) -> Answer {
    response(200, &[("grpc-status", &number.to_string())], "")
}

fn to_retry(response: &Answer) -> Verdict {
    Classifier::<Asked, _, io::Error>::classify(&RetryClassifier::default(), &None, Ok(response))
}

fn to_breaker(response: &Answer) -> Verdict {
    Classifier::<Asked, _, io::Error>::classify(&BreakerClassifier, &(), Ok(response))
}

#[test]
fn every_code() {
    use Verdict::{Neutral, Success};
    let permanent = Verdict::permanent().delivery(Delivery::Sent);
    let transient = Verdict::transient().delivery(Delivery::Sent);
    let timed_out = Verdict::timed_out().delivery(Delivery::Sent);
    let throttled = Verdict::throttled().delivery(Delivery::Sent);
    for (number, name, retry, breaker) in [
        (0, "OK", Success, Success),
        (1, "CANCELLED", Neutral, Neutral),
        (2, "UNKNOWN", permanent, transient),
        (3, "INVALID_ARGUMENT", Neutral, Success),
        (4, "DEADLINE_EXCEEDED", permanent, timed_out),
        (5, "NOT_FOUND", Neutral, Success),
        (6, "ALREADY_EXISTS", Neutral, Success),
        (7, "PERMISSION_DENIED", Neutral, Success),
        (8, "RESOURCE_EXHAUSTED", permanent, throttled),
        (9, "FAILED_PRECONDITION", Neutral, Success),
        (10, "ABORTED", Neutral, Success),
        (11, "OUT_OF_RANGE", Neutral, Success),
        (12, "UNIMPLEMENTED", permanent, Success),
        (13, "INTERNAL", permanent, transient),
        (14, "UNAVAILABLE", transient, transient),
        (15, "DATA_LOSS", permanent, transient),
        (16, "UNAUTHENTICATED", Neutral, Success),
        // A number that gRPC doesn't define.
        (17, "UNKNOWN", permanent, transient),
    ] {
        let response = with_code(number);
        assert_eq!(code(&response), Code::from_name(name), "{number}");
        assert_eq!((to_retry(&response), to_breaker(&response)), (retry, breaker), "{name}");
    }
}

#[test]
fn the_status_is_found_in_headers_or_trailers() {
    for (name, response, expected) in [
        ("trailers-only", response(200, &[("grpc-status", "5")], ""), Some(Code::NotFound)),
        ("a response may come", response(200, &[], "message"), None),
        ("nothing and the end", response(200, &[], ""), Some(Code::Unknown)),
        ("unreadable", response(200, &[("grpc-status", "")], ""), Some(Code::Unknown)),
        ("signed", response(200, &[("grpc-status", "+0")], ""), Some(Code::Unknown)),
        ("huge", response(200, &[("grpc-status", "99999999999999999999999")], ""), Some(Code::Unknown)),
        ("a status beside an HTTP error", response(503, &[("grpc-status", "8")], ""), Some(Code::ResourceExhausted)),
        ("400", response(400, &[], "x"), Some(Code::Internal)),
        ("401", response(401, &[], "x"), Some(Code::Unauthenticated)),
        ("403", response(403, &[], "x"), Some(Code::PermissionDenied)),
        ("404", response(404, &[], "x"), Some(Code::Unimplemented)),
        ("429", response(429, &[], "x"), Some(Code::Unavailable)),
        ("502", response(502, &[], "x"), Some(Code::Unavailable)),
        ("503", response(503, &[], "x"), Some(Code::Unavailable)),
        ("504", response(504, &[], "x"), Some(Code::Unavailable)),
        ("500", response(500, &[], "x"), Some(Code::Unknown)),
        ("a redirect", response(302, &[], "x"), Some(Code::Unknown)),
    ] {
        assert_eq!(code(&response), expected, "{name}");
    }
}

/// Content types, and the status of a response with HTTP status 200 and a body, but without
/// `grpc-status`.
#[test]
fn a_page_of_html_with_status_200_is_unknown() {
    let transient = Verdict::transient().delivery(Delivery::Sent);
    let permanent = Verdict::permanent().delivery(Delivery::Sent);
    for content_type in ["text/html", "text/html; charset=utf-8", "application/json", "", "application/grp", "grpc"] {
        let page = response(200, &[("content-type", content_type)], "<html>");
        assert_eq!(code(&page), Some(Code::Unknown), "{content_type:?}");
        assert_eq!((to_retry(&page), to_breaker(&page)), (permanent, transient), "{content_type:?}");
    }
    let mut untyped = response(200, &[], "message");
    untyped.headers_mut().remove("content-type");
    assert_eq!(code(&untyped), None, "without a content type the body decides");
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/GRPC"] {
        let message = response(200, &[("content-type", content_type)], "message");
        assert_eq!(code(&message), None, "{content_type}");
        assert_eq!((to_retry(&message), to_breaker(&message)), (Verdict::Success, Verdict::Success));
    }
    // A `grpc-status`, and an HTTP status other than 200, take precedence over the content type.
    let given = response(200, &[("content-type", "text/html"), ("grpc-status", "5")], "<html>");
    let proxied = response(503, &[("content-type", "text/html")], "<html>");
    assert_eq!((code(&given), code(&proxied)), (Some(Code::NotFound), Some(Code::Unavailable)));
}

#[test]
fn a_pushback_changes_the_delay_of_retryable_codes() {
    let pushed = |code: &str, pushback: &str| {
        to_retry(&response(200, &[("grpc-status", code), ("grpc-retry-pushback-ms", pushback)], ""))
    };
    let ms = Duration::from_millis(250);
    assert_eq!(pushed("14", "250"), Verdict::transient().delivery(Delivery::Sent).retry_after_pushback(ms));
    assert_eq!(pushed("8", "250"), Verdict::throttled().delivery(Delivery::Sent).retry_after_pushback(ms));
    for unreadable in ["-1", "xxx", "", "1.5", "+5", "99999999999999999999999"] {
        assert_eq!(
            pushed("14", unreadable),
            Verdict::transient().delivery(Delivery::Sent).never_retry(),
            "{unreadable:?}"
        );
    }
    assert_eq!((pushed("0", "250"), pushed("5", "250")), (Verdict::Success, Verdict::Neutral));
    assert_eq!(pushed("13", "250"), Verdict::permanent().delivery(Delivery::Sent));
    // A proxy's response with an HTTP status and a gRPC pushback.
    let proxied = response(503, &[("grpc-retry-pushback-ms", "250")], "");
    assert_eq!(to_retry(&proxied), Verdict::transient().delivery(Delivery::Sent).retry_after_pushback(ms));
    // A breaker may use the pushback.
    let busy = response(200, &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "250")], "");
    assert_eq!(to_breaker(&busy), Verdict::throttled().delivery(Delivery::Sent).retry_after(ms));
}

#[test]
fn a_throttling_server_is_healthy_to_a_breaker() {
    let throttled = Verdict::throttled().delivery(Delivery::Sent);
    let failed = Verdict::transient().delivery(Delivery::Sent);
    let pushback = "grpc-retry-pushback-ms";
    for (name, response, expected) in [
        ("exhausted", response(200, &[("grpc-status", "8")], ""), throttled),
        ("unavailable", response(200, &[("grpc-status", "14")], ""), failed),
        ("unavailable, for good", response(200, &[("grpc-status", "14"), (pushback, "-1")], ""), failed),
        ("a proxy's 429", response(429, &[], ""), throttled),
        ("a proxy's 503", response(503, &[], ""), failed),
        (
            "a proxy's 503 with a delay",
            response(503, &[("retry-after", "7")], ""),
            throttled.retry_after(Duration::from_secs(7)),
        ),
        ("internal", response(200, &[("grpc-status", "13")], ""), failed),
    ] {
        assert_eq!(to_breaker(&response), expected, "{name}");
    }
}

#[test]
fn errors_have_grpcs_code_for_them() {
    let judge = |statuses: RetryClassifier, kind: io::ErrorKind| {
        Classifier::<Asked, Answer, io::Error>::classify(&statuses, &None, Err(&io::Error::from(kind)))
    };
    let default = RetryClassifier::default();
    let nothing = RetryClassifier::default().retry_codes([]);
    let slow = RetryClassifier::default().retry_codes([Code::DeadlineExceeded]);
    let unavailable = RetryClassifier::default().retry_codes([Code::Unavailable]);
    for (name, verdict, expected) in [
        ("lost", judge(default, io::ErrorKind::ConnectionReset), Verdict::transient().idempotency_unknown()),
        ("lost, its code is configured", judge(unavailable, io::ErrorKind::ConnectionReset), Verdict::transient()),
        ("lost, no code is configured", judge(nothing, io::ErrorKind::ConnectionReset), Verdict::permanent()),
        ("refused", judge(nothing, io::ErrorKind::ConnectionRefused), Verdict::transient().delivery(Delivery::NotSent)),
        ("too late", judge(default, io::ErrorKind::TimedOut), Verdict::permanent()),
        (
            "too late, its code is configured",
            judge(slow, io::ErrorKind::TimedOut),
            Verdict::failure(FailureKind::TimedOut),
        ),
        ("a bad certificate", judge(default, io::ErrorKind::InvalidData), Verdict::permanent()),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

/// The connection was closed before the call was sent, so the verdict is `unprocessed`. A retry
/// resends such a call without counting an attempt.
#[tokio::test]
async fn a_call_on_a_dead_connection_was_not_processed() {
    let (near, _far) = tokio::io::duplex(1024);
    let near = hyper_util::rt::TokioIo::new(near);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
    drop(connection);
    let error = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
    assert!(error.is_canceled() || error.is_closed(), "{error:?}");
    let verdict =
        Classifier::<Asked, Answer, _>::classify(&RetryClassifier::default().retry_codes([]), &None, Err(&error));
    assert_eq!(verdict, Verdict::unprocessed());
}

/// Both classifiers recognise the rejection of an inner breaker, because it isn't the service's
/// response.
#[test]
fn a_rejection_stays_a_rejection() {
    let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers());
    circuit.force_open();
    let error: BreakerError<io::Error> = BreakerError::Rejected(circuit.try_acquire().unwrap_err());
    let to_breaker = Classifier::<Asked, Answer, _>::classify(&BreakerClassifier, &(), Err(&error));
    let to_retry = Classifier::<Asked, Answer, _>::classify(&RetryClassifier::default(), &None, Err(&error));
    assert_eq!((to_breaker, to_retry), (Verdict::rejected(None), Verdict::rejected(None)));
}

#[test]
fn an_error_is_never_a_success_to_a_breaker() {
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    let shed: BoxError = tower::load_shed::error::Overloaded::new().into();
    let judge = |error: BoxError| Classifier::<Asked, Answer, BoxError>::classify(&BreakerClassifier, &(), Err(&error));
    assert_eq!(judge(shed), Verdict::throttled().delivery(Delivery::NotSent));
    let lost = |kind: io::ErrorKind| judge(io::Error::from(kind).into());
    assert_eq!(lost(io::ErrorKind::ConnectionReset), Verdict::transient());
    assert_eq!(lost(io::ErrorKind::ConnectionRefused), Verdict::transient().delivery(Delivery::NotSent));
    assert_eq!(lost(io::ErrorKind::TimedOut), Verdict::timed_out());
    assert_eq!(judge(h2::Error::from(h2::Reason::INADEQUATE_SECURITY).into()), Verdict::transient());
}

#[tokio::test(start_paused = true)]
async fn the_earlier_deadline_applies() {
    let deadline = |header: Option<&str>, extension: Option<u64>| {
        let mut request = Request::new(());
        if let Some(header) = header {
            request.headers_mut().insert("grpc-timeout", header.parse().unwrap());
        }
        if let Some(seconds) = extension {
            request.extensions_mut().insert(Deadline::after(Duration::from_secs(seconds)));
        }
        let memo = Classifier::<Asked, Answer, io::Error>::memo(&RetryClassifier::default(), &request);
        let at = Classifier::<Asked, Answer, io::Error>::deadline(&RetryClassifier::default(), &memo);
        at.map(|at| at.duration_since(tokio::time::Instant::now()).as_secs())
    };
    assert_eq!(deadline(None, None), None);
    assert_eq!(deadline(Some("5S"), None), Some(5));
    assert_eq!(deadline(None, Some(7)), Some(7));
    assert_eq!((deadline(Some("5S"), Some(7)), deadline(Some("5S"), Some(3))), (Some(5), Some(3)));
    assert_eq!((deadline(Some("soon"), None), deadline(Some("123456789S"), None)), (None, None));
}
