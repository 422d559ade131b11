//! Which requests are resent: by method, by precondition, and by the server's response.

use std::{convert::Infallible, io};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_recourse::{
    RetryLayer,
    http::{StatusClassifier, is_idempotent},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{Answer, Scripted, config, empty_response, status};

fn request(method: &str, headers: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri("/").body(Full::from("a body")).unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

/// How often a request is sent to a server that responds to all requests with this status.
async fn sent(request: Request<Full<Bytes>>, code: u16, headers: &[(&'static str, &'static str)]) -> usize {
    let headers = headers.to_vec();
    let server = Scripted::new(move |_| {
        let mut answer = empty_response(code);
        for (name, value) in &headers {
            answer.headers_mut().insert(*name, value.parse().unwrap());
        }
        answer
    });
    assert_eq!(status(RetryLayer::new(config()).layer(server.service()), request).await, code);
    server.calls()
}

/// How often a request is sent that ends in this error.
async fn sent_with_error(request: Request<Full<Bytes>>, error: io::ErrorKind) -> usize {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let counted = &calls;
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move { Err::<Answer, _>(io::Error::from(error)) }
    });
    RetryLayer::new(config()).layer(service).oneshot(request).await.unwrap_err();
    calls.into_inner()
}

/// The methods in IANA's registry, and some that aren't in it.
#[tokio::test(start_paused = true)]
async fn methods_that_iana_marks_idempotent_are_resent() {
    let idempotent = [
        "ACL",
        "BASELINE-CONTROL",
        "BIND",
        "CHECKIN",
        "CHECKOUT",
        "COPY",
        "DELETE",
        "GET",
        "HEAD",
        "LABEL",
        "LINK",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MKREDIRECTREF",
        "MKWORKSPACE",
        "MOVE",
        "OPTIONS",
        "ORDERPATCH",
        "PRI",
        "PROPFIND",
        "PROPPATCH",
        "PUT",
        "QUERY",
        "REBIND",
        "REPORT",
        "SEARCH",
        "TRACE",
        "UNBIND",
        "UNCHECKOUT",
        "UNLINK",
        "UNLOCK",
        "UPDATE",
        "UPDATEREDIRECTREF",
        "VERSION-CONTROL",
    ];
    for method in idempotent {
        assert_eq!(sent(request(method, &[]), 503, &[]).await, 3, "{method}");
        assert!(is_idempotent(&request(method, &[])), "{method}");
    }
    for method in ["CONNECT", "LOCK", "PATCH", "POST", "BREW", "PURGE", "query", "get"] {
        assert_eq!(sent(request(method, &[]), 503, &[]).await, 1, "{method}");
    }
}

const ETAG: &str = "\"1\"";
const PRECONDITIONS: [(&str, &str); 7] = [
    ("if-match", ETAG),
    ("if-match", "*"),
    ("if-none-match", "*"),
    ("if-unmodified-since", "Sun, 29 Nov 2026 14:00:00 GMT"),
    ("if", "([\"1\"])"),
    ("x-goog-if-generation-match", "0"),
    ("x-goog-if-metageneration-match", "3"),
];

/// icechunk#2099, slatedb#766: the second write would get 412, because the first one took effect.
#[tokio::test(start_paused = true)]
async fn a_conditional_write_with_a_lost_response_is_sent_once() {
    for header in PRECONDITIONS {
        for method in ["PUT", "DELETE", "PROPPATCH", "MOVE"] {
            let conditional = || request(method, &[header]);
            assert!(!is_idempotent(&conditional()), "{method}, {header:?}");
            for error in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
                assert_eq!(sent_with_error(conditional(), error).await, 1, "{method}, {header:?}, {error:?}");
            }
            // A gateway may have forwarded the request.
            for code in [408, 502, 503, 504] {
                assert_eq!(sent(conditional(), code, &[]).await, 1, "{method}, {header:?}, {code}");
            }
            assert_eq!(sent(conditional(), 503, &[("retry-after", "1")]).await, 1, "{method}, {header:?}");
        }
    }
    assert_eq!(sent_with_error(request("PUT", &[]), io::ErrorKind::ConnectionReset).await, 3, "without a precondition");
}

