//! Delays that a server requests by `Retry-After` or a rate limit, and how deadlines bound waits.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::Instant;
use tower::Layer;
use tower_recourse::{RetryConfig, RetryLayer, http::Deadline};

use crate::{Scripted, config, empty_response};

const OWN: Duration = Duration::from_millis(50);

fn get() -> Request<Full<Bytes>> {
    Request::get("/").body(Full::default()).unwrap()
}

/// How long a retry waits for a server that sends these headers with its 503; `None` if it returns
/// the 503.
async fn wait(headers: &[(&'static str, &str)]) -> Option<Duration> {
    wait_for(headers.iter().map(|&(name, value)| (name, value.parse().unwrap())).collect()).await
}

async fn wait_for(headers: Vec<(&'static str, http::HeaderValue)>) -> Option<Duration> {
    let server = Scripted::new(move |call| {
        let mut response = empty_response(if call == 0 { 503 } else { 200 });
        for (name, value) in &headers {
            response.headers_mut().append(*name, value.clone());
        }
        response
    });
    RetryLayer::new(config()).layer(server.service()).oneshot(get()).await.unwrap();
    server.first_gap()
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_seconds() {
    let cases = [
        ("0", OWN),
        ("1", Duration::from_secs(1)),
        ("30", Duration::from_secs(30)),
        // Unreadable values are ignored.
        ("-1", OWN),
        ("1.5", OWN),
        ("+1", OWN),
        ("soon", OWN),
        ("", OWN),
        ("1 s", OWN),
    ];
    for (value, waited) in cases {
        assert_eq!(wait(&[("retry-after", value)]).await, Some(waited), "{value:?}");
    }
    for value in ["31", "1000000000000", "99999999999999999999999999999999"] {
        assert_eq!(wait(&[("retry-after", value)]).await, None, "{value:?} is more than anyone waits");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_date() {
    assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]).await, Some(OWN), "it has passed");
    assert_eq!(wait(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]).await, None);
    assert_eq!(wait(&[("retry-after", "Wed, 99 Oct 2015 07:28:00 GMT")]).await, Some(OWN), "it isn't a delay");
}

#[tokio::test(start_paused = true)]
async fn the_first_retry_after_counts() {
    assert_eq!(wait(&[("retry-after", "2"), ("retry-after", "9")]).await, Some(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_rate_limit_sets_the_delay() {
    let cases: [(&[(&str, &str)], Duration); 9] = [
        (&[("ratelimit", "\"policy\";r=0;t=7")], Duration::from_secs(7)),
        (&[("ratelimit", "\"policy\";r=0;t=7"), ("retry-after", "2")], Duration::from_secs(2)),
        (&[("ratelimit", "\"a\";r=0;t=3, \"b\";r=0;t=9")], Duration::from_secs(9)),
        (&[("ratelimit", "\"a\";r=0;t=3"), ("ratelimit", "\"b\";r=0;t=9")], Duration::from_secs(9)),
        (&[("ratelimit", "\"policy\";r=5;t=7")], OWN),
        (&[("ratelimit", "\"policy\";r=0")], OWN),
        (&[("ratelimit", "\"policy\";r=0;t=-7")], OWN),
        (&[("ratelimit", "limit=100, remaining")], OWN),
        (&[("ratelimit", "\"unclosed;r=0;t=7")], OWN),
    ];
    for (headers, waited) in cases {
        assert_eq!(wait(headers).await, Some(waited), "{headers:?}");
    }
}

/// Whatever a server writes into the header, nothing panics, and no wait exceeds the cap.
#[test]
fn invalid_values_never_exceed_the_maximum_delay() {
    use proptest::prelude::*;

    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        "[+-]?[0-9]{0,40}(\\.[0-9]{0,3})?".prop_map(String::into_bytes),
        "(Mon|Sun|Sunday|Fri), ?[0-9]{1,3}[ -](Jan|Feb|Nov|Dec|Xyz)[ -][0-9]{2,5} [0-9]{1,2}:[0-9]{2}:[0-9]{1,3} GMT"
            .prop_map(String::into_bytes),
        "\"?[a-z]{0,3}\"?(;[rtq]=-?[0-9]{0,17}){0,4}(, ?\"[a-z]\";r=0;t=[0-9]{0,17}){0,3}".prop_map(String::into_bytes),
        "\\((\"a\";r=0;t=[0-9]{0,16} ?){0,3}\\);r=0;t=[0-9]{1,16}".prop_map(String::into_bytes),
    ];
    let value = prop_oneof![
        3 => value,
        1 => "[0-9]{0,4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9:]{0,8}(\\.[0-9]{0,3})?(Z|[+-][0-9:]{0,6})".prop_map(String::into_bytes),
        1 => "([0-9]{1,25}(\\.[0-9]{0,12})?(d|h|m|s|ms|us|ns|µs)?){0,4}".prop_map(String::into_bytes),
        1 => "limit=[0-9]{1,3}, remaining=-?[0-9]{1,2}, reset=-?[0-9.]{1,17}".prop_map(String::into_bytes),
        1 => Just(b"0".to_vec()),
    ];
    let names = [
        "retry-after",
        "retry-after-ms",
        "ratelimit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "date",
        "age",
    ];
    let headers = prop::collection::vec((prop::sample::select(names.to_vec()), value), 0..5);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    proptest!(ProptestConfig::with_cases(4_000), |(headers in headers)| {
        let headers: Vec<_> = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, http::HeaderValue::from_bytes(&value).ok()?)))
            .collect();
        let waited = runtime.block_on(wait_for(headers));
        prop_assert!(waited.is_none_or(|waited| (OWN..=Duration::from_secs(30)).contains(&waited)), "{waited:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn an_unknown_deadline_is_never_extended() {
    use tower::service_fn;
    use tower_recourse::{Elapsed, classify, retry::Timeouts};

    let own = Deadline::after(Duration::from_millis(100));
    let server = service_fn(move |request: Request<Full<Bytes>>| async move {
        assert_eq!(request.extensions().get(), Some(&own));
        Ok::<_, std::io::Error>(empty_response(503))
    });
    let limits =
        Timeouts::attempt(Duration::from_secs(1)).on_timeout(|_: Elapsed| Ok::<_, std::io::Error>(empty_response(504)));
    let mut request = get();
    request.extensions_mut().insert(own);
    RetryLayer::new(config().classifier(classify::ErrorClassifier).timeouts(limits))
        .layer(server)
        .oneshot(request)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delay_causes_no_retry() {
    let server = Scripted::new(|_| {
        let mut response = empty_response(301);
        response.headers_mut().insert("retry-after", "1".parse().unwrap());
        response
    });
    RetryLayer::new(config()).layer(server.service()).oneshot(get()).await.unwrap();
    assert_eq!(server.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_wait_exceeds_the_requests_deadline() {
    for (deadline, calls) in [(2_000, 2), (1_000, 1), (500, 1)] {
        let server = Scripted::new(|call| {
            let mut response = empty_response(if call == 0 { 503 } else { 200 });
            response.headers_mut().insert("retry-after", "1".parse().unwrap());
            response
        });
        let mut request = get();
        request.extensions_mut().insert(Deadline::after(Duration::from_millis(deadline)));
        let begun = Instant::now();
        let answer = RetryLayer::new(config()).layer(server.service()).oneshot(request).await.unwrap();
        assert_eq!(
            (server.calls(), answer.status().as_u16()),
            (calls, if calls == 2 { 200 } else { 503 }),
            "{deadline}"
        );
        assert_eq!(
            begun.elapsed(),
            Duration::from_secs(calls as u64 - 1),
            "{deadline} ms: returned at once, or waited for"
        );
    }
}

/// The inner service receives its remaining time.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_lowered_for_each_attempt() {
    use tower::service_fn;
    use tower_recourse::{Elapsed, retry::Timeouts};

    let begun = Instant::now();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = service_fn(move |request: Request<Full<Bytes>>| {
        let at = request.extensions().get::<Deadline>().map(|deadline| deadline.at() - begun);
        log.lock().unwrap().push(at.map(|at| at.as_millis()));
        async { Ok::<_, std::io::Error>(empty_response(503)) }
    });
    let limits =
        Timeouts::attempt(Duration::from_secs(1)).on_timeout(|_: Elapsed| Ok::<_, std::io::Error>(empty_response(504)));
    let mut request = get();
    request.extensions_mut().insert(Deadline::after(Duration::from_millis(1_080)));
    RetryLayer::new(config().timeouts(limits)).layer(server).oneshot(request).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(1_000), Some(1_050), Some(1_080)]);
}

/// The retry bridges a fault of half a second: the last attempt begins 325 to 975 ms after the
/// first one.
#[tokio::test(start_paused = true)]
async fn the_preset_makes_four_attempts_within_a_second() {
    for seed in 0..50 {
        let server = Scripted::new(|_| empty_response(502));
        let preset = RetryConfig::http().without_observers().seed(seed);
        let response = RetryLayer::new(preset).layer(server.service()).oneshot(get()).await.unwrap();
        assert_eq!(response.status(), 502);
        let gaps: Vec<u128> = server.gaps().iter().map(Duration::as_millis).collect();
        let [first, second, third] = gaps[..] else { panic!("{gaps:?}") };
        assert!((25..=75).contains(&first), "{gaps:?}");
        assert!((75..=225).contains(&second), "{gaps:?}");
        assert!((225..=675).contains(&third), "{gaps:?}");
    }
}
