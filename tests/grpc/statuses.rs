//! How the classifiers of the retry and of the breaker read statuses, headers and errors.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Delivery, Health, Verdict,
    grpc::{Code, StatusClassifier, code},
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
    Classifier::<Asked, _, io::Error>::classify(&StatusClassifier::default(), &None, Ok(response))
}

/// What a breaker counts. The retried codes must not change it.
fn to_breaker(response: &Answer) -> Health {
    let verdict = |statuses: StatusClassifier| {
        let memo = Classifier::<Asked, Answer, io::Error>::memo_without_retry(&statuses, &Request::new(()));
        Classifier::<Asked, _, io::Error>::classify(&statuses, &memo, Ok(response))
    };
    let health = health(verdict(StatusClassifier::default()));
    assert_eq!(self::health(verdict(StatusClassifier::default().retry_codes([]))), health);
    assert_eq!(self::health(verdict(StatusClassifier::default().retry_codes(all_codes()))), health);
    health
}

fn all_codes() -> impl Iterator<Item = Code> {
    (0..=16).filter_map(|number| code(&with_code(number)))
}

fn health(verdict: Verdict) -> Health {
    match verdict {
        Verdict::Success | Verdict::ClientError => Health::Healthy,
        Verdict::Failure(failure) => failure.health(),
        Verdict::Neutral => Health::Unknown,
    }
}

