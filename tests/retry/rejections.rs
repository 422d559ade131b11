//! The retry waits out short rejections.

use std::{
    cell::Cell,
    future::{Ready, pending, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tower::{Layer, Service};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Cause, Circuit, Classifier, Delivery, RetryConfig, RetryLayer, State, Verdict,
    breaker::{OpenDuration, TripRule},
    report::with_report,
    retry::{Backoff, Budget, RejectionWait, RetryQuota, RetrySwitch, Timeouts, TokenBucket},
};

use crate::scripted::*;

/// `Oops(n)` is a rejection for n ms, and `Oops(0)` is a transient failure.
fn verdict(error: &Oops) -> Verdict {
    if error.0 == 0 { Verdict::transient() } else { Verdict::rejected(Some(ms(error.0.into()))) }
}

fn config() -> RetryConfig<impl Classifier<(), &'static str, Oops, Memo: Send> + Clone> {
    RetryConfig::default().backoff(Backoff::none()).without_budget().classify_errors(verdict)
}

#[tokio::test(start_paused = true)]
async fn a_short_rejection_is_waited_out_as_the_same_attempt() {
    let events = EventLog::default();
    let inner = Script::new([fail(Oops(100)), succeed("yes")]);
    let mut service = RetryLayer::new(config().retries(0).observe(events.observer())).layer(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("yes"));
    let wait = inner.gaps()[0];
    assert!((ms(110)..=ms(201)).contains(&wait), "{wait:?}");
    assert_eq!((events.count(""), events.count("RejectionWait")), (1, 1));
    assert!(events.last_has(&["attempt: 1", "delay: 1"]));
}

#[tokio::test(start_paused = true)]
async fn waits_for_rejections_have_jitter() {
    let layer = RetryLayer::new(config().seed(3));
    let mut waits = Vec::new();
    for _ in 0..200 {
        let inner = Script::new([fail(Oops(100)), succeed("yes")]);
        assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Ok("yes"));
        waits.push(inner.gaps()[0]);
    }
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!((ms(110)..ms(120)).contains(least) && (ms(190)..=ms(201)).contains(most), "{least:?} to {most:?}");
}

