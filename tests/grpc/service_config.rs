//! gRPC's service config: the settings of each method, and invalid configs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use tonic::Code;
use tower::{Layer, service_fn};
use tower_recourse::{
    FailureKind, RetryConfig, RetryLayer,
    grpc::{DeadlineExceeded, GrpcReplay, PeekLayer, ServiceConfig},
    http::Replay,
    observe::Event,
    retry::{Budget, BudgetStats, Timeouts, TokenBucket, budget::Token},
    testing::EventRecorder,
};

use crate::{
    answers, channel, gaps,
    greeter::greeter_client::GreeterClient,
    in_time, name, request,
    scripted_service::{Fate::Never, Host},
};

fn policy(max_attempts: u32, codes: &str) -> String {
    format!(
        r#"{{ "maxAttempts": {max_attempts}, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
              "retryableStatusCodes": {codes} }}"#
    )
}

fn read(json: &str) -> ServiceConfig {
    RetryConfig::from_service_config(json).unwrap().map_methods(|base| base.without_budget().without_observers())
}

/// How often the retry calls a method that is unavailable.
async fn attempts(config: &ServiceConfig, path: &str) -> usize {
    let (log, service) = answers(&[&[("grpc-status", "14")]]);
    config.clone().layer().layer(service).oneshot(request(path)).await.unwrap();
    log.lock().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn both_the_config_and_the_client_limit_attempts() {
    for (max_attempts, cap, made) in
        [(9, Some(4), 4), (9, Some(7), 7), (3, Some(10), 3), (9, None, 5), (4, None, 4), (9, Some(0), 1)]
    {
        let policy = policy(max_attempts, r#"["UNAVAILABLE"]"#);
        let config = read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
        let config = match cap {
            Some(cap) => config.max_attempts(cap),
            None => config,
        };
        assert_eq!(attempts(&config, "/any.Service/Method").await, made, "({max_attempts}, {cap:?})");
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_name_wins() {
    let (two, three, four, other) = (
        policy(2, r#"["UNAVAILABLE"]"#),
        policy(3, r#"["UNAVAILABLE"]"#),
        policy(4, r#"[14]"#),
        policy(5, r#"["INTERNAL"]"#),
    );
    let config = read(&format!(
        r#"{{ "loadBalancingConfig": [], "methodConfig": [
            {{ "name": [{{}}], "retryPolicy": {two} }},
            {{ "name": [{{ "service": "shop.Prices" }}], "retryPolicy": {three}, "timeout": "1s" }},
            {{ "name": [{{ "service": "shop.Prices", "method": "Get" }}, {{ "service": "shop.Stock", "method": "Get" }}],
               "retryPolicy": {four} }},
            {{ "name": [{{ "service": "shop.Orders", "method": "" }}], "waitForReady": true }},
            {{ "name": [{{ "service": "shop.Users" }}], "retryPolicy": {other} }}
        ] }}"#
    ));
    for (path, made) in [
        ("/shop.Prices/Get", 4),
        ("/shop.Prices/List", 3),
        ("/shop.Stock/Get", 4),
        ("/shop.Stock/Put", 2),
        ("/shop.Orders/Place", 1),
        ("/shop.Users/Get", 1),
        ("/elsewhere", 2),
    ] {
        assert_eq!(attempts(&config, path).await, made, "{path}");
    }
    assert_eq!(attempts(&read("{}"), "/shop.Prices/Get").await, 1, "nothing is configured");
}

/// Durations have the JSON form of proto3, or the form without whole seconds (`.01s`) that grpc-go
/// writes.
#[tokio::test(start_paused = true)]
async fn durations_in_every_json_form_are_read() {
    let ms = Duration::from_millis;
    for (text, initial) in [
        (".01s", ms(10)),
        ("0.01s", ms(10)),
        ("0.010s", ms(10)),
        ("0.010000000s", ms(10)),
        ("2s", ms(2_000)),
        ("2.000s", ms(2_000)),
        ("0002.5s", ms(2_500)),
    ] {
        let policy = policy(2, r#"["UNAVAILABLE"]"#).replace("0.1s", text).replace("\"1s\"", "\"10s\"");
        let config = read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
        let (log, service) = answers(&[&[("grpc-status", "14")]]);
        config.layer().layer(service).oneshot(request("/any.Service/Method")).await.unwrap();
        let (least, most) = (initial.mul_f64(0.8), initial.mul_f64(1.2) + ms(1));
        assert!(gaps(&log).iter().all(|&gap| gap >= least && gap <= most), "{text}: {:?}", gaps(&log));
        assert_eq!(gaps(&log).len(), 1, "{text}");
    }
    for nanosecond in ["0.000000001s", ".000000001s", "315576000000s"] {
        let policy = policy(2, r#"["UNAVAILABLE"]"#).replace("0.1s", nanosecond);
        read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
    }
}

/// The `grpc-timeout` of each attempt of a call to this path, in microseconds.
async fn timeouts_sent(config: &ServiceConfig, path: &str, own: Option<&str>) -> Vec<Option<u64>> {
    let (log, service) = answers(&[&[("grpc-status", "14")]]);
    let mut call = request(path);
    if let Some(own) = own {
        call.headers_mut().insert("grpc-timeout", own.parse().unwrap());
    }
    config.clone().layer().layer(service).oneshot(call).await.unwrap();
    let log = log.lock().unwrap();
    let sent = |headers: &http::HeaderMap| {
        let text = headers.get("grpc-timeout")?.to_str().unwrap().to_owned();
        let (number, unit) = text.split_at(text.len() - 1);
        Some(number.parse::<u64>().unwrap() / if unit == "n" { 1_000 } else { 1 })
    };
    log.iter().map(|(_, headers)| sent(headers)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_methods_timeout_is_the_deadline_of_its_calls() {
    let policy = policy(5, r#"["UNAVAILABLE"]"#).replace("\"backoffMultiplier\": 2", "\"backoffMultiplier\": 1");
    let config = read(&format!(
        r#"{{ "methodConfig": [
            {{ "name": [{{}}], "retryPolicy": {policy} }},
            {{ "name": [{{ "service": "shop.Prices" }}], "retryPolicy": {policy}, "timeout": ".25s" }},
            {{ "name": [{{ "service": "shop.Orders" }}], "timeout": "1.5s" }}
        ] }}"#
    ));
    // With waits of 80 to 120 ms, two fit and a third may fit.
    let sent = timeouts_sent(&config, "/shop.Prices/Get", None).await;
    assert_eq!(sent[0], Some(250_000));
    assert!((3..=4).contains(&sent.len()) && sent.is_sorted_by(|one, next| one > next), "{sent:?}");
    assert_eq!(timeouts_sent(&config, "/shop.Orders/Place", None).await, [Some(1_500_000)], "without a retry");
    assert_eq!(timeouts_sent(&config, "/shop.Users/Get", None).await, [None; 5], "not of this method");
    // The earlier deadline applies.
    assert_eq!(timeouts_sent(&config, "/shop.Orders/Place", Some("1S")).await, [Some(1_000_000)]);
    assert_eq!(timeouts_sent(&config, "/shop.Orders/Place", Some("2S")).await, [Some(1_500_000)]);
}

/// tonic's channel ends a call when its `grpc-timeout` has passed.
#[tokio::test]
async fn a_call_that_is_never_answered_ends_with_its_methods_timeout() {
    let (serving, host) = Host::playing(&[Never]).await;
    let config = RetryConfig::from_service_config(
        r#"{ "methodConfig": [{ "name": [{ "service": "greeter.Greeter" }], "timeout": "0.05s" }] }"#,
    );
    let layer = config.unwrap().map_methods(|base| base.without_observers()).layer();
    let mut client = GreeterClient::new(layer.layer(PeekLayer::new().layer(channel(serving.address))));
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    drop(client);
    serving.ends().await;
    assert!(host.attempts() <= 1);
}

#[tokio::test(start_paused = true)]
async fn the_backoff_is_that_of_the_config() {
    let policy = policy(5, r#"["UNAVAILABLE"]"#);
    let config = read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
    let (log, service) = answers(&[&[("grpc-status", "14")]]);
    config.layer().layer(service).oneshot(request("/any.Service/Method")).await.unwrap();
    let gaps = gaps(&log);
    assert_eq!(gaps.len(), 4);
    for (gap, plain) in gaps.into_iter().zip([100, 200, 400, 800]) {
        let plain = Duration::from_millis(plain);
        // The timer is exact to one millisecond.
        let (least, most) = (plain.mul_f64(0.8), plain.mul_f64(1.2) + Duration::from_millis(1));
        assert!(gap >= least && gap <= most, "{gap:?} for {plain:?}");
    }
}

/// Clients that failed at the same time don't retry at the same time, and the jitter doesn't exceed
/// `maxBackoff`.
#[tokio::test(start_paused = true)]
async fn the_backoff_has_jitter_below_its_maximum() {
    let mut first = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (log, service) = answers(&[&[("grpc-status", "14")]]);
        let policy = policy(5, r#"["UNAVAILABLE"]"#).replace("\"1s\"", "\"0.3s\"");
        let config = read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
        let layer = config.map_methods(|base| base.seed(seed)).layer();
        layer.layer(service).oneshot(request("/any.Service/Method")).await.unwrap();
        let gaps = gaps(&log);
        assert!(gaps.iter().all(|&gap| gap <= Duration::from_millis(301)), "{gaps:?}");
        first.insert(gaps[0]);
    }
    assert!(first.len() > 5, "{first:?}");
}

/// All methods share one throttle. Tokens that one method uses are missing for the others.
#[tokio::test(start_paused = true)]
async fn all_methods_share_the_throttle() {
    let policy = policy(5, r#"["UNAVAILABLE"]"#);
    let json = format!(
        r#"{{ "methodConfig": [{{ "name": [{{ "service": "one" }}], "retryPolicy": {policy} }},
                               {{ "name": [{{ "service": "two" }}], "retryPolicy": {policy} }}],
              "retryThrottling": {{ "maxTokens": 10, "tokenRatio": 0.5 }} }}"#
    );
    let config = RetryConfig::from_service_config(&json).unwrap().map_methods(|base| base.without_observers());
    // The fifth failure leaves 5 of 10 tokens. From then on nothing is retried.
    assert_eq!((attempts(&config, "/one/Get").await, attempts(&config, "/two/Get").await), (5, 1));
}

fn five_attempts() -> ServiceConfig {
    let policy = policy(5, r#"["UNAVAILABLE"]"#);
    read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#))
}

/// The deadline comes from the request, not from the service config. No wait of the retry crosses
/// it.
#[tokio::test(start_paused = true)]
async fn no_wait_crosses_the_deadline() {
    for (timeout, made) in [("60S", 5), ("1m", 1)] {
        let (log, service) = answers(&[&[("grpc-status", "14")]]);
        let mut call = request("/any.Service/Method");
        call.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        five_attempts().layer().layer(service).oneshot(call).await.unwrap();
        assert_eq!(log.lock().unwrap().len(), made, "{timeout}");
    }
}

/// The budget, the limit of stored bodies, and the observers aren't a part of the service config.
/// `map_methods` sets them for all methods.
#[tokio::test(start_paused = true)]
async fn the_budget_pays_for_retries_that_are_made() {
    let short = || Full::<Bytes>::from("short").map_err(io::Error::other).boxed_unsync();
    let long = || {
        let chunks = [0; 10].map(|_| Ok(Frame::data(Bytes::from(vec![b'x'; 1000]))));
        StreamBody::new(tokio_stream::iter(chunks)).boxed_unsync()
    };
    for (body, sends, granted) in [(short(), 5, 4), (long(), 1, 0)] {
        let budget = Arc::new(TokenBucket::default());
        let stopped = Arc::new(AtomicUsize::new(0));
        let counted_stops = stopped.clone();
        let observer = move |event: &Event<'_>| {
            if let Event::RetryStopped { .. } = event {
                counted_stops.fetch_add(1, Ordering::SeqCst);
            }
        };
        let shared = budget.clone();
        let config = five_attempts().map_methods(|base| {
            base.shared_budget(shared).observe(observer).replay(GrpcReplay::new(Replay::default().max_body(5_000)))
        });
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let service = service_fn(move |request: Request<UnsyncBoxBody<Bytes, io::Error>>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                request.into_body().collect().await?;
                let unavailable = Response::builder().header("grpc-status", "14");
                Ok::<_, io::Error>(unavailable.body(Empty::<Bytes>::new()).unwrap())
            }
        });
        config.layer().layer(service).oneshot(Request::post("/any.Service/Method").body(body).unwrap()).await.unwrap();
        assert_eq!((calls.load(Ordering::SeqCst), budget.stats().granted), (sends, granted));
        assert_eq!(stopped.load(Ordering::SeqCst), 1);
    }
}

/// Two nested retries share one budget. A request deposits once.
#[tokio::test(start_paused = true)]
async fn two_nested_retries_deposit_once() {
    #[derive(Debug, Default)]
    struct Deposits(AtomicUsize);
    impl Budget for Deposits {
        fn deposit(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn withdraw(&self, _: FailureKind) -> Option<Token> {
            None
        }
        fn refund(&self, _: Token) {}
        fn stats(&self) -> BudgetStats {
            BudgetStats::default()
        }
    }
    let budget = Arc::new(Deposits::default());
    let shared = budget.clone();
    let layer = five_attempts().map_methods(|base| base.shared_budget(shared)).layer();
    let (log, service) = answers(&[&[("grpc-status", "14")]]);
    layer.layer(layer.layer(service)).oneshot(request("/any.Service/Method")).await.unwrap();
    assert_eq!((budget.0.load(Ordering::SeqCst), log.lock().unwrap().len()), (1, 1));
}

#[test]
fn invalid_configs_and_their_paths() {
    let with = |field: &str, value: &str| {
        let mut fields = vec![
            ("maxAttempts", "3"),
            ("initialBackoff", "\"0.1s\""),
            ("maxBackoff", "\"1s\""),
            ("backoffMultiplier", "2"),
            ("retryableStatusCodes", "[\"UNAVAILABLE\"]"),
        ];
        fields.retain(|(name, _)| *name != field);
        if value != "missing" {
            fields.push((field, value));
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let policy = fields.join(", ");
        format!(r#"{{ "methodConfig": [{{}}, {{ "name": [{{}}], "retryPolicy": {{ {policy} }} }}] }}"#)
    };
    let throttle = |tokens: &str, ratio: &str| {
        format!(r#"{{ "retryThrottling": {{ "maxTokens": {tokens}, "tokenRatio": {ratio} }} }}"#)
    };
    let of_policy = |field: &str| format!("methodConfig[1].retryPolicy.{field}");
    let mut cases = vec![];
    for (field, values) in [
        ("maxAttempts", &["missing", "0", "1", "-3", "2.5", "\"3\"", "null"][..]),
        (
            "initialBackoff",
            &[
                "missing",
                "\"0s\"",
                "\"0.000s\"",
                "\"-1s\"",
                "\"1\"",
                "\"s\"",
                "\"1.0000000001s\"",
                "1",
                "\"s\"",
                "\".s\"",
                "\".0s\"",
                "\"1..s\"",
                "\"1.s\"",
                "\"+1s\"",
                "\"1 s\"",
                "\"1e1s\"",
                "\"99999999999999999999s\"",
            ],
        ),
        ("maxBackoff", &["missing", "\"0s\"", "\"one second\""]),
        ("backoffMultiplier", &["missing", "0", "-1", "\"2\""]),
        ("retryableStatusCodes", &["missing", "[]", "14"]),
    ] {
        cases.extend(values.iter().map(|value| (with(field, value), of_policy(field), value.to_string())));
    }
    for (codes, path, value) in [
        (r#"["UNAVAILABLE", "NO_SUCH"]"#, "retryableStatusCodes[1]", "\"NO_SUCH\""),
        (r#"["unavailable"]"#, "retryableStatusCodes[0]", "\"unavailable\""),
        ("[17]", "retryableStatusCodes[0]", "17"),
        ("[0]", "retryableStatusCodes[0]", "0"),
    ] {
        cases.push((with("retryableStatusCodes", codes), of_policy(path), value.to_owned()));
    }
    for tokens in ["0", "-1", "1001", "missing", "\"10\"", "0.5"] {
        let json = throttle(tokens, "0.1").replace("\"maxTokens\": missing,", "");
        cases.push((json, "retryThrottling.maxTokens".to_owned(), tokens.to_owned()));
    }
    for ratio in ["0", "-0.1", "\"1\"", "0.0001"] {
        cases.push((throttle("10", ratio), "retryThrottling.tokenRatio".to_owned(), ratio.to_owned()));
    }
    for (json, path, value) in [
        ("[]", "service config", "[]"),
        (r#"{ "methodConfig": 1 }"#, "methodConfig", "1"),
        (r#"{ "methodConfig": [{ "timeout": "0s" }] }"#, "methodConfig[0].timeout", "\"0s\""),
        (r#"{ "methodConfig": [{ "timeout": "-1s" }] }"#, "methodConfig[0].timeout", "\"-1s\""),
        (r#"{ "methodConfig": [{ "timeout": 5 }] }"#, "methodConfig[0].timeout", "5"),
        (r#"{ "methodConfig": [{ "name": [{}, {}] }] }"#, "methodConfig[0].name[1]", "{}"),
        (r#"{ "methodConfig": [{ "name": ["x"] }] }"#, "methodConfig[0].name[0]", "\"x\""),
        (r#"{ "methodConfig": [{ "name": [{ "method": "x" }] }] }"#, "methodConfig[0].name[0].service", "missing"),
        (r#"{ "methodConfig": [{ "name": [{ "service": 1 }] }] }"#, "methodConfig[0].name[0].service", "1"),
    ] {
        cases.push((json.to_owned(), path.to_owned(), value.to_owned()));
    }
    for (name, field, value) in [
        (r#"{ "servce": "a.B" }"#, "servce", "\"a.B\""),
        (r#"{ "service": "a.B", "metod": "C" }"#, "metod", "\"C\""),
        (r#"{ "Service": null }"#, "Service", "missing"),
        (r#"{ "service": "/a.B" }"#, "service", "\"/a.B\""),
        (r#"{ "service": "a.B/" }"#, "service", "\"a.B/\""),
        (r#"{ "service": "a.B", "method": "/C" }"#, "method", "\"/C\""),
        (r#"{ "service": "a", "method": "B/C" }"#, "method", "\"B/C\""),
    ] {
        let json = format!(r#"{{ "methodConfig": [{{ "name": [{name}] }}] }}"#);
        cases.push((json, format!("methodConfig[0].name[0].{field}"), value.to_owned()));
    }
    for (json, path, value) in cases {
        let refused = RetryConfig::from_service_config(&json).expect_err(&json);
        let value = if value == "null" { "missing".to_owned() } else { value };
        assert_eq!((refused.field(), refused.value()), (&*path, &*value), "{json}");
    }
    assert_eq!(RetryConfig::from_service_config("{").unwrap_err().field(), "service config");
}

#[test]
fn an_invalid_config_has_a_message() {
    let json = r#"{ "methodConfig": [{ "retryPolicy": { "maxAttempts": 1 } }] }"#;
    assert_eq!(
        RetryConfig::from_service_config(json).unwrap_err().to_string(),
        "`methodConfig[0].retryPolicy.maxAttempts` is 1, but must be a whole number above 1"
    );
}

#[test]
fn a_misspelt_field_of_a_name_has_a_message() {
    let json = r#"{ "methodConfig": [{ "name": [{ "servce": "a.B" }] }] }"#;
    assert_eq!(
        RetryConfig::from_service_config(json).unwrap_err().to_string(),
        "`methodConfig[0].name[0].servce` is \"a.B\", but must be left out: a name has only the fields `service` and \
         `method`"
    );
}

#[test]
fn fields_that_grpc_does_not_define_are_listed() {
    let unknown = |json: &str| RetryConfig::from_service_config(json).unwrap().unknown_fields().to_vec();
    let retry =
        policy(3, r#"["UNAVAILABLE"]"#).replace("\"maxAttempts\"", "\"perAtemptRecvTimeout\": 1, \"maxAttempts\"");
    let json = format!(
        r#"{{ "methodConfigs": [], "loadBalancingConfig": [],
             "methodConfig": [{{ "waitForReady": true, "retryPolcy": {{}} }}, {{ "retryPolicy": {retry} }}],
             "retryThrottling": {{ "maxTokens": 10, "tokenRatio": 1, "ratio": 2 }} }}"#
    );
    let mut found = unknown(&json);
    found.sort();
    assert_eq!(
        found,
        [
            "methodConfig[0].retryPolcy",
            "methodConfig[1].retryPolicy.perAtemptRecvTimeout",
            "methodConfigs",
            "retryThrottling.ratio"
        ]
    );
    assert_eq!(unknown(r#"{ "methodConfig": [{ "name": [], "hedgingPolicy": {} }] }"#), [""; 0]);
    assert_eq!(unknown(r#"{ "line\nbreak": 1 }"#), ["line\\nbreak"]);
}

#[tokio::test(start_paused = true)]
async fn limits_of_attempts_apply_to_all_methods() {
    let policy = policy(3, r#"["DEADLINE_EXCEEDED"]"#);
    let json = format!(
        r#"{{ "methodConfig": [
            {{ "name": [{{}}], "retryPolicy": {policy} }},
            {{ "name": [{{ "service": "shop.Orders" }}], "timeout": "1s" }}
        ] }}"#
    );
    let limits = Timeouts::attempt(Duration::from_secs(2)).timeout_outcome(DeadlineExceeded);
    let layer = read(&json).timeouts(limits).layer();
    for (path, attempts, time) in [("/shop.Prices/Get", 3, 6), ("/shop.Orders/Place", 1, 1)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let hangs = service_fn(move |_: Request<Full<Bytes>>| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<io::Result<Response<Empty<Bytes>>>>()
        });
        let start = tokio::time::Instant::now();
        let response = layer.layer(hangs).oneshot(request(path)).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "4", "{path}");
        assert_eq!(calls.load(Ordering::SeqCst), attempts, "{path}");
        let time = Duration::from_secs(time);
        assert!((time..time + Duration::from_secs(1)).contains(&start.elapsed()), "{path}: {:?}", start.elapsed());
    }
}

#[test]
fn a_service_config_is_described() {
    let policy = policy(9, r#"["UNAVAILABLE", 10]"#);
    let json = format!(
        r#"{{ "x": 1, "retryThrottling": {{ "maxTokens": 10, "tokenRatio": 0.1 }}, "methodConfig": [
            {{ "name": [{{ "service": "a.B" }}], "retryPolicy": {policy}, "timeout": "2s" }},
            {{ "name": [{{ "service": "a.B", "method": "C" }}, {{ "service": "line\nbreak" }}] }}
        ] }}"#
    );
    let config = RetryConfig::from_service_config(&json).unwrap();
    let description = config.describe();
    let retried = "5 attempts at UNAVAILABLE ABORTED, backoff 100ms × 2 up to 1s, timeout 2s";
    assert_eq!(
        description.iter().take(5).collect::<Vec<_>>(),
        [
            ("a.B/C", "no retries"),
            ("a.B/*", retried),
            ("line\\nbreak/*", "no retries"),
            ("other methods", "no retries"),
            ("unknown_fields", "x"),
        ]
    );
    assert_eq!(description.value("budget"), Some("RetryThrottle: 10 tokens, ratio 0.1"));
    assert_eq!((description.value("retries"), description.value("backoff")), (None, None));
    let replaced = config.map_methods(|base| base.budget(TokenBucket::default()));
    let budget = replaced.describe().value("budget").unwrap().to_owned();
    assert!(budget.starts_with("TokenBucket"), "a budget replaces the throttle: {budget}");
}

/// With a service config and with a `RetryConfig`.
#[tokio::test(start_paused = true)]
async fn every_finished_call_is_reported_with_its_code() {
    let failed = r#"failure=transient status="gRPC 14 UNAVAILABLE""#;
    let failed_twice = [
        format!("RetryStopped attempt=2 cause=attempts_exhausted {failed}"),
        format!("RequestFinished attempts=2 outcome=failure cause=attempts_exhausted {failed}"),
    ];
    let ends: [(crate::Script, &[String]); 4] = [
        (&[&[("grpc-status", "0")]], &["RequestFinished attempts=1 outcome=success".to_owned()]),
        (&[&[("grpc-status", "5")]], &["RequestFinished attempts=1 outcome=neutral".to_owned()]),
        (
            &[&[("grpc-status", "14")], &[("grpc-status", "0")]],
            &["RetrySucceeded attempt=2".to_owned(), "RequestFinished attempts=2 outcome=success".to_owned()],
        ),
        (&[&[("grpc-status", "14")]], &failed_twice),
    ];
    for (script, expected) in ends {
        let events = EventRecorder::new();
        let config = RetryConfig::grpc().retries(1).without_observers().observe(events.clone()).report_requests();
        let (_, service) = answers(script);
        RetryLayer::new(config).layer(service).oneshot(request("/greeter/Greet")).await.unwrap();
        let by_config = events.take();

        let policy = policy(2, r#"["UNAVAILABLE"]"#);
        let config = read(&format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {policy} }}] }}"#));
        let config = config.map_methods(|base| base.observe(events.clone()).report_requests());
        let (_, service) = answers(script);
        config.layer().layer(service).oneshot(request("/greeter/Greet")).await.unwrap();
        for lines in [by_config, events.take()] {
            let ends: Vec<_> = lines.iter().filter(|line| !line.starts_with("RetryScheduled")).collect();
            assert_eq!(ends, expected.iter().collect::<Vec<_>>());
        }
    }
}
