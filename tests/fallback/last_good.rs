//! The last good response as the answer: what is stored, for how long, and how much of it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Cause, Circuit, FallbackLayer, Verdict, fallback::last_good::LastGoodLayer,
    report::ReportLayer, testing::EventRecorder,
};

type Request = &'static str;

/// The key of each request is the request, except that `private` has none.
fn key(request: &Request) -> Option<String> {
    (*request != "private").then(|| (*request).to_owned())
}

fn layer() -> LastGoodLayer<String, fn(&Request) -> Option<String>> {
    FallbackLayer::last_good(key as fn(&Request) -> Option<String>).without_observers()
}

/// Returns these responses, and then errors.
fn answers(
    texts: impl IntoIterator<Item = &'static str>,
) -> impl Service<Request, Response = String, Error = io::Error, Future: Send> + Clone {
    let texts = Arc::new(Mutex::new(VecDeque::from_iter(texts)));
    service_fn(move |_: Request| {
        let text = texts.lock().unwrap().pop_front();
        async move { text.map(str::to_owned).ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut)) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_gets_the_last_good_response_of_its_key() {
    let layer = layer();
    let mut service = layer.layer(answers(["one", "two", "of b"]));
    for (request, answer) in [
        ("a", Some("one")),
        ("a", Some("two")),
        ("b", Some("of b")),
        ("a", Some("two")),
        ("b", Some("of b")),
        ("c", None),
    ] {
        let result = service.ready().await.unwrap().call(request).await;
        assert_eq!(result.as_deref().ok(), answer, "{request}");
    }
    assert_eq!(layer.entries(), 2);
    // All services of the layer share the responses.
    assert_eq!(layer.clone().layer(answers([])).oneshot("a").await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn events_describe_the_failures_and_carry_the_labels() {
    let events = EventRecorder::new();
    let layer = layer().label("team", "billing").observe(events.clone());
    let mut service = layer.layer(answers(["one"]));
    for _ in 0..2 {
        service.ready().await.unwrap().call("a").await.unwrap();
    }
    service.ready().await.unwrap().call("b").await.unwrap_err();
    let called = r#"FallbackCalled cause=failure failure=timed_out error="timed out""#;
    let failed = r#"FallbackFailed cause=failure failure=transient error="NoStoredResponse""#;
    assert_eq!(events.lines(), [called, "FallbackSucceeded cause=failure", called, failed]);
    assert_eq!(events.events()[0].event().name().label("team"), Some("billing"));
}

#[tokio::test(start_paused = true)]
async fn the_report_names_the_fallback_and_the_cause() {
    let service = ServiceBuilder::new().layer(ReportLayer).layer(layer().name("stored")).service(answers(["one"]));
    let fresh = service.clone().oneshot("a").await.unwrap();
    assert_eq!((fresh.report.fallback(), fresh.report.cause()), (None, None));
    let stored = service.clone().oneshot("a").await.unwrap();
    assert_eq!((stored.report.fallback(), stored.report.cause()), (Some("stored"), Some(Cause::Failure)));
    // Without a stored response, the primary's error is returned.
    assert_eq!(service.oneshot("b").await.unwrap_err().error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn an_old_response_is_no_answer() {
    let service = layer().max_age(Duration::from_secs(10)).layer(answers(["one"]));
    assert_eq!(service.clone().oneshot("a").await.unwrap(), "one");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(service.clone().oneshot("a").await.unwrap(), "one");
    tokio::time::advance(Duration::from_millis(1)).await;
    service.oneshot("a").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_is_not_stored() {
    let layer = layer();
    let service = layer.layer(answers(["one"]));
    assert_eq!(service.clone().oneshot("private").await.unwrap(), "one");
    assert_eq!(layer.entries(), 0);
    service.oneshot("private").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_number_and_the_weight_are_bounded() {
    let by_number = FallbackLayer::last_good(|request: &u32| Some(request.to_string())).max_entries(10).unwrap();
    let by_weight = FallbackLayer::last_good(|request: &u32| Some(request.to_string()));
    let by_weight = by_weight.max_weight(100, |text: &String| text.len() as u64).unwrap();
    let text = |_: u32| async { Ok::<_, io::Error>("0123456789".to_owned()) };
    for request in 0..1_000 {
        by_number.layer(service_fn(text)).oneshot(request).await.unwrap();
        by_weight.layer(service_fn(text)).oneshot(request).await.unwrap();
        assert!(by_number.entries() <= 10 && by_weight.entries() <= 10);
    }
    assert!(by_number.entries() > 0 && by_weight.entries() > 0);

    // A response that doesn't fit isn't stored, and the older one isn't an answer any more.
    let layer = layer().max_weight(100, |text: &String| text.len() as u64).unwrap();
    let long: &str = "0".repeat(101).leak();
    let service = layer.layer(answers(["short", long]));
    assert_eq!(service.clone().oneshot("a").await.unwrap(), "short");
    assert_eq!(service.clone().oneshot("a").await.unwrap(), long);
    service.oneshot("a").await.unwrap_err();
    assert_eq!(layer.entries(), 0);
    assert!(self::layer().max_weight(0, |_| 1).is_err() && self::layer().max_entries(0).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_replace_the_response_of_a_later_one() {
    let calls = Arc::new(Mutex::new(VecDeque::from([("older", 9, true), ("newer", 1, true), ("", 0, false)])));
    let service = layer().layer(service_fn(move |_: Request| {
        let (text, seconds, is_good) = calls.lock().unwrap().pop_front().unwrap();
        async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            if is_good { Ok(text.to_owned()) } else { Err(io::Error::from(io::ErrorKind::TimedOut)) }
        }
    }));
    let older = tokio::spawn(service.clone().oneshot("a"));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(service.clone().oneshot("a").await.unwrap(), "newer");
    assert_eq!(older.await.unwrap().unwrap(), "older");
    assert_eq!(service.oneshot("a").await.unwrap(), "newer");
}

/// Failures, rejections and the answers of an inner fallback aren't good.
#[tokio::test(start_paused = true)]
async fn only_original_successes_are_stored() {
    let by_text = tower_recourse::classify::outcomes(|outcome: Result<&String, &io::Error>| match outcome {
        Ok(text) if text == "bad" => Verdict::transient(),
        Ok(text) if text == "neutral" => Verdict::Neutral,
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient(),
    });
    let service = layer().classifier(by_text).layer(answers(["good", "bad", "neutral"]));
    for answer in ["good", "good", "neutral", "good"] {
        assert_eq!(service.clone().oneshot("a").await.unwrap(), answer);
    }

    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    circuit.force_open();
    let rejecting = BreakerLayer::on(&circuit).respond_when_open(|_: &_| "rejected".to_owned());
    let layer = layer();
    let rejected = layer.layer(rejecting.layer(answers(["one"])));
    rejected.oneshot("a").await.unwrap_or_default();
    let inner = FallbackLayer::value("stored elsewhere".to_owned()).without_observers().keep_primary_error();
    let answered = layer.layer(inner.layer(answers([])));
    assert_eq!(answered.oneshot("a").await.unwrap(), "stored elsewhere");
    assert_eq!(layer.entries(), 0);
}

/// A panic in user code costs its own call, and a dropped call stores nothing.
#[tokio::test(start_paused = true)]
async fn panics_and_dropped_calls_store_nothing() {
    let panicking_key =
        FallbackLayer::last_good(
            |request: &Request| if *request == "panic" { panic!("by the test") } else { key(request) },
        );
    let layer = panicking_key.max_weight(100, |text: &String| if text == "panic" { panic!("by the test") } else { 1 });
    let layer = layer.unwrap();
    let service = layer.layer(answers(["one", "panic"]));
    assert_eq!(service.clone().oneshot("a").await.unwrap(), "one");
    for request in ["panic", "a"] {
        let local = tokio::task::LocalSet::new();
        let call = local.spawn_local(service.clone().oneshot(request));
        assert!(local.run_until(call).await.unwrap_err().is_panic());
    }
    assert_eq!(service.oneshot("a").await.unwrap(), "one");

    let hangs = layer.layer(service_fn(|_: Request| std::future::pending::<Result<String, Infallible>>()));
    assert!(tokio::time::timeout(Duration::from_secs(1), hangs.oneshot("b")).await.is_err());
    assert_eq!(layer.entries(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_share_the_store() {
    let layer = FallbackLayer::last_good(|request: &u32| Some((request % 4).to_string())).without_observers();
    let flaky = service_fn(|request: u32| async move {
        tokio::task::yield_now().await;
        if request < 4 || request % 3 > 0 { Ok(request % 4) } else { Err(io::Error::from(io::ErrorKind::TimedOut)) }
    });
    for request in 0..4 {
        layer.layer(flaky).oneshot(request).await.unwrap();
    }
    let calls: Vec<_> =
        (4..2_000).map(|request| (request, tokio::spawn(layer.layer(flaky).oneshot(request)))).collect();
    for (request, call) in calls {
        assert_eq!(call.await.unwrap().unwrap(), request % 4);
    }
    assert_eq!(layer.entries(), 4);
}
