//! What statuses, headers and errors mean: to a retry, and to a breaker.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, FailureKind, Sent, Verdict,
    grpc::{Code, Health, Statuses, code},
    http::Deadline,
};

use crate::fixed_numbers::FixedNumbers as _;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;
type Asked = Request<()>;

fn answer(http: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
    let body = match body {
        "" => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        body => Full::from(body).map_err(|never| match never {}).boxed_unsync(),
    };
    let mut answer = Response::builder().status(http).body(body).unwrap();
    answer.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    for (name, value) in headers {
        match *name {
            "content-type" => answer.headers_mut().insert(*name, value.parse().unwrap()).is_some(),
            _ => answer.headers_mut().append(*name, value.parse().unwrap()),
        };
    }
    answer
}

fn with_code(number: u64) -> Answer {
    answer(200, &[("grpc-status", &number.to_string())], "")
}

fn to_retry(answer: &Answer) -> Verdict {
    Classifier::<Asked, _, io::Error>::classify(&Statuses::default(), &None, Ok(answer))
}

fn to_breaker(answer: &Answer) -> Verdict {
    Classifier::<Asked, _, io::Error>::classify(&Health, &(), Ok(answer))
}

#[test]
fn every_code() {
    use Verdict::{Neutral, Success};
    let permanent = Verdict::permanent().sent(Sent::Yes);
    let transient = Verdict::transient().sent(Sent::Yes);
    let timed_out = Verdict::timed_out().sent(Sent::Yes);
    let throttled = Verdict::throttled().sent(Sent::Yes);
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
        // A number that is none of theirs.
        (17, "UNKNOWN", permanent, transient),
    ] {
        let answer = with_code(number);
        assert_eq!(code(&answer), Code::from_name(name), "{number}");
        assert_eq!((to_retry(&answer), to_breaker(&answer)), (retry, breaker), "{name}");
    }
}

#[test]
fn where_the_status_is_found() {
    for (name, answer, told) in [
        ("trailers-only", answer(200, &[("grpc-status", "5")], ""), Some(Code::NotFound)),
        ("an answer to come", answer(200, &[], "message"), None),
        ("nothing and the end", answer(200, &[], ""), Some(Code::Unknown)),
        ("unreadable", answer(200, &[("grpc-status", "")], ""), Some(Code::Unknown)),
        ("signed", answer(200, &[("grpc-status", "+0")], ""), Some(Code::Unknown)),
        ("huge", answer(200, &[("grpc-status", "99999999999999999999999")], ""), Some(Code::Unknown)),
        ("a status beside an HTTP error", answer(503, &[("grpc-status", "8")], ""), Some(Code::ResourceExhausted)),
        ("400", answer(400, &[], "x"), Some(Code::Internal)),
        ("401", answer(401, &[], "x"), Some(Code::Unauthenticated)),
        ("403", answer(403, &[], "x"), Some(Code::PermissionDenied)),
        ("404", answer(404, &[], "x"), Some(Code::Unimplemented)),
        ("429", answer(429, &[], "x"), Some(Code::Unavailable)),
        ("502", answer(502, &[], "x"), Some(Code::Unavailable)),
        ("503", answer(503, &[], "x"), Some(Code::Unavailable)),
        ("504", answer(504, &[], "x"), Some(Code::Unavailable)),
        ("500", answer(500, &[], "x"), Some(Code::Unknown)),
        ("a redirect", answer(302, &[], "x"), Some(Code::Unknown)),
    ] {
        assert_eq!(code(&answer), told, "{name}");
    }
}

