//! `tower::balance` over three real upstreams: a circuit that isn't ready ejects its upstream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::time::sleep;
use tower::{
    BoxError, Layer, ServiceExt,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    load::{CompleteOnResponse, PeakEwma},
    service_fn,
    util::BoxCloneService,
};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, State,
    breaker::{CircuitGroup, OpenDuration, Probes, TripRule},
    http::StatusClassifier,
    retry::{Backoff, CloneRequest},
    time::ManualClock,
};

use crate::loopback;

/// A server that answers 503 while it is sick.
#[derive(Clone, Default)]
struct Upstream {
    is_sick: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    async fn serve(&self) -> Uri {
        let this = self.clone();
        let answer = move || {
            this.requests.fetch_add(1, Ordering::SeqCst);
            let sick = this.is_sick.load(Ordering::SeqCst);
            async move { if sick { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
        };
        let address = loopback::serve(Router::new().route("/", get(answer))).await;
        format!("http://{address}/").parse().unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

type Http = BoxCloneService<Request<Full<Bytes>>, Response<Incoming>, BoxError>;

/// A retry around a balancer over three upstreams, each with its circuit.
async fn balanced(circuits: &[Circuit<StatusClassifier>; 3], upstreams: &[Upstream; 3]) -> Http {
    let client: Client<HttpConnector, Full<Bytes>> = loopback::client();
    let mut services = Vec::new();
    for (circuit, upstream) in circuits.iter().zip(upstreams) {
        let (uri, client) = (upstream.serve().await, client.clone());
        let send = service_fn(move |mut request: Request<Full<Bytes>>| {
            *request.uri_mut() = uri.clone();
            let client = client.clone();
            async move { client.request(request).await.map_err(BoxError::from) }
        });
        let service = BreakerLayer::on(circuit).wait_when_open().layer(send);
        let (rtt, decay) = (Duration::from_millis(5), Duration::from_secs(10));
        services.push(PeakEwma::new(service, rtt, decay.as_nanos() as f64, CompleteOnResponse::default()));
    }
    let balance = Buffer::new(Balance::new(ServiceList::new::<Request<_>>(services)), 64);
    let retry = RetryConfig::http().backoff(Backoff::fixed(Duration::from_millis(1))).replay(CloneRequest);
    BoxCloneService::new(RetryLayer::new(retry).layer(balance))
}

async fn get_status(service: &Http) -> StatusCode {
    let request = Request::get("http://balanced/").body(Full::default()).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    response.status()
}

/// Sends requests until a condition holds. Every response must be 200.
async fn send_until(service: &Http, holds: impl Fn() -> bool) {
    let sending = async {
        while !holds() {
            assert_eq!(get_status(service).await, StatusCode::OK);
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), sending).await.expect("the condition holds at some time");
}

fn circuits(clock: &ManualClock) -> [Circuit<StatusClassifier>; 3] {
    let group = CircuitGroup::max_open(1).unwrap();
    let config = BreakerConfig::http()
        .open_when(TripRule::consecutive(3).unwrap())
        .open_for(OpenDuration::fixed(OPEN_FOR))
        .probes(Probes::one())
        .clock(clock.clone())
        .group(&group);
    [(); 3].map(|()| Circuit::new(config.clone()))
}

const OPEN_FOR: Duration = Duration::from_millis(20);

/// The circuits' clock stands still on its own, so the number of probes is exact. The sockets use
/// real time.
#[tokio::test]
async fn a_sick_upstream_gets_only_probes_until_it_recovers() {
    let clock = ManualClock::new();
    let (circuits, upstreams): (_, [Upstream; 3]) = (circuits(&clock), Default::default());
    let service = balanced(&circuits, &upstreams).await;
    send_until(&service, || upstreams.iter().all(|upstream| upstream.requests() >= 5)).await;

    let sick = &upstreams[0];
    sick.is_sick.store(true, Ordering::SeqCst);
    send_until(&service, || circuits[0].state() == State::Open).await;
    let before = sick.requests();
    for _ in 0..100 {
        assert_eq!(get_status(&service).await, StatusCode::OK);
    }
    assert_eq!(sick.requests(), before, "an open circuit isn't ready, so its upstream isn't chosen");

    for probes in 1..=3 {
        clock.advance(OPEN_FOR);
        send_until(&service, || sick.requests() == before + probes && circuits[0].state() == State::Open).await;
        for _ in 0..30 {
            assert_eq!(get_status(&service).await, StatusCode::OK);
        }
        assert_eq!(sick.requests(), before + probes, "one probe per open time");
    }

    sick.is_sick.store(false, Ordering::SeqCst);
    clock.advance(OPEN_FOR);
    send_until(&service, || circuits[0].state() == State::Closed).await;
    let recovered = sick.requests();
    send_until(&service, || sick.requests() >= recovered + 10).await;
}

#[tokio::test]
async fn a_group_keeps_upstreams_in_use_if_all_are_sick() {
    let clock = ManualClock::new();
    let (circuits, upstreams): (_, [Upstream; 3]) = (circuits(&clock), Default::default());
    let service = balanced(&circuits, &upstreams).await;
    upstreams.iter().for_each(|upstream| upstream.is_sick.store(true, Ordering::SeqCst));
    for _ in 0..50 {
        assert_eq!(get_status(&service).await, StatusCode::SERVICE_UNAVAILABLE, "an answer, not a wait");
    }
    let open = circuits.iter().filter(|circuit| circuit.state() == State::Open).count();
    assert_eq!(open, 1, "the other two upstreams still get requests");

    upstreams.iter().for_each(|upstream| upstream.is_sick.store(false, Ordering::SeqCst));
    send_until(&service, || circuits.iter().filter(|circuit| circuit.state() == State::Closed).count() == 2).await;
}
