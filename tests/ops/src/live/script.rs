//! A scripted outage whose numbers are known.

use std::time::Duration;

use http::StatusCode;
use tower::{Service as _, ServiceExt};

use super::{
    service::{Client, Service},
    upstream::Plan,
};

/// Requests whose ids no other part of the script has.
#[derive(Debug, Default)]
pub struct Ids(u32);

impl Ids {
    pub fn fresh(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

/// How many requests of each kind a part of the script sends.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// Orders that succeed at the first, second and third attempt.
    pub first: u32,
    pub second: u32,
    pub third: u32,
    /// Orders whose four attempts fail.
    pub exhausted: u32,
    /// Orders for which the upstream asks for a delay of 400 s. Their callers go away.
    pub delayed: u32,
    /// Searches whose attempts fail.
    pub searches: u32,
    /// Quotes, each of which opens its circuit once.
    pub quotes: u32,
    /// Payments while the upstream is down.
    pub payments: u32,
    /// Keys of hosts.
    pub hosts: u32,
    /// Jobs whose four attempts fail. Further jobs succeed at the same attempts as orders.
    pub dead_jobs: u32,
    /// Jobs in a queue without a worker.
    pub late_jobs: u32,
}

/// Each kind once, so that each series exists before it is counted.
pub const WARM_UP: Numbers = Numbers {
    first: 1,
    second: 1,
    third: 1,
    exhausted: 1,
    delayed: 1,
    searches: 1,
    quotes: 1,
    payments: 20,
    hosts: 4,
    dead_jobs: 1,
    late_jobs: 1,
};

/// Enough for each alert.
pub const OUTAGE: Numbers = Numbers {
    first: 20,
    second: 10,
    third: 5,
    exhausted: 4,
    delayed: 2,
    searches: 500,
    quotes: 6,
    payments: 60,
    hosts: 20,
    dead_jobs: 150,
    late_jobs: 50_000,
};

/// Sends the requests of one part of the script.
pub async fn run(service: &mut Service, ids: &mut Ids, numbers: Numbers) {
    service.archive.force_open();
    orders(service, ids, numbers).await;
    for _ in 0..numbers.searches {
        assert_eq!(send(&service.search, service, "search", ids, Plan::FAIL).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    for _ in 0..numbers.quotes {
        assert_eq!(send(&service.quotes, service, "quotes", ids, Plan::fail(1)).await, StatusCode::OK);
    }
    payments(service, ids, numbers).await;
    // Each probe fails.
    for _ in 0..6 {
        service.ledger_clock.advance(Duration::from_secs(61));
        assert_eq!(send(&service.ledger, service, "ledger", ids, Plan::FAIL).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    for _ in 0..numbers.hosts {
        let id = ids.fresh();
        let mut request = service.upstream.request("hosts", id, Plan::SUCCEED);
        request.headers_mut().insert("x-host", format!("host-{id}").parse().expect("a valid value"));
        assert_eq!(service.hosts.clone().oneshot(request).await.expect("an answer").status(), StatusCode::OK);
    }
    assert_eq!(send(&service.batch, service, "batch", ids, Plan::fail(1)).await, StatusCode::OK);
    let refused = Plan { status: StatusCode::MISDIRECTED_REQUEST, ..Plan::fail(1) };
    assert_eq!(send(&service.streams, service, "streams", ids, refused).await, StatusCode::OK);
    jobs(service, ids, numbers).await;
}

async fn jobs(service: &mut Service, ids: &mut Ids, numbers: Numbers) {
    let plans = [
        (Plan::SUCCEED, numbers.first),
        (Plan::fail(1), numbers.second),
        (Plan::fail(2), numbers.third),
        (Plan::FAIL, numbers.dead_jobs),
    ];
    for (plan, jobs) in plans {
        for _ in 0..jobs {
            service.jobs.store(&service.upstream, ids.fresh(), plan).await;
        }
    }
    service.jobs.finished().await;
    let slow = Plan { takes: Duration::from_millis(500), ..Plan::SUCCEED };
    service.jobs.store(&service.upstream, ids.fresh(), slow).await;
    service.jobs.steal_lease().await;
    tokio::time::sleep(slow.takes * 2).await;
    service.jobs.store_late(numbers.late_jobs);
}

async fn orders(service: &mut Service, ids: &mut Ids, numbers: Numbers) {
    for (failing, requests) in [(0, numbers.first), (1, numbers.second), (2, numbers.third)] {
        for _ in 0..requests {
            let status = send(&service.orders, service, "orders", ids, Plan::fail(failing)).await;
            assert_eq!(status, StatusCode::OK);
        }
    }
    for _ in 0..numbers.exhausted {
        let status = send(&service.orders, service, "orders", ids, Plan::FAIL).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    for _ in 0..numbers.delayed {
        let busy = Plan { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(400), ..Plan::FAIL };
        let request = service.upstream.request("orders", ids.fresh(), busy);
        let mut client = service.orders.clone();
        let call = client.ready().await.expect("ready").call(request);
        tokio::select! {
            answer = call => panic!("{answer:?} before the delay of 400 s"),
            _ = service.long_delays.recv() => {}
        }
    }
}

/// The upstream is down. The circuit opens, and the fallback answers. Then the program closes it.
async fn payments(service: &Service, ids: &mut Ids, numbers: Numbers) {
    service.upstream.set_down(true);
    for _ in 0..numbers.payments {
        assert_eq!(send(&service.payments, service, "payments", ids, Plan::SUCCEED).await, StatusCode::OK);
    }
    service.upstream.set_down(false);
    service.payments_circuit.reset();
    for _ in 0..5 {
        assert_eq!(send(&service.payments, service, "payments", ids, Plan::SUCCEED).await, StatusCode::OK);
    }
}

/// Sends a request and returns the status of its response.
pub async fn send(client: &Client, service: &Service, layer: &str, ids: &mut Ids, plan: Plan) -> StatusCode {
    let request = service.upstream.request(layer, ids.fresh(), plan);
    client.clone().oneshot(request).await.expect("an answer").status()
}

/// Steady traffic for 90 s. The upstream is down from 30 s to 60 s. Returns the time that it took,
/// with a last scrape.
pub async fn show(service: &mut Service, ids: &mut Ids) -> Duration {
    let start = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut calls = tokio::task::JoinSet::new();
    let mut tick = 0_u32;
    while start.elapsed() < Duration::from_secs(90) {
        ticks.tick().await;
        tick += 1;
        let second = start.elapsed().as_secs();
        service.upstream.set_down((30..60).contains(&second));
        // Now and then, an attempt fails or a call is slow without an outage.
        let blip = Plan {
            takes: Duration::from_millis(u64::from(20 + tick % 7 * 15)),
            ..Plan::fail(u32::from(tick.is_multiple_of(9)))
        };
        let slow =
            Plan { takes: Duration::from_millis(if tick.is_multiple_of(4) { 600 } else { 10 }), ..Plan::SUCCEED };
        if tick.is_multiple_of(10) {
            service.jobs.store(&service.upstream, ids.fresh(), blip).await;
        }
        let mut spawn = |client: &Client, layer: &str, plan: Plan| {
            let call = client.clone().oneshot(service.upstream.request(layer, ids.fresh(), plan));
            calls.spawn(async move { drop(call.await) });
        };
        spawn(&service.payments, "payments", slow);
        spawn(&service.payments, "payments", blip);
        spawn(&service.orders, "orders", blip);
        if tick.is_multiple_of(2) {
            spawn(&service.search, "search", blip);
        }
        if tick.is_multiple_of(5) {
            spawn(&service.quotes, "quotes", blip);
        }
        if tick.is_multiple_of(10) {
            service.ledger_clock.advance(Duration::from_secs(1));
            spawn(&service.ledger, "ledger", Plan::SUCCEED);
            spawn(&service.batch, "batch", Plan::fail(1));
            spawn(&service.streams, "streams", Plan { status: StatusCode::MISDIRECTED_REQUEST, ..Plan::fail(1) });
            let mut request = service.upstream.request("hosts", ids.fresh(), Plan::SUCCEED);
            request.headers_mut().insert("x-host", format!("host-{}", tick % 30 / 10).parse().expect("a valid value"));
            let call = service.hosts.clone().oneshot(request);
            calls.spawn(async move { drop(call.await) });
        }
        while calls.try_join_next().is_some() {}
    }
    // The last scrape.
    tokio::time::sleep(Duration::from_secs(2)).await;
    start.elapsed()
}
