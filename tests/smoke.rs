//! The three layers around one service, in the paved order.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, State};

#[tokio::test(start_paused = true)]
async fn the_paved_order() {
    let calls = Arc::new(AtomicU32::new(0));
    let seen = calls.clone();
    let circuit = Circuit::new(BreakerConfig::default());
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("from the fallback"))
        .layer(RetryLayer::new(RetryConfig::default()))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(move |_: &'static str| {
            seen.fetch_add(1, Ordering::Relaxed);
            async { Err::<&'static str, _>(io::Error::from(io::ErrorKind::ConnectionReset)) }
        }));
    let answer = service.ready().await.unwrap().call("hello").await.unwrap();
    assert_eq!((answer, calls.load(Ordering::Relaxed)), ("from the fallback", 4));
    let answer = service.ready().await.unwrap().call("hello").await.unwrap();
    assert_eq!((answer, calls.load(Ordering::Relaxed)), ("from the fallback", 5));
    assert_eq!(circuit.state(), State::Open);
    let answer = service.ready().await.unwrap().call("hello").await.unwrap();
    assert_eq!((answer, calls.load(Ordering::Relaxed)), ("from the fallback", 5));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
}
