//! The details that the events of a fallback contain: both failures, and the backup's duration.

use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Verdict, fallback::PrimaryFailure, observe::Event,
    testing::EventRecorder,
};

use crate::scripted::*;

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionRefused)
}

fn down() -> impl tower::Service<(), Response = u32, Error = io::Error, Future: Send> + Clone {
    service_fn(|()| async { Err::<u32, _>(refused()) })
}

const CALLED: &str = r#"FallbackCalled cause=failure failure=transient error="connection refused""#;

#[tokio::test]
async fn every_kind_of_backup_reports_its_success() {
    let events = EventRecorder::new();
    let succeeded = [CALLED, "FallbackSucceeded cause=failure"];

    let value = FallbackLayer::value(7).without_observers().observe(events.clone());
    assert_eq!(value.layer(down()).call(()).await.unwrap(), 7);
    assert_eq!(events.take(), succeeded);

    let function = |_: PrimaryFailure<'_, u32, io::Error>| async { Ok::<_, Infallible>(7) };
    let function = FallbackLayer::from_fn(function).without_observers().observe(events.clone());
    assert_eq!(function.layer(down()).call(()).await.unwrap(), 7);
    assert_eq!(events.take(), succeeded);

    let replica = service_fn(|()| async { Ok::<_, io::Error>(7) });
    let service = FallbackLayer::new(replica).without_observers().observe(events.clone());
    assert_eq!(service.layer(down()).call(()).await.unwrap(), 7);
    assert_eq!(events.take(), succeeded);
}

#[tokio::test]
async fn a_failed_backup_is_described() {
    let events = EventRecorder::new();
    let reset = service_fn(|()| async { Err::<u32, _>(io::Error::from(io::ErrorKind::TimedOut)) });
    let layer = FallbackLayer::new(reset).without_observers().observe(events.clone());
    layer.layer(down()).call(()).await.unwrap_err();
    let failed = r#"FallbackFailed cause=failure failure=timed_out error="timed out""#;
    assert_eq!(events.take(), [CALLED, failed]);

    let unknown = service_fn(|()| async { Err::<u32, _>(Oops(1)) });
    let layer = FallbackLayer::new(unknown).without_observers().observe(events.clone());
    layer.layer(down()).call(()).await.unwrap_err();
    let line = &events.take()[1];
    assert!(
        line.starts_with("FallbackFailed cause=failure failure=transient error=") && line.contains("Oops"),
        "{line}"
    );
}

#[tokio::test]
async fn a_failed_response_has_the_kind_of_its_verdict() {
    let events = EventRecorder::new();
    let busy = |outcome: Result<&u32, &io::Error>| match outcome {
        Ok(429) => Verdict::throttled(),
        _ => Verdict::Success,
    };
    let layer = FallbackLayer::value(7).classify(busy).without_observers().observe(events.clone());
    let primary = service_fn(|()| async { Ok::<_, io::Error>(429) });
    assert_eq!(layer.layer(primary).call(()).await.unwrap(), 7);
    assert_eq!(events.take()[0], "FallbackCalled cause=failure failure=throttled");
}

#[tokio::test]
async fn a_rejection_is_described_by_its_text() {
    let events = EventRecorder::new();
    let circuit = Circuit::new(BreakerConfig::default().name("stock").without_observers());
    circuit.force_open();
    let layer = FallbackLayer::value(7).without_observers().observe(events.clone());
    let service = ServiceBuilder::new().layer(layer).layer(BreakerLayer::on(&circuit)).service(down());
    assert_eq!(tower::ServiceExt::oneshot(service, ()).await.unwrap(), 7);
    let called = r#"FallbackCalled cause=rejected failure=rejected error="circuit `stock` is open""#;
    assert_eq!(events.take()[0], called);
}

#[tokio::test]
async fn each_fallback_of_a_chain_reports_its_own_failure() {
    let events = EventRecorder::new();
    let timed_out = |_| async { Err::<u32, _>(io::Error::from(io::ErrorKind::TimedOut)) };
    let inner = FallbackLayer::new(service_fn(timed_out)).merge_errors(|_, replica: io::Error| replica);
    let outer = FallbackLayer::value(7);
    let service = ServiceBuilder::new()
        .layer(outer.name("value").without_observers().observe(events.clone()))
        .layer(inner.name("replica").without_observers().observe(events.clone()))
        .service(down());
    assert_eq!(tower::ServiceExt::oneshot(service, ()).await.unwrap(), 7);
    assert_eq!(
        events.named_lines(),
        [
            &format!("replica: {CALLED}"),
            r#"replica: FallbackFailed cause=failure failure=timed_out error="timed out""#,
            r#"value: FallbackCalled cause=failure failure=timed_out error="timed out""#,
            "value: FallbackSucceeded cause=failure",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn events_contain_the_duration_of_the_backup() {
    let events = EventRecorder::new();
    for result in [Ok(7), Err(())] {
        let slow = service_fn(move |()| async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            result.map_err(|()| refused())
        });
        let layer = FallbackLayer::new(slow).without_observers().observe(events.clone());
        let _ = layer.layer(down()).call(()).await;
    }
    let durations: Vec<_> = events
        .events()
        .iter()
        .filter_map(|recorded| match recorded.event() {
            Event::FallbackSucceeded { duration, .. } => Some(duration),
            Event::FallbackFailed { failure, .. } => Some(failure.unwrap().duration),
            _ => None,
        })
        .collect();
    assert_eq!(durations, [Some(Duration::from_secs(3)); 2]);
}

#[tokio::test]
async fn labels_and_names_reach_the_observers_in_any_order() {
    let labels = |layer: FallbackLayer<_>| {
        let events = EventRecorder::new();
        let mut service = layer.without_observers().observe(events.clone()).layer(down());
        async move {
            service.call(()).await.unwrap();
            let name = events.events()[0].event().name().clone();
            (name.as_str().to_owned(), name.label("team").map(str::to_owned))
        }
    };
    let expected = ("prices".to_owned(), Some("billing".to_owned()));
    assert_eq!(labels(FallbackLayer::value(7).name("prices").label("team", "billing")).await, expected);
    assert_eq!(labels(FallbackLayer::value(7).label("team", "billing").name("prices")).await, expected);
}

#[test]
fn a_panic_of_an_observer_costs_only_its_call() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let observer = |event: &Event<'_>| assert_eq!(event.label(), "none");
    let layer = FallbackLayer::value(7).without_observers().observe(observer);
    let mut service = layer.layer(down());
    let call = || runtime.block_on(service.call(()));
    catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    let primary = service_fn(|()| async { Ok::<_, io::Error>(8) });
    assert_eq!(runtime.block_on(layer.layer(primary).call(())).unwrap(), 8);
}