#[tokio::test(start_paused = true)]
async fn an_unprocessed_conditional_write_is_resent() {
    for header in PRECONDITIONS {
        assert_eq!(sent_with_error(request("PUT", &[header]), io::ErrorKind::ConnectionRefused).await, 3, "{header:?}");
        assert_eq!(sent(request("PUT", &[header]), 429, &[]).await, 3, "{header:?}");
        let keyed = request("PUT", &[header, ("idempotency-key", "k")]);
        assert_eq!(sent(keyed, 503, &[]).await, 3, "{header:?}: the server recognises the repetition");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conditional_read_is_resent() {
    for header in PRECONDITIONS {
        for method in ["GET", "HEAD", "OPTIONS", "PROPFIND", "QUERY"] {
            assert_eq!(sent(request(method, &[header]), 503, &[]).await, 3, "{method}, {header:?}");
            let lost = sent_with_error(request(method, &[header]), io::ErrorKind::ConnectionReset).await;
            assert_eq!(lost, 3, "{method}, {header:?}");
        }
    }
    for header in [("if-modified-since", "Sun, 29 Nov 2026 14:00:00 GMT"), ("if-range", ETAG)] {
        assert_eq!(sent(request("PUT", &[header]), 503, &[]).await, 3, "{header:?} isn't a precondition of a write");
    }
}

type Headers = &'static [(&'static str, &'static str)];

/// RFC 9110, 15.5.14 and 15.5.20; RFC 8470, 5.2; RFC 6585, 4.
#[tokio::test(start_paused = true)]
async fn a_post_is_resent_if_the_server_did_not_process_it() {
    let cases: [(u16, Headers, usize); 11] = [
        (421, &[], 3),
        (425, &[], 3),
        (429, &[], 3),
        (429, &[("retry-after", "1")], 3),
        (413, &[("retry-after", "1")], 3),
        (413, &[], 1),
        (408, &[], 1),
        (500, &[], 1),
        (502, &[], 1),
        (503, &[("retry-after", "1")], 1),
        (504, &[], 1),
    ];
    for (code, headers, calls) in cases {
        for method in ["POST", "PATCH"] {
            assert_eq!(sent(request(method, &[]), code, headers).await, calls, "{method}, {code} {headers:?}");
        }
    }
}

/// RFC 8470, 5.2: an intermediary that forwards a request from early data forwards the 425 too.
#[tokio::test(start_paused = true)]
async fn a_425_is_returned_to_a_client_that_sent_early_data() {
    for method in ["GET", "POST"] {
        let forwarded = || request(method, &[("early-data", "1")]);
        assert_eq!(sent(forwarded(), 425, &[]).await, 1, "{method}");
        assert_eq!(sent(forwarded(), 425, &[("retry-after", "1")]).await, 1, "{method}");
        assert_eq!(sent(forwarded(), 429, &[]).await, 3, "{method}");
    }
}

/// The status comes from the last server of a chain of redirects. The first server may have
/// executed the request.
#[tokio::test(start_paused = true)]
async fn a_status_after_redirects_proves_nothing() {
    for code in [421, 425, 429] {
        let server = Scripted::new(move |_| empty_response(code));
        let config = config().classifier(StatusClassifier::default().follows_redirects());
        assert_eq!(status(RetryLayer::new(config).layer(server.service()), request("POST", &[])).await, code);
        assert_eq!(server.calls(), 1, "{code}");

        let calls = std::sync::atomic::AtomicUsize::new(0);
        let counted = &calls;
        let service = service_fn(move |_: Request<Full<Bytes>>| {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let answer = Response::builder().status(code).body(reqwest::Body::default()).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        RetryLayer::new(self::config()).layer(service).oneshot(request("POST", &[])).await.unwrap();
        assert_eq!(calls.into_inner(), 1, "{code}: reqwest follows redirects");
    }
}

/// Any client can set an `Idempotency-Key`, and the handler may ignore it.
#[tokio::test(start_paused = true)]
async fn a_key_from_outside_is_trusted_only_if_configured() {
    for (statuses, calls) in
        [(StatusClassifier::default(), 3), (StatusClassifier::default().ignore_idempotency_key(), 1)]
    {
        for method in ["POST", "PATCH", "LOCK"] {
            let server = Scripted::new(|_| empty_response(503));
            let retry = RetryLayer::new(config().classifier(statuses)).layer(server.service());
            assert_eq!(status(retry, request(method, &[("idempotency-key", "k")])).await, 503);
            assert_eq!(server.calls(), calls, "{method}");
        }
    }
    let server = Scripted::new(|_| empty_response(503));
    let retry = RetryLayer::new(config().classifier(StatusClassifier::default().ignore_idempotency_key()));
    status(retry.layer(server.service()), request("PUT", &[("idempotency-key", "k")])).await;
    assert_eq!(server.calls(), 3, "a PUT needs no key");
}

/// seatbelt's test cases s51, s52, s56, s57 and s61, with its settings.
mod of_seatbelt {
    use std::time::Duration;

    use tower_recourse::{BreakerConfig, Circuit, Classifier, State, Verdict, http::StatusClassifier};

    use super::*;

    /// s51: our preset doesn't retry a 5xx that the same request would get again. It retries 500
    /// only if configured, and never 501, 505 or above.
    #[tokio::test(start_paused = true)]
    async fn s51_retried_responses_to_a_get() {
        for (code, theirs, ours) in [
            (408, true, true),
            (429, true, true),
            (500, true, true),
            (501, true, false),
            (502, true, true),
            (503, true, true),
            (504, true, true),
            (505, true, false),
            (599, true, false),
            (400, false, false),
            (404, false, false),
            (200, false, false),
        ] {
            let server = Scripted::new(move |_| empty_response(code));
            let config = config().classifier(StatusClassifier::default().retry_500());
            status(RetryLayer::new(config).layer(server.service()), request("GET", &[])).await;
            assert_eq!(server.calls() > 1, ours, "s51: {code}, theirs: {theirs}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s52_a_500_with_a_delay_is_waited_for() {
        let server = Scripted::new(|call| {
            let mut response = empty_response(if call == 0 { 500 } else { 200 });
            response.headers_mut().insert("retry-after", "10".parse().unwrap());
            response
        });
        let config = config().classifier(StatusClassifier::default().retry_500());
        assert_eq!(status(RetryLayer::new(config).layer(server.service()), request("GET", &[])).await, 200, "s52");
        assert_eq!(server.first_gap(), Some(Duration::from_secs(10)), "s52");
    }

    #[tokio::test(start_paused = true)]
    async fn s56_a_post_returns_the_first_response() {
        for code in [500, 503] {
            let server = Scripted::new(move |call| empty_response(if call == 0 { code } else { 200 }));
            let config = config().classifier(StatusClassifier::default().retry_500());
            let answer = status(RetryLayer::new(config).layer(server.service()), request("POST", &[])).await;
            assert_eq!((answer.as_u16(), server.calls()), (code, 1), "s56: {code}");
        }
    }

    #[test]
    fn s57_5xx_open_a_circuit_and_4xx_do_not() {
        for (code, state) in [(500, State::Open), (400, State::Closed)] {
            let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
            for _ in 0..20 {
                let answer = empty_response(code);
                let statuses = StatusClassifier::default();
                let memo = Classifier::<_, Answer, io::Error>::memo_without_retry(&statuses, &Request::new(()));
                let verdict: Verdict = Classifier::<Request<()>, _, io::Error>::classify(&statuses, &memo, Ok(&answer));
                circuit.try_acquire().unwrap().end(verdict);
            }
            assert_eq!(circuit.state(), state, "s57: {code}");
        }
    }
}

/// s61: seatbelt has a circuit per scheme and authority, with the default port of the scheme.
#[cfg(feature = "keyed")]
#[tokio::test]
async fn s61_one_circuit_per_origin() {
    use http::Uri;
    use tower_recourse::{BreakerConfig, BreakerLayer, breaker::TripRule};

    /// Our key is a function. This one returns seatbelt's key.
    fn origin(uri: &Uri) -> Option<(String, String, u16)> {
        let (scheme, host) = (uri.scheme_str()?, uri.host()?);
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme.to_owned(), host.to_owned(), port))
    }

    let rule = TripRule::consecutive(1).unwrap();
    let config = BreakerConfig::http().fixed_share().open_when(rule).without_observers();
    let layer = BreakerLayer::keyed(config, |request: &Request<()>| origin(request.uri()));
    let service = layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(empty_response(503)) }));
    let called = async |uri: &str| {
        let request = Request::get(uri).body(()).unwrap();
        service.clone().oneshot(request).await.is_ok()
    };
    let cases = [
        ("https://h/p?q", true),
        ("https://h:443", false),
        ("http://h:80", true),
        ("http://h/", false),
        ("https://h:8443", true),
        ("/relative", true),
        ("/another", false),
    ];
    for (uri, first) in cases {
        assert_eq!(called(uri).await, first, "s61: {uri}: the first call of a circuit opens it");
    }
}
