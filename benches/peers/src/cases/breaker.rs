use ::failsafe::futures::CircuitBreaker as _;
use ::recloser::AsyncRecloser;
use tower::{Layer, Service};
use tower_recourse::{BreakerConfig, BreakerLayer};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::{failsafe, ours, recloser, tower_resilience},
    upstream::{Broken, FailsOnceIn, Health, Healthy, Upstream, answer, at_once},
};

pub const CONSECUTIVE: &str = "breaker closed, failures in a row";
pub const COUNT: &str = "breaker closed, full count window";
pub const TIME: &str = "breaker closed, time window";
pub const REJECTING: &str = "breaker rejecting";
pub const RESILIENCE: &str = "tower-resilience";
pub const RECLOSER: &str = "recloser, sync";

type Sometimes = FailsOnceIn<100>;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(CONSECUTIVE, || {
            vec![
                bare::<Healthy>(),
                ours_contender::<Healthy>(BreakerConfig::default()),
                Contender::service(RESILIENCE, tower_resilience::consecutive(up::<Healthy>())),
                failsafe_contender::<Healthy, _>(failsafe::consecutive()),
            ]
        }),
        Case::new(COUNT, || {
            let mut contenders = vec![
                bare::<Healthy>(),
                ours_contender::<Healthy>(ours::count_window()),
                Contender::service(RESILIENCE, tower_resilience::count_window(up::<Healthy>())),
            ];
            contenders.extend(recloser_contenders::<Healthy>(recloser::count_window));
            contenders
        }),
        Case::new(TIME, || {
            vec![
                bare::<Healthy>(),
                ours_contender::<Healthy>(ours::time_window()),
                Contender::service("tower-resilience **", tower_resilience::time_window(up::<Healthy>())),
                failsafe_contender::<Healthy, _>(failsafe::by_default()),
            ]
        }),
        Case::new("breaker closed, one failure in 100, count window", || {
            let mut contenders = vec![
                bare::<Sometimes>(),
                ours_contender::<Sometimes>(ours::count_window()),
                Contender::service(RESILIENCE, tower_resilience::count_window(up::<Sometimes>())),
                failsafe_contender::<Sometimes, _>(failsafe::by_default()),
            ];
            contenders.extend(recloser_contenders::<Sometimes>(recloser::count_window));
            contenders
        })
        .in_steps_of(100),
        Case::new(REJECTING, || {
            let mut contenders = vec![
                bare::<Healthy>(),
                Contender::service(OURS, BreakerLayer::on(&ours::open()).layer(up::<Healthy>())),
                Contender::service(RESILIENCE, tower_resilience::open(up::<Healthy>())),
                failsafe_contender::<Healthy, _>(failsafe::open()),
            ];
            contenders.extend(recloser_contenders::<Healthy>(recloser::open));
            contenders
        }),
        Case::new("breaker half-open, each probe fails", || {
            let mut contenders = vec![
                bare::<Broken>(),
                ours_contender::<Broken>(ours::opens_at_once()),
                Contender::service(RESILIENCE, tower_resilience::opens_at_once(up::<Broken>())),
                failsafe_contender::<Broken, _>(failsafe::opens_for(std::time::Duration::ZERO)),
            ];
            contenders.extend(recloser_contenders::<Broken>(recloser::opens_at_once));
            contenders
        }),
        Case::new("breaker opens and a probe closes it, alternating", || {
            vec![
                bare::<FailsOnceIn<2>>(),
                ours_contender::<FailsOnceIn<2>>(ours::opens_at_once()),
                Contender::service(RESILIENCE, tower_resilience::opens_at_once(up::<FailsOnceIn<2>>())),
                failsafe_contender::<FailsOnceIn<2>, _>(failsafe::opens_for(std::time::Duration::ZERO)),
            ]
        })
        .in_steps_of(2),
    ]
}

fn up<H>() -> Upstream<H> {
    Upstream::new()
}

fn bare<H: Health>() -> Contender {
    Contender::service(BARE, up::<H>())
}

fn ours_contender<H: Health>(config: BreakerConfig) -> Contender {
    Contender::service(OURS, BreakerLayer::new(config).layer(up::<H>()))
}

fn failsafe_contender<H: Health, P>(breaker: ::failsafe::StateMachine<P, ()>) -> Contender
where
    P: ::failsafe::FailurePolicy + Send + Sync + 'static,
{
    let future = Some(size_of_val(&breaker.call(up::<H>().call(7))));
    let call = move || at_once(|| breaker.call(up::<H>().call(std::hint::black_box(7))), Result::is_ok);
    Contender { future, ..Contender::of("failsafe", call) }
}

fn recloser_contenders<H: Health>(breaker: fn() -> ::recloser::Recloser) -> [Contender; 2] {
    let sync = breaker();
    let sync = Contender::of(RECLOSER, move || sync.call(answer::<H>).is_ok());
    let breaker = AsyncRecloser::from(breaker());
    let future = Some(size_of_val(&breaker.call(up::<H>().call(7))));
    let call = move || at_once(|| breaker.call(up::<H>().call(std::hint::black_box(7))), Result::is_ok);
    [sync, Contender { future, ..Contender::of("recloser, async", call) }]
}
