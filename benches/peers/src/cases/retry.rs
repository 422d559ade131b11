use tokio::runtime::Builder;
use tower::{Layer, Service};
use tower_recourse::RetryLayer;

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::{backon, ours, tower_resilience, tower_retry},
    upstream::{Broken, FailsOnceIn, Health, Healthy, Request, Upstream, at_once},
};

pub const NO_BUDGET: &str = "retry, success, no budget";
pub const BUDGET: &str = "retry, success, default budget";
pub const TOWER: &str = "tower::retry";
pub const TOWER_BUDGET: &str = "tower::retry, TpsBudget";
pub const RESILIENCE: &str = "tower-resilience";

type Sometimes = FailsOnceIn<100>;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(NO_BUDGET, || {
            vec![
                bare::<Healthy>(),
                Contender::service(OURS, RetryLayer::new(ours::retry().without_budget()).layer(up::<Healthy>())),
                Contender::service(TOWER, tower_retry::without_budget(up::<Healthy>())),
                Contender::service(RESILIENCE, tower_resilience::without_budget(up::<Healthy>())),
                backon_contender::<Healthy>(),
            ]
        }),
        Case::new(BUDGET, || {
            vec![
                bare::<Healthy>(),
                Contender::service(OURS, RetryLayer::new(ours::retry()).layer(up::<Healthy>())),
                Contender::service(TOWER_BUDGET, tower_retry::with_budget(up::<Healthy>())),
                Contender::service("tower-resilience, token bucket", tower_resilience::with_budget(up::<Healthy>())),
            ]
        }),
        Case::new("retry, one failure in 100, default budget", || {
            vec![
                bare::<Sometimes>(),
                Contender::service(OURS, RetryLayer::new(ours::retry()).layer(up::<Sometimes>())),
                Contender::service(TOWER_BUDGET, tower_retry::with_budget(up::<Sometimes>())),
                sleeping("tower-resilience, token bucket *", tower_resilience::with_budget(up::<Sometimes>())),
                backon_contender::<Sometimes>(),
            ]
        })
        .in_steps_of(100),
        Case::new("retry, three attempts fail, no wait, no budget", || {
            vec![
                bare::<Broken>(),
                Contender::service(OURS, RetryLayer::new(ours::retry().without_budget()).layer(up::<Broken>())),
                Contender::service(TOWER, tower_retry::without_budget(up::<Broken>())),
                sleeping("tower-resilience *", tower_resilience::without_budget(up::<Broken>())),
                backon_contender::<Broken>(),
            ]
        }),
    ]
}

fn up<H>() -> Upstream<H> {
    Upstream::new()
}

fn bare<H: Health>() -> Contender {
    Contender::service(BARE, up::<H>())
}

fn backon_contender<H: Health>() -> Contender {
    let future = Some(size_of_val(&backon::retry(up::<H>())));
    Contender { future, ..Contender::of("backon", || at_once(|| backon::retry(up::<H>()), Result::is_ok)) }
}

/// A contender that sleeps on tokio's timer. It runs in real time: pausing the clock would change
/// what is measured.
fn sleeping<S>(name: &'static str, mut service: S) -> Contender
where
    S: Service<Request> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let future = Some(size_of_val(&service.call(7)));
    let call = move || {
        runtime.block_on(async {
            std::future::poll_fn(|context| service.poll_ready(context)).await.ok();
            service.call(std::hint::black_box(7)).await.is_ok()
        })
    };
    Contender { future, ..Contender::of(name, call) }
}