/// Content types and what they make of a response with status 200 and a body, without `grpc-status`.
#[test]
fn a_page_of_html_with_status_200_is_unknown() {
    let transient = Verdict::transient().sent(Sent::Yes);
    let permanent = Verdict::permanent().sent(Sent::Yes);
    for content_type in ["text/html", "text/html; charset=utf-8", "application/json", "", "application/grp", "grpc"] {
        let page = answer(200, &[("content-type", content_type)], "<html>");
        assert_eq!(code(&page), Some(Code::Unknown), "{content_type:?}");
        assert_eq!((to_retry(&page), to_breaker(&page)), (permanent, transient), "{content_type:?}");
    }
    let mut untyped = answer(200, &[], "message");
    untyped.headers_mut().remove("content-type");
    assert_eq!(code(&untyped), None, "without a content type the body decides");
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/GRPC"] {
        let message = answer(200, &[("content-type", content_type)], "message");
        assert_eq!(code(&message), None, "{content_type}");
        assert_eq!((to_retry(&message), to_breaker(&message)), (Verdict::Success, Verdict::Success));
    }
    // A status that is given counts, and so does an HTTP status that says more.
    let given = answer(200, &[("content-type", "text/html"), ("grpc-status", "5")], "<html>");
    let proxied = answer(503, &[("content-type", "text/html")], "<html>");
    assert_eq!((code(&given), code(&proxied)), (Some(Code::NotFound), Some(Code::Unavailable)));
}

#[test]
fn a_pushback_refines_what_is_retried() {
    let pushed = |code: &str, pushback: &str| {
        to_retry(&answer(200, &[("grpc-status", code), ("grpc-retry-pushback-ms", pushback)], ""))
    };
    let ms = Duration::from_millis(250);
    assert_eq!(pushed("14", "250"), Verdict::transient().sent(Sent::Yes).retry_after_pushback(ms));
    assert_eq!(pushed("8", "250"), Verdict::throttled().sent(Sent::Yes).retry_after_pushback(ms));
    for unreadable in ["-1", "xxx", "", "1.5", "+5", "99999999999999999999999"] {
        assert_eq!(pushed("14", unreadable), Verdict::transient().sent(Sent::Yes).never_retry(), "{unreadable:?}");
    }
    assert_eq!((pushed("0", "250"), pushed("5", "250")), (Verdict::Success, Verdict::Neutral));
    assert_eq!(pushed("13", "250"), Verdict::permanent().sent(Sent::Yes));
    // Of a proxy that knows gRPC.
    let proxied = answer(503, &[("grpc-retry-pushback-ms", "250")], "");
    assert_eq!(to_retry(&proxied), Verdict::transient().sent(Sent::Yes).retry_after_pushback(ms));
    // A breaker may go by it.
    let busy = answer(200, &[("grpc-status", "14"), ("grpc-retry-pushback-ms", "250")], "");
    assert_eq!(to_breaker(&busy), Verdict::throttled().sent(Sent::Yes).retry_after(ms));
}

#[test]
fn to_a_breaker_a_server_that_asks_for_less_works() {
    let throttled = Verdict::throttled().sent(Sent::Yes);
    let failed = Verdict::transient().sent(Sent::Yes);
    let pushback = "grpc-retry-pushback-ms";
    for (name, answer, expected) in [
        ("exhausted", answer(200, &[("grpc-status", "8")], ""), throttled),
        ("unavailable", answer(200, &[("grpc-status", "14")], ""), failed),
        ("unavailable, for good", answer(200, &[("grpc-status", "14"), (pushback, "-1")], ""), failed),
        ("a proxy's 429", answer(429, &[], ""), throttled),
        ("a proxy's 503", answer(503, &[], ""), failed),
        (
            "a proxy's 503 with a delay",
            answer(503, &[("retry-after", "7")], ""),
            throttled.retry_after(Duration::from_secs(7)),
        ),
        ("internal", answer(200, &[("grpc-status", "13")], ""), failed),
    ] {
        assert_eq!(to_breaker(&answer), expected, "{name}");
    }
}