#[tokio::test(start_paused = true)]
async fn a_longer_rejection_is_returned_at_once() {
    for (rejected, wait) in [(251, RejectionWait::default()), (1, RejectionWait::NONE)] {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(rejected)), succeed("no")]);
        let layer = RetryLayer::new(config().wait_out_rejections(wait));
        let failed = with_report(ready_and_call(&mut layer.layer(inner.clone()), ())).await.unwrap_err();
        assert_eq!(failed.report.cause(), Some(Cause::Rejected { retry_in: Some(ms(rejected.into())) }));
        assert_eq!((failed.report.attempts(), inner.calls()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_without_a_time_is_returned_at_once() {
    let inner = Script::new([fail(Oops(1)), succeed("no")]);
    let config = RetryConfig::default().classify_errors(|_: &Oops| Verdict::rejected(None));
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

/// The verdict is a rejection, but it leaves the delivery unknown: the service may have processed
/// the call.
#[tokio::test(start_paused = true)]
async fn a_made_call_that_counts_as_rejected_is_not_repeated() {
    let inner = Script::new([fail(Oops(1)), succeed("no")]);
    let made = |_: &Oops| Verdict::rejected(Some(ms(1))).delivery(Delivery::Unknown);
    let config = RetryConfig::default().classify_errors(made);
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn all_waits_end_within_the_window() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let begun = Instant::now();
    assert_eq!(ready_and_call(&mut RetryLayer::new(config()).layer(inner.clone()), ()).await, Err(Oops(1)));
    assert!((3..=28).contains(&inner.calls()), "{} calls", inner.calls());
    assert!(begun.elapsed() <= ms(310), "{:?}", begun.elapsed());

    // Even with jitter, the retry waits out the longest allowed rejection, 250 ms.
    for _ in 0..20 {
        let inner = Script::new([fail(Oops(250)), succeed("yes")]);
        assert_eq!(ready_and_call(&mut RetryLayer::new(config()).layer(inner.clone()), ()).await, Ok("yes"));
        assert!((ms(260)..=ms(301)).contains(&inner.gaps()[0]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timed_request_ages_from_its_start() {
    let late = || Script::new([fail(Oops(100)).after(ms(200)), succeed("yes")]);
    let config = || config().idempotent();
    let timed = config().timeouts(Timeouts::attempt(secs(1)).on_timeout(|_| Err(Oops(408))));
    assert_eq!(ready_and_call(&mut RetryLayer::new(timed).layer(late()), ()).await, Err(Oops(100)));
    // Without time limits, the retry doesn't read the clock at the start of a request, so the
    // 200 ms of the first attempt don't count.
    assert_eq!(ready_and_call(&mut RetryLayer::new(config()).layer(late()), ()).await, Ok("yes"));
}

#[tokio::test(start_paused = true)]
async fn a_request_ages_during_its_backoff() {
    for (backoff, response) in [(ms(150), Ok("yes")), (ms(250), Err(Oops(100)))] {
        for timeouts in [Timeouts::attempt(secs(9)), Timeouts::request(secs(9))] {
            let inner = Script::new([fail(Oops(0)), fail(Oops(100)), succeed("yes")]);
            let config = config().backoff(Backoff::fixed(backoff));
            let timed = config.clone().timeouts(timeouts.on_timeout(|_| Err(Oops(408))));
            assert_eq!(ready_and_call(&mut RetryLayer::new(timed).layer(inner), ()).await, response);
            let inner = Script::new([fail(Oops(0)), fail(Oops(100)), succeed("yes")]);
            assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner), ()).await, response);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_rejection_does_not_cross_the_deadline() {
    let events = EventLog::default();
    let timeouts = Timeouts::request(ms(200)).on_timeout(|_| Err(Oops(408)));
    let layer = RetryLayer::new(config().timeouts(timeouts).observe(events.observer()));
    let begun = Instant::now();
    let inner = Script::<_, &str, Oops>::new([fail(Oops(190)), succeed("no")]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Err(Oops(190)));
    assert_eq!(begun.elapsed(), ms(0));
    assert!(events.last_has(&["RetryStopped", "Rejected"]));
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_off_returns_rejections() {
    let inner = Script::new([fail(Oops(1)), succeed("no")]);
    let mut service = RetryLayer::new(config().switch(&RetrySwitch::off())).layer(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(1)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_stored_does_not_wait() {
    let inner = Script::new([fail(Oops(1)), succeed("no")]);
    let mut service = RetryLayer::new(config()).copy_request_with(|(): &()| None).layer(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Err(Oops(1)));
}

/// A budget of two tokens without a reserve.
fn two_tokens() -> Arc<TokenBucket> {
    let budget = Arc::new(TokenBucket::retry_ratio(0.5).unwrap().min_per_second(0));
    (0..4).for_each(|_| budget.deposit());
    budget
}

#[tokio::test(start_paused = true)]
async fn a_rejected_retry_keeps_its_token_while_it_waits() {
    let budget = two_tokens();
    let layer = RetryLayer::new(config().shared_budget(budget.clone()).without_deposits());

    let inner = Script::new([fail(Oops(0)), fail(Oops(100)), fail(Oops(50)), succeed("yes")]);
    let mut service = layer.layer(inner.clone());
    assert!(timeout(ms(50), ready_and_call(&mut service, ())).await.is_err());
    assert_eq!((inner.calls(), budget.balance()), (2, 2), "the caller gave up, so the token was returned");

    let inner = Script::new([fail(Oops(0)), fail(Oops(100)), succeed("yes")]);
    let mut service = layer.layer(inner);
    let call = tokio::spawn(service.call_when_ready(()));
    sleep(ms(50)).await;
    assert_eq!(budget.balance(), 1, "held");
    assert_eq!(call.await.unwrap(), Ok("yes"));
    assert_eq!((budget.balance(), budget.stats().granted, budget.stats().refused), (1, 1, 0), "one retry, paid once");

    // The token is returned, because the retry wasn't made.
    let inner = Script::<_, &str, Oops>::new([fail(Oops(0)), fail(Oops(200))]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Err(Oops(200)));
    assert_eq!((budget.balance(), budget.stats().granted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_waits_without_a_budget() {
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
    let inner = Script::new([fail(Oops(10)), succeed("yes")]);
    let mut service = RetryLayer::new(config().shared_budget(budget.clone())).layer(inner);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("yes"));
    assert_eq!((budget.stats().granted, budget.stats().refused), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_retry_keeps_its_quota_while_it_waits() {
    let quota = RetryQuota::new().max_total(1);
    let layer = RetryLayer::new(config().quota(&quota, |(): &()| "key"));

    let inner = Script::new([fail(Oops(0)), fail(Oops(100)), succeed("yes")]);
    let mut service = layer.layer(inner.clone());
    assert!(timeout(ms(50), ready_and_call(&mut service, ())).await.is_err());
    assert_eq!((inner.calls(), quota.total_retries()), (2, 0), "the caller gave up, so it isn't counted");

    let inner = Script::<_, &str, Oops>::new([fail(Oops(0)), fail(Oops(200))]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Err(Oops(200)));
    assert_eq!(quota.total_retries(), 0, "the retry was rejected in the end");

    let inner = Script::new([fail(Oops(0)), fail(Oops(100)), succeed("yes")]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Ok("yes"));
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (1, 1), "one retry, counted once");

    let inner = Script::new([fail(Oops(100)), succeed("yes")]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Ok("yes"), "a first attempt needs no quota");
}

/// Reserves a place when it is polled ready, and keeps it if the call is rejected.
#[derive(Debug)]
struct Reserving {
    places: Arc<Semaphore>,
    place: Option<OwnedSemaphorePermit>,
    calls: Arc<AtomicU32>,
}

impl Clone for Reserving {
    fn clone(&self) -> Self {
        Self { places: self.places.clone(), place: None, calls: self.calls.clone() }
    }
}

impl Service<()> for Reserving {
    type Response = &'static str;
    type Error = Oops;
    type Future = Ready<Result<&'static str, Oops>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Oops>> {
        if self.place.is_none() {
            self.place = self.places.clone().try_acquire_owned().ok();
        }
        if self.place.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Oops(10)),
            1 => Err(Oops(100)),
            _ => Ok("yes"),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_while_the_retry_waits_out_a_rejection() {
    let inner = Reserving { places: Arc::new(Semaphore::new(2)), place: None, calls: Arc::default() };
    let (places, calls) = (inner.places.clone(), inner.calls.clone());
    let mut service = RetryLayer::new(config()).layer(inner);
    let call = service.call_when_ready(());
    let call = tokio::spawn(call);
    // The first wait takes 20 to 110 ms, and the second one at least 110 ms.
    sleep(ms(125)).await;
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the second wait continues");
    assert_eq!(places.available_permits(), 1, "only the caller's own instance holds one");
    assert_eq!(call.await.unwrap(), Ok("yes"));
}

/// Opens at the first failure, for 100 ms.
fn circuit() -> Circuit {
    Circuit::new(
        BreakerConfig::default()
            .open_when(TripRule::consecutive(1).unwrap())
            .open_for(OpenDuration::fixed(ms(100)))
            .without_observers(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_breakers_short_rejection_is_waited_out() {
    let circuit = circuit();
    let inner = Script::new([fail(Oops(0)), succeed("yes")]);
    let events = EventLog::default();
    let retry = RetryConfig::default().idempotent().backoff(Backoff::none()).observe(events.observer());
    let mut service = RetryLayer::new(retry).layer(BreakerLayer::on(&circuit).layer(inner.clone()));
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), "yes");
    assert_eq!((inner.calls(), circuit.stats().total_rejected, circuit.state()), (2, 1, State::Closed));
    assert!(events.last_has(&["RetrySucceeded", "attempt: 2"]));
}

#[tokio::test(start_paused = true)]
async fn a_forced_open_breakers_rejection_is_returned() {
    let circuit = circuit();
    circuit.force_open();
    let inner = Script::<_, &str, Oops>::new([succeed("no")]);
    let mut service = RetryLayer::new(RetryConfig::default()).layer(BreakerLayer::on(&circuit).layer(inner));
    let begun = Instant::now();
    assert!(ready_and_call(&mut service, ()).await.unwrap_err().rejection().is_some());
    assert_eq!(begun.elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_run_waits_out_a_rejection() {
    let circuit = circuit();
    circuit.report_failure();
    let layer = RetryLayer::new(RetryConfig::default().idempotent());
    let numbers = Cell::new(0);
    let response = layer.run(|attempt| {
        numbers.set(numbers.get() * 10 + attempt.number());
        circuit.call(|| async { Ok::<_, io::Error>("yes") })
    });
    assert_eq!(response.await.unwrap(), "yes");
    assert_eq!(numbers.get(), 11);
}

#[test]
fn an_idempotent_blocking_run_waits_out_a_rejection() {
    let circuit = circuit();
    circuit.report_failure();
    let mut numbers = Vec::new();
    let response = RetryLayer::new(RetryConfig::default().idempotent()).run_blocking(|attempt| {
        numbers.push(attempt.number());
        circuit.call_blocking(|| Ok::<_, io::Error>("yes"))
    });
    assert_eq!((response.unwrap(), numbers), ("yes", vec![1, 1]));
}

/// The function's first step runs before the breaker rejects its second step, so a repetition would
/// run the first step twice.
#[tokio::test(start_paused = true)]
async fn steps_before_a_rejection_are_not_repeated() {
    let circuit = circuit();
    circuit.report_failure();
    let inserts = Cell::new(0);
    let step = || inserts.set(inserts.get() + 1);
    let layer = RetryLayer::new(RetryConfig::default());
    let ran = layer.run(|_| {
        step();
        circuit.call(|| async { Ok::<_, io::Error>("yes") })
    });
    assert!(ran.await.is_err());
    assert_eq!(inserts.replace(0), 1);

    let ran = layer.run_blocking(|_| {
        step();
        circuit.call_blocking(|| Ok::<_, io::Error>("yes"))
    });
    assert!(ran.is_err());
    assert_eq!(inserts.replace(0), 1);

    // A service that returned `Pending` may have done work before it was rejected, so the retry
    // repeats only idempotent requests.
    let late = || Script::new([fail(Oops(100)).after(ms(1)), succeed("yes")]);
    let inner = late();
    assert_eq!(ready_and_call(&mut RetryLayer::new(config()).layer(inner.clone()), ()).await, Err(Oops(100)));
    assert_eq!(inner.calls(), 1);
    let inner = late();
    assert_eq!(ready_and_call(&mut RetryLayer::new(config().idempotent()).layer(inner.clone()), ()).await, Ok("yes"));
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_call_ends_the_wait() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(200)), hang()]);
    let mut service = RetryLayer::new(config()).layer(inner.clone());
    tokio::select! {
        _ = ready_and_call(&mut service, ()) => unreachable!(),
        () = sleep(ms(100)) => {}
    }
    tokio::select! {
        () = pending::<()>() => unreachable!(),
        () = sleep(secs(1)) => {}
    }
    assert_eq!(inner.calls(), 1);
}

#[cfg(feature = "keyed")]
#[tokio::test(start_paused = true)]
async fn a_keyed_circuits_rejection_is_waited_out() {
    let config = BreakerConfig::default().open_when(TripRule::consecutive(1).unwrap()).without_observers();
    let layer = BreakerLayer::keyed(config.open_for(OpenDuration::fixed(ms(100))), |key: &&'static str| *key);
    let circuits = layer.circuits().clone();
    circuits.get(&"down").report_failure();
    let numbers = Arc::new(AtomicU32::new(0));
    let counted = numbers.clone();
    let inner = tower::service_fn(move |key: &'static str| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok::<_, Oops>(key))
    });
    let mut service = RetryLayer::new(RetryConfig::default().without_observers()).layer(layer.layer(inner));

    let begun = Instant::now();
    assert_eq!(ready_and_call(&mut service, "up").await.unwrap(), "up");
    assert_eq!(begun.elapsed(), ms(0), "another key's call doesn't wait");
    assert_eq!(ready_and_call(&mut service, "down").await.unwrap(), "down");
    assert!((ms(110)..=ms(201)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!((numbers.load(Ordering::Relaxed), circuits.get(&"down").state()), (2, State::Closed));
}