#[test]
fn every_code() {
    use Health::{Healthy, Throttled, Unhealthy, Unknown};
    use Verdict::{ClientError, Neutral, Success};
    let permanent = |health| Verdict::permanent().delivery(Delivery::Sent).health(health);
    let transient = Verdict::transient().delivery(Delivery::Sent).health(Unhealthy);
    for (number, name, verdict, health) in [
        (0, "OK", Success, Healthy),
        (1, "CANCELLED", Neutral, Unknown),
        (2, "UNKNOWN", permanent(Unhealthy), Unhealthy),
        (3, "INVALID_ARGUMENT", ClientError, Healthy),
        (4, "DEADLINE_EXCEEDED", permanent(Unhealthy), Unhealthy),
        (5, "NOT_FOUND", ClientError, Healthy),
        (6, "ALREADY_EXISTS", ClientError, Healthy),
        (7, "PERMISSION_DENIED", ClientError, Healthy),
        (8, "RESOURCE_EXHAUSTED", permanent(Throttled), Throttled),
        (9, "FAILED_PRECONDITION", ClientError, Healthy),
        (10, "ABORTED", ClientError, Healthy),
        (11, "OUT_OF_RANGE", ClientError, Healthy),
        (12, "UNIMPLEMENTED", permanent(Healthy), Healthy),
        (13, "INTERNAL", permanent(Unhealthy), Unhealthy),
        (14, "UNAVAILABLE", transient, Unhealthy),
        (15, "DATA_LOSS", permanent(Unhealthy), Unhealthy),
        (16, "UNAUTHENTICATED", ClientError, Healthy),
        // A number that gRPC doesn't define.
        (17, "UNKNOWN", permanent(Unhealthy), Unhealthy),
    ] {
        let response = with_code(number);
        assert_eq!(code(&response), Code::from_name(name), "{number}");
        assert_eq!((to_retry(&response), to_breaker(&response)), (verdict, health), "{name}");
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
    let permanent = Verdict::permanent().delivery(Delivery::Sent).health(Health::Unhealthy);
    for content_type in ["text/html", "text/html; charset=utf-8", "application/json", "", "application/grp", "grpc"] {
        let page = response(200, &[("content-type", content_type)], "<html>");
        assert_eq!(code(&page), Some(Code::Unknown), "{content_type:?}");
        assert_eq!((to_retry(&page), to_breaker(&page)), (permanent, Health::Unhealthy), "{content_type:?}");
    }
    let mut untyped = response(200, &[], "message");
    untyped.headers_mut().remove("content-type");
    assert_eq!(code(&untyped), None, "without a content type the body decides");
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/GRPC"] {
        let message = response(200, &[("content-type", content_type)], "message");
        assert_eq!(code(&message), None, "{content_type}");
        assert_eq!((to_retry(&message), to_breaker(&message)), (Verdict::Success, Health::Healthy));
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
    let sent = |verdict: Verdict, health| verdict.delivery(Delivery::Sent).health(health);
    let asked_to_wait = sent(Verdict::transient(), Health::Throttled).retry_after_pushback(ms);
    assert_eq!(pushed("14", "250"), asked_to_wait);
    assert_eq!(pushed("8", "250"), sent(Verdict::throttled(), Health::Throttled).retry_after_pushback(ms));
    for unreadable in ["-1", "xxx", "", "1.5", "+5", "99999999999999999999999"] {
        assert_eq!(
            pushed("14", unreadable),
            sent(Verdict::transient(), Health::Unhealthy).never_retry(),
            "{unreadable:?}"
        );
    }
    assert_eq!((pushed("0", "250"), pushed("5", "250")), (Verdict::Success, Verdict::ClientError));
    assert_eq!(pushed("13", "250"), sent(Verdict::permanent(), Health::Unhealthy).retry_after_pushback(ms));
    // A proxy's response with an HTTP status and a gRPC pushback.
    let proxied = response(503, &[("grpc-retry-pushback-ms", "250")], "");
    assert_eq!(to_retry(&proxied), asked_to_wait);
}

#[test]
fn a_throttling_server_is_healthy_to_a_breaker() {
    use Health::{Throttled, Unhealthy};
    let pushback = "grpc-retry-pushback-ms";
    for (name, response, expected, delay) in [
        ("exhausted", response(200, &[("grpc-status", "8")], ""), Throttled, None),
        ("unavailable", response(200, &[("grpc-status", "14")], ""), Unhealthy, None),
        ("unavailable, for good", response(200, &[("grpc-status", "14"), (pushback, "-1")], ""), Unhealthy, None),
        ("unavailable, for now", response(200, &[("grpc-status", "14"), (pushback, "7000")], ""), Throttled, Some(7)),
        ("a proxy's 429", response(429, &[], ""), Throttled, None),
        ("a proxy's 429 with a delay", response(429, &[("retry-after", "7")], ""), Throttled, Some(7)),
        ("a proxy's 503", response(503, &[], ""), Unhealthy, None),
        ("a proxy's 503 with a delay", response(503, &[("retry-after", "7")], ""), Throttled, Some(7)),
        ("internal", response(200, &[("grpc-status", "13")], ""), Unhealthy, None),
        (
            "internal, with a pushback",
            response(200, &[("grpc-status", "13"), (pushback, "7000")], ""),
            Unhealthy,
            Some(7),
        ),
    ] {
        assert_eq!(to_breaker(&response), expected, "{name}");
        let Verdict::Failure(failure) = to_retry(&response) else { panic!("{name}") };
        assert_eq!(
            failure.retry_after(),
            delay.map(Duration::from_secs),
            "{name}: the open time of `honor_retry_after`"
        );
        assert!(failure.is_answered(), "{name}");
    }
}

#[test]
fn errors_have_grpcs_code_for_them() {
    let judge = |statuses: StatusClassifier, kind: io::ErrorKind| {
        Classifier::<Asked, Answer, io::Error>::classify(&statuses, &None, Err(&io::Error::from(kind)))
    };
    let default = StatusClassifier::default();
    let nothing = StatusClassifier::default().retry_codes([]);
    let slow = StatusClassifier::default().retry_codes([Code::DeadlineExceeded]);
    let unavailable = StatusClassifier::default().retry_codes([Code::Unavailable]);
    for (name, verdict, expected) in [
        ("lost", judge(default, io::ErrorKind::ConnectionReset), Verdict::transient().idempotency_unknown()),
        ("lost, its code is configured", judge(unavailable, io::ErrorKind::ConnectionReset), Verdict::transient()),
        ("lost, no code is configured", judge(nothing, io::ErrorKind::ConnectionReset), Verdict::permanent()),
        ("refused", judge(nothing, io::ErrorKind::ConnectionRefused), Verdict::transient().delivery(Delivery::NotSent)),
        ("too late", judge(default, io::ErrorKind::TimedOut), Verdict::permanent()),
        ("too late, its code is configured", judge(slow, io::ErrorKind::TimedOut), Verdict::timed_out()),
        ("a bad certificate", judge(default, io::ErrorKind::InvalidData), Verdict::permanent()),
        ("a forbidden operation", judge(default, io::ErrorKind::PermissionDenied), Verdict::permanent()),
    ] {
        assert_eq!(verdict, expected.health(Health::Unhealthy), "{name}");
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
        Classifier::<Asked, Answer, _>::classify(&StatusClassifier::default().retry_codes([]), &None, Err(&error));
    assert_eq!(verdict, Verdict::unprocessed().health(Health::Unhealthy));
}

/// The classifier recognises the rejection of an inner breaker, because it isn't the service's
/// response.
#[test]
fn a_rejection_stays_a_rejection() {
    let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers());
    circuit.force_open();
    let error: BreakerError<io::Error> = BreakerError::Rejected(circuit.try_acquire().unwrap_err());
    let verdict = Classifier::<Asked, Answer, _>::classify(&StatusClassifier::default(), &None, Err(&error));
    assert_eq!(verdict, Verdict::rejected(None));
}

#[test]
fn an_error_is_never_a_success_to_a_breaker() {
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    let shed: BoxError = tower::load_shed::error::Overloaded::new().into();
    let judge = |error: BoxError| {
        health(Classifier::<Asked, Answer, BoxError>::classify(&StatusClassifier::default(), &None, Err(&error)))
    };
    assert_eq!(judge(shed), Health::Unknown, "the limit is on this side");
    for kind in [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::TimedOut,
        io::ErrorKind::NotFound,
    ] {
        assert_eq!(judge(io::Error::from(kind).into()), Health::Unhealthy, "{kind:?}");
    }
    assert_eq!(judge(h2::Error::from(h2::Reason::INADEQUATE_SECURITY).into()), Health::Unhealthy);
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
        let memo = Classifier::<Asked, Answer, io::Error>::memo(&StatusClassifier::default(), &request);
        let at = Classifier::<Asked, Answer, io::Error>::deadline(&StatusClassifier::default(), &memo);
        at.map(|at| at.duration_since(tokio::time::Instant::now()).as_secs())
    };
    assert_eq!(deadline(None, None), None);
    assert_eq!(deadline(Some("5S"), None), Some(5));
    assert_eq!(deadline(None, Some(7)), Some(7));
    assert_eq!((deadline(Some("5S"), Some(7)), deadline(Some("5S"), Some(3))), (Some(5), Some(3)));
    assert_eq!((deadline(Some("soon"), None), deadline(Some("123456789S"), None)), (None, None));
}
