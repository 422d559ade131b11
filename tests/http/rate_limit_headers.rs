//! The other headers with which servers request a delay, and the clock that their dates refer to.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use tower::Layer;
use tower_recourse::RetryLayer;

use crate::{Scripted, config, empty_response};

const OWN: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_secs(1);

/// How long a retry waits for a server that sends this status and these headers; `None` if it
/// returns the response.
async fn wait(status: u16, headers: &[(&'static str, &str)]) -> Option<Duration> {
    let headers: Vec<(&str, HeaderValue)> =
        headers.iter().map(|&(name, value)| (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect();
    let server = Scripted::new(move |call| {
        let mut response = empty_response(if call == 0 { status } else { 200 });
        for (name, value) in &headers {
            response.headers_mut().append(*name, value.clone());
        }
        response
    });
    let get = Request::get("/").body(Full::<Bytes>::default()).unwrap();
    RetryLayer::new(config()).layer(server.service()).oneshot(get).await.unwrap();
    server.first_gap()
}

type Headers = &'static [(&'static str, &'static str)];

const DATE: &str = "Sun, 29 Nov 2026 14:00:00 GMT";
const LATER_BY_7: &str = "Sun, 29 Nov 2026 14:00:07 GMT";

/// The local clock shows another year than the headers. The classifier doesn't use the local clock
/// if the response has a `Date`.
#[tokio::test(start_paused = true)]
async fn a_date_is_compared_with_the_servers_own_clock() {
    let cases: [(Headers, Option<Duration>); 7] = [
        (&[("date", DATE), ("retry-after", LATER_BY_7)], Some(7 * SECOND)),
        (&[("date", LATER_BY_7), ("retry-after", DATE)], Some(OWN)),
        (&[("date", DATE), ("retry-after", DATE)], Some(OWN)),
        (&[("date", DATE), ("retry-after", "Sun, 29 Nov 2026 14:00:31 GMT")], None),
        // A cache has held the response for five seconds.
        (&[("date", DATE), ("age", "5"), ("retry-after", LATER_BY_7)], Some(2 * SECOND)),
        (&[("date", DATE), ("age", "99999999999999999999999"), ("retry-after", LATER_BY_7)], Some(OWN)),
        (&[("date", "the server's"), ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], Some(OWN)),
    ];
    for (headers, waited) in cases {
        assert_eq!(wait(503, headers).await, waited, "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn milliseconds_take_precedence_over_seconds() {
    let cases: [(Headers, Option<Duration>); 8] = [
        (&[("retry-after-ms", "1500")], Some(Duration::from_millis(1_500))),
        (&[("retry-after-ms", "1500"), ("retry-after", "2")], Some(Duration::from_millis(1_500))),
        (&[("x-ms-retry-after-ms", "300"), ("retry-after", "1")], Some(Duration::from_millis(300))),
        (&[("retry-after-ms", "10")], Some(OWN)),
        (&[("retry-after-ms", "30001")], None),
        (&[("retry-after-ms", "-5"), ("retry-after", "2")], Some(2 * SECOND)),
        (&[("retry-after-ms", "1500.5"), ("retry-after", "2")], Some(2 * SECOND)),
        (&[("retry-after-ms", "soon")], Some(OWN)),
    ];
    for (headers, waited) in cases {
        assert_eq!(wait(503, headers).await, waited, "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_reset_of_a_rate_limit_is_read_in_every_notation() {
    for (reset, waited) in [
        ("7", Some(7 * SECOND)),
        ("1795960807", Some(7 * SECOND)),
        ("1795960807500", Some(Duration::from_millis(7_500))),
        (LATER_BY_7, Some(7 * SECOND)),
        ("2026-11-29T14:00:07Z", Some(7 * SECOND)),
        ("2026-11-29T15:00:07.000+01:00", Some(7 * SECOND)),
        ("7s", Some(7 * SECOND)),
        ("0m7.5s", Some(Duration::from_millis(7_500))),
        ("1m", None),
        ("1795960000", Some(OWN)),
        // Unreadable values are ignored.
        ("-7", Some(OWN)),
        ("7.5", Some(OWN)),
        ("1795960807.5", Some(OWN)),
        ("99999999999999999999", Some(OWN)),
        ("tomorrow", Some(OWN)),
        ("", Some(OWN)),
    ] {
        for prefix in ["x-ratelimit", "ratelimit", "x-rate-limit"] {
            let names = (format!("{prefix}-remaining"), format!("{prefix}-reset"));
            let (remaining, at) = (&*names.0.leak(), &*names.1.leak());
            let headers: [(&'static str, &str); 3] = [("date", DATE), (remaining, "0"), (at, reset)];
            assert_eq!(wait(503, &headers).await, waited, "{prefix}: {reset:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_counts_only_if_exhausted() {
    let cases: [(u16, Headers, Duration); 11] = [
        (503, &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "7")], OWN),
        (429, &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "7")], OWN),
        (503, &[("x-ratelimit-reset", "7")], OWN),
        // The status shows that a limit was reached.
        (429, &[("x-ratelimit-reset", "7")], 7 * SECOND),
        (429, &[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "7")], OWN),
        // Draft 7 of the IETF's headers.
        (503, &[("ratelimit", "limit=100, remaining=0, reset=7")], 7 * SECOND),
        (503, &[("ratelimit", "limit=100, remaining=1, reset=7")], OWN),
        (503, &[("ratelimit", "limit=100, remaining=0, reset=-7")], OWN),
        // Of two limits, the exhausted one counts.
        (
            429,
            &[
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "20s"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "2s"),
            ],
            2 * SECOND,
        ),
        // `Retry-After` is a request; the other headers describe limits.
        (429, &[("x-ratelimit-reset", "7"), ("retry-after", "2")], 2 * SECOND),
        (429, &[("x-ratelimit-reset", "7"), ("ratelimit", "\"a\";r=0;t=3")], 3 * SECOND),
    ];
    for (status, headers, waited) in cases {
        assert_eq!(wait(status, headers).await, Some(waited), "{status} {headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_may_allow_or_forbid_another_attempt() {
    for name in ["x-should-retry", "stripe-should-retry"] {
        for (status, value, calls) in [
            (503, "false", 1),
            (429, "FALSE", 1),
            (503, "true", 2),
            (500, "true", 2),
            (409, "true", 2),
            (404, " true ", 2),
            (409, "yes", 1),
            (409, "false", 1),
            (503, "", 2),
            (200, "true", 1),
        ] {
            for (method, calls) in [("GET", calls), ("POST", 1)] {
                let server = Scripted::new(move |call| {
                    let mut response = empty_response(if call == 0 { status } else { 204 });
                    if call == 0 {
                        response.headers_mut().insert(name, value.parse().unwrap());
                    }
                    response
                });
                let request = Request::builder().method(method).uri("/").body(Full::<Bytes>::default()).unwrap();
                RetryLayer::new(config()).layer(server.service()).oneshot(request).await.unwrap();
                assert_eq!(server.calls(), calls, "{method}, {status}, {name}: {value:?}");
            }
        }
    }
}

/// `x-should-retry: false` forbids a retry even if the server also requests a short delay.
#[tokio::test(start_paused = true)]
async fn a_forbidden_retry_is_not_made() {
    assert_eq!(wait(503, &[("x-should-retry", "false"), ("retry-after", "1")]).await, None);
    assert_eq!(wait(409, &[("x-should-retry", "true"), ("retry-after", "1")]).await, Some(SECOND));
}