#[test]
fn errors_have_the_code_that_grpc_has_for_them() {
    let judge = |statuses: Statuses, kind: io::ErrorKind| {
        Classifier::<Asked, Answer, io::Error>::classify(&statuses, &None, Err(&io::Error::from(kind)))
    };
    let default = Statuses::default();
    let nothing = Statuses::default().retry_codes([]);
    let slow = Statuses::default().retry_codes([Code::DeadlineExceeded]);
    let unavailable = Statuses::default().retry_codes([Code::Unavailable]);
    for (name, verdict, expected) in [
        ("lost", judge(default, io::ErrorKind::ConnectionReset), Verdict::transient().idempotency_unknown()),
        ("lost, asked for", judge(unavailable, io::ErrorKind::ConnectionReset), Verdict::transient()),
        ("lost, not asked for", judge(nothing, io::ErrorKind::ConnectionReset), Verdict::permanent()),
        ("refused", judge(nothing, io::ErrorKind::ConnectionRefused), Verdict::transient().sent(Sent::No)),
        ("too late", judge(default, io::ErrorKind::TimedOut), Verdict::permanent()),
        ("too late, asked for", judge(slow, io::ErrorKind::TimedOut), Verdict::failure(FailureKind::TimedOut)),
        ("a bad certificate", judge(default, io::ErrorKind::InvalidData), Verdict::permanent()),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

/// The connection was gone when the call came to it: that is nobody's fault, and the call begins anew elsewhere for nothing.
#[tokio::test]
async fn a_call_that_found_its_connection_dead_was_refused() {
    let (near, _far) = tokio::io::duplex(1024);
    let near = hyper_util::rt::TokioIo::new(near);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
    drop(connection);
    let error = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
    assert!(error.is_canceled() || error.is_closed(), "{error:?}");
    let verdict = Classifier::<Asked, Answer, _>::classify(&Statuses::default().retry_codes([]), &None, Err(&error));
    assert_eq!(verdict, Verdict::refused());
}

/// By whatever is around, as it isn't the service's.
#[test]
fn a_rejection_stays_one() {
    let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().unobserved());
    circuit.force_open();
    let error: BreakerError<io::Error> = BreakerError::Rejected(circuit.admit().unwrap_err());
    let to_breaker = Classifier::<Asked, Answer, _>::classify(&Health, &(), Err(&error));
    let to_retry = Classifier::<Asked, Answer, _>::classify(&Statuses::default(), &None, Err(&error));
    assert_eq!((to_breaker, to_retry), (Verdict::rejected(None), Verdict::rejected(None)));
}

#[test]
fn an_error_is_never_a_success_to_a_breaker() {
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    let shed: BoxError = tower::load_shed::error::Overloaded::new().into();
    let judge = |error: BoxError| Classifier::<Asked, Answer, BoxError>::classify(&Health, &(), Err(&error));
    assert_eq!(judge(shed), Verdict::throttled().sent(Sent::No));
    let lost = |kind: io::ErrorKind| judge(io::Error::from(kind).into());
    assert_eq!(lost(io::ErrorKind::ConnectionReset), Verdict::transient());
    assert_eq!(lost(io::ErrorKind::ConnectionRefused), Verdict::transient().sent(Sent::No));
    assert_eq!(lost(io::ErrorKind::TimedOut), Verdict::timed_out());
    assert_eq!(judge(h2::Error::from(h2::Reason::INADEQUATE_SECURITY).into()), Verdict::transient());
}

#[tokio::test(start_paused = true)]
async fn the_earlier_deadline_holds() {
    let deadline = |header: Option<&str>, extension: Option<u64>| {
        let mut request = Request::new(());
        if let Some(header) = header {
            request.headers_mut().insert("grpc-timeout", header.parse().unwrap());
        }
        if let Some(seconds) = extension {
            request.extensions_mut().insert(Deadline::within(Duration::from_secs(seconds)));
        }
        let memo = Classifier::<Asked, Answer, io::Error>::memo(&Statuses::default(), &request);
        let at = Classifier::<Asked, Answer, io::Error>::deadline(&Statuses::default(), &memo);
        at.map(|at| at.duration_since(tokio::time::Instant::now()).as_secs())
    };
    assert_eq!(deadline(None, None), None);
    assert_eq!(deadline(Some("5S"), None), Some(5));
    assert_eq!(deadline(None, Some(7)), Some(7));
    assert_eq!((deadline(Some("5S"), Some(7)), deadline(Some("5S"), Some(3))), (Some(5), Some(3)));
    assert_eq!((deadline(Some("soon"), None), deadline(Some("123456789S"), None)), (None, None));
}
